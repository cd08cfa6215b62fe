// runsvdir follows its directory: what is linked there starts at once, what is removed ends.
import assert from "node:assert/strict";
import * as fs from "node:fs";
import path from "node:path";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { until } from "../../src/client/index.ts";
import { decodeStatus } from "../../src/core/status.ts";
import { deadlineMs, eventually, isAlive, startRunsvdir } from "../harness.ts";
import { isUp, newScan, runsvNamed, runsvOf, sleeper, timesSaid } from "../tree.ts";

const rounds = 20;

/** When ./run was started, in milliseconds since 1970, as exactly as the status has it. */
function startedAt(dir: string): number {
  const record = decodeStatus(fs.readFileSync(path.join(dir, "supervise/status"), "latin1"));
  assert.ok(record?.state === "run", "it runs");
  return record.since.seconds * 1000 + record.since.nanoseconds / 1e6;
}

test("a new link is a service in less than 50 ms, a removed one is down at once", async (t) => {
  const { scan, services } = newScan(t);
  const tree = startRunsvdir(t, scan);
  await isUp(sleeper(scan, "ready"));
  const latencies: number[] = [];
  for (let round = 0; round < rounds; round++) {
    const web = sleeper(services, `web${round}`);
    const link = path.join(scan, `web${round}`);
    const before = Date.now(); // the clock of the stamp, unlike performance.now()
    fs.symlinkSync(web, link);
    const { pid } = await isUp(web);
    latencies.push(startedAt(web) - before);
    fs.rmSync(link);
    const removed = performance.now();
    await until(web, ({ supervised }) => !supervised, deadlineMs);
    assert.ok(performance.now() - removed < 1000, "brought down at once");
    assert.ok(!isAlive(pid), "its process has ended");
  }
  latencies.sort((a, b) => a - b);
  const median = latencies[rounds >> 1] ?? Number.NaN;
  t.diagnostic(`from ln -s to ./run: median ${median.toFixed(1)} ms`);
  assert.ok(median < 50, `${median} ms`);
  assert.equal(tree.stderr.text(), "");
});

test("a link that is renamed is the same service, also for its next runsv", async (t) => {
  const { scan, services } = newScan(t);
  const web = sleeper(services, "web");
  fs.symlinkSync(web, path.join(scan, "web"));
  const tree = startRunsvdir(t, scan);
  const { pid } = await isUp(web);
  const runsv = await runsvOf(tree, "web");
  fs.renameSync(path.join(scan, "web"), path.join(scan, "www"));
  await isUp(sleeper(scan, "later")); // by now the change was seen
  assert.deepEqual(runsvNamed(tree, "web"), [runsv]);
  assert.deepEqual(runsvNamed(tree, "www"), []);
  process.kill(runsv, "SIGKILL");
  await runsvOf(tree, "www");
  assert.equal((await isUp(web)).pid, pid);
  assert.equal(tree.stderr.text(), "");
});

test("a second link is the same service, and keeps it when the first goes", async (t) => {
  const { scan, services } = newScan(t);
  const web = sleeper(services, "web");
  fs.symlinkSync(web, path.join(scan, "a"));
  fs.symlinkSync(web, path.join(scan, "b"));
  const tree = startRunsvdir(t, scan);
  const { pid } = await isUp(web);
  const runsv = await runsvOf(tree, "a");
  fs.rmSync(path.join(scan, "a"));
  await isUp(sleeper(scan, "later"));
  assert.deepEqual([runsvNamed(tree, "a"), runsvNamed(tree, "b")], [[runsv], []]);
  process.kill(runsv, "SIGKILL");
  await runsvOf(tree, "b");
  assert.equal((await isUp(web)).pid, pid);
  fs.rmSync(path.join(scan, "b"));
  await until(web, ({ supervised }) => !supervised, deadlineMs);
  assert.ok(!isAlive(pid));
});

test("names with a dot in front are skipped, files are no services, nothing is said", async (t) => {
  const { scan } = newScan(t);
  sleeper(scan, ".hidden");
  fs.writeFileSync(path.join(scan, "file"), "");
  const tree = startRunsvdir(t, scan);
  await isUp(sleeper(scan, "web"));
  sleeper(scan, ".later");
  fs.writeFileSync(path.join(scan, "other"), "");
  await isUp(sleeper(scan, "www"));
  assert.ok(!fs.existsSync(path.join(scan, ".hidden/supervise")));
  assert.ok(!fs.existsSync(path.join(scan, ".later/supervise")));
  fs.renameSync(path.join(scan, ".later"), path.join(scan, "later"));
  await isUp(path.join(scan, "later"));
  assert.equal(tree.stderr.text(), "");
});

