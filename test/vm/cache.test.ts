// What is made in the cache, and what becomes of it when its maker is killed.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, statSync } from "node:fs";
import path from "node:path";
import { test } from "node:test";
import { withWork } from "../../vm/cache.ts";
import { root } from "../harness.ts";

test("what somebody who is no more has left is removed by the next", async () => {
  const { pid } = spawnSync("true");
  const left = path.join(root, `cache/vm/test.new-${pid}-left`);
  mkdirSync(path.join(left, "bin"), { recursive: true });
  await withWork("test", async () => assert.ok(!existsSync(left)));
});

test("what somebody else still makes stays, and is there until it is made", async () => {
  let made = "";
  await withWork("test", async (work) => {
    made = work;
    await withWork("test", async (other) => assert.notEqual(other, work));
    assert.ok(statSync(work).isDirectory());
  });
  assert.ok(!existsSync(made));
});
