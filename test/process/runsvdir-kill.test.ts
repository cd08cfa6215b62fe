// A runsv that is killed is replaced, and takes over what runs: no service starts twice, no line
// of a log is lost.
import assert from "node:assert/strict";
import * as fs from "node:fs";
import path from "node:path";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { control, status, until } from "../../src/client/index.ts";
import { bin, childrenOf, deadlineMs, isAlive, startRunsvdir, waitForFile } from "../harness.ts";
import { isUp, newScan, runsvNamed, runsvOf, sleeper } from "../tree.ts";

const restMs = 1000;
const lines = 20_000;

/** Numbered lines, a hundred at a time, for about three seconds. */
const counter = `#!/bin/sh
i=0
while [ $i -lt ${lines} ]; do
  i=$((i+1))
  echo "line $i"
  [ $((i % 100)) -ne 0 ] || sleep 0.012
done
: >counted
exec sleep 600
`;

function logOf(directory: string): string {
  const names = fs.readdirSync(directory).filter((name) => name.startsWith("@"));
  const files = [...names.sort(), "current"].map((name) => path.join(directory, name));
  return files.map((file) => fs.readFileSync(file, "latin1")).join("");
}

function allLines(directory: string): boolean {
  return logOf(directory).includes(` line ${lines}\n`);
}

test("killed after a second of life: replaced at once, same process, restarts work", async (t) => {
  const { scan } = newScan(t);
  const web = sleeper(scan, "web");
  const tree = startRunsvdir(t, scan);
  const before = await isUp(web);
  const runsv = await runsvOf(tree, "web");
  await sleep(restMs);
  const killed = performance.now();
  process.kill(runsv, "SIGKILL");
  const next = await runsvOf(tree, "web", runsv);
  const after = await isUp(web);
  assert.ok(performance.now() - killed < 500, "at once");
  assert.equal(after.pid, before.pid);
  assert.deepEqual(after.since, before.since);
  assert.deepEqual(runsvNamed(tree, "web"), [next]);
  await control(web, "term");
  const restarted = await until(web, ({ pid }) => pid !== null && pid !== after.pid, deadlineMs);
  assert.deepEqual(childrenOf(next), [restarted.pid]);
});

test("killed again at once: the next one comes a second later", async (t) => {
  const { scan } = newScan(t);
  const web = sleeper(scan, "web");
  const tree = startRunsvdir(t, scan);
  const { pid } = await isUp(web);
  const first = await runsvOf(tree, "web");
  const killed = performance.now();
  process.kill(first, "SIGKILL");
  const second = await runsvOf(tree, "web", first);
  assert.ok(performance.now() - killed >= restMs - 100, "not in a hot loop");
  assert.equal((await isUp(web)).pid, pid);
  assert.ok(isAlive(second));
});

for (const [what, files] of [
  ["its own svlogd", { "log/run!": `#!/bin/sh\nexec ${bin("svlogd")} -tt ./main\n` }],
  ["the built-in logger", {}],
] as const) {
  test(`runsv killed, and ${what} with it: every line is there once`, async (t) => {
    const { scan } = newScan(t);
    const more = { "run!": counter, "log/main/config": "n0\ns100000\n", ...files };
    const web = sleeper(scan, "web", more);
    const log = path.join(web, "log");
    const tree = startRunsvdir(t, scan);
    const { pid } = await isUp(web);
    const logger = await isUp(log);
    let runsv = await runsvOf(tree, "web");
    await sleep(restMs);
    process.kill(runsv, "SIGKILL"); // alone: the logger stays
    runsv = await runsvOf(tree, "web", runsv);
    assert.equal((await isUp(log)).pid, logger.pid);
    await sleep(restMs);
    process.kill(logger.pid, "SIGKILL");
    process.kill(runsv, "SIGKILL"); // both: the pipe is runsvdir's
    runsv = await runsvOf(tree, "web", runsv);
    await until(log, (now) => now.pid !== null && now.pid !== logger.pid, deadlineMs);
    await waitForFile(path.join(web, "counted"));
    assert.equal((await isUp(web)).pid, pid);
    const main = path.join(log, "main");
    await waitForFile(path.join(main, "current"), () => allLines(main));
    const found = [...logOf(main).matchAll(/ line (\d+)\n/g)].map(([, number]) => Number(number));
    assert.equal(found.length, lines);
    assert.ok(
      found.every((number, index) => number === index + 1),
      "each in its place",
    );
  });
}

test("killed while the service is down, or told to be: it stays down", async (t) => {
  const { scan } = newScan(t);
  const web = sleeper(scan, "web");
  const tree = startRunsvdir(t, scan);
  await isUp(web);
  const runsv = await runsvOf(tree, "web");
  await control(web, "once");
  await until(web, ({ want }) => want === "down", deadlineMs);
  await sleep(restMs);
  process.kill(runsv, "SIGKILL");
  await runsvOf(tree, "web", runsv);
  const { pid, want } = await isUp(web);
  assert.equal(want, "down");
  process.kill(pid, "SIGKILL");
  await until(web, ({ state }) => state === "down", deadlineMs);
  await sleep(200);
  assert.equal((await status(web)).state, "down");
});
