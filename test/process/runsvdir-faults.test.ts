// What the kernel refuses: said once, everything else undisturbed, and tried again.
import assert from "node:assert/strict";
import * as fs from "node:fs";
import path from "node:path";
import { describe, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { control, until } from "../../src/client/index.ts";
import { deadlineMs } from "../harness.ts";
import { isUp, newScan, runsvNamed, runsvOf, sleeper, startFaulty, timesSaid } from "../tree.ts";

/** Every look comes five seconds after the last. */
const lookMs = 6000;

// Most of their time they wait for the next look: all at once.
describe("refusals", { concurrency: true }, () => {
  for (const [point, said] of [
    ["inotify_init", "unable to use inotify, looking every 5 seconds"],
    ["inotify_add_watch", "unable to watch /, looking every 5 seconds: out of disk space"],
  ] as const) {
    test(`no ${point}: said once, a new service is found nevertheless`, async (t) => {
      const { scan } = newScan(t);
      const web = sleeper(scan, "web");
      const { tree, disarm } = startFaulty(t, scan, [point]);
      await isUp(web);
      const start = performance.now();
      await isUp(sleeper(scan, "second"));
      assert.ok(performance.now() - start < lookMs, "found by looking");
      assert.equal(tree.stderr.text(), `runsvdir ${scan}: warning: ${said}\n`);
      disarm(point);
      await isUp(sleeper(scan, "third")); // this look found that inotify can be had again
      const again = performance.now();
      await isUp(sleeper(scan, "fourth"));
      assert.ok(performance.now() - again < lookMs / 2, "by an event from now on");
      assert.equal(tree.stderr.lines().length, 1);
    });
  }

  test("no fork: said once, the others are undisturbed, and it comes when it can", async (t) => {
    const { scan } = newScan(t);
    const first = sleeper(scan, "first");
    const { tree, arm, disarm } = startFaulty(t, scan, []);
    const before = await isUp(first);
    arm("fork");
    const web = sleeper(scan, "web");
    const said = `runsvdir ${scan}: warning: unable to fork for web: temporary failure`;
    await tree.stderr.waitFor(/fork/);
    await sleep(5500); // one more attempt in vain
    assert.equal(tree.stderr.text(), `${said}\n`);
    disarm("fork");
    await isUp(web);
    const after = await isUp(first);
    assert.deepEqual([after.pid, after.since], [before.pid, before.since]);
  });

  test("no fork for many of them: said once for all, and all come when they can", async (t) => {
    const { scan, services } = newScan(t);
    const names = ["a", "b", "c"];
    for (const name of names) fs.symlinkSync(sleeper(services, name), path.join(scan, name));
    const { tree, disarm } = startFaulty(t, scan, ["fork"]);
    const said = `runsvdir ${scan}: warning: unable to fork for a and 2 more: temporary failure`;
    await tree.stderr.waitFor(/fork/);
    await sleep(5500); // one more attempt in vain
    assert.equal(tree.stderr.text(), `${said}\n`);
    disarm("fork");
    for (const name of names) await isUp(path.join(services, name));
  });

  test("a service whose fork failed, and whose link is gone meanwhile, is forgotten", async (t) => {
    const { scan } = newScan(t);
    const { tree, disarm } = startFaulty(t, scan, ["fork"]);
    const web = sleeper(scan, "web");
    await tree.stderr.waitFor(/unable to fork for web/);
    disarm("fork");
    fs.renameSync(web, path.join(scan, ".web"));
    await isUp(sleeper(scan, "later"));
    fs.renameSync(path.join(scan, ".web"), web);
    await isUp(web);
    assert.equal(runsvNamed(tree, "web").length, 1);
  });

  test("an exception in a turn is a complaint and a pause, and nothing is lost", async (t) => {
    const { scan } = newScan(t);
    const web = sleeper(scan, "web");
    const { tree, arm } = startFaulty(t, scan, []);
    const before = await isUp(web);
    const runsv = await runsvOf(tree, "web");
    for (const round of [1, 2, 3]) {
      arm("turn.once"); // runsvdir's turn comes first: only it hears of the new service
      const more = sleeper(scan, `more${round}`);
      await isUp(more);
      assert.equal(timesSaid(tree, "fault in the program, going on: fault point: turn"), round);
    }
    assert.deepEqual(runsvNamed(tree, "web"), [runsv]);
    assert.equal((await isUp(web)).pid, before.pid);
    arm("turn.once"); // and this one is runsv's
    await control(web, "term");
    await until(web, ({ pid }) => pid !== null && pid !== before.pid, deadlineMs);
    assert.deepEqual(runsvNamed(tree, "web"), [runsv]);
    assert.equal(timesSaid(tree, "runsv web: warning: fault in the program"), 1);
  });
});
