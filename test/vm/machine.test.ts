// What becomes of those who wait for a machine when QEMU ends, or cannot even start.
import assert from "node:assert/strict";
import path from "node:path";
import { type TestContext, test } from "node:test";
import { type Machine, startMachine } from "../../vm/qemu.ts";
import { tempDir } from "../harness.ts";
import { boot, imageFor, inMachine } from "../vm.ts";

/** A machine that was just started, and killed. */
async function bootAndKill(t: TestContext): Promise<Machine> {
  const machine = await boot(t, { alone: true });
  assert.equal(await machine.kill(), "killed");
  return machine;
}

test("a QEMU that cannot start has failed, and its words are there", inMachine, async () => {
  const machine = await startMachine({ kernel: "/nonexistent", initramfs: "/nonexistent" });
  await assert.rejects(machine.link(false), /the machine has ended: failed; .*\/nonexistent/s);
  assert.equal(await machine.ended, "failed");
});

test("what cannot be loaded ends the machine", inMachine, async (t) => {
  const saved = path.join(tempDir(t), "none");
  const image = await imageFor(t, { alone: true });
  await assert.rejects(startMachine({ ...image, saved }), /the machine has ended: failed; .*none/s);
});

test("whoever waits for an answer is told that the machine has ended", inMachine, async (t) => {
  const machine = await boot(t, { alone: true });
  const answer = machine.press("a");
  void machine.kill();
  await assert.rejects(answer, /the machine has ended: killed/);
});

test("commands after the end are refused", inMachine, async (t) => {
  const machine = await bootAndKill(t);
  for (const command of [
    () => machine.press("a"),
    () => machine.powerButton(),
    () => machine.link(false),
    () => machine.save("/nonexistent"),
    () => machine.load("/nonexistent"),
    () => machine.waitFor(/anything/),
  ]) {
    await assert.rejects(command, /the machine has ended/);
  }
});

test("after the end nothing is typed, resized or killed", inMachine, async (t) => {
  const machine = await bootAndKill(t);
  const kill = t.mock.method(process, "kill");
  const error = t.mock.method(console, "error");
  machine.type("text");
  machine.resize(100, 40);
  assert.equal(await machine.kill(), "killed");
  await new Promise((resolve) => setTimeout(resolve, 100)); // what is typed is written later
  assert.equal(kill.mock.callCount() + error.mock.callCount(), 0);
});
