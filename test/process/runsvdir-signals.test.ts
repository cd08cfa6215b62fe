// What ends runsvdir, and what it leaves behind.
import assert from "node:assert/strict";
import * as fs from "node:fs";
import path from "node:path";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { control, status, until } from "../../src/client/index.ts";
import { deadlineMs, eventually, isAlive, kill, startRunsvdir } from "../harness.ts";
import { isUp, newScan, runsvNamed, runsvOf, sleeper } from "../tree.ts";

test("TERM: exit 0 at once, services and their supervisors go on", async (t) => {
  const { scan } = newScan(t);
  const web = sleeper(scan, "web", { "log/": "" });
  const tree = startRunsvdir(t, scan);
  const { pid } = await isUp(web);
  const logger = await isUp(path.join(web, "log"));
  const runsv = await runsvOf(tree, "web");
  tree.signal("SIGTERM");
  assert.deepEqual(await tree.waitForExit(), { code: 0, signal: null });
  assert.ok(isAlive(pid) && isAlive(runsv) && isAlive(logger.pid));
  await control(web, "term"); // and the runsv still obeys and restarts
  const next = await until(web, (now) => now.pid !== null && now.pid !== pid, deadlineMs);
  assert.ok(next.supervised);
  await control(web, "exit");
  await until(web, ({ supervised }) => !supervised, deadlineMs);
});

test("HUP: exit 111, every service gets TERM", async (t) => {
  const { dir, scan } = newScan(t);
  const heard = path.join(dir, "heard");
  const run = `#!/bin/sh\ntrap 'echo TERM >${heard}; exit' TERM\n: >ready\nsleep 600 >&2 & wait\n`;
  const web = sleeper(scan, "web", { "run!": run, "log/": "" });
  const www = sleeper(scan, "www");
  const tree = startRunsvdir(t, scan);
  await isUp(web);
  await isUp(www);
  const logger = await isUp(path.join(web, "log"));
  const runsv = await runsvOf(tree, "web");
  const { pid } = await isUp(www);
  await until(web, () => fs.existsSync(path.join(web, "ready")), deadlineMs);
  tree.signal("SIGHUP");
  assert.deepEqual(await tree.waitForExit(), { code: 111, signal: null });
  for (const service of [web, www]) {
    await until(service, ({ supervised }) => !supervised, deadlineMs);
  }
  assert.equal(fs.readFileSync(heard, "latin1"), "TERM\n");
  for (const gone of [runsv, pid, logger.pid]) {
    await eventually("its end", () => !isAlive(gone)); // a runsv lets go of its files a bit before
  }
});

test("PIPE and a stray CHLD end nothing; services have no signal mask", async (t) => {
  const { scan } = newScan(t);
  const web = sleeper(scan, "web");
  const tree = startRunsvdir(t, scan);
  const { pid } = await isUp(web);
  kill(tree.pid, "SIGPIPE");
  kill(tree.pid, "SIGCHLD");
  await isUp(sleeper(scan, "later"));
  const lines = fs.readFileSync(`/proc/${pid}/status`, "latin1").split("\n");
  const mask = (name: string): string =>
    lines.find((line) => line.startsWith(`${name}:`))?.split("\t")[1] ?? "";
  assert.equal(Number.parseInt(mask("SigBlk"), 16), 0, "services have no signal blocked");
  assert.equal(Number.parseInt(mask("SigIgn"), 16), 0, "and none ignored");
});

for (const [args, isAlone] of [
  [[], false],
  [["-P"], true],
] as const) {
  test(`runsvdir ${args.join("")}: ${isAlone ? "one session each" : "one session"}`, async (t) => {
    const { scan } = newScan(t);
    const [web, www] = [sleeper(scan, "web"), sleeper(scan, "www")];
    const tree = startRunsvdir(t, scan, { args });
    const pids = [(await isUp(web)).pid, (await isUp(www)).pid];
    const [one, two] = [await runsvOf(tree, "web"), await runsvOf(tree, "www")];
    const ids = (pid: number): (string | undefined)[] => {
      const stat = fs.readFileSync(`/proc/${pid}/stat`, "latin1");
      return stat
        .slice(stat.lastIndexOf(")") + 2)
        .split(" ")
        .slice(2, 4);
    };
    const [first, second] = isAlone ? [one, two] : [tree.pid, tree.pid];
    assert.deepEqual(ids(one), [`${first}`, `${first}`]); // process group, session
    assert.deepEqual(ids(two), [`${second}`, `${second}`]);
    assert.deepEqual(ids(pids[0] as number), [`${first}`, `${first}`]);
  });
}

test("a runsv that was told to exit is not back within a second", async (t) => {
  const { scan } = newScan(t);
  const web = sleeper(scan, "web");
  const tree = startRunsvdir(t, scan);
  await isUp(web);
  await control(web, "exit");
  await until(web, ({ supervised }) => !supervised, deadlineMs);
  await isUp(sleeper(scan, "later")); // no other change brings it back either
  await sleep(1000);
  assert.deepEqual(runsvNamed(tree, "web"), []);
  assert.equal((await status(web)).supervised, false);
});
