// Faults of process 1 itself, made on purpose by a test build: it says so and goes on.
import assert from "node:assert/strict";
import { test } from "node:test";
import { quickStages, startFaultyInit, story, withShell } from "../init.ts";
import { inNamespaces } from "../namespace.ts";

const stage2 = "#!/bin/sh\necho $$ >/run/two\nexec sleep 600\n";
const runit = { ...quickStages, "2!": stage2 };

for (const crash of ["crash-segv", "crash-trap", "crash-abort"]) {
  test(`${crash}: starts over, and what runs goes on`, inNamespaces, async (t) => {
    const inside = await startFaultyInit(t, [], { runit });
    inside.arm(`${crash}.once`);
    await inside.run("kill", "-CONT", "1");
    await inside.stderr.waitFor(/fault in the program, starting over/);
    const same = await inside.run("sh", "-c", "kill -0 $(cat /run/two) && cat /proc/1/cmdline");
    assert.deepEqual([same.code, same.stdout.startsWith("init\0")], [0, true]);
    inside.signal("SIGTERM");
    assert.deepEqual(await inside.waitForExit(), { code: 0, signal: null });
    const said = story(inside.stderr.lines());
    assert.equal(said.filter((line) => line.startsWith("enter stage: /etc/runit/2")).length, 1);
    assert.ok(said.includes("leave stage: /etc/runit/3"));
  });
}

test("a second fault within a minute ends a container with 111", inNamespaces, async (t) => {
  const inside = await startFaultyInit(t, [], { runit });
  inside.arm("crash-segv");
  inside.signal("SIGCONT");
  assert.deepEqual(await inside.waitForExit(), { code: 111, signal: null });
  assert.match(inside.stderr.text(), /the second within a minute\n$/);
});

test("a second fault on a machine: a shell, and then on", inNamespaces, async (t) => {
  const options = withShell(runit, "echo rescued");
  const inside = await startFaultyInit(t, ["machine"], options);
  inside.arm("crash-segv");
  inside.signal("SIGCONT");
  await inside.console.waitFor(/a shell on the console/);
  await inside.console.waitFor(/^rescued$/);
  inside.signal("SIGPWR");
  await inside.console.waitFor(/leave stage: stage 2/);
});

test("an exception in a turn is said, and the turn is taken again", inNamespaces, async (t) => {
  const inside = await startFaultyInit(t, [], { runit });
  inside.arm("turn.once");
  inside.signal("SIGTERM");
  await inside.stderr.waitFor(/- runit: warning: fault in the program, going on/);
  assert.deepEqual(await inside.waitForExit(), { code: 0, signal: null });
});

test("an exception at every task of the way to the end", inNamespaces, async (t) => {
  const tasks = ["request", "stageEnded", "startStage", "leave"];
  const inside = await startFaultyInit(t, [], { runit });
  for (const task of tasks) inside.arm(`step.${task}.once`);
  inside.signal("SIGTERM");
  await inside.stderr.waitFor(/leave stage: \/etc\/runit\/3/);
  assert.deepEqual(await inside.waitForExit(), { code: 0, signal: null });
});

test("a fork that fails: the stage's own file is tried again", inNamespaces, async (t) => {
  const inside = await startFaultyInit(t, [], { runit });
  inside.arm("spawn.once");
  inside.signal("SIGTERM");
  await inside.stderr.waitFor(/unable to start child: \/etc\/runit\/3: temporary failure/);
  await inside.stderr.waitFor(/trying stage 3 again in 5 seconds/);
  assert.deepEqual(await inside.waitForExit(), { code: 0, signal: null });
  assert.ok(story(inside.stderr.lines()).includes("leave stage: /etc/runit/3"));
  assert.ok(!inside.stderr.text().includes("built-in"));
});

test("a stage that ends between two steps of one turn is not missed", inNamespaces, async (t) => {
  // Signals were read after the reaping once: the end of a child in between was never heard of.
  const inside = await startFaultyInit(t, [], { runit });
  inside.arm("slow.once");
  inside.signal("SIGCONT");
  await inside.run(
    "sh",
    "-c",
    'until [ ! -e "$TRINIT_FAULTS/slow.once" ]; do :; done; kill $(cat /run/two)',
  );
  await inside.stderr.waitFor(/child crashed: \/etc\/runit\/2/);
});
