// log() gives whole lines: of a log that is to come, from its end on, up to the abort.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import * as fs from "node:fs";
import path from "node:path";
import { type TestContext, test } from "node:test";
import { type LogLine, type LogOptions, log } from "../../src/client/index.ts";
import { serviceDir, startRunsv, tempDir } from "../harness.ts";

function open(
  t: TestContext,
  dir: string,
  options: LogOptions = {},
): AsyncGenerator<LogLine, void, void> {
  const lines = log(dir, { signal: AbortSignal.timeout(10_000), ...options });
  t.after(() => lines.return());
  return lines;
}

test("a log that nobody has begun yet is waited for", async (t) => {
  const run = "#!/bin/sh\necho hello\nexec sleep 600\n";
  const web = serviceDir(tempDir(t), "web", { "run!": run, "log/": "" });
  const lines = open(t, web);
  const first = lines.next();
  const before = Date.now();
  startRunsv(t, web);
  const { value } = await first;
  assert.equal(value?.text, "hello");
  assert.ok(value.stamp !== null && value.stamp.getTime() >= before - 1, `${value.stamp}`);
});

test("from the end: only what is new, and the line that was not complete", async (t) => {
  const web = serviceDir(tempDir(t), "web", {
    "log/main/@400000006553f10a00000000.s": "older\n",
    "log/main/current": "old\nhal",
  });
  const lines = open(t, web, { from: "end" });
  const first = lines.next();
  const timer = setInterval(() => fs.appendFileSync(path.join(web, "log/main/current"), "f\n"), 50);
  try {
    assert.match((await first).value?.text ?? "", /^half$|^f$/);
  } finally {
    clearInterval(timer); // before the directory goes
  }
});

test("a line that is not complete is held until the abort", async (t) => {
  const web = serviceDir(tempDir(t), "web", { "log/main/current": "one\ntw" });
  const stop = new AbortController();
  const lines = open(t, web, { signal: stop.signal });
  assert.equal((await lines.next()).value?.text, "one");
  const second = lines.next();
  stop.abort();
  assert.equal((await second).value?.text, "tw");
  assert.equal((await lines.next()).done, true);
});

test("a line that a rotation has cut is one", async (t) => {
  const web = serviceDir(tempDir(t), "web", {
    "log/main/@400000006553f10a00000000.s": "one\ntw",
    "log/main/@400000006553f10b00000000.u": "",
    "log/main/current": "o\nthree",
  });
  const texts: string[] = [];
  for await (const { text } of log(web, { signal: AbortSignal.abort() })) texts.push(text);
  assert.deepEqual(texts, ["one", "two", "three"]);
});

test("a line that a killed logger has left is none with the next one", async (t) => {
  const stamped = (second: number, text: string) => `2026-11-21_08:30:0${second}.00000 ${text}`;
  const web = serviceDir(tempDir(t), "web", {
    "log/main/@400000006553f10a00000000.u": stamped(1, "cut o"),
    "log/main/current": `${stamped(2, "whole")}\n`,
  });
  const texts: string[] = [];
  for await (const { text } of log(web, { signal: AbortSignal.abort() })) texts.push(text);
  assert.deepEqual(texts, ["cut o", "whole"]);
});

test("no-such-service and no-permission have a code", async (t) => {
  const parent = tempDir(t);
  await assert.rejects(log(`${parent}/web`).next(), { code: "no-such-service" });
  if (process.geteuid?.() !== 0) return;
  const web = serviceDir(parent, "web", { "log/main/current": "secret\n" });
  execFileSync("chmod", ["600", `${web}/log/main/current`]);
  execFileSync("chmod", ["755", parent]);
  process.seteuid?.(65534);
  try {
    await assert.rejects(log(web).next(), { code: "no-permission" });
  } finally {
    process.seteuid?.(0);
  }
});
