// The heap of the engine: what is in use is the same after it was packed, whatever is in it.
// SEEDS: how many random runs (8).
import assert from "node:assert/strict";
import { createRequire } from "node:module";
import path from "node:path";
import { test } from "node:test";
import { execaSync } from "execa";
import { root, tempDir } from "../harness.ts";

const seeds = Number(process.env.SEEDS ?? 8);

/** Where quickjs.h is; that of one platform is that of all. */
function headers(): string {
  const found = createRequire(import.meta.url).resolve("@suchipi/quickjs/package.json");
  return path.join(path.dirname(found), "build/x86_64-unknown-linux-gnu/include");
}

test("a heap is the same after packing, frozen or not, with room or without", (t) => {
  const program = path.join(tempDir(t), "heap");
  const flags = ["-O1", "-g", "-fno-strict-aliasing", "-fsanitize=address,undefined"];
  const source = path.join(root, "test/fixtures/heap.c");
  const include = ["-I", path.join(root, "src/sys"), "-isystem", headers()];
  execaSync("cc", [...flags, ...include, source, "-o", program]);
  for (let seed = 1; seed <= seeds; seed++) {
    const { stdout, stderr, exitCode } = execaSync(program, [`${seed}`], { reject: false });
    const room = seed % 2 === 1 ? "without room" : "with room";
    const expected = { stdout: `frozen, ${room}`, stderr: "", exitCode: 0 };
    assert.deepEqual({ stdout, stderr, exitCode }, expected);
  }
});
