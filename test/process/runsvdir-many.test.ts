// One service more or less, among many: what else is there is not looked at.
import assert from "node:assert/strict";
import * as fs from "node:fs";
import path from "node:path";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { childrenOf, eventually, type Program, startRunsvdir } from "../harness.ts";
import { newScan } from "../tree.ts";

const count = 400;
/** Of one service more, or fewer; what 5000 take, test/bench/many.ts tells. */
const changeMs = 10;

/** Of a runsv that waits: 28 kB with ten services, and the load of tests. */
const ownKilobytes = 40;

function ownOf(pid: number): number {
  const text = fs.readFileSync(`/proc/${pid}/smaps_rollup`, "latin1");
  return Number(/^Private_Dirty: +(\d+) kB/m.exec(text)?.[1]);
}

/** Milliseconds that runsvdir itself has had of a processor. */
function spentMs({ pid }: Program): number {
  return Number(fs.readFileSync(`/proc/${pid}/schedstat`, "latin1").split(" ", 1)[0]) / 1e6;
}

test(`one more or less than ${count} takes less than ${changeMs} ms of a processor`, async (t) => {
  const { scan, services } = newScan(t);
  const make = (name: string): string => {
    const dir = path.join(services, name);
    fs.mkdirSync(dir);
    fs.writeFileSync(path.join(dir, "run"), "", { mode: 0o755 });
    fs.writeFileSync(path.join(dir, "down"), ""); // supervisors will do
    return dir;
  };
  for (let index = 0; index < count; index++) {
    fs.symlinkSync(make(`s${index}`), path.join(scan, `s${index}`));
  }
  const tree = startRunsvdir(t, scan);
  for (let there = 100; there <= count; there += 100) {
    await eventually(`${there} runsv`, () => childrenOf(tree.pid).length >= there);
  }
  const last = childrenOf(tree.pid)[count - 2] ?? 0;
  await eventually("little memory of its own", () => ownOf(last) <= ownKilobytes);
  const [more, fewer]: number[][] = [[], []];
  for (let round = 0; round < 5; round++) {
    const dir = make(`more${round}`);
    const link = path.join(scan, `more${round}`);
    const before = spentMs(tree);
    fs.symlinkSync(dir, link);
    await eventually("one more", () => fs.existsSync(path.join(dir, "supervise/status")));
    await sleep(100);
    const between = spentMs(tree);
    fs.unlinkSync(link);
    await eventually("one fewer", () => childrenOf(tree.pid).length === count);
    await sleep(100);
    more?.push(between - before);
    fewer?.push(spentMs(tree) - between);
  }
  for (const times of [more ?? [], fewer ?? []]) {
    const median = times.sort((a, b) => a - b)[2] ?? Number.NaN;
    assert.ok(median < changeMs, `${times.map((one) => one.toFixed(1)).join(" ")} ms`);
  }
  assert.equal(tree.stderr.text(), "");
});
