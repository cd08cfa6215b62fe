// ALRM: Debian's runsvdir scans at once and leaves a stamp in .forced-rescan, which its packages
// wait for.
// Where the oracle is: $TRINIT_ORACLE, or cache/oracle, where scripts/oracle.sh puts it.
import assert from "node:assert/strict";
import * as fs from "node:fs";
import path from "node:path";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { bin, eventually, root, start, tempDir, waitForFile } from "../harness.ts";
import { isUp, newScan, sleeper, startFaulty } from "../tree.ts";

const oracle = process.env.TRINIT_ORACLE ?? path.join(root, "cache/oracle");
const debian = path.join(oracle, "usr/bin/runsvdir");
const isThere = fs.existsSync(debian) || process.env.CI !== undefined;

for (const program of [debian, bin("runsvdir")]) {
  const skip = program === debian && !isThere && "type: sh scripts/oracle.sh";
  test(`${program === debian ? "Debian's" : "ours"}: ALRM is answered`, { skip }, async (t) => {
    const scan = tempDir(t);
    sleeper(scan, "web");
    const file = path.join(scan, ".forced-rescan");
    const env = { PATH: `${path.dirname(program)}:${process.env.PATH}` };
    const tree = start(t, program, { args: [scan], endSignal: "SIGHUP", env });
    await isUp(path.join(scan, "web"));
    assert.ok(!fs.existsSync(file));
    let before = "";
    const rounds = program === debian ? 1 : 2; // Debian's loses one that comes while it scans
    for (let round = 0; round < rounds; round++) {
      tree.signal("SIGALRM");
      const text = await waitForFile(file, (now) => now.length === 25 && now !== before);
      assert.match(text, /^@40000000[0-9a-f]{16}$/);
      assert.equal(fs.statSync(file).mode & 0o777, 0o644);
      before = text;
    }
    tree.signal("SIGTERM");
    assert.deepEqual(await tree.waitForExit(), { code: 0, signal: null });
    assert.equal(tree.stderr.text(), "");
  });
}

test("where nothing can be watched, ALRM saves the five seconds", async (t) => {
  const { scan } = newScan(t);
  const { tree } = startFaulty(t, scan, ["inotify_init"]);
  await tree.stderr.waitFor(/unable to use inotify/);
  await sleep(100);
  const start = performance.now();
  const web = sleeper(scan, "web");
  tree.signal("SIGALRM");
  await isUp(web);
  assert.ok(performance.now() - start < 2000);
});

test("a directory that nothing can be written to: said", async (t) => {
  const { scan } = newScan(t);
  fs.mkdirSync(path.join(scan, ".forced-rescan"));
  const tree = start(t, bin("runsvdir"), { args: [scan], endSignal: "SIGHUP" });
  await isUp(sleeper(scan, "web"));
  tree.signal("SIGALRM");
  const said = `runsvdir ${scan}: warning: unable to open ${scan}/.forced-rescan: is a directory`;
  assert.equal(await tree.stderr.waitFor(/./), said);
  await isUp(sleeper(scan, "late"));
  await eventually("it lives", () => fs.existsSync(`/proc/${tree.pid}`));
});
