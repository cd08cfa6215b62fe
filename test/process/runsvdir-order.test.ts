// Services start in byte order of their names, however many there are.
import assert from "node:assert/strict";
import * as fs from "node:fs";
import path from "node:path";
import { test } from "node:test";
import { childrenOf, commandLine, eventually, kill, startRunsvdir } from "../harness.ts";
import { forever, isUp, newScan, sleeper } from "../tree.ts";

/** The names of the runsv of a tree, by their pids, which are given in the order of forking; the
 * kernel begins again at 300 when it has run out, so the largest gap is where it all starts. */
function inOrderOfForking(tree: { readonly pid: number }): string[] {
  const pids = childrenOf(tree.pid).filter((pid) => commandLine(pid).startsWith("runsv "));
  pids.sort((a, b) => a - b);
  const after = pids.findIndex((pid) => pid > tree.pid);
  const ordered = after < 0 ? pids : [...pids.slice(after), ...pids.slice(0, after)];
  return ordered.map((pid) => commandLine(pid).slice("runsv ".length));
}

test("runsv are made in byte order of the names", async (t) => {
  const { scan, services } = newScan(t);
  const names = ["a", "B", "b", "a-b", "a b", "aa", "10", "9", "_", "~", "\u00e9", "Z", "z", "!"];
  for (const name of names) fs.symlinkSync(sleeper(services, name), path.join(scan, name));
  const tree = startRunsvdir(t, scan);
  for (const name of names) await isUp(path.join(services, name));
  const expected = names.map((name) => Buffer.from(name).toString("latin1")).sort();
  assert.deepEqual(inOrderOfForking(tree), expected);
});

test("300 services start", async (t) => {
  const { scan } = newScan(t);
  const names = Array.from({ length: 300 }, (_, index) => `s${index}`);
  for (const name of names) {
    fs.mkdirSync(path.join(scan, name));
    fs.writeFileSync(path.join(scan, name, "run"), forever, { mode: 0o755 });
  }
  const tree = startRunsvdir(t, scan);
  const isRunning = (name: string): boolean => {
    const file = path.join(scan, name, "supervise/stat");
    return fs.existsSync(file) && fs.readFileSync(file, "latin1") === "run\n";
  };
  await eventually("all of them", () => names.every(isRunning));
  assert.deepEqual(inOrderOfForking(tree), names.toSorted());
  assert.equal(tree.stderr.text(), "");
  const pids = names.map((name) =>
    Number(fs.readFileSync(path.join(scan, name, "supervise/pid"), "latin1")),
  );
  assert.equal(new Set(pids).size, names.length);
  for (const pid of pids) assert.ok(kill(pid, "SIGCONT"), "each of them lives");
});
