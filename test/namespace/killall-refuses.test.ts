// trinit killall beside somebody who has nothing to do with it: whoever is process 1, unless that
// is init in stage 3, nobody is harmed.
import assert from "node:assert/strict";
import { test } from "node:test";
import { bin, isAlive, run, start } from "../harness.ts";
import { inNamespaces, startNamespace, unsanitized } from "../namespace.ts";

const notOurs = "trinit: fatal: unable to end all processes: process 1 is not trinit's init\n";
const notNow = "trinit: fatal: unable to end all processes: init is not in stage 3\n";

test("killall refuses under a foreign process 1", inNamespaces, async (t) => {
  const inside = await startNamespace(t, { pid1: ["sleep", "600"], runit: {} });
  const bystander = inside.start("sleep", "600");
  const { code, stderr } = await inside.run("trinit", "killall", "-w", "0");
  assert.deepEqual([code, stderr], [111, notOurs]);
  assert.ok(isAlive(bystander.pid) && isAlive(inside.pid));
});

test("killall refuses under a process 1 of ours that is no init", inNamespaces, async (t) => {
  const inside = await startNamespace(t, { pid1: ["runsvdir", "/etc/service"], runit: {} });
  const bystander = inside.start("sleep", "600");
  const { code, stderr } = await inside.run("trinit", "killall", "-w", "0");
  assert.deepEqual([code, stderr], [111, notNow]);
  assert.ok(isAlive(bystander.pid) && isAlive(inside.pid));
});

test("killall refuses under init in stage 2", inNamespaces, async (t) => {
  const inside = await startNamespace(t, { pid1: ["init"], runit: {} });
  await inside.stderr.waitFor(/enter stage: .* 2/);
  const bystander = inside.start("sleep", "600");
  const { code, stderr } = await inside.run("trinit", "killall", "-w", "0");
  assert.deepEqual([code, stderr], [111, notNow]);
  assert.ok(isAlive(bystander.pid) && isAlive(inside.pid));
});

test("killall refuses without /proc", unsanitized, async (t) => {
  const inside = await startNamespace(t, { pid1: ["sleep", "600"], runit: {} });
  const bystander = inside.start("sleep", "600");
  const script = "mount -t tmpfs tmpfs /proc; exec trinit killall -w 0";
  const { code, stderr } = await inside.run("sh", "-c", script);
  assert.equal(code, 111);
  assert.match(stderr, /unable to read \/proc\/1\/cmdline: file does not exist\n$/);
  assert.ok(isAlive(bystander.pid) && isAlive(inside.pid));
});

test("killall as process 1 itself refuses", inNamespaces, async (t) => {
  const inside = await startNamespace(t, { pid1: ["sleep", "600"], runit: {} });
  const { code, stderr } = await inside.run(
    ...["unshare", "--pid", "--fork", "--mount-proc", "trinit", "killall"],
  );
  assert.deepEqual([code, stderr], [111, notNow]);
});

// The last one, since the others would have failed before it.
test("killall refuses here, where nothing of ours is process 1", async (t) => {
  const bystander = start(t, "/bin/sleep", { args: ["600"] });
  const { code, stderr } = await run(t, bin("trinit"), ["killall", "-w", "0"]);
  assert.equal(code, 111);
  assert.match(stderr, /^trinit: fatal: unable to end all processes: /);
  assert.ok(isAlive(bystander.pid));
});
