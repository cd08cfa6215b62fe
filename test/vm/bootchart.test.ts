// The picture of a real boot: the kernel's time is known, and the clock may be set.
import assert from "node:assert/strict";
import { test } from "node:test";
import type { Machine } from "../../vm/qemu.ts";
import { type Drawn, readSvg, rowOf } from "../svg.ts";
import { boot, inMachine } from "../vm.ts";

const files = {
  "etc/service/web/run!": "#!/bin/sh\nexec sleep 600\n",
  "etc/service/web/log/main/": "",
  "etc/service/job/run!": "#!/bin/sh\nsv once .\nexec sleep 0.5\n",
};

async function draw(machine: Machine): Promise<Drawn> {
  const { code, output } = await machine.run("trinit bootchart");
  assert.equal(code, 0, output);
  return readSvg(output);
}

/** How long it took, in milliseconds, as the row says. */
function tookOf(drawn: Drawn, name: string): number {
  const { title } = rowOf(drawn, name);
  const [, number, unit] = /took ([0-9.]+) (ms|s)/.exec(title) ?? [];
  assert.ok(number !== undefined, title);
  return Number(number) * (unit === "s" ? 1000 : 1);
}

test("a boot from the kernel to the login", inMachine, async (t) => {
  const machine = await boot(t, { files });
  await machine.login();
  await machine.run("until [ ! -s /etc/service/job/supervise/pid ]; do sleep 0.1; done");
  const drawn = await draw(machine);
  const names = drawn.rows.map(({ texts }) => texts[0]);
  assert.deepEqual(names.slice(0, 3), ["kernel", "stage 1", "10-pseudofs"]);
  const looksOf = (name: string) => rowOf(drawn, name).bars.map(({ look }) => look);
  assert.deepEqual(looksOf("getty_ttyS0").at(-1), "run");
  assert.deepEqual(looksOf("web"), ["wait", "run", "log"]);
  assert.match(drawn.title, /^trinit: up after [0-9.]+ s$/);
  assert.match(drawn.texts[1] ?? "", /^login \(getty_ttyS0\) after [0-9.]+ s, Linux /);
  const took = tookOf(drawn, "job");
  assert.ok(took >= 500, `${took}`);
  await machine.run("date -s 2035-01-01");
  const later = tookOf(await draw(machine), "job");
  assert.ok(Math.abs(later - took) <= 20, `${later}`);
});

test("the built-in stages tell the kernel's time, too", inMachine, async (t) => {
  const empty = { "etc/runit/1=": "/none", "etc/runit/2=": "/none" };
  const machine = await boot(t, { files: empty });
  await machine.login();
  const names = (await draw(machine)).rows.map(({ texts }) => texts[0]);
  assert.deepEqual(names.slice(0, 4), ["kernel", "stage 1", "file systems", "stage 2: runsvdir"]);
});
