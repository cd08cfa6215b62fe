// What is missing, full or closed where process 1 starts: said, and survived or ended as init(8)
// has it.
import assert from "node:assert/strict";
import { test } from "node:test";
import { quickStages, story } from "../init.ts";
import { inNamespaces, type NamespaceOptions, startNamespace } from "../namespace.ts";

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

test("no /proc, and no right to mount one; any user", inNamespaces, async (t) => {
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

test("no memory to start in: 111, and why", inNamespaces, async (t) => {
  const inside = await startNamespace(t, through("ulimit -v 1200"));
  const { code, signal } = await inside.waitForExit();
  const { stderr } = inside;
  if (signal !== null) return; // so little that the kernel could not even load it
  assert.equal(code, 111);
  assert.match(stderr.text(), /init: fatal: (unable to start the engine|fault).*out of memory/);
});

test("a pipe for its words that nobody reads: it does not wait", inNamespaces, async (t) => {
  const prepare = "mkfifo /run/full; sleep 600 <>/run/full & exec 2>/run/full; yes >&2 & sleep 0.2";
  const inside = await startNamespace(t, { ...init, prepare });
  assert.equal((await inside.waitForExit()).code, 0);
});
