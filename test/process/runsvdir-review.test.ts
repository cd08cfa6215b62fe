// Faults that were found by reading: each test's first line says what used to happen.
import assert from "node:assert/strict";
import * as fs from "node:fs";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { until } from "../../src/client/index.ts";
import { bin, childrenOf, deadlineMs, eventually, kill, start, startRunsvdir } from "../harness.ts";
import { isUp, newScan, runsvOf, sleeper } from "../tree.ts";

const isAble = process.getuid?.() === 0 && fs.existsSync("/usr/bin/unshare");
const skip = isAble || process.env.CI !== undefined ? false : "needs root and unshare";

test("a limit on the size of files does not end the tree", async (t) => {
  // The memory file of the heap was written beyond the limit, and SIGXFSZ ended runsvdir.
  const { scan } = newScan(t);
  const web = sleeper(scan, "web");
  const args = ["-c", 'ulimit -f 100 && exec "$0" "$1"', bin("runsvdir"), scan];
  start(t, "/bin/bash", { args, endSignal: "SIGHUP" });
  await isUp(web);
});

test("TERM to a runsv that was just forked is heard, also before it listens", async (t) => {
  // It ended runsv by default action, and the service that it was to take over ran on for ever.
  const { scan } = newScan(t);
  const web = sleeper(scan, "web");
  const tree = startRunsvdir(t, scan);
  const { pid } = await isUp(web);
  const runsv = await runsvOf(tree, "web");
  await sleep(1000); // one that lived for a second is replaced at once
  kill(runsv, "SIGKILL");
  for (let next = 0; next === 0; ) {
    const [found = 0] = childrenOf(tree.pid).filter((child) => child !== runsv && child !== pid);
    next = found;
  }
  for (const child of childrenOf(tree.pid)) if (child !== pid) kill(child, "SIGTERM");
  await until(web, ({ state }) => state === "down", deadlineMs);
});

test("PID 1 that waits for its services takes no time of its own", { skip }, async (t) => {
  // The scan that was due was not made any more, so the loop came back at once, again and again.
  const { scan } = newScan(t);
  sleeper(scan, "quick");
  const deaf = sleeper(scan, "deaf", { "run!": "#!/bin/sh\ntrap '' TERM\nexec sleep 600\n" });
  const args = ["--pid", "--fork", "--kill-child", bin("runsvdir"), scan];
  const outside = start(t, "/usr/bin/unshare", { args, endSignal: "SIGKILL" });
  const init = await eventually("PID 1", () => childrenOf(outside.pid)[0]);
  await eventually("the service that is deaf", () => fs.existsSync(`${deaf}/supervise/pid`));
  await until(deaf, ({ state }) => state === "run", deadlineMs);
  kill(init, "SIGTERM");
  await until(`${scan}/quick`, ({ supervised }) => !supervised, deadlineMs);
  const ticks = (): number => {
    const stat = fs.readFileSync(`/proc/${init}/stat`, "latin1");
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    return Number(fields[11]) + Number(fields[12]); // user and system time, in 10 ms
  };
  const before = ticks();
  await sleep(500);
  assert.ok(ticks() - before <= 5, `${ticks() - before} ticks in 500 ms`);
});