test("a link in a loop is said once, and starts when the loop is cut", async (t) => {
  const { scan, services } = newScan(t);
  fs.symlinkSync("two", path.join(scan, "one"));
  fs.symlinkSync("one", path.join(scan, "two"));
  fs.symlinkSync("self", path.join(scan, "self"));
  const tree = startRunsvdir(t, scan);
  await isUp(sleeper(scan, "web"));
  const said = `runsvdir ${scan}: warning: unable to stat`;
  for (const name of ["one", "two", "self"]) {
    assert.equal(timesSaid(tree, `${said} ${name}: symbolic link loop`), 1, tree.stderr.text());
  }
  fs.rmSync(path.join(scan, "two"));
  fs.symlinkSync(sleeper(services, "real"), path.join(scan, "two"));
  await isUp(path.join(services, "real"));
});

test("a chain of links is followed: whichever of them changes is seen", async (t) => {
  const { dir, scan, services } = newScan(t);
  const [a, b] = [sleeper(services, "a"), sleeper(services, "b")];
  fs.mkdirSync(path.join(dir, "middle"));
  fs.symlinkSync("../sv/../sv/./a", path.join(dir, "middle/second"));
  fs.symlinkSync("middle/second", path.join(dir, "first"));
  fs.symlinkSync("../first", path.join(scan, "web"));
  const tree = startRunsvdir(t, scan);
  const { pid } = await isUp(a);
  fs.symlinkSync(b, path.join(dir, "middle/new"));
  fs.renameSync(path.join(dir, "middle/new"), path.join(dir, "middle/second"));
  await isUp(b);
  assert.ok(!isAlive(pid), "the old one has ended before the new one starts");
  fs.symlinkSync(a, path.join(dir, "new"));
  fs.renameSync(path.join(dir, "new"), path.join(dir, "first"));
  await until(b, ({ supervised }) => !supervised, deadlineMs);
  await isUp(a);
  assert.equal(tree.stderr.text(), "");
});

test("a switch through a name that is there for a moment: up at once, not a word", async (t) => {
  // As `ln -sfn` and `mv -T` do it: the runsv that was started by that name found nothing there.
  const { scan, services } = newScan(t);
  const webs = [sleeper(services, "a"), sleeper(services, "b")];
  const link = path.join(scan, "web");
  fs.symlinkSync(webs[0] ?? "", link);
  const tree = startRunsvdir(t, scan);
  await isUp(webs[0] ?? "");
  for (let round = 1; round <= 60; round++) {
    const next = webs[round % 2] ?? "";
    const began = performance.now();
    fs.symlinkSync(next, path.join(scan, `Cu${round}`));
    const until = performance.now() + (round % 12) / 4;
    while (performance.now() < until); // not a sleep: within what the start of a runsv takes
    fs.renameSync(path.join(scan, `Cu${round}`), link);
    await isUp(next);
    assert.ok(performance.now() - began < 3000, `round ${round}`);
  }
  assert.equal(tree.stderr.text(), "");
});

test("a storm of links that come and go leaves what is there in the end", async (t) => {
  const { scan, services } = newScan(t);
  const tree = startRunsvdir(t, scan);
  const names = Array.from({ length: 8 }, (_, index) => `s${index}`);
  for (const name of names) sleeper(services, name);
  for (let round = 0; round < 60; round++) {
    const name = names[(round * 5) % names.length] as string;
    const link = path.join(scan, name);
    if (fs.existsSync(link)) fs.rmSync(link);
    else fs.symlinkSync(path.join(services, name), link);
    await sleep(round % 4);
  }
  await eventually("as many runsv as links", () => {
    const wanted = names.filter((name) => fs.existsSync(path.join(scan, name)));
    const there = names.filter((name) => runsvNamed(tree, name).length > 0);
    return wanted.join() === there.join();
  });
  for (const name of names) {
    assert.ok(runsvNamed(tree, name).length <= 1);
    if (fs.existsSync(path.join(scan, name))) await isUp(path.join(services, name));
  }
});
