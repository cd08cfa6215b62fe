// What people type, press and send to end a machine, and what its end is.
import assert from "node:assert/strict";
import { test } from "node:test";
import { bootOnce, inMachine, start } from "../vm.ts";

const words = {
  "init 0": "power off",
  "init 6": "reset",
  poweroff: "power off",
  halt: "power off",
  reboot: "reset",
  shutdown: "power off",
  "shutdown -h now": "power off",
  "shutdown -P now": "power off",
  "shutdown -r now": "reset",
  "kill -PWR 1": "power off",
} as const;

for (const [shell, disk] of [
  ["busybox's shell", false],
  ["bash", true],
] as const) {
  test(`what is typed to end a machine, at ${shell}`, inMachine, async (t) => {
    const saved = await bootOnce(t, { disk });
    for (const [word, end] of Object.entries(words)) {
      await t.test(`${word}: ${end}`, async (t) => {
        const machine = await start(t, saved, saved);
        machine.type(`${word}\n`);
        await machine.waitFor(/leave stage: \/etc\/runit\/3/);
        assert.equal(await machine.ended, end);
      });
    }
  });
}
