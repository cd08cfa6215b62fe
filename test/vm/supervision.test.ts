// Services as somebody at the console sees them, and what becomes of them when those who watch over
// them are killed.
import assert from "node:assert/strict";
import { test } from "node:test";
import type { Machine } from "../../vm/qemu.ts";
import { boot, inMachine } from "../vm.ts";

const files = {
  "etc/service/quiet/run!": "#!/bin/sh\nexec sleep 100000\n",
  "etc/service/single/down": "",
  "etc/service/single/run!": "#!/bin/sh\necho ran >>/run/single\nsleep 1\n",
};

async function pidOf(machine: Machine, service: string): Promise<string> {
  return (await machine.run(`cat /etc/service/${service}/supervise/pid`)).output.trim();
}

test("services at the console", inMachine, async (t) => {
  const machine = await boot(t, { files });
  await machine.login();

  await t.test("sv down, up and restart do what they say", async () => {
    const first = await pidOf(machine, "quiet");
    const down = await machine.run("sv -v down quiet");
    assert.match(down.output, /^ok: down: quiet: \d+s, normally up\n$/);
    assert.notEqual((await machine.run(`kill -0 ${first}`)).code, 0);
    assert.match(
      (await machine.run("sv -v up quiet")).output,
      /^ok: run: quiet: \(pid \d+\) \d+s\n$/,
    );
    const second = await pidOf(machine, "quiet");
    assert.match((await machine.run("sv restart quiet")).output, /^ok: run: quiet: \(pid \d+\)/);
    const third = await pidOf(machine, "quiet");
    assert.equal(new Set([first, second, third]).size, 3);
  });

  await t.test("sv once runs a service one time", async () => {
    await machine.run("sv once single");
    await machine.run("until sv status single | grep ^down:; do sleep 0.1; done");
    assert.equal((await machine.run("sleep 2; cat /run/single")).output, "ran\n");
  });

  await t.test("a runsv that is killed gets a successor, its service lives on", async () => {
    const before = await pidOf(machine, "quiet");
    await machine.run(`runsv=$(cut -d ' ' -f 4 /proc/${before}/stat); kill -9 $runsv`);
    await machine.run("while kill -0 $runsv || ! sv status quiet; do sleep 0.1; done");
    const { output } = await machine.run("sv status quiet");
    assert.match(output, new RegExp(`^run: quiet: \\(pid ${before}\\)`));
    assert.match((await machine.run("sv restart quiet")).output, /^ok: run: quiet/);
  });

  for (const [what, target] of [
    ["runsvdir", "$two"],
    ["the process group of stage 2", "-$two"],
  ] as const) {
    await t.test(`kill -9 of ${what}: it is started again, services live on`, async () => {
      const before = await pidOf(machine, "quiet");
      machine.type(`two=$(pidof runsvdir); kill -9 ${target}\n`); // its prompt may come after
      await machine.waitFor(/child crashed: \/etc\/runit\/2/);
      await machine.waitFor(/enter stage: \/etc\/runit\/2/);
      await machine.run("until pidof runsvdir; do sleep 0.1; done");
      const { output } = await machine.run("sv status quiet");
      assert.match(output, new RegExp(`^run: quiet: \\(pid ${before}\\)`));
      assert.match((await machine.run("sv restart quiet")).output, /^ok: run: quiet/);
    });
  }
});
