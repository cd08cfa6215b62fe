// A config that cannot be read, or not understood, is no reason to delete what was logged.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import * as fs from "node:fs";
import path from "node:path";
import { type TestContext, test } from "node:test";
import { bin, eventually, run, start } from "../harness.ts";
import { makeLog, oldFiles, read, rotated, startFaulty, write } from "../svlogd.ts";

const svlogd = bin("svlogd");
const many = 36;

/** A log with 36 old files. */
function makeOld(t: TestContext, config = ""): string {
  const names = Array.from({ length: many }, (_, i) => `@40000000600000000000${1000 + i}.s`);
  return makeLog(t, config, Object.fromEntries(names.map((name) => [name, "old\n"])));
}

/** What stands in place of a file `config`, and what is said of it. */
const unreadable: readonly [string, (config: string) => void, string][] = [
  ["a directory", (config) => fs.mkdirSync(config), "is a directory"],
  ["a FIFO", (config) => void spawnSync("mkfifo", [config]), "not a regular file"],
  ["a link to nothing", (config) => fs.symlinkSync("gone", config), "file does not exist"],
  ["a link to itself", (config) => fs.symlinkSync("config", config), "symbolic link loop"],
  [
    "too long a file",
    (config) => fs.writeFileSync(config, `${"#\n".repeat(40_000)}s1000\nn36\n`),
    "it has more than 65536 bytes",
  ],
];

for (const [what, make, why] of unreadable) {
  test(`with ${what} as its config, a log keeps all old files`, async (t) => {
    const log = makeOld(t);
    make(path.join(log, "config"));
    const { code, stderr } = await run(t, svlogd, [log], { input: "a\n".repeat(1_000_000) });
    assert.equal(stderr, `svlogd: warning: unable to read config: ${log}: ${why}\n`);
    assert.equal(code, 0);
    assert.equal(oldFiles(log).length, many);
    assert.equal(read(log).length, 2_000_000);
  });
}

test("with a config that is not understood, a log keeps all old files", async (t) => {
  const log = makeOld(t, "\xef\xbb\xbfn36\ns2000\n"); // a byte order mark
  const { code, stderr } = await run(t, svlogd, [log], { input: "a\n".repeat(5000) });
  assert.match(stderr, /in config is not understood\n$/);
  assert.equal(code, 0);
  assert.ok(oldFiles(log).length > many);
  const names = oldFiles(log).slice(0, many);
  for (const name of names) assert.equal(read(log, name), "old\n");
});

test("a config that can be read again is in force from then on", async (t) => {
  const log = makeOld(t);
  const config = path.join(log, "config");
  fs.symlinkSync("later", config);
  const program = start(t, svlogd, { args: [log], stdin: "pipe" });
  await program.stderr.waitFor(/unable to read config: /);
  write(program, "a\n");
  await eventually("the line", () => read(log) === "a\n");
  fs.writeFileSync(path.join(log, "whole"), "n5\npx: \n");
  fs.renameSync(path.join(log, "whole"), path.join(log, "later")); // never seen half written
  await program.stderr.waitFor(/^svlogd: warning: config can be read again: /);
  write(program, "b\n");
  await eventually("the line", () => read(log) === "a\nx: b\n");
  await eventually("5 old files", () => oldFiles(log).length === 5);
  const warnings = program.stderr.lines().filter((line) => line.includes("unable"));
  assert.equal(warnings.length, 1); // however often it was tried
});

test("a config that HUP cannot read leaves the old one in force, and no file goes", async (t) => {
  const log = makeLog(t, "s1000\nn3\npx: \n");
  const program = start(t, svlogd, { args: ["-v", "-l", "100", "-b", "200", log], stdin: "pipe" });
  await program.stderr.waitFor(/new:/);
  fs.rmSync(path.join(log, "config"));
  fs.mkdirSync(path.join(log, "config"));
  program.signal("SIGHUP");
  await program.stderr.waitFor(/unable to read config: /);
  write(program, `${".".repeat(95)}\n`.repeat(200));
  await rotated(log, 20);
  for (const name of oldFiles(log)) assert.match(read(log, name), /^(x: \.{95}\n)+$/);
});

test("a config that fails to be read is no reason to delete either", async (t) => {
  const log = makeOld(t, "s2000\nn50\n");
  const { program, writer, fault, unfault } = startFaulty(t, log);
  await program.stderr.waitFor(/new:/);
  fs.writeFileSync(path.join(log, "config"), "s2000\nn60\n");
  fault("config");
  program.signal("SIGHUP");
  await program.stderr.waitFor(/unable to read config: .*: input\/output error$/);
  fs.writeSync(writer, "a\n".repeat(10_000));
  await rotated(log, 52);
  unfault("config");
  await program.stderr.waitFor(/config can be read again/);
  assert.ok(oldFiles(log).length > 50);
});

test("a directory that cannot be listed is not rotated before it can", async (t) => {
  const log = makeOld(t, "s2000\nn50\n");
  const { program, writer, fault, unfault } = startFaulty(t, log);
  await program.stderr.waitFor(/new:/);
  fault("readdir");
  program.signal("SIGHUP");
  fs.writeSync(writer, "a\n".repeat(2500));
  await program.stderr.waitFor(/^svlogd: pausing: unable to read directory: /);
  assert.equal(oldFiles(log).length, many);
  unfault("readdir");
  await rotated(log, many + 3);
  assert.equal(oldFiles(log)[0], "@400000006000000000001000.s");
});
