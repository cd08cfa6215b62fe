// runsvdir follows the link that it was given, as runsvchdir switches it, and a directory that
// is removed and made again.
import assert from "node:assert/strict";
import * as fs from "node:fs";
import path from "node:path";
import { test } from "node:test";
import { until } from "../../src/client/index.ts";
import { deadlineMs, isAlive, startRunsvdir } from "../harness.ts";
import { isUp, newScan, removeTree, runsvNamed, runsvOf, sleeper, timesSaid } from "../tree.ts";

/** As runsvchdir does it: a reader of the link never finds none. */
function switchTo(dir: string, target: string): void {
  fs.symlinkSync(target, path.join(dir, "current.new"));
  fs.renameSync(path.join(dir, "current.new"), path.join(dir, "current"));
}

for (const [what, argument] of [
  ["an absolute path", (dir: string) => path.join(dir, "current")],
  ["a relative path", () => "current"],
  ["a path with slashes and dots", () => "./sv/..//current/"],
] as const) {
  test(`a switched link, by ${what}: services of both lists keep their process`, async (t) => {
    const { dir, services } = newScan(t);
    const [one, both, two] = ["one", "both", "two"].map((name) => sleeper(services, name)) as [
      string,
      string,
      string,
    ];
    for (const [list, names] of Object.entries({ first: [one, both], second: [both, two] })) {
      fs.mkdirSync(path.join(dir, list));
      for (const name of names) fs.symlinkSync(name, path.join(dir, list, path.basename(name)));
    }
    switchTo(dir, "first");
    const tree = startRunsvdir(t, argument(dir), { cwd: dir });
    const { pid } = await isUp(both);
    const old = await isUp(one);
    const runsv = await runsvOf(tree, "both");
    switchTo(dir, path.join(dir, "second"));
    await isUp(two);
    await until(one, ({ supervised }) => !supervised, deadlineMs);
    assert.ok(!isAlive(old.pid));
    assert.equal((await isUp(both)).pid, pid);
    switchTo(dir, "first");
    await isUp(one);
    await until(two, ({ supervised }) => !supervised, deadlineMs);
    assert.equal((await isUp(both)).pid, pid);
    assert.deepEqual(runsvNamed(tree, "both"), [runsv]);
    assert.equal(tree.stderr.text(), "");
  });
}

test("a link that is gone for a while, or leads nowhere, brings nothing down", async (t) => {
  const { dir, scan, services } = newScan(t);
  const web = sleeper(services, "web");
  fs.symlinkSync(web, path.join(scan, "web"));
  switchTo(dir, "scan");
  const current = path.join(dir, "current");
  const tree = startRunsvdir(t, current);
  const { pid } = await isUp(web);
  fs.rmSync(current);
  await tree.stderr.waitFor(/warning/);
  switchTo(dir, "nowhere");
  switchTo(dir, "scan");
  await isUp(sleeper(scan, "later"));
  assert.equal((await isUp(web)).pid, pid);
  const text = `runsvdir ${current}: warning: unable to stat ${current}: file does not exist\n`;
  assert.equal(tree.stderr.text(), text);
});

test("a directory whose parents are renamed away and back keeps its services", async (t) => {
  const { dir, services } = newScan(t);
  const scan = path.join(dir, "a/b/scan");
  fs.mkdirSync(scan, { recursive: true });
  const web = sleeper(services, "web");
  fs.symlinkSync(web, path.join(scan, "web"));
  const tree = startRunsvdir(t, scan);
  const { pid } = await isUp(web);
  fs.renameSync(path.join(dir, "a"), path.join(dir, "away"));
  await tree.stderr.waitFor(/unable to stat .*scan: file does not exist/);
  sleeper(path.join(dir, "away/b/scan"), "late");
  fs.renameSync(path.join(dir, "away"), path.join(dir, "a"));
  await isUp(path.join(scan, "late"));
  assert.equal((await isUp(web)).pid, pid);
});

test("the directory removed and made again: old services end, new ones start", async (t) => {
  const { scan } = newScan(t);
  const web = sleeper(scan, "web");
  const tree = startRunsvdir(t, scan);
  const { pid } = await isUp(web);
  fs.renameSync(scan, `${scan}.old`); // what rm -r comes to, at once
  await tree.stderr.waitFor(/unable to stat .*scan: file does not exist/);
  assert.ok(isAlive(pid), "as long as nobody knows what is wanted");
  fs.mkdirSync(scan);
  const fresh = sleeper(scan, "web");
  await isUp(fresh);
  assert.ok(!isAlive(pid), "the old one has ended before the new one starts");
  await removeTree(scan);
  fs.mkdirSync(scan);
  const again = await isUp(sleeper(scan, "again"));
  assert.ok(isAlive(again.pid));
  assert.equal(timesSaid(tree, "fault"), 0);
});

test("a directory that appears later, and its parents, too", async (t) => {
  const { dir } = newScan(t);
  const scan = path.join(dir, "x/y/scan");
  const tree = startRunsvdir(t, scan);
  await tree.stderr.waitFor(/./);
  fs.mkdirSync(scan, { recursive: true });
  const start = performance.now();
  await isUp(sleeper(scan, "web"));
  assert.ok(performance.now() - start < 1000, "by an event, not by looking again");
  const text = `runsvdir ${scan}: warning: unable to stat ${scan}: file does not exist\n`;
  assert.equal(tree.stderr.text(), text);
});
