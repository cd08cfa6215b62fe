// The recipes of service(5), as they stand there, in a container: what it says is what happens.
import assert from "node:assert/strict";
import * as fs from "node:fs";
import path from "node:path";
import { test } from "node:test";
import { until } from "../../src/client/index.ts";
import { deadlineMs, eventually, root, waitForFile } from "../harness.ts";
import { inNamespaces, type Namespace, startNamespace } from "../namespace.ts";

const manual = fs.readFileSync(path.join(root, "src/programs/service.5"), "utf8");
const blocks = [...manual.matchAll(/^\.Bd -literal -offset indent\n([\s\S]*?)^\.Ed$/gm)];

/** The one recipe that has this text. */
function recipe(part: string): string {
  const found = blocks.map(([, text]) => text ?? "").filter((text) => text.includes(part));
  assert.equal(found.length, 1, part);
  return found[0] ?? "";
}

/** A program in the PATH of the container. */
function program(name: string, line: string): string {
  const file = `/usr/local/sbin/${name}`;
  return `printf '#!/bin/sh\\n%s\\n' '${line}' >${file}; chmod +x ${file}\n`;
}

/** Process 1 of a container whose services are in /etc/sv. */
function startContainer(
  t: Parameters<typeof startNamespace>[0],
  services: Readonly<Record<string, Record<string, string>>>,
  prepare = "",
  pid1: readonly string[] = ["init"],
): Promise<Namespace> {
  const link = 'for dir in /etc/sv/*; do ln -s "$dir" /etc/service/; done';
  return startNamespace(t, {
    pid1,
    runit: {},
    services: Object.fromEntries(
      Object.entries(services).map(([name, files]) => [`../sv/${name}`, files]),
    ),
    prepare: `${prepare}\n${link}`,
  });
}

/** The service directory, seen from outside: the link to it is good inside only. */
function placeOf(inside: Namespace, name: string): string {
  return path.join(inside.etc, "sv", name);
}

function logOf(inside: Namespace, name: string): string {
  return path.join(placeOf(inside, name), "log/main/current");
}

test("a service with a log", inNamespaces, async (t) => {
  const httpd = program("httpd", 'echo "httpd $*" >&2; exec sleep 600');
  const files = { "run!": recipe("exec httpd"), "log/": "" };
  const inside = await startContainer(t, { web: files }, httpd);
  await waitForFile(logOf(inside, "web"), (text) => / httpd -f -p 8080\n$/.test(text));
});

test("a service without privileges", inNamespaces, async (t) => {
  if (process.getuid?.() !== 0) return t.skip("needs root: there is one user in the namespace");
  const httpd = program("httpd", "echo $(id -un) $TZ $(ulimit -n); exec sleep 600");
  const user = "echo web:x:4711:4711::/:/bin/sh >>/etc/passwd\n";
  const files = { "run!": recipe("chpst -u web") };
  const inside = await startContainer(t, { web: files }, httpd + user + recipe("chown web"));
  await waitForFile(logOf(inside, "web"), (text) => / web Europe\/Berlin 100\n$/.test(text));
  assert.equal(fs.statSync(logOf(inside, "web")).uid, 4711);
});

test("a service that runs once", inNamespaces, async (t) => {
  const setup = program("setup-firewall", "echo done");
  const files = { "run!": recipe("sv once ."), "log/": "" };
  const inside = await startContainer(t, { fw: files }, setup);
  const isOver = ({ state, want }: { state: string; want: string }): boolean =>
    state === "down" && want === "down";
  await until(placeOf(inside, "fw"), isOver, deadlineMs);
  assert.equal((await inside.run("sv", "up", "fw")).code, 0);
  await waitForFile(logOf(inside, "fw"), (text) => (text.match(/ done\n/g) ?? []).length === 2);
  await until(placeOf(inside, "fw"), isOver, deadlineMs);
});

