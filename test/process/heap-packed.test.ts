// What waits for long has written its heap down in little room, and has it again when it goes on.
import assert from "node:assert/strict";
import * as fs from "node:fs";
import path from "node:path";
import { test } from "node:test";
import { control, until } from "../../src/client/index.ts";
import { bin, childrenOf, commandLine, eventually, startRunsvdir } from "../harness.ts";
import { isUp, newScan, sleeper, startFaulty } from "../tree.ts";

/** Sanitizers have an allocator of their own. */
const skip = (process.env.TRINIT_BIN ?? "").includes("asan") && "sanitizers have no such heap";

/** kB that are in nobody else's memory. */
function ownKilobytes(pid: number): number {
  const text = fs.readFileSync(`/proc/${pid}/smaps_rollup`, "latin1");
  return Number(/^Private_Dirty: +(\d+)/m.exec(text)?.[1]);
}

function becomesSmall(pid: number, kilobytes: number): Promise<unknown> {
  const what = `process ${pid} to have ${kilobytes} kB`;
  return eventually(what, () => ownKilobytes(pid) <= kilobytes);
}

test("a forked supervisor and logger that wait have less than 48 kB each", { skip }, async (t) => {
  const { scan } = newScan(t);
  const run = "#!/bin/sh\necho one line\nexec sleep 600\n";
  const services = ["a", "b"].map((name) => sleeper(scan, name, { "run!": run, "log/": "" }));
  const tree = startRunsvdir(t, scan);
  for (const service of services) await isUp(service);
  for (const service of services) {
    const logger = (await isUp(path.join(service, "log"))).pid;
    await becomesSmall(logger, 48);
  }
  for (const pid of childrenOf(tree.pid)) await becomesSmall(pid, 48);
});

test("a supervisor that has packed its heap a hundred times works as before", async (t) => {
  const { scan } = newScan(t);
  const web = sleeper(scan, "web");
  const { tree } = startFaulty(t, scan, []); // which packs after a millisecond
  await isUp(web);
  const [runsv = 0] = childrenOf(tree.pid);
  for (let round = 0; round < 100; round++) {
    await control(web, round % 2 === 0 ? "pause" : "cont");
    await until(web, ({ paused }) => paused === (round % 2 === 0), 10_000);
  }
  await control(web, "down");
  await until(web, ({ state }) => state === "down", 10_000);
  await control(web, "up");
  await isUp(web);
  assert.deepEqual(childrenOf(tree.pid), [runsv]);
  if (skip === false) await becomesSmall(runsv, 64);
});

test("a svlogd of a script that waits has less than 150 kB", { skip }, async (t) => {
  const { scan } = newScan(t);
  const script = `#!/bin/sh\nexec ${bin("svlogd")} -tt ./main\n`;
  const web = sleeper(scan, "web", { "log/run!": script, "log/main/": "" });
  startRunsvdir(t, scan);
  const { pid } = await isUp(path.join(web, "log"));
  await eventually("svlogd", () => commandLine(pid).includes("svlogd -tt"));
  await becomesSmall(pid, 150);
});
