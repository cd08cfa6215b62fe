// sv/getty_* on a terminal of its own, in a container whose tools are busybox's.
import assert from "node:assert/strict";
import * as fs from "node:fs";
import path from "node:path";
import { type TestContext, test } from "node:test";
import { type Console, openTerminal } from "../../src/client/console.ts";
import { status } from "../../src/client/index.ts";
import { commandLine, eventually, Lines, processesOf } from "../harness.ts";
import { filesOf, inNamespaces, type Namespace, startNamespace } from "../namespace.ts";
import { isUp } from "../tree.ts";

const asRoot: { readonly skip: string | false } = {
  skip: process.getuid?.() === 0 ? inNamespaces.skip : "needs root, type: sudo npm test",
};

/** The terminal is there by the name of a device that nobody needs here. */
const name = "getty_full";
/** Of a shell; busybox's asks behind it where the cursor is. */
const prompt = /# \S*$/;

const recordBytes = process.arch === "arm64" ? 400 : 384;

interface Login {
  readonly inside: Namespace;
  readonly dir: string;
  readonly shown: Lines;
  type(text: string): Promise<void>;
}

/** A container with a getty on a terminal. */
async function startGetty(t: TestContext, files: Record<string, string> = {}): Promise<Login> {
  const terminal: Console = await openTerminal(80, 24);
  t.after(() => terminal.destroy());
  const inside = await startNamespace(t, {
    pid1: ["init"],
    runit: {},
    services: { [name]: { ...filesOf("sv/getty_ttyS0"), ...files } },
    isBusybox: true,
    prepare: `mount --bind ${terminal.terminal} /dev/full
      sed -i '/^root:/s|[^:]*$|/bin/sh|' /etc/passwd
      echo Welcome >/etc/issue; : >/run/utmp`,
  });
  return {
    inside,
    dir: inside.service(name),
    shown: new Lines("the terminal", terminal.output),
    type: (text) => terminal.write(text),
  };
}

/** What the terminal shows, the line that has not ended included. */
function seen({ shown }: Login, pattern: RegExp): Promise<true> {
  return eventually(`${pattern} on the terminal`, () => pattern.test(shown.text()));
}

test("a getty asks who it is", asRoot, async (t) => {
  const login = await startGetty(t);
  await seen(login, /Welcome[\s\S]* login: $/);
});

test(
  "with conf/autologin, that user is logged in at once, with the terminal",
  asRoot,
  async (t) => {
    const login = await startGetty(t, { "conf/autologin": "root\n" });
    await seen(login, prompt);
    await login.type("echo $(id -un) $TERM $(tty); sleep 60\n");
    await seen(login, /\nroot vt220 \/dev\/full\r\n/);
    await login.type("\x03"); // Ctrl-C reaches what runs there
    await seen(login, /\^C\r\n[\s\S]*# \S*$/);
  },
);

/** The types of the records in utmp: 7 is a user, 8 one who has left. */
function typesInUtmp(inside: Namespace): number[] {
  const utmp = fs.readFileSync(path.join(inside.etc, "../run/utmp"));
  const records = Math.floor(utmp.length / recordBytes);
  return Array.from({ length: records }, (_, at) => utmp.readUInt16LE(at * recordBytes));
}

test("who has logged out is not on the terminal any more", asRoot, async (t) => {
  const login = await startGetty(t, { "conf/autologin": "root\n" });
  await seen(login, prompt);
  assert.deepEqual(typesInUtmp(login.inside), [7]);
  assert.equal((await login.inside.run("sv", "-w", "5", "stop", name)).code, 0);
  assert.deepEqual(typesInUtmp(login.inside), [8]);
});

test("when a login ends, the next one begins", asRoot, async (t) => {
  const login = await startGetty(t, { "conf/autologin": "root\n" });
  await seen(login, prompt);
  const { pid } = await isUp(login.dir);
  await login.type("exit\n");
  const next = async (): Promise<boolean> => (await status(login.dir)).pid !== pid;
  await eventually("the next login", next);
  await seen(login, /exit\r\n[\s\S]*# \S*$/);
});

test("a shell that is deaf to TERM ends with its service at once", asRoot, async (t) => {
  const shell = "#!/bin/sh\nexec sh -i\n"; // what many a login becomes
  const login = await startGetty(t, { "conf/autologin": "root\n", "autologin!": shell });
  await seen(login, prompt);
  const { code, stdout } = await login.inside.run("sv", "-w", "5", "stop", name);
  assert.deepEqual([code, stdout.slice(0, 16)], [0, "ok: down: getty_"]);
});

test("a getty waits for its terminal, and says so once", asRoot, async (t) => {
  const inside = await startNamespace(t, {
    pid1: ["init"],
    runit: {},
    services: { getty_tty99: filesOf("sv/getty_tty1") },
    isBusybox: true,
  });
  await inside.stderr.waitFor(/^getty_tty99 \| getty_tty99: waiting for \/dev\/tty99$/);
});

test("a getty that is stopped while it waits leaves nothing behind", inNamespaces, async (t) => {
  const services = { getty_tty99: filesOf("sv/getty_tty1") };
  const inside = await startNamespace(t, { pid1: ["init"], runit: {}, services, isBusybox: true });
  const sleeps = (): boolean => processesOf(t).some((pid) => /^sleep 5/.test(commandLine(pid)));
  await eventually("its pause", sleeps);
  assert.equal((await inside.run("sv", "-w", "9", "stop", "getty_tty99")).code, 0);
  assert.ok(!sleeps());
});
