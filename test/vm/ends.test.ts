// What people type, press and send to end a machine, and what QEMU says its end was.
import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import type { End, Machine } from "../../vm/qemu.ts";
import { bootOnce, inMachine, type Saved, start } from "../vm.ts";

type Way = readonly [string, (machine: Machine) => unknown, End];

function typed(text: string, end: End): Way {
  return [text, (machine) => machine.type(`${text}\n`), end];
}

const words = [
  typed("poweroff", "power off"),
  typed("halt", "power off"),
  typed("reboot", "reset"),
  typed("shutdown now", "power off"),
  typed("shutdown -h now", "power off"),
  typed("shutdown -P now", "power off"),
  typed("shutdown -r now", "reset"),
];

const keys: readonly Way[] = [
  ["Ctrl-Alt-Del", (machine) => machine.press("ctrl", "alt", "delete"), "reset"],
  ["the power button", (machine) => machine.powerButton(), "power off"],
];

/** Each in a machine of its own, and all go on from the same. */
async function endInAll(t: TestContext, saved: Saved, ways: readonly Way[]): Promise<void> {
  for (const [way, act, end] of ways) {
    await t.test(`${way}: ${end}`, async (t) => {
      const machine = await start(t, saved, saved);
      await act(machine);
      await machine.waitFor(/leave stage: \/etc\/runit\/3/);
      assert.equal(await machine.ended, end);
    });
  }
}

test("what ends a machine, at busybox's shell and from outside", inMachine, async (t) => {
  const services = ["getty_ttyS0", "acpid"];
  const hasAcpid = "until [ -e /run/acpid.pid ]; do sleep 0.1; done";
  const saved = await bootOnce(t, { services }, hasAcpid);
  // By its path: this shell thinks of busybox's own init first, which is only for process 1.
  const init = [typed("/sbin/init 0", "power off"), typed("/sbin/init 6", "reset")];
  await endInAll(t, saved, [...init, ...words, typed("kill -PWR 1", "power off"), ...keys]);
});

test("what ends a machine, at bash", inMachine, async (t) => {
  const saved = await bootOnce(t, { disk: true }, "true");
  await endInAll(t, saved, [typed("init 0", "power off"), typed("init 6", "reset"), ...words]);
});
