// The sentence of complaint, and its reasons in runit's words.
import assert from "node:assert/strict";
import os from "node:os";
import { test } from "node:test";
import { errnos, reason, sentence } from "../../src/core/message.ts";

test("a sentence says who, how bad, what and why", () => {
  assert.equal(
    sentence("runsv web", "fatal", "unable to start ./run", reason(errnos.EACCES)),
    "runsv web: fatal: unable to start ./run: access denied",
  );
  assert.equal(sentence("runsv", "warning", "no more water"), "runsv: warning: no more water");
});

test("the numbers are the kernel's", () => {
  for (const [name, number] of Object.entries(errnos)) {
    const known = (os.constants.errno as Record<string, number>)[name];
    if (known !== undefined) assert.equal(number, known, name);
  }
});

test("every errno has its own words, in lower case, without a full stop", () => {
  const words = Object.values(errnos).map(reason);
  assert.equal(new Set(words).size, words.length);
  for (const word of words) assert.match(word, /^[a-z][a-zNFS/ -]+[a-z]$/);
  assert.equal(reason(9999), "error 9999");
});

test("the words are runit's", () => {
  for (const [name, words] of [
    ["ENOENT", "file does not exist"],
    ["EACCES", "access denied"],
    ["EEXIST", "file already exists"],
    ["EAGAIN", "temporary failure"],
    ["ENXIO", "device not configured"],
    ["ENOEXEC", "exec format error"],
    ["ENOTDIR", "not a directory"],
    ["EROFS", "read-only file system"],
    ["ENOSPC", "out of disk space"],
  ] as const) {
    assert.equal(reason(errnos[name]), words);
  }
});
