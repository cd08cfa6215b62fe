// trinit stage N here, where nothing of ours is process 1 and most of it would be a disaster.
import assert from "node:assert/strict";
import * as fs from "node:fs";
import { test } from "node:test";
import { bin, isAlive, run, start, startRunsvdir } from "../harness.ts";
import { isUp, newScan, sleeper } from "../tree.ts";

test("stage 3: the services of SVDIR end, a bystander and all mounts stay", async (t) => {
  const { scan } = newScan(t);
  const service = sleeper(scan, "web");
  const tree = startRunsvdir(t, scan);
  const { pid } = await isUp(service);
  const bystander = start(t, "/bin/sleep", { args: ["600"] });
  const before = fs.readFileSync("/proc/self/mountinfo", "latin1");
  const { code, stdout, stderr } = await run(t, bin("trinit"), ["stage", "3"], {
    env: { SVDIR: scan },
  });
  assert.deepEqual([code, stdout], [0, ""]);
  assert.match(stderr, /^trinit: stage 3 ends with the services, since .*\n$/);
  assert.ok(!isAlive(pid));
  assert.ok(isAlive(bystander.pid) && isAlive(tree.pid));
  assert.equal(fs.readFileSync("/proc/self/mountinfo", "latin1"), before);
});

test("stage 1 mounts nothing", async (t) => {
  const before = fs.readFileSync("/proc/self/mountinfo", "latin1");
  const { code, stderr } = await run(t, bin("trinit"), ["stage", "1"]);
  const inContainer = code === 0 && stderr === "";
  const refused = code === 111 && stderr.startsWith("trinit: fatal: unable to mount anything: ");
  assert.ok(inContainer || refused, stderr);
  assert.equal(fs.readFileSync("/proc/self/mountinfo", "latin1"), before);
});
