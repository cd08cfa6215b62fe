// src/sys/posix.ts has the names and the results of npm's posix: the same TypeScript calls both.
import assert from "node:assert/strict";
import * as fs from "node:fs";
import { createRequire } from "node:module";
import path from "node:path";
import { test } from "node:test";
import { faultsBin, root, run, tempDir } from "../harness.ts";

function obstacle(): string | false {
  try {
    createRequire(import.meta.url)("posix");
  } catch {
    if (process.env.CI === undefined) return "type: npm run setup";
  }
  return process.getuid?.() === 0 || process.env.CI !== undefined ? false : "needs root";
}

const passwd = `root:x:0:0:other root:/:/bin/sh
garbage
half:x:5
inside:*:5:6:A,B,,:/home/inside:/bin/false
first:x:7:7:::
first:x:8:8:::
`;
const group = "root:x:0:\ngarbage\nhalf:x\ninside:x:6:a,b\nfirst::7:a\nfirst::8:b\n";

test("every call answers as npm's posix does", { skip: obstacle() }, async (t) => {
  const directory = tempDir(t);
  fs.mkdirSync(path.join(directory, "etc"));
  fs.writeFileSync(path.join(directory, "etc/passwd"), passwd);
  fs.writeFileSync(path.join(directory, "etc/group"), group);
  const node = path.join(root, "test/fixtures/posix-calls-node.ts");
  const theirs = await run(t, process.execPath, ["--import", "tsx", node, directory]);
  const ours = await run(t, faultsBin("posix-calls"), [directory]);
  assert.equal(theirs.stderr, "");
  assert.match(theirs.stdout, /^getpwnam "root": \{name: "root", .*uid: 0, /);
  assert.match(theirs.stdout, /^getpwnam "inside": \{name: "inside", .*uid: 5, /m);
  assert.match(theirs.stdout, /^setsid: true\nsetsid again: throws$/m);
  const expected = theirs.stdout.split("\n");
  const answers = ours.stdout.split("\n");
  assert.deepEqual(
    answers.filter((line, index) => line !== expected[index]),
    [],
  );
  assert.equal(answers.length, expected.length);
  assert.deepEqual([ours.stderr, ours.code, theirs.code], ["", 0, 0]);
});
