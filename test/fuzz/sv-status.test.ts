// sv beside supervise/ directories that hold anything: files of any bytes and any length, FIFOs,
// directories, devices and loops of links in the place of files. What Debian's sv says of them
// where it is there, sv says too.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import * as fs from "node:fs";
import path from "node:path";
import { type TestContext, test } from "node:test";
import { playRounds, type Random } from "../fuzz.ts";
import { bin, type Output, root, run, tempDir } from "../harness.ts";

const servicesPerRound = 40;
const debian = path.join(root, "cache/oracle/usr/bin/sv");
const labelHigh = 0x40000000;

/** Makes something in the place of a file, or asks for a FIFO there. */
type Maker = (file: string, fifos: string[]) => void;

function writeBytes(file: string, bytes: string): void {
  fs.writeFileSync(file, bytes, "latin1");
}

function linkTo(target: string): Maker {
  return (file) => fs.symlinkSync(target, file);
}

const oddities: readonly Maker[] = [
  () => {}, // nothing is there
  (file) => writeBytes(file, ""),
  (file) => fs.mkdirSync(file),
  (file, fifos) => void fifos.push(file),
  (file) => fs.symlinkSync(path.basename(file), file), // a loop
  linkTo("nowhere"),
  linkTo("/dev/null"),
  linkTo("/"),
];
/** As long as a record, and none. */
const garbage: readonly Maker[] = ["/dev/zero", "/dev/full", "/etc/passwd"].map(linkTo);

// --- The status record ------------------------------------------------------------------------

function bigEndian(value: number): string {
  return String.fromCharCode(
    ...[24, 16, 8, 0].map((shift) => Math.floor(value / 2 ** shift) & 255),
  );
}

/** A stamp: of about now, of the first and the last years that have four digits, or of any. */
function stamp(random: Random): string {
  const now = Math.floor(Date.now() / 1000) + 10;
  const years = [0, 1, 1900, 1970, 2038, 2106, 9999, 10000, 292277026596];
  const seconds = random.pick<number>([
    now - random.below(100000),
    now - random.below(100),
    now + random.below(1000000),
    Math.floor((random.pick(years) - 1970) * 31556952),
    random.pick([0, 1, -1, 2 ** 31, 2 ** 32, 2 ** 32 - 1, 2 ** 53, 2 ** 61]),
  ]);
  const high = labelHigh + Math.floor(seconds / 2 ** 32);
  const low = ((seconds % 2 ** 32) + 2 ** 32) % 2 ** 32;
  const nano = random.pick([0, random.below(1e9), 999999999, 0xffffffff]);
  return random.once(8) ? random.bytes(12) : bigEndian(high) + bigEndian(low) + bigEndian(nano);
}

/** Twenty bytes; those that some runsv can have written, unless it is `wild`. */
function record(random: Random, wild: boolean): string {
  const garbage = wild && random.once(4) ? [random.bytes(1)] : [];
  const pid = random.pick(["\0\0\0\0", `${random.bytes(3)}\x3f`, "\x01\0\0\0"]);
  const flag = () => random.pick(["\0", "\0", "\x01", random.bytes(1)]);
  const want = random.pick(["u", "d", ...garbage]);
  const state = random.pick(["\0", "\x01", "\x02", ...garbage]);
  const anyPid = wild && random.once(4) ? random.bytes(4) : pid;
  return stamp(random) + anyPid + flag() + want + flag() + state;
}

/** The record, and a file that has it, or more, or less, or something else. */
function makeStatus(file: string, fifos: string[], random: Random, wild: boolean): void {
  const bytes = record(random, wild);
  const longer = () => bytes + random.bytes(random.pick([1, 15])).repeat(random.pick([1, 9999]));
  if (random.once(5)) random.pick(oddities)(file, fifos);
  else if (wild && random.once(8)) random.pick(garbage)(file, fifos);
  else if (random.once(6)) writeBytes(file, bytes.slice(0, random.below(20)));
  else if (random.once(8)) writeBytes(file, longer());
  else if (wild && random.once(4)) writeBytes(file, random.bytes(random.between(0, 60)));
  else writeBytes(file, bytes);
}

// --- Service directories ----------------------------------------------------------------------

/** Makes services, and holds the FIFOs open that a runsv would. */
class Directories {
  readonly #fifos: string[] = [];
  readonly #heard: string[] = [];
  readonly #open: number[] = [];
  readonly #random: Random;
  readonly #wild: boolean;

  constructor(random: Random, wild: boolean) {
    this.#random = random;
    this.#wild = wild;
  }

