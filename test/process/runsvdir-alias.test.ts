// Links in the scanned directory that lead to other names there, and links to ever new targets.
import assert from "node:assert/strict";
import * as fs from "node:fs";
import path from "node:path";
import { type TestContext, test } from "node:test";
import { until } from "../../src/client/index.ts";
import { childrenOf, deadlineMs, eventually, isAlive, startRunsvdir } from "../harness.ts";
import { isUp, newScan, removeTree, runsvNamed, sleeper } from "../tree.ts";

/** A tree of the service `web`, reached by links too: each leads to the one before it. */
async function startLinked(t: TestContext, links: readonly string[]) {
  const { dir, scan, services } = newScan(t);
  const web = sleeper(scan, "web");
  let target = "web";
  for (const link of links) {
    fs.symlinkSync(target, path.join(scan, link));
    target = link;
  }
  const tree = startRunsvdir(t, scan);
  const { pid } = await isUp(web);
  return { dir, scan, services, web, tree, pid };
}

for (const links of [["alias"], ["middle", "alias"]]) {
  const chain = [...links].reverse().join(" -> ");

  test(`${chain} -> web: ends when web is removed`, async (t) => {
    const { web, tree, pid } = await startLinked(t, links);
    await removeTree(web);
    await eventually("no runsv", () => childrenOf(tree.pid).length === 0);
    assert.ok(!isAlive(pid));
  });

  test(`${chain} -> web: a new web replaces the old one`, async (t) => {
    const { dir, scan, services, web, tree, pid } = await startLinked(t, links);
    const next = sleeper(services, "next");
    const old = path.join(dir, "old");
    fs.renameSync(web, old);
    fs.renameSync(next, web);
    await until(old, ({ supervised }) => !supervised, deadlineMs);
    assert.ok(!isAlive(pid));
    await isUp(web);
    await isUp(sleeper(scan, "later")); // by now the change was seen
    assert.equal(childrenOf(tree.pid).length, 2); // a link to nothing in between may be said
  });
}

test("alias -> middle -> elsewhere: follows when middle leads to another directory", async (t) => {
  const { scan, services } = newScan(t);
  const [a, b] = [sleeper(services, "a"), sleeper(services, "b")];
  fs.symlinkSync(a, path.join(scan, "middle"));
  fs.symlinkSync("middle", path.join(scan, "alias"));
  const tree = startRunsvdir(t, scan);
  await isUp(a);
  fs.symlinkSync(b, path.join(scan, ".new"));
  fs.renameSync(path.join(scan, ".new"), path.join(scan, "middle"));
  await until(a, ({ supervised }) => !supervised, deadlineMs);
  const { pid } = await isUp(b);
  fs.rmSync(path.join(scan, "middle"));
  await until(b, ({ supervised }) => !supervised, deadlineMs);
  assert.ok(!isAlive(pid));
  assert.deepEqual(runsvNamed(tree, "alias"), []);
});

/** How many things the inotify instances of a process watch. */
function watchesOf(pid: number): number {
  const directory = `/proc/${pid}/fdinfo`;
  const infos = fs.readdirSync(directory).map((fd) => {
    const file = path.join(directory, fd);
    return fs.existsSync(file) ? fs.readFileSync(file, "latin1") : "";
  });
  return infos
    .join("")
    .split("\n")
    .filter((line) => line.startsWith("inotify ")).length;
}

test("releases that stay after a switch are not watched for ever", async (t) => {
  const { scan, services } = newScan(t);
  const release = (number: number): string => {
    const parent = path.join(services, `${number}`);
    fs.mkdirSync(parent);
    return sleeper(parent, "app");
  };
  const first = release(0);
  fs.symlinkSync(first, path.join(scan, "app"));
  const tree = startRunsvdir(t, scan);
  await isUp(first);
  const before = watchesOf(tree.pid);
  assert.ok(before > 0);
  for (let number = 1; number <= 3 * before; number++) {
    const next = release(number);
    fs.symlinkSync(next, path.join(scan, ".new"));
    fs.renameSync(path.join(scan, ".new"), path.join(scan, "app"));
    await isUp(next);
  }
  const after = watchesOf(tree.pid);
  assert.ok(after <= 2 * before + 4, `${before} watches at first, ${after} now`);
  assert.equal(tree.stderr.text(), "");
});
