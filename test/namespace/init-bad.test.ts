// What is missing, full or closed where process 1 starts: said, and survived or ended as init(8)
// has it.
import assert from "node:assert/strict";
import { test } from "node:test";
import { bin, start } from "../harness.ts";
import { quickStages, story } from "../init.ts";
import {
  inNamespaces,
  type NamespaceOptions,
  stageFiles,
  startNamespace,
  unsanitized,
} from "../namespace.ts";
import { isUp } from "../tree.ts";

const quick = { ...quickStages, "2!": "#!/bin/sh\n" };
const init: NamespaceOptions = { pid1: ["init"], runit: quick };

function through(command: string): NamespaceOptions {
  return { pid1: ["sh", "-c", `${command}; exec init`], runit: quick };
}

test("/etc that is read-only", inNamespaces, async (t) => {
  const inside = await startNamespace(t, { ...init, prepare: "mount -o remount,bind,ro /etc" });
  assert.equal((await inside.waitForExit()).code, 0);
  assert.equal(story(inside.stderr.lines()).length, 7);
});

test("no /proc: it is mounted", inNamespaces, async (t) => {
  const runit = { ...quick, "3!": "#!/bin/sh\ntest -d /proc/1 && echo there >&2\n" };
  const inside = await startNamespace(t, { ...init, runit, prepare: "mount -t tmpfs none /proc" });
  assert.equal((await inside.waitForExit()).code, 0);
  assert.match(inside.stderr.text(), /^there$/m);
});

test("no /proc, and no right to mount one; any user", unsanitized, async (t) => {
  const nobody = "setpriv --reuid=65534 --regid=65534 --clear-groups";
  const command = `mount -t tmpfs none /proc; exec ${nobody} init`;
  const inside = await startNamespace(t, { pid1: ["sh", "-c", command], runit: quick });
  assert.equal((await inside.waitForExit()).code, 0);
  assert.match(inside.stderr.text(), /warning: unable to mount \/proc: permission denied/);
});

test("no /etc/runit at all", inNamespaces, async (t) => {
  const inside = await startNamespace(t, { ...init, runit: {} });
  await inside.stderr.waitFor(/enter stage: built-in stage 2/);
  inside.signal("SIGTERM");
  assert.equal((await inside.waitForExit()).code, 0);
});

test("standard input, output and error closed", inNamespaces, async (t) => {
  const runit = { ...quick, "1!": "#!/bin/sh\nls -l /proc/self/fd >/run/fds\n" };
  const stay = { ...runit, "2!": "#!/bin/sh\nexec sleep 600\n" };
  const command = "exec init <&- >&- 2>&-";
  const inside = await startNamespace(t, { pid1: ["sh", "-c", command], runit: stay });
  const wait = "until [ -s /run/fds ]; do :; done; cat /run/fds; ls -l /proc/1/fd";
  const { stdout } = await inside.run("sh", "-c", wait);
  assert.equal(stdout.match(/ [012] -> \/dev\/null/g)?.length, 5, stdout); // ls has its own 1
  inside.signal("SIGTERM");
  assert.equal((await inside.waitForExit()).code, 0);
});

test("at most 16 descriptors", inNamespaces, async (t) => {
  const inside = await startNamespace(t, through("ulimit -n 16"));
  assert.equal((await inside.waitForExit()).code, 0);
  assert.equal(story(inside.stderr.lines()).length, 7);
});

test("little memory: it runs, or the kernel does not even load it", unsanitized, async (t) => {
  const inside = await startNamespace(t, through("ulimit -v 8000"));
  const { code, signal } = await inside.waitForExit();
  assert.deepEqual([code, signal], [0, null]);
  assert.equal(story(inside.stderr.lines()).length, 7);
});

test("a pipe for its words that nobody reads: it does not wait", inNamespaces, async (t) => {
  const fill = "yes >&2 & until grep -q pipe /proc/$!/wchan; do sleep 0.02; done";
  const prepare = `mkfifo /run/full; sleep 600 <>/run/full & exec 2>/run/full; ${fill}`;
  const services = { web: { "run!": "#!/bin/sh\nexec sleep 600\n" } };
  const runit = stageFiles(); // which have something to say
  const inside = await startNamespace(t, { pid1: ["init"], runit, services, prepare });
  await isUp(inside.service("web"));
  inside.signal("SIGTERM");
  assert.equal((await inside.waitForExit()).code, 0);
});

test("Ctrl-C at the terminal of a container", inNamespaces, async (t) => {
  // As engines make it: process 1 leads the session that has the terminal. Stage 1 took it along.
  const files = Object.entries(quickStages).map(([name, text]) => [name.slice(0, 1), text]);
  const make = files.map(([name, text]) => `printf '${text}' >/run/s/${name}`).join("; ");
  const inner = `mkdir /run/s; ${make}; chmod +x /run/s/*; mount -t tmpfs none /etc; \
    ln -s /run/s /etc/runit; exec setsid --ctty ${bin("init")}`;
  const how = "--pid --mount --fork --kill-child --mount-proc";
  const quoted = `mount -t tmpfs none /run; ${inner}`.replaceAll("'", "'\\''");
  const shell = `exec unshare ${how} sh -c '${quoted}'`;
  const terminal = start(t, "/usr/bin/script", {
    args: ["-qefc", shell, "/dev/null"],
    stdin: "pipe",
    endSignal: "SIGKILL",
  });
  await terminal.stdout.waitFor(/enter stage: .*2/);
  terminal.stdin?.write("\x03");
  assert.equal((await terminal.waitForExit()).code, 0);
  assert.match(terminal.stdout.text(), /leave stage: \/etc\/runit\/3/);
});