  #odd(file: string): void {
    this.#random.pick(oddities)(file, this.#fifos);
  }

  /** A FIFO with a reader, mostly. */
  #makeHeard(file: string): void {
    if (this.#random.once(8)) {
      this.#odd(file);
      return;
    }
    this.#fifos.push(file);
    if (!this.#random.once(10)) this.#heard.push(file);
  }

  #makeSupervise(directory: string): void {
    const supervise = path.join(directory, "supervise");
    if (this.#random.once(20)) {
      this.#odd(supervise);
      return;
    }
    fs.mkdirSync(supervise);
    this.#makeHeard(path.join(supervise, "ok"));
    this.#makeHeard(path.join(supervise, "control"));
    makeStatus(path.join(supervise, "status"), this.#fifos, this.#random, this.#wild);
    if (this.#random.once(3)) this.#odd(path.join(directory, "down"));
  }

  make(directory: string): void {
    if (this.#random.once(20)) {
      this.#odd(directory);
      return;
    }
    fs.mkdirSync(directory);
    this.#makeSupervise(directory);
    const log = path.join(directory, "log");
    if (this.#random.once(8)) this.#odd(log);
    else if (this.#random.once(2)) {
      fs.mkdirSync(log);
      this.#makeSupervise(log);
    }
  }

  open(): void {
    execFileSync("mkfifo", this.#fifos);
    const { O_RDONLY, O_NONBLOCK } = fs.constants;
    for (const fifo of this.#heard) this.#open.push(fs.openSync(fifo, O_RDONLY | O_NONBLOCK));
  }

  close(): void {
    for (const fd of this.#open) fs.closeSync(fd);
  }
}

// --- What sv says -----------------------------------------------------------------------------

const reading =
  "(run|down|finish): NAME: (\\(pid \\d+\\) )?\\d+s(, normally (up|down))?(, paused)?" +
  "(, want (up|down))?(, got TERM)?";
const trouble = "(fail|warning): NAME: (unable to [a-z /]+: [a-z ,]+|runsv not running)";

/** Every service has its line, and no line says anything else. */
function checkLines(names: readonly string[], { code, signal, stdout, stderr }: Output): void {
  assert.equal(signal, null);
  const lines = stdout.split("\n");
  assert.equal(lines.pop(), "");
  assert.equal(lines.length, names.length, stdout);
  let failures = 0;
  for (const [at, line] of lines.entries()) {
    const name = names[at] ?? "";
    const one = (text: string) => text.replaceAll("NAME", name);
    const logTrouble = trouble.replaceAll("NAME", `${name}/log`);
    const log = `; (${reading.replace("NAME", "log")}|${logTrouble})`;
    const pattern = new RegExp(`^(${one(reading)}|${one(trouble)})?(${log}|; )?$`);
    assert.match(line, pattern);
    failures += line.match(/(fail|warning): /g)?.length ?? 0;
  }
  assert.equal(code, Math.min(failures, 99));
  for (const line of stderr.split("\n").slice(0, -1)) {
    assert.match(line, /^warning: unable to stat [a-z0-9/]+: [a-z ]+$/);
  }
}

/** Both say the same, but for a second or two that lie between. */
function checkSame(ours: Output, theirs: Output): void {
  // Of a log that it cannot see, Debian's adds what it has read of the service.
  const lines = ({ stdout }: Output) =>
    stdout.split("\n").filter((line) => line !== "" && !/^\w+: log: /.test(line));
  const counted = /(\d+)(?=s\b)/g;
  const [our, their] = [lines(ours), lines(theirs)];
  const uncounted = (line: string) => line.replace(counted, "N");
  assert.deepEqual(our.map(uncounted), their.map(uncounted));
  assert.equal(ours.code, theirs.code);
  for (const [at, line] of their.entries()) {
    const ourSeconds = our[at]?.match(counted) ?? [];
    for (const [place, seconds] of (line.match(counted) ?? []).entries()) {
      const apart = Number(ourSeconds[place]) - Number(seconds);
      // Longer than there is anything, we count in steps.
      const isClose = Math.abs(apart) <= 2 || Number(seconds) > Number.MAX_SAFE_INTEGER;
      assert.ok(isClose, `${our[at]}\n${line}`);
    }
  }
}

/** A directory of services; what is done with it; and its end. */
async function inScan(
  t: TestContext,
  random: Random,
  wild: boolean,
  play: (scan: string, names: readonly string[]) => Promise<void>,
): Promise<void> {
  const scan = tempDir(t);
  const directories = new Directories(random, wild);
  const names = Array.from({ length: servicesPerRound }, (_, at) => `s${at}`);
  for (const name of names) directories.make(path.join(scan, name));
  directories.open();
  try {
    await play(scan, names);
  } finally {
    directories.close();
    fs.rmSync(scan, { recursive: true });
  }
}

async function playStatus(t: TestContext, random: Random): Promise<void> {
  const wild = random.once(2);
  await inScan(t, random, wild, async (scan, names) => {
    const env = { SVDIR: scan };
    const ours = await run(t, bin("sv"), ["status", ...names], { env });
    checkLines(names, ours);
    if (wild || !fs.existsSync(debian)) return;
    checkSame(ours, await run(t, debian, ["status", ...names], { env }));
  });
}

test("status of anything is a line, the one that Debian's sv says", async (t) => {
  await playRounds(t, (random) => playStatus(t, random));
});

const words = "up down once pause cont hup alarm interrupt quit 1 2 term kill exit start stop";
const moreWords =
  "restart try-restart reload shutdown force-stop force-reload force-shutdown check";
const verbs = `${words} ${moreWords} u d o p c h a i q t k x e D T X E`.split(" ");

/** Nobody answers: every service is given up, in time. */
async function playCommand(t: TestContext, random: Random): Promise<void> {
  await inScan(t, random, true, async (scan, names) => {
    const options = random.pick([["-w0"], ["-w", "0"], ["-v", "-w0"], ["-w1"]]);
    const args = [...options, random.pick(verbs), ...names];
    const { code, signal, stdout, stderr } = await run(t, bin("sv"), args, {
      env: { SVDIR: scan },
    });
    const said = stdout + stderr;
    assert.equal(signal, null, said);
    assert.ok(code !== null && code <= names.length, said);
    assert.doesNotMatch(said, /fault in the program|Error/);
  });
}

test("a command to anything ends in time", async (t) => {
  await playRounds(t, (random) => playCommand(t, random));
});
