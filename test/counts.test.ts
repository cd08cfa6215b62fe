// What scripts/test.ts says of a run.
import assert from "node:assert/strict";
import { test } from "node:test";
import { Counts } from "../scripts/counts.ts";

const one = { name: "one", nesting: 0, file: "/a", details: {} };
const part = { ...one, nesting: 1 };
const failed = (failureType: string) => ({ error: Object.assign(new Error(), { failureType }) });

test("tests count, and not what they are grouped in", () => {
  const counts = new Counts();
  for (const event of [part, part, one, { ...one, file: "/b" }]) counts.pass(event);
  assert.equal(counts.summary(), "3 tests passed, 0 failed, 0 skipped");
});

test("files that run at the same time are told apart", () => {
  const counts = new Counts();
  counts.pass(part);
  counts.pass({ ...one, file: "/b" });
  counts.pass(one);
  assert.equal(counts.summary(), "2 tests passed, 0 failed, 0 skipped");
});

test("a skipped test has not passed, and it is said why", () => {
  const counts = new Counts();
  for (const skip of ["needs root", "needs root", "no Debian", true]) counts.pass({ ...one, skip });
  counts.pass({ ...one, skip: false });
  const why = "2: needs root; 1: no Debian; 1: no reason given";
  assert.equal(counts.summary(), `1 tests passed, 0 failed, 4 skipped (${why})`);
});

test("a test that fails by its parts is these, one that fails itself is one", () => {
  const counts = new Counts();
  counts.fail({ ...part, details: failed("testCodeFailure") });
  counts.fail({ ...one, details: failed("subtestsFailed") });
  counts.pass(part);
  counts.fail({ ...one, details: failed("testCodeFailure") });
  assert.equal(counts.summary(), "1 tests passed, 2 failed, 0 skipped");
});

test("a file without a test has failed", () => {
  const counts = new Counts();
  counts.pass({ ...one, name: "/a" });
  assert.equal(counts.failed, 1);
});