test("a service that is tried again until it succeeds", inNamespaces, async (t) => {
  const attempts = '#!/bin/sh\necho x >>attempts\n[ "$(wc -l <attempts)" -ge 3 ] || exit 7\n';
  const files = { "run!": attempts, "finish!": recipe("sv down .") };
  const inside = await startContainer(t, { fw: files }, program("sleep", "exit"));
  const dir = placeOf(inside, "fw");
  await until(dir, ({ state, want }) => state === "down" && want === "down", deadlineMs);
  assert.equal(fs.readFileSync(path.join(dir, "attempts"), "latin1"), "x\nx\nx\n");
});

test("a service that its container cannot do without", inNamespaces, async (t) => {
  const other = { "run!": "#!/bin/sh\nexec sleep 600\n" };
  const run = "#!/bin/sh\nuntil [ -e /run/go ]; do sleep 0.1; done\nexit 3\n";
  const settings = recipe("essential");
  const pid1 = ["runsvdir", "-P", "/etc/service"];
  const inside = await startContainer(t, { db: { "run!": run }, other }, settings, pid1);
  await until(placeOf(inside, "other"), ({ state }) => state === "run", deadlineMs);
  await inside.run("touch", "/run/go");
  assert.deepEqual(await inside.waitForExit(), { code: 3, signal: null });
});

test("a service that needs another one", inNamespaces, async (t) => {
  const db = {
    "run!": "#!/bin/sh\nexec sleep 600\n",
    "check!": "#!/bin/sh\nexec test -e ready\n",
    down: "",
  };
  const files = { "run!": recipe("sv -w 5 start db").replace("-w 5", "-w 1") };
  const inside = await startContainer(
    t,
    { db, web: files },
    program("webserver", "exec sleep 600"),
  );
  await until(placeOf(inside, "db"), ({ state }) => state === "run", deadlineMs);
  fs.writeFileSync(path.join(placeOf(inside, "db"), "ready"), "");
  await inside.stdout.waitFor(/^web \| ok: run: db: /);
  await until(placeOf(inside, "web"), ({ state }) => state === "run", deadlineMs);
});

test("a service that wants QUIT to end in good order", inNamespaces, async (t) => {
  const run = "#!/bin/sh\ntrap 'echo quit; exit' QUIT\ntrap '' TERM\nwhile sleep 0.1; do :; done\n";
  const files = { "run!": run, "log/": "" };
  const inside = await startContainer(t, { db: files }, recipe("QUIT"));
  const place = placeOf(inside, "db");
  await until(place, ({ state }) => state === "run", deadlineMs);
  const { code, stdout } = await inside.run("sv", "stop", "db");
  assert.deepEqual([code, stdout.slice(0, 10)], [0, "ok: down: "]);
  await waitForFile(logOf(inside, "db"), (text) => text.endsWith(" quit\n"));
});

test("the services of a user", inNamespaces, async (t) => {
  if (process.getuid?.() !== 0) return t.skip("needs root: there is one user in the namespace");
  const home = `echo alice:x:4712:4712::/home/alice:/bin/sh >>/etc/passwd
    mount -t tmpfs none /home
    mkdir -p /home/alice/service /home/alice/web
    printf '#!/bin/sh\\nexec sleep 600\\n' >/home/alice/web/run
    chmod +x /home/alice/web/run
    ln -s ../web /home/alice/service/
    chown -R 4712:4712 /home/alice`;
  const files = { "run!": recipe("runsvdir -P"), "finish!": recipe("sv -w 10 force-shutdown") };
  const inside = await startContainer(t, { alice: files }, home);
  await until(placeOf(inside, "alice"), ({ state }) => state === "run", deadlineMs);
  const sv = ["env", "SVDIR=/home/alice/service", "chpst", "-u", "alice", "sv", "-w", "9"];
  const { stdout } = await eventually("alice's service", async () => {
    const output = await inside.run(...sv, "start", "web");
    return output.code === 0 && output;
  });
  const pid = /^ok: run: web: \(pid (\d+)\)/.exec(stdout)?.[1] ?? "none";
  assert.equal((await inside.run("stat", "-c", "%u", `/proc/${pid}`)).stdout, "4712\n");
  assert.equal((await inside.run("sv", "-w", "9", "stop", "alice")).code, 0);
  assert.notEqual((await inside.run("stat", `/proc/${pid}`)).code, 0);
});
