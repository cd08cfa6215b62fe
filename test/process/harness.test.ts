// The harness itself: what it waits for, what it says when that does not come, and that no
// process outlives its test.
import assert from "node:assert/strict";
import { mkdirSync, renameSync, writeFileSync } from "node:fs";
import path from "node:path";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import {
  eventually,
  inTime,
  isAlive,
  processesOf,
  run,
  start,
  tempDir,
  waitForFile,
} from "../harness.ts";

test("every process that a test started ends with it", async (t) => {
  let pids: number[] = [];
  await t.test("one that loses its processes", async (inner) => {
    const cwd = tempDir(inner);
    const script = `
      setsid sleep 600 &
      (setsid env -i /bin/sleep 600 &)
      trap "" TERM
      while :; do sleep 600; done`;
    start(inner, "/bin/sh", { args: ["-c", script], cwd });
    pids = await eventually("four processes", () => {
      const found = processesOf(inner);
      return found.length >= 4 && found;
    });
  });
  assert.deepEqual(
    pids.filter((pid) => isAlive(pid)),
    [],
  );
});

test("waitForFile() sees a file whose directories are made later", async (t) => {
  const file = path.join(tempDir(t), "a/b/status");
  const found = waitForFile(file, (text) => text === "two");
  for (const [text, step] of [
    ["one", 1],
    ["two", 2],
  ] as const) {
    await sleep(20);
    mkdirSync(path.dirname(file), { recursive: true });
    writeFileSync(`${file}.${step}`, text);
    renameSync(`${file}.${step}`, file);
  }
  assert.equal(await found, "two");
});

test("waitFor() finds a line that came, one that comes, and says when none can come", async (t) => {
  const program = start(t, "/bin/sh", {
    args: ["-c", 'echo one >&2; read -r line; printf "%s\\351\\n" "$line" >&2'],
    stdin: "pipe",
  });
  assert.equal(await program.stderr.waitFor(/one/), "one");
  program.stdin?.write("two\n");
  assert.equal(await program.stderr.waitFor(/./, 1), "two\xe9");
  assert.deepEqual(await program.waitForExit(), { code: 0, signal: null });
  await assert.rejects(program.stderr.waitFor(/three/), /no \/three\/ on stderr of sh, .*'one\\n/);
});

test("a wait that is in vain says what for, what there was, and all complaints", async (t) => {
  const program = start(t, "/bin/sh", { args: ["-c", "echo no more water >&2; exec sleep 600"] });
  await program.stderr.waitFor(/water/);
  const never = new Promise<never>(() => {});
  await assert.rejects(
    inTime(never, "the rain", () => "the sky is blue", 20),
    /for the rain in vain\nthe sky is blue\nstderr of sh: 'no more water\\n'/,
  );
});

test("run() gives and takes any byte", async (t) => {
  const { code, stdout } = await run(t, "/bin/cat", [], { input: "caf\xe9\0\n" });
  assert.equal(code, 0);
  assert.equal(stdout, "caf\xe9\0\n");
});

test("what a sanitizer reports fails the test", async (t) => {
  const report = "echo '==1==ERROR: LeakSanitizer: detected memory leaks' >&2";
  await assert.rejects(run(t, "/bin/sh", ["-c", report]), /a sanitizer reports/);
});
