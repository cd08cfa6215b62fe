// Entries that lead nowhere yet, and service directories that are made again under the same name.
import assert from "node:assert/strict";
import * as fs from "node:fs";
import path from "node:path";
import { test } from "node:test";
import { until } from "../../src/client/index.ts";
import { deadlineMs, eventually, isAlive, processesOf, startRunsvdir } from "../harness.ts";
import { forever, isUp, newScan, runsvNamed, runsvOf, sleeper, timesSaid } from "../tree.ts";

test("a link to nothing starts once its target is there, and the target's parents", async (t) => {
  const { dir, scan } = newScan(t);
  const parent = path.join(dir, "a/b");
  fs.symlinkSync(path.join(parent, "web"), path.join(scan, "web"));
  const tree = startRunsvdir(t, scan);
  const said = `runsvdir ${scan}: warning: unable to stat web: file does not exist`;
  await tree.stderr.waitFor(/unable to stat web/);
  const start = performance.now();
  fs.mkdirSync(path.join(dir, "a"));
  fs.mkdirSync(parent);
  fs.mkdirSync(path.join(dir, "made/web"), { recursive: true });
  fs.writeFileSync(path.join(dir, "made/web/run"), forever, { mode: 0o755 });
  fs.renameSync(path.join(dir, "made/web"), path.join(parent, "web"));
  await isUp(path.join(parent, "web"));
  assert.ok(performance.now() - start < 1000, "by an event, not by looking again");
  assert.equal(tree.stderr.text(), `${said}\n`);
});

test("what is wrong is said once, and again after it was well, or gone", async (t) => {
  const { scan, services } = newScan(t);
  const link = path.join(scan, "web");
  const tree = startRunsvdir(t, scan);
  for (const times of [1, 2]) {
    fs.symlinkSync(path.join(services, "web"), link);
    await eventually(`complaint ${times}`, () => timesSaid(tree, "unable to stat web") === times);
    await isUp(sleeper(scan, `sure${times}`));
    fs.rmSync(link);
    await isUp(sleeper(scan, `gone${times}`));
  }
  assert.equal(tree.stderr.lines().length, 2, tree.stderr.text());
});

test("a target that is renamed and put back is another start of the same service", async (t) => {
  const { scan, services } = newScan(t);
  const web = sleeper(services, "web");
  fs.symlinkSync(web, path.join(scan, "web"));
  startRunsvdir(t, scan);
  const { pid } = await isUp(web);
  fs.renameSync(web, `${web}.off`);
  await until(`${web}.off`, ({ supervised }) => !supervised, deadlineMs);
  assert.ok(!isAlive(pid));
  fs.renameSync(`${web}.off`, web);
  assert.notEqual((await isUp(web)).pid, pid);
});

/** Ends half a second after it was told to, and says when it begins and ends. */
function slow(journal: string, name: string): string {
  return `#!/bin/sh
trap 'sleep 0.5; echo "${name} ends" >>${journal}; exit' TERM
echo "${name} begins" >>${journal}
while :; do sleep 600 & wait $!; done
`;
}

for (const [what, replace] of [
  ["a directory", (scan: string) => path.join(scan, "web")],
  ["a link's target", (_: string, services: string) => path.join(services, "web")],
] as const) {
  test(`${what} removed and made again: the old one goes, then the new one starts`, async (t) => {
    const { dir, scan, services } = newScan(t);
    const web = replace(scan, services);
    const journal = path.join(dir, "journal");
    fs.writeFileSync(journal, "");
    if (!web.startsWith(scan)) fs.symlinkSync(web, path.join(scan, "web"));
    fs.mkdirSync(web);
    fs.writeFileSync(path.join(web, "run"), slow(journal, "old"), { mode: 0o755 });
    const tree = startRunsvdir(t, scan);
    await isUp(web);
    const runsv = await runsvOf(tree, "web");
    await eventually("the old one's begin", () => fs.readFileSync(journal, "latin1") !== "");
    // As a package manager replaces it: in one go, while the old one still ends.
    fs.renameSync(web, path.join(dir, "trash"));
    fs.mkdirSync(web);
    fs.writeFileSync(path.join(web, "run"), slow(journal, "new"), { mode: 0o755 });
    let most = 0;
    await eventually("the new one", () => {
      most = Math.max(most, runsvNamed(tree, "web").length);
      return fs.readFileSync(journal, "latin1").includes("new begins");
    });
    const text = "old begins\nold ends\nnew begins\n";
    assert.equal(fs.readFileSync(journal, "latin1"), text);
    assert.equal(most, 1, "never two runsv of one name");
    assert.ok(!isAlive(runsv));
    await isUp(web);
  });
}

test("rm -r and mkdir at once, ten times: one runsv and one process in the end", async (t) => {
  const { scan } = newScan(t);
  const tree = startRunsvdir(t, scan);
  for (let round = 0; round < 10; round++) {
    const web = sleeper(scan, "web");
    if (round % 2 === 0) await isUp(web);
    for (let gone = false; !gone; ) {
      try {
        fs.rmSync(web, { recursive: true });
        gone = true;
      } catch (error) {
        // runsv may write its status meanwhile, as it may for rm(1)
        assert.match(String(error), /ENOTEMPTY/);
      }
    }
  }
  const web = sleeper(scan, "web");
  const { pid } = await isUp(web);
  await eventually("one of each", () => {
    const found = processesOf(t).filter((one) => one !== tree.pid);
    return found.length === 2 && runsvNamed(tree, "web").length === 1 && found.includes(pid);
  });
});
