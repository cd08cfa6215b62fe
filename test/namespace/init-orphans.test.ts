// 20,000 orphans, made as fast as a C program can: all are reaped, and nothing is left behind.
import assert from "node:assert/strict";
import * as fs from "node:fs";
import path from "node:path";
import { test } from "node:test";
import { execaSync } from "execa";
import { root, tempDir } from "../harness.ts";
import { startInit } from "../init.ts";
import { inNamespaces } from "../namespace.ts";

const count = 20_000;

/** Memory that only this process has, in kB. */
function privateKb(pid: number): number {
  const text = fs.readFileSync(`/proc/${pid}/smaps_rollup`, "utf8");
  return Number(/^Private_Dirty: +(\d+)/m.exec(text)?.[1]);
}

test(`${count} orphans: every one reaped, within 100 kB of memory`, inNamespaces, async (t) => {
  const orphans = path.join(tempDir(t), "orphans");
  execaSync("cc", ["-O2", "-o", orphans, path.join(root, "test/fixtures/orphans.c")]);
  const inside = await startInit(t);
  const before = privateKb(inside.pid);
  const { code, stdout } = await inside.run(orphans, `${count}`); // waits for the last one
  assert.equal(code, 0);
  t.diagnostic(stdout.trim().replace("\n", ", "));
  const states = await inside.run("ps", "-eo", "stat=");
  assert.ok(!states.stdout.includes("Z"), states.stdout);
  const after = privateKb(inside.pid);
  t.diagnostic(`private memory of process 1: ${before} kB before, ${after} kB after`);
  assert.ok(Math.abs(after - before) <= 100);
});
