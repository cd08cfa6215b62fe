// svlogd feeds what it puts aside to a processor, which may fail, hang or vanish.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import * as fs from "node:fs";
import path from "node:path";
import { type TestContext, test } from "node:test";
import { defaultConfig } from "../../src/core/logconfig.ts";
import type { LogDirectory } from "../../src/programs/svlogd-directory.ts";
import { startProcessor } from "../../src/programs/svlogd-processor.ts";
import { bin, eventually, run, start, tempDir, waitForFile } from "../harness.ts";
import {
  current,
  makeLog,
  oldFiles,
  read,
  rotated,
  startFaulty,
  textOf,
  write,
} from "../svlogd.ts";

const svlogd = bin("svlogd");
const label = "@400000006568000000000000";

/** What is in the files that are not half done. */
function oldTexts(log: string): string[] {
  const texts: string[] = [];
  for (const name of oldFiles(log)) {
    try {
      if (!name.endsWith("t")) texts.push(read(log, name));
    } catch {
      // It has another name by now.
    }
  }
  return texts;
}

/** A config whose processor reads a line from a FIFO before it does its work. */
function slowProcessor(t: TestContext, config: string) {
  const gate = path.join(tempDir(t), "gate");
  assert.equal(spawnSync("mkfifo", [gate]).status, 0);
  const work = "tr a-z A-Z | tee -a ../seen";
  const log = makeLog(t, `${config}!: >../running; read line <${gate}; ${work}\n`);
  const release = (): void => {
    fs.writeFileSync(gate, "go\n"); // returns once the processor reads it
  };
  return { log, release };
}

test("what is put aside goes through the processor, which keeps a state", async (t) => {
  const log = makeLog(t, "s50\n!cat; cat <&4 >&5; echo x >&5\n");
  const lines = Array.from({ length: 30 }, (_, i) => `${i + 100}\n`);
  const { code, stderr } = await run(t, svlogd, ["-l", "10", log], { input: lines.join("") });
  assert.deepEqual([code, stderr], [0, ""]);
  assert.equal(textOf(log), lines.join(""));
  assert.equal(read(log, "state"), "x\n".repeat(oldFiles(log).length));
  const names = fs.readdirSync(log).filter((name) => name[0] !== "@");
  assert.deepEqual(names.sort(), ["config", "current", "lock", "state"]);
  for (const name of oldFiles(log)) {
    assert.ok(name.endsWith(".s"));
    assert.equal(fs.statSync(path.join(log, name)).mode & 0o7777, 0o744);
  }
});

test("a processor runs in the log directory, with six descriptors", async (t) => {
  const log = makeLog(t, "s10\n!pwd; echo $0 $#; ls /proc/self/fd; readlink /proc/self/fd/5\n");
  await run(t, svlogd, ["-l", "10", log], { input: "12345\n" });
  // 3 is the directory that ls reads; what the test was started with may be there, too.
  const lines = read(log, oldFiles(log)[0]).split("\n");
  const expected = [log, "sh 0", "0", "1", "2", "3", "4", "5", path.join(log, "newstate"), ""];
  assert.deepEqual(
    lines.filter((line) => !/^\d\d+$/.test(line)),
    expected,
  );
});

// Differs, processor-waits: runit waits for it, and so does whoever logs.
test("the log goes on, and is rotated, while the processor runs", async (t) => {
  const { log, release } = slowProcessor(t, "s10\nn5\n");
  const program = start(t, svlogd, { args: ["-v", "-l", "10", log], stdin: "pipe" });
  write(program, "a\nb\n");
  await rotated(log, 2, ".u");
  release();
  await rotated(log, 1, ".s");
  release();
  await rotated(log, 2, ".s");
  assert.equal(textOf(log), "A\nB\n");
  assert.ok(program.stderr.lines().some((line) => line.endsWith(" info: sigchild received.")));
});

