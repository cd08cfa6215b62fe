// log() follows a log across rotations: nothing is lost, nothing comes twice.
import assert from "node:assert/strict";
import * as fs from "node:fs";
import path from "node:path";
import { type TestContext, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { type LogLine, log } from "../../src/client/index.ts";
import { bin, eventually, type Program, start, tempDir, waitForFile } from "../harness.ts";

function makeLog(t: TestContext, config: string): { directory: string; svlogd: Program } {
  const directory = tempDir(t);
  fs.writeFileSync(path.join(directory, "config"), config);
  return { directory, svlogd: startLogger(t, directory) };
}

function startLogger(t: TestContext, directory: string): Program {
  return start(t, bin("svlogd"), { args: ["-tt", directory], stdin: "pipe" });
}

function write({ stdin }: Program, first: number, count: number): void {
  const numbers = Array.from({ length: count }, (_, at) => `line ${first + at}\n`);
  stdin?.write(numbers.join(""));
}

function oldFiles(directory: string): string[] {
  return fs.readdirSync(directory).filter((name) => name.startsWith("@"));
}

/** Has the log rotated, and waits for the next `current`. */
async function rotate(svlogd: Program, directory: string): Promise<void> {
  const before = oldFiles(directory).length;
  svlogd.signal("SIGALRM");
  await eventually("a rotation", () => oldFiles(directory).length > before);
  await waitForFile(path.join(directory, "current"));
}

function open(t: TestContext, dir: string, directory = "."): AsyncGenerator<LogLine, void, void> {
  const lines = log(dir, { directory, signal: AbortSignal.timeout(10_000) });
  t.after(() => lines.return());
  return lines;
}

/** The next lines have these numbers, in order. */
async function expectLines(
  lines: AsyncGenerator<LogLine, void, void>,
  first: number,
  count: number,
): Promise<void> {
  for (let number = first; number < first + count; number++) {
    const { value } = await lines.next();
    assert.equal(value?.text, `line ${number}`);
    assert.ok(value.stamp !== null);
  }
}

test("many rotations while it is read, and from the oldest file on", async (t) => {
  const { directory, svlogd } = makeLog(t, "s4000\nn0\n");
  write(svlogd, 0, 1000);
  await eventually("old files", () => oldFiles(directory).length > 5);
  const lines = open(t, directory);
  await expectLines(lines, 0, 500);
  write(svlogd, 1000, 1000);
  await expectLines(lines, 500, 1500);
});

test("several rotations while nobody looks", async (t) => {
  const { directory, svlogd } = makeLog(t, "s0\nn0\n");
  write(svlogd, 0, 3);
  const lines = open(t, directory);
  await expectLines(lines, 0, 1); // the others are on their way
  for (let number = 3; number < 8; number++) {
    await rotate(svlogd, directory);
    write(svlogd, number, 1);
    await waitForFile(path.join(directory, "current"), (text) => text.includes(`line ${number}`));
  }
  await expectLines(lines, 1, 7);
});

test("old files that were removed before they were read are left out", async (t) => {
  const { directory, svlogd } = makeLog(t, "s0\nn2\n");
  write(svlogd, 0, 1);
  const lines = open(t, directory);
  await expectLines(lines, 0, 1);
  for (let number = 1; number < 6; number++) {
    write(svlogd, number, 1);
    await waitForFile(path.join(directory, "current"), (text) => text.includes(`line ${number}`));
    const before = fs.readdirSync(directory).sort().join();
    svlogd.signal("SIGALRM");
    await eventually("a rotation", () => fs.readdirSync(directory).sort().join() !== before);
    await waitForFile(path.join(directory, "current"));
  }
  write(svlogd, 6, 1);
  await expectLines(lines, 1, 1); // it was open
  await expectLines(lines, 4, 3); // two old files, and the current one
});

test("what a processor has made of a file is not read after the file itself", async (t) => {
  const { directory, svlogd } = makeLog(t, "s0\nn0\n");
  write(svlogd, 0, 1);
  const lines = open(t, directory);
  await expectLines(lines, 0, 1);
  await rotate(svlogd, directory);
  const [old = ""] = oldFiles(directory);
  const file = path.join(directory, old);
  fs.writeFileSync(path.join(directory, "processed"), fs.readFileSync(file));
  const later = new Date(Date.now() + 1000); // as after a processor that takes a second
  fs.utimesSync(path.join(directory, "processed"), later, later);
  fs.renameSync(path.join(directory, "processed"), file);
  write(svlogd, 1, 1);
  await expectLines(lines, 1, 1);
});

test("a logger that is killed and started again", async (t) => {
  const { directory, svlogd } = makeLog(t, "s0\nn0\n");
  write(svlogd, 0, 2);
  const lines = open(t, directory);
  await expectLines(lines, 0, 2);
  svlogd.signal("SIGKILL");
  await svlogd.waitForExit();
  write(startLogger(t, directory), 2, 2);
  await expectLines(lines, 2, 2);
  assert.match(oldFiles(directory).join(), /^@[0-9a-f]{24}\.u$/);
});

test("what a killed logger has not committed is written again, and given once", async (t) => {
  const directory = tempDir(t);
  const current = path.join(directory, "current");
  fs.writeFileSync(current, "a\na\nbeat\nhalf");
  const lines = open(t, directory);
  for (const text of ["a", "a", "beat"]) assert.equal((await lines.next()).value?.text, text);
  const next = lines.next();
  fs.truncateSync(current, 3); // as the next svlogd does: it goes on within the second line
  fs.renameSync(current, path.join(directory, "@400000006553f10a00000000.u"));
  fs.writeFileSync(current, "\nbeat\nhalf\nbeat\n");
  assert.equal((await next).value?.text, "half");
  assert.equal((await lines.next()).value?.text, "beat");
});

test("a log that somebody has emptied goes on with what is written then", async (t) => {
  const directory = tempDir(t);
  const current = path.join(directory, "current");
  fs.writeFileSync(current, "beat\nhalf");
  const lines = open(t, directory);
  assert.equal((await lines.next()).value?.text, "beat");
  const next = lines.next();
  fs.truncateSync(current);
  await sleep(300); // nothing announces that it was noticed, which takes a tick at most
  fs.appendFileSync(current, "beat\n");
  assert.equal((await next).value?.text, "beat");
});

test("a directory that is removed and made again", async (t) => {
  const parent = tempDir(t);
  const directory = path.join(parent, "log/main");
  fs.mkdirSync(directory, { recursive: true });
  fs.writeFileSync(path.join(directory, "current"), "first\n");
  const lines = open(t, parent, "log/main");
  assert.deepEqual((await lines.next()).value, { stamp: null, text: "first" });
  const next = lines.next();
  fs.rmSync(directory, { recursive: true });
  fs.mkdirSync(directory);
  fs.writeFileSync(path.join(directory, "current"), "second\n");
  assert.deepEqual((await next).value, { stamp: null, text: "second" });
});
