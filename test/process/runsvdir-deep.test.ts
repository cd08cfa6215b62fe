// runsvdir and a path as long as the kernel takes one.
import assert from "node:assert/strict";
import { test } from "node:test";
import { startRunsvdir, tempDir } from "../harness.ts";

test("a path of two thousand names is followed, and said not to be there", async (t) => {
  // Every name was a call within the one before: the engine's stack was too small.
  const runsvdir = startRunsvdir(t, "a/".repeat(2000), { cwd: tempDir(t) });
  await runsvdir.stderr.waitFor(/^runsvdir (a\/)+: .*file does not exist$/);
  assert.doesNotMatch(runsvdir.stderr.text(), /fault in the program/);
});
