// svlogd is killed while input flows through a pipe that outlives it, as runsvdir keeps one.
import assert from "node:assert/strict";
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import * as fs from "node:fs";
import path from "node:path";
import { type TestContext, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { promisify } from "node:util";
import { bin, inTime, kill, tempDir } from "../harness.ts";

const kills = 50;
/** Short enough to fall into every phase, its start included. */
const lifeMsMax = 30;
const linesAtOnce = 400;

const write = promisify(fs.write);

interface Pipe {
  readonly reader: number;
  readonly writer: number;
}

function makePipe(directory: string): Pipe {
  const name = path.join(directory, "pipe");
  assert.equal(spawnSync("mkfifo", [name]).status, 0);
  const both = fs.openSync(name, "r+");
  const reader = fs.openSync(name, fs.constants.O_RDONLY | fs.constants.O_NONBLOCK);
  const writer = fs.openSync(name, "w");
  fs.closeSync(both);
  return { reader, writer };
}

function startLogger(t: TestContext, args: readonly string[], cwd: string, stdin: number) {
  const child = spawn(bin("svlogd"), args, { cwd, stdio: [stdin, "ignore", "pipe"] });
  t.after(() => child.pid !== undefined && kill(child.pid, "SIGKILL"));
  return child;
}

function ended(child: ChildProcess): Promise<number | null> {
  const exit = new Promise<number | null>((resolve) => {
    child.once("exit", (code) => resolve(code));
  });
  return inTime(exit, "the end of svlogd", () => "it still runs");
}

/** Writes lines until it is told to stop; how many there were. */
async function feed(writer: number, line: (n: number) => string, going: () => boolean) {
  let count = 0;
  while (going()) {
    let text = "";
    for (let i = 0; i < linesAtOnce; i++) text += line(count++);
    for (let at = 0; at < text.length; ) {
      at += (await write(writer, Buffer.from(text, "latin1"), at)).bytesWritten;
    }
  }
  return count;
}

/** Kills svlogd again and again while lines flow; how many lines went into the pipe. */
async function logThroughKills(
  t: TestContext,
  args: readonly string[],
  line: (n: number) => string,
  directory: string,
): Promise<number> {
  const { reader, writer } = makePipe(directory);
  let going = true;
  const written = feed(writer, line, () => going);
  for (let i = 0; i < kills; i++) {
    const child = startLogger(t, args, directory, reader);
    const end = ended(child);
    await sleep(Math.random() * lifeMsMax);
    child.kill("SIGKILL");
    assert.equal(await end, null);
  }
  const last = startLogger(t, args, directory, reader);
  const end = ended(last);
  going = false;
  const count = await written;
  fs.closeSync(writer);
  assert.equal(await end, 0);
  fs.closeSync(reader);
  return count;
}

function makeLog(directory: string, name: string, config: string): string {
  const log = path.join(directory, name);
  fs.mkdirSync(log);
  fs.writeFileSync(path.join(log, "config"), config);
  return log;
}

/** All that is in a log, the oldest first. */
function textOf(log: string): string {
  const old = fs.readdirSync(log).filter((name) => name.startsWith("@"));
  return [...old.sort(), "current"]
    .map((name) => fs.readFileSync(path.join(log, name), "latin1"))
    .join("");
}

/** The lines without their stamps. */
function* linesOf(text: string, stampBytes: number): Generator<string> {
  for (let at = 0; at < text.length; ) {
    const end = text.indexOf("\n", at);
    if (end < 0) throw new Error(`a line without an end: ${text.slice(at)}`);
    yield text.slice(at + stampBytes, end + 1);
    at = end + 1;
  }
}

function checkNumbered(log: string, count: number, stampBytes: number): void {
  let number = 0;
  for (const line of linesOf(textOf(log), stampBytes)) {
    if (line !== `line ${number}\n`) assert.equal(line, `line ${number}\n`, log);
    number++;
  }
  assert.equal(number, count, log);
  assert.equal(fs.existsSync(path.join(log, "pending")), false);
}

test("killed 50 times, svlogd writes every line once and in order", async (t) => {
  const directory = tempDir(t);
  const log = makeLog(directory, "log", "s200000\nn0\n");
  const count = await logThroughKills(t, ["-tt", "log"], (n) => `line ${n}\n`, directory);
  checkNumbered(log, count, 26);
  t.diagnostic(`${count} lines in ${fs.readdirSync(log).length} files`);
});

test("killed 50 times, svlogd with two logs writes every line once to each", async (t) => {
  const directory = tempDir(t);
  const first = makeLog(directory, "first", "s50000\nn0\n");
  const second = makeLog(directory, "second", "s70000\nn0\npweb: \n");
  const args = ["-l", "100", "first", "second"];
  const count = await logThroughKills(t, args, (n) => `line ${n}\n`, directory);
  checkNumbered(first, count, 0);
  checkNumbered(second, count, 5);
});

test("killed 50 times, svlogd writes identical lines as often as they came", async (t) => {
  const directory = tempDir(t);
  const log = makeLog(directory, "log", "s200000\nn0\n");
  const line = "the same line again\n";
  const count = await logThroughKills(t, ["log"], () => line, directory);
  let found = 0;
  for (const text of linesOf(textOf(log), 0)) {
    if (text !== line) assert.equal(text, line);
    found++;
  }
  assert.equal(found, count);
});

test("killed 50 times in long lines, svlogd writes them without a byte more or less", async (t) => {
  const directory = tempDir(t);
  const log = makeLog(directory, "log", "s200000\nn0\n");
  const body = "x".repeat(3000);
  const count = await logThroughKills(t, ["-t", "log"], (n) => `line ${n}${body}\n`, directory);
  let number = 0;
  for (const text of linesOf(textOf(log), 26)) {
    if (text !== `line ${number}${body}\n`) assert.equal(text, `line ${number}${body}\n`);
    number++;
  }
  assert.equal(number, count);
});

test("killed 50 times, svlogd with rules writes every selected line once", async (t) => {
  const directory = tempDir(t);
  const log = makeLog(directory, "log", "s200000\nn0\n-*\n+even *\n");
  const all = makeLog(directory, "all", "s300000\nn0\n");
  const line = (n: number) => `${n % 2 === 0 ? "even" : "odd"} ${n} ${".".repeat(n % 600)}\n`;
  const count = await logThroughKills(t, ["log", "all"], line, directory);
  for (const [name, step] of [
    [log, 2],
    [all, 1],
  ] as const) {
    let number = 0;
    for (const text of linesOf(textOf(name), 0)) {
      if (text !== line(number)) assert.equal(text, line(number), name);
      number += step;
    }
    assert.equal(Math.ceil(number / step), Math.ceil(count / step), name);
  }
});
