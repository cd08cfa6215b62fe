// The look at the machine's places: what changes there is noticed, and what services write is not.
import assert from "node:assert/strict";
import * as fs from "node:fs";
import path from "node:path";
import { test } from "node:test";
import { tempDir } from "./harness.ts";
import { changesOf, lookAtHost } from "./places.ts";

test("a file that is made, changed, or gone is named", (t) => {
  const directory = tempDir(t);
  const file = path.join(directory, "1");
  const look = () => lookAtHost([directory, path.join(directory, "nosuch")]);
  const none = look();
  fs.writeFileSync(file, "");
  const [one, ...more] = changesOf(none, look());
  assert.match(one ?? "", /^\+ \/.*\/1 mode 100644 owner \d+ at /);
  assert.deepEqual(more, []);
  const made = look();
  assert.deepEqual(changesOf(made, look()), []);
  fs.utimesSync(file, 1, 1);
  assert.equal(changesOf(made, look()).length, 2);
  const touched = look();
  fs.chmodSync(file, 0o755);
  assert.equal(changesOf(touched, look()).length, 2);
  fs.rmSync(file);
  assert.match(changesOf(made, look()).join("\n"), /^- \/.*\/1 /);
});

test("what a supervisor of the machine's writes is no change", (t) => {
  const directory = tempDir(t);
  fs.mkdirSync(path.join(directory, "supervise"));
  const before = lookAtHost([directory]);
  fs.writeFileSync(path.join(directory, "supervise/stat"), "run\n");
  assert.deepEqual(changesOf(before, lookAtHost([directory])), []);
});