test("input waits before a file goes that the processor has not seen", async (t) => {
  const { log, release } = slowProcessor(t, "s10\nn1\n");
  const program = start(t, svlogd, { args: ["-l", "10", log], stdin: "pipe" });
  write(program, "a\nb\nc\n");
  // b fills the log, which cannot be put aside; c waits.
  await current(log, "b\n");
  const seen = path.join(path.dirname(log), "seen");
  for (const text of ["A\n", "A\nB\n", "A\nB\nC\n"]) {
    release();
    await waitForFile(seen, (found) => found === text);
  }
});

test("a processor that hangs holds the log for a while only", async (t) => {
  const { log } = slowProcessor(t, "s10\nn2\n");
  const { program, writer, fault } = startFaulty(t, log, ["-l", "10"]);
  fault("impatient");
  fs.writeSync(writer, "a\nb\nc\nd\ne\n");
  await program.stderr.waitFor(/^svlogd: warning: processor is stuck, delete unprocessed: .*\.u$/);
  await eventually("the last line", () => oldTexts(log).includes("e\n"));
  await eventually("three to go", () => oldTexts(log).length === 2);
  assert.equal(oldTexts(log)[1], "e\n");
  assert.equal(program.stderr.lines().length, 3);
});

test("a processor that fails is tried again, until it does not", async (t) => {
  const script = path.join(tempDir(t), "processor");
  const log = makeLog(t, `s10\n!${script}\n`);
  fs.writeFileSync(script, "#!/bin/sh\ncat\n", { mode: 0o644 }); // not executable
  const program = start(t, svlogd, { args: ["-l", "10", log], stdin: "pipe" });
  write(program, "a\n");
  await program.stderr.waitFor(/^svlogd: warning: processor failed, restart: .*\/log$/);
  assert.deepEqual(
    oldFiles(log).map((name) => name.slice(-2)),
    [".u"],
  );
  fs.chmodSync(script, 0o755);
  await rotated(log, 1, ".s");
  assert.equal(textOf(log), "a\n");
});

// Differs, processor-killed: runit takes what there is for all.
test("a processor that is killed has failed, whatever it has written", async (t) => {
  const log = makeLog(t, "s10\n![ -e ../killed ] && exec cat; : >../killed; kill -9 $$\n");
  const program = start(t, svlogd, { args: ["-l", "10", log], stdin: "pipe" });
  write(program, "a\n");
  await program.stderr.waitFor(/processor failed, restart/);
  await rotated(log, 1, ".s");
  assert.equal(textOf(log), "a\n");
});

test("files of a processor that vanish do not stop it", async (t) => {
  const { log, release } = slowProcessor(t, "s10\n");
  const program = start(t, svlogd, { args: ["-v", "-l", "10", log], stdin: "pipe" });
  write(program, "a\n");
  await program.stderr.waitFor(/processing/);
  for (const name of oldFiles(log)) fs.rmSync(path.join(log, name));
  release();
  await program.stderr.waitFor(/^svlogd: warning: unable to rename processed: .*does not exist$/);
  write(program, "b\n");
  await eventually("b is processed", () => program.stderr.lines().filter(isProcessing)[1]);
  release();
  await rotated(log, 1, ".s");
  assert.equal(textOf(log), "B\n");
});

function isProcessing(line: string): boolean {
  return line.includes(" processing: ");
}

test("what an svlogd before has not had processed is processed first", async (t) => {
  const files = { [`${label}.u`]: "old\n", [`${label}.t`]: "half", current: "unclean\n" };
  const log = makeLog(t, "s20\n!tr a-z A-Z\n", files);
  fs.chmodSync(path.join(log, "current"), 0o644);
  await run(t, svlogd, ["-l", "10", log], { input: "a new line\n" });
  assert.equal(textOf(log), "OLD\nUNCLEAN\nA NEW LINE\n");
});

test("without a processor a .u file stays what it is", async (t) => {
  const log = makeLog(t, "", { [`${label}.u`]: "old\n" });
  await run(t, svlogd, [log], { input: "a\n" });
  assert.deepEqual(oldFiles(log), [`${label}.u`]);
});

