// svlogd under configs out of a grammar and out of random bytes, with random input, rotations that
// are asked for, and configs that change under it. Where nothing in the config loses a line, the
// logs have every one that is selected, once and in order; in any case svlogd reads on, and exits
// 0.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import * as fs from "node:fs";
import path from "node:path";
import { type TestContext, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { playRounds, type Random } from "../fuzz.ts";
import { bin, deadlineMs, eventually, isAlive, type Program, start, tempDir } from "../harness.ts";

// Where fsync costs nothing: there is one for every file, of which there are thousands.
if (fs.existsSync("/dev/shm")) process.env.TMPDIR = "/dev/shm";

const words = ["web", "db", "error: ", "GET /", "login", ""];
/** No pattern means anything else to it than to everybody. */
const plainPatterns = ["*", ...words.filter((word) => word !== "").map((word) => `${word}*`)];
const plainProcessors = ["!cat", "!cat"];
/** Nothing else is ever run: a line with another processor is made a comment. */
const processors = [
  ...plainProcessors,
  "!exec cat >/dev/null",
  "!sleep 0.02; cat",
  "!cat; cat <&4 >&5; echo state >&5",
  // Debian's tries one that fails again and again, and so may we: the second time it works.
  "![ -e ../failed ] || { : >../failed; exit 1; }; cat",
];
/** Nothing else is ever sent to. */
const receivers = ["u127.0.0.1:9", "U127.0.0.1:9", "u127.0.0.1"];

// --- Configs ----------------------------------------------------------------------------------

interface Config {
  readonly text: string;
  readonly prefix: string;
  /** [sign, pattern], in the order of the lines. */
  readonly selections: readonly (readonly [string, string])[];
}

/** Not so small that there are thousands of files, each of which is to be on the disk. */
function sizeLine(random: Random): string {
  const size = random.pick([0, random.between(100, 300), random.between(500, 5000), 1000000]);
  return random.once(5) ? "s4k" : `s${size}`;
}

/** Lines that lose nothing. */
function plainLines(random: Random): string[] {
  const lines = ["n0", sizeLine(random)];
  if (random.once(4)) lines.push(random.pick(["t1", "t1m", "t0", "t3h"]));
  if (random.once(3))
    lines.push(random.pick(["", "# comment", `#${random.bytes(20, "\n")}`, "N3"]));
  if (random.once(5)) lines.push(random.pick(plainProcessors));
  return lines;
}

function plainConfig(random: Random, hasPatterns: boolean): Config {
  const lines = plainLines(random);
  const prefix = random.once(3) ? random.bytes(random.between(1, 20), "\n\0") : "";
  if (prefix !== "") lines.push(`p${prefix}`);
  const selections = Array.from({ length: hasPatterns ? random.below(4) : 0 }, () => {
    return [random.pick(["+", "-"]), random.pick(plainPatterns)] as const;
  });
  lines.push(...selections.map(([sign, pattern]) => sign + pattern));
  return { text: `${lines.join("\n")}${random.pick(["\n", ""])}`, prefix, selections };
}

/** Nothing in here may run or send what nobody meant, or rotate at every few bytes. */
function harmless(text: string): string {
  const known = [...processors, ...receivers];
  const isMeant = (line: string) => known.includes(line) || !/^[!uU]|^s0*[1-9]\d?(?!\d)/.test(line);
  const lines = text.split("\n").map((line) => (isMeant(line) ? line : `#${line}`));
  return lines.join("\n");
}

const bounds = ["0", "1", "010", "2147483648", "4294967296", "9007199254740993", "9".repeat(400)];

function wildLine(random: Random): string {
  const number = random.pick([...bounds, "", "-1", "1e400", "0x10", `${random.below(3000)}`]);
  return random.pick([
    () => random.pick([...processors, ...receivers]),
    () => random.pick(["s", "n", "N", "t"]) + number + random.pick(["", "k", "m", "h", "kk"]),
    () => random.pick(["+", "-", "e", "E"]) + random.pick([...plainPatterns, "**", "+", "++x", ""]),
    () => random.pick(["+", "-", "e", "E", "p", "#"]) + random.bytes(random.below(40), "\n"),
    () => `p${"x".repeat(random.pick([999, 1000, 1001, 70000]))}`,
    () => random.bytes(random.below(30), "\n"),
    () => "",
  ])();
}

function wildConfig(random: Random): string {
  const lines = Array.from({ length: random.below(12) }, () => wildLine(random));
  const text = lines.join("\n");
  return harmless(random.once(3) ? random.mutated(text) : text);
}

/** The file, or something in its place. */
function writeWild(random: Random, file: string): void {
  fs.rmSync(file, { recursive: true, force: true });
  const what = random.below(40);
  if (what === 0) fs.mkdirSync(file);
  else if (what === 1) fs.symlinkSync("config", file);
  else if (what === 2) execFileSync("mkfifo", [file]);
  else if (what > 4) fs.writeFileSync(file, wildConfig(random), "latin1");
}

// --- Options and input --------------------------------------------------------------------------

interface Options {
  readonly args: readonly string[];
  readonly stamps: number;
  /** What a byte becomes. */
  readonly replace: (line: string) => string;
}

function makeOptions(random: Random): Options {
  const stamps = random.below(4);
  const args: string[] = Array.from({ length: stamps }, () => "-t");
  const lineBytes = random.pick([1000, 1000, random.between(200, 3000)]);
  if (lineBytes !== 1000)
    args.push("-l", `${lineBytes}`, "-b", `${lineBytes + random.between(1, 999)}`);
  if (random.once(4)) args.push("-v");
  if (random.once(2)) return { args, stamps, replace: (line) => line };
  const by = random.pick(["_", "x", "."]);
  const set = random.pick(["", "xyz", ":/"]);
  args.push("-r", by, ...(set === "" ? [] : ["-R", set]));
  const isReplaced = (byte: string) => byte < " " || byte > "~" || set.includes(byte);
  const replace = (line: string) =>
    [...line].map((byte) => (isReplaced(byte) ? by : byte)).join("");
  return { args, stamps, replace };
}

function makeLines(random: Random, hasLong: boolean): string[] {
  return Array.from({ length: random.between(1, 80) }, () => {
    const rest = random.bytes(random.pick([0, 3, random.below(100)]), "\n");
    const long = hasLong && random.once(30) ? "y".repeat(random.pick([1500, 5000])) : "";
    return random.pick(words) + rest + long;
  });
}

// --- A logger -----------------------------------------------------------------------------------

class Subject {
  readonly program: Program;
  readonly dirs: readonly string[];
  readonly #fifo: number;

  constructor(t: TestContext, scan: string, args: readonly string[], dirs: readonly string[]) {
    const fifo = path.join(scan, "input");
    execFileSync("mkfifo", [fifo]);
    this.#fifo = fs.openSync(fifo, fs.constants.O_RDWR | fs.constants.O_NONBLOCK);
    const script = 'exec "$0" "$@" <../input';
    this.program = start(t, "/bin/sh", {
      args: ["-c", script, bin("svlogd"), ...args, ...dirs.map((dir) => path.basename(dir))],
      cwd: path.join(scan, "logs"),
    });
    this.dirs = dirs;
  }

  /** Signals are heard from now on. */
  async ready(): Promise<void> {
    const isOpen = (dir: string) => fs.existsSync(path.join(dir, "current"));
    await eventually("a log, or no hope of one", async () => {
      const hasEnded = (await Promise.race([this.program.exited, null])) !== null;
      return hasEnded || this.dirs.some(isOpen);
    });
  }

  /** Until there is nobody who would read it. */
  async write(bytes: string): Promise<void> {
    const buffer = Buffer.from(bytes, "latin1");
    const end = performance.now() + deadlineMs;
    for (let at = 0; at < buffer.length && isAlive(this.program.pid); ) {
      assert.ok(performance.now() < end, `it does not read: ${this.program.stderr.text()}`);
      try {
        at += fs.writeSync(this.#fifo, buffer, at);
      } catch (error) {
        if (!(error instanceof Error) || !("code" in error) || error.code !== "EAGAIN") throw error;
        await sleep(2); // the pipe is full
      }
    }
  }

  close(): void {
    fs.closeSync(this.#fifo);
  }

  /** How it ends; nothing that it has said is a fault of its own. */
  async end(): Promise<number | null> {
    const { code, signal } = await this.program.waitForExit();
    const said = this.program.stderr.text();
    assert.equal(signal, null, said);
    assert.doesNotMatch(said, /fault in the program|Sanitizer/);
    return code;
  }
}

function logOf(dir: string): string {
  const old = fs.readdirSync(dir).filter((name) => /^@[0-9a-f]{24}\.[su]$/.test(name));
  const texts = [...old.sort(), "current"].map((name) => {
    return fs.readFileSync(path.join(dir, name), "latin1");
  });
  return texts.join("");
}

// --- What is in the logs ------------------------------------------------------------------------

const stampPatterns = [
  /^/,
  /^@[0-9a-f]{24} /,
  /^\d{4}-\d\d-\d\d_\d\d:\d\d:\d\d\.\d{5} /,
  /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{5} /,
];

/** The last pattern that matches decides. */
function isSelected({ selections }: Config, line: string): boolean {
  const last = selections.findLast(([, pattern]) => line.startsWith(pattern.slice(0, -1)));
  return last === undefined || last[0] === "+";
}

/** The lines of the log without their stamps, which each of them has. */
function unstamped(text: string, stamps: number): string {
  const pattern = stampPatterns[stamps] ?? /^/;
  const lines = text.split("\n");
  assert.equal(lines.pop(), "", "the last line is whole");
  return lines
    .map((line) => {
      assert.match(line, pattern);
      return `${line.replace(pattern, "")}\n`;
    })
    .join("");
}

async function feed(subject: Subject, random: Random, text: string, change: () => void) {
  for (let at = 0; at < text.length; ) {
    const size = random.pick([random.between(1, 50), random.between(1, 3000), 70000]);
    await subject.write(text.slice(at, at + size));
    at += size;
    if (random.once(4)) await sleep(random.below(6));
    if (random.once(10)) subject.program.signal("SIGALRM");
    if (!random.once(15)) continue;
    change();
    subject.program.signal("SIGHUP");
  }
}

function makeDirs(scan: string, count: number): string[] {
  const dirs = Array.from({ length: count }, (_, at) => path.join(scan, "logs", `d${at}`));
  for (const dir of dirs) fs.mkdirSync(dir, { recursive: true });
  return dirs;
}

async function playPlain(t: TestContext, random: Random): Promise<void> {
  const scan = tempDir(t);
  const dirs = makeDirs(scan, random.between(1, 3));
  const options = makeOptions(random);
  const hasPatterns = random.once(2);
  const configs = dirs.map((dir) => {
    const config = plainConfig(random, hasPatterns);
    fs.writeFileSync(path.join(dir, "config"), config.text, "latin1");
    return config;
  });
  const lines = makeLines(random, !hasPatterns);
  const isWhole = random.once(2); // with a newline at the end
  const subject = new Subject(t, scan, options.args, dirs);
  await subject.ready();
  const change = () => {
    // Another size or age, and the same prefix and patterns.
    for (const dir of dirs) fs.appendFileSync(path.join(dir, "config"), `\n${sizeLine(random)}\n`);
  };
  await feed(subject, random, lines.join("\n") + (isWhole ? "\n" : ""), change);
  const isTold = isWhole && random.once(3);
  if (isTold) subject.program.signal("SIGTERM");
  else subject.close();
  assert.equal(await subject.end(), 0);
  if (isTold) subject.close();
  const given = isWhole || lines.at(-1) !== "" ? lines : lines.slice(0, -1);
  for (const [at, dir] of dirs.entries()) {
    const config = configs[at] as Config;
    const replaced = given.map(options.replace);
    const wanted = replaced.filter((line) => isSelected(config, line));
    const expected = wanted.map((line) => `${config.prefix}${line}\n`).join("");
    const actual = unstamped(logOf(dir), options.stamps);
    const what = JSON.stringify([options.args, config.text]);
    if (isTold) assert.ok(expected.startsWith(actual), what);
    else assert.equal(actual, expected, what);
  }
  fs.rmSync(scan, { recursive: true });
}

test("every selected line is in the logs, once and in order", async (t) => {
  await playRounds(t, (random) => playPlain(t, random));
});

async function playWild(t: TestContext, random: Random): Promise<void> {
  const scan = tempDir(t);
  const dirs = makeDirs(scan, random.between(1, 3));
  const change = () => {
    for (const dir of dirs) writeWild(random, path.join(dir, "config"));
  };
  change();
  const subject = new Subject(t, scan, makeOptions(random).args, dirs);
  await subject.ready();
  await feed(subject, random, makeLines(random, true).join("\n"), change);
  if (random.once(3)) subject.program.signal("SIGTERM");
  subject.close();
  const code = await subject.end();
  const isHopeless = subject.program.stderr.text().includes("no functional log directories");
  assert.equal(code, isHopeless ? 111 : 0, subject.program.stderr.text());
  fs.rmSync(scan, { recursive: true });
}

test("no config makes svlogd fail, or stop reading", async (t) => {
  await playRounds(t, (random) => playWild(t, random));
});
