// 20,000 orphans below `trinit entrypoint` as process 1: all are reaped, nothing is left behind.
import assert from "node:assert/strict";
import * as fs from "node:fs";
import path from "node:path";
import { test } from "node:test";
import { execaSync } from "execa";
import { root, tempDir } from "../harness.ts";
import { inNamespaces, startNamespace } from "../namespace.ts";

const count = 20_000;

function residentKb(pid: number): number {
  return Number(/^RssAnon:\s+(\d+)/m.exec(fs.readFileSync(`/proc/${pid}/status`, "utf8"))?.[1]);
}

test(`${count} orphans: every one reaped, within 200 kB of memory`, inNamespaces, async (t) => {
  const orphans = path.join(tempDir(t), "orphans");
  execaSync("cc", ["-O2", "-o", orphans, path.join(root, "test/fixtures/orphans.c")]);
  const inside = await startNamespace(t, { pid1: ["trinit", "sleep", "600"], runit: {} });
  const before = residentKb(inside.pid);
  const { code, stdout } = await inside.run(orphans, `${count}`); // waits for the last one
  assert.equal(code, 0);
  t.diagnostic(stdout.trim().replace("\n", ", "));
  const states = await inside.run("ps", "-eo", "stat=");
  assert.ok(!states.stdout.includes("Z"), states.stdout);
  const after = residentKb(inside.pid);
  t.diagnostic(`memory of process 1: ${before} kB before, ${after} kB after`);
  assert.ok(after - before <= 200); // its heap may have been packed before
});
