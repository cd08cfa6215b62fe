// svlogd whose directories and files are removed, moved away and brought back while it runs.
import assert from "node:assert/strict";
import * as fs from "node:fs";
import path from "node:path";
import { test } from "node:test";
import { decodeCommit } from "../../src/core/journal.ts";
import { bin, eventually, run, start, waitForFile } from "../harness.ts";
import { current, makeLog, read, startFaulty, write } from "../svlogd.ts";

const svlogd = bin("svlogd");

test("a journal that comes back with its directory undoes and repeats nothing", async (t) => {
  const away = makeLog(t, "-x*\n"); // it waits for the end of a line, to judge it
  const log = makeLog(t);
  const { program, writer } = startFaulty(t, log, ["-v", away]);
  const hangUp = async (messages: RegExp): Promise<void> => {
    const before = program.stderr.lines().length;
    program.signal("SIGHUP");
    await eventually("it goes on", () =>
      program.stderr
        .lines()
        .slice(before)
        .some((line) => messages.test(line)),
    );
  };
  fs.writeSync(writer, "one\n");
  await current(away, "one\n");
  fs.writeSync(writer, "two");
  const pending = path.join(away, "pending");
  await waitForFile(pending, (text) => text.endsWith("two"));
  fs.renameSync(away, `${away}.moved`);
  await hangUp(/append:/);
  fs.writeSync(writer, " ends\nthree\n");
  await current(log, "one\ntwo ends\nthree\n");
  fs.renameSync(`${away}.moved`, away);
  await hangUp(new RegExp(`append: ${away}/`));
  fs.writeSync(writer, "four\n");
  await current(away, "one\nfour\n");
  await current(log, "one\ntwo ends\nthree\nfour\n");
  assert.equal(fs.existsSync(pending), false);
});

test("an old journal does not undo what was closed as complete", async (t) => {
  const log = makeLog(t);
  const { program, both, writer } = startFaulty(t, log);
  fs.writeSync(writer, "a\n");
  await current(log, "a\n");
  const pending = path.join(log, "pending");
  // What is in the log is committed a moment later.
  const isCommitted = (text: string) => decodeCommit(text)?.files[0]?.size === "a\n".length;
  await waitForFile(pending, isCommitted);
  const old = fs.readFileSync(pending);
  fs.writeSync(writer, "b\n");
  await current(log, "a\nb\n");
  fs.closeSync(both);
  program.signal("SIGTERM");
  assert.deepEqual(await program.waitForExit(), { code: 0, signal: null });
  fs.writeFileSync(pending, old);
  await run(t, svlogd, [log], { input: "c\n" });
  assert.equal(read(log), "a\nb\nc\n");
});

test("input of a journal that was removed is kept until it is in another one", async (t) => {
  const log = makeLog(t);
  const { program, writer, fault, unfault } = startFaulty(t, log);
  await program.stderr.waitFor(/new:/);
  fault("write");
  fs.writeSync(writer, "a\n");
  await program.stderr.waitFor(/pausing: unable to write to current/);
  fs.rmSync(log, { recursive: true });
  fs.mkdirSync(path.join(log, "pending"), { recursive: true });
  unfault("write");
  for (let times = 1; times <= 2; times++) {
    program.signal("SIGHUP");
    await eventually("it cannot open one", () => {
      const said = program.stderr.lines().filter((line) => line.includes("open pending"));
      return said.length >= times;
    });
  }
  fs.rmdirSync(path.join(log, "pending"));
  program.signal("SIGHUP");
  await current(log, "a\n");
});

test("a current that is removed before it is rotated is made anew", async (t) => {
  const log = makeLog(t);
  const program = start(t, svlogd, { args: ["-v", log], stdin: "pipe" });
  write(program, "a\n");
  await current(log, "a\n");
  fs.rmSync(path.join(log, "current"));
  program.signal("SIGALRM");
  await program.stderr.waitFor(/sigalarm/);
  write(program, "b\n");
  await current(log, "b\n");
  assert.ok(!program.stderr.lines().some((line) => line.includes("pausing")));
});

test("a directory that is made anew while it has no current is locked", async (t) => {
  const log = makeLog(t);
  fs.mkdirSync(path.join(log, "current"));
  const program = start(t, svlogd, { args: ["-v", log], stdin: "pipe" });
  await program.stderr.waitFor(/pausing/);
  fs.rmSync(log, { recursive: true });
  fs.mkdirSync(log);
  write(program, "a\n");
  await current(log, "a\n");
  assert.equal(fs.existsSync(path.join(log, "lock")), true);
});