test("svlogd ends when its processor has, and does not wait for one that fails", async (t) => {
  const { log, release } = slowProcessor(t, "s10\n");
  const program = start(t, svlogd, { args: ["-v", "-l", "10", log], stdin: "pipe" });
  write(program, "a\n");
  await program.stderr.waitFor(/processing/);
  program.signal("SIGTERM");
  await program.stderr.waitFor(/sigterm/);
  release();
  assert.deepEqual(await program.waitForExit(), { code: 0, signal: null });
  assert.equal(textOf(log), "A\n");
  const failing = makeLog(t, "s10\n!exit 1\n");
  const { code } = await run(t, svlogd, ["-l", "10", failing], { input: "a\n" });
  assert.deepEqual([code, oldFiles(failing).map((name) => name.slice(-2))], [0, [".u"]]);
});

test("a processor goes on when the config is read again", async (t) => {
  const { log, release } = slowProcessor(t, "s10\n");
  const program = start(t, svlogd, { args: ["-v", "-l", "10", log], stdin: "pipe" });
  write(program, "a\n");
  await program.stderr.waitFor(/processing/);
  program.signal("SIGHUP");
  await program.stderr.waitFor(/append:/);
  release();
  await waitForFile(path.join(log, "state"));
  await rotated(log, 1, ".s");
  assert.equal(textOf(log), "A\n");
});

test("what is put aside together with the end of the input is processed", async (t) => {
  const log = makeLog(t, "!tr a-z A-Z\n");
  const program = start(t, svlogd, { args: [log], stdin: "pipe" });
  write(program, "a\n");
  await current(log, "a\n");
  program.signal("SIGSTOP"); // so that it hears of both at once
  const stat = `/proc/${program.pid}/stat`;
  await eventually("it is stopped", () => fs.readFileSync(stat, "latin1").includes(" T "));
  program.signal("SIGALRM");
  program.stdin?.end();
  program.signal("SIGCONT");
  assert.equal((await program.waitForExit()).code, 0);
  assert.deepEqual(oldTexts(log), ["A\n"]);
});

test("a processor is behind from the last file that it has done, whichever it tries", (t) => {
  const label = "@400000000000000000000000";
  const sys = {
    readdir: () => [`${label}.u`],
    open: () => -5,
    unlink: () => 0,
    canwrite: () => false,
    getpid: () => 1,
  };
  Object.assign(globalThis, { sys, FAULTS: false });
  t.after(() => Object.assign(globalThis, { sys: undefined }));
  const work = { pid: 0, label: "", output: -1, failures: 0, since: 7, startAt: 0 };
  const config = { ...defaultConfig, processor: "false" };
  startProcessor({ name: "log", config, work } as unknown as LogDirectory, 1000);
  assert.deepEqual([work.label, work.failures, work.since], [label, 1, 7]);
});

test("a processor ends although its directory could not be opened again", async (t) => {
  const { log, release } = slowProcessor(t, "s10\n");
  const other = makeLog(t);
  const program = start(t, svlogd, { args: ["-v", "-l", "10", log, other], stdin: "pipe" });
  write(program, "a\n");
  await waitForFile(path.join(path.dirname(log), "running"));
  const open = () => fs.readdirSync(`/proc/${program.pid}/fd`).length;
  const before = open();
  fs.renameSync(log, `${log}.away`);
  program.signal("SIGHUP");
  await program.stderr.waitFor(/unable to open log directory/);
  await program.stderr.waitFor(/append:/);
  release();
  await program.stderr.waitFor(/sigchild/);
  await eventually("its descriptors are closed", () => open() <= before - 3); // lock, current, .t
  fs.renameSync(`${log}.away`, log);
  program.signal("SIGHUP");
  await eventually("it is processed again", () => program.stderr.lines().filter(isProcessing)[1]);
  release();
  await rotated(log, 1, ".s");
  assert.equal(textOf(log), "A\n");
});
