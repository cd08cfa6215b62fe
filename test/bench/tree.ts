// How a tree of supervisors does beside runit's: `tsx test/bench/tree.ts [PIECE ...]`, where the
// pieces are dirty, memory, relays, start, notice and restart; all take two to four minutes. What
// is compared takes turns, so that a machine that is busy meanwhile is so for both.
//
// TRINIT_ORACLE: where Debian's runit is unpacked (cache/oracle). ROUNDS: restarts of each of
// the 50 services of `dirty` (20), one a second as the rule allows.
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import * as fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { childrenOf } from "../../src/client/processes.ts";
import { decodeStatus } from "../../src/core/status.ts";
import { descendants, median, waitUntil } from "../bench.ts";

const root = path.resolve(import.meta.dirname, "../..");
const ours = path.join(root, "dist/bin");
const faulty = path.join(root, "dist/faults/bin");
const oracle = path.join(process.env.TRINIT_ORACLE ?? path.join(root, "cache/oracle"), "usr/bin");
/** Of the kernel, for each process. */
const stackBytes = 16_384;

// --- Trees -----------------------------------------------------------------------------------

const work = fs.mkdtempSync(path.join(os.tmpdir(), "trinit-bench-"));
let trees = 0;

/** A service that takes no time of its own: it waits, and dies of TERM at once. */
function makePause(): string {
  const source = path.join(work, "pause.c");
  fs.writeFileSync(source, "#include <unistd.h>\nint main(void) { return pause(); }\n");
  const output = path.join(work, "pause");
  const { status, stderr } = spawnSync("cc", ["-O2", "-static", "-o", output, source]);
  if (status !== 0) throw new Error(`cc: ${stderr}`);
  return output;
}

class Tree {
  readonly scan: string;
  readonly names: readonly string[];
  readonly bin: string;
  #env: Record<string, string>;
  /** Of runsvdir, beside -P. */
  readonly options: readonly string[];
  #process: ChildProcess | null = null;
  stderr = "";
  startedAt = 0;

  /** Services of which each is made by `make`. */
  constructor(
    bin: string,
    count: number,
    make: (dir: string) => void,
    env = {},
    options: string[] = [],
  ) {
    this.bin = bin;
    this.options = options;
    this.#env = { PATH: `${bin}:/usr/bin:/bin`, ...env };
    this.scan = path.join(work, `tree${++trees}`);
    this.names = Array.from({ length: count }, (_, index) => `s${index}`);
    for (const name of this.names) {
      fs.mkdirSync(path.join(this.scan, name), { recursive: true });
      make(path.join(this.scan, name));
    }
  }

  get pid(): number {
    return this.#process?.pid ?? 0;
  }

  dirs(): string[] {
    return this.names.map((name) => path.join(this.scan, name));
  }

  async start(): Promise<void> {
    this.startedAt = now();
    const program = path.join(this.bin, "runsvdir");
    const stdio = ["ignore", "ignore", "pipe"] as ["ignore", "ignore", "pipe"];
    const child = spawn(program, ["-P", ...this.options, this.scan], {
      env: this.#env,
      cwd: work,
      stdio,
    });
    child.stderr.on("data", (chunk) => {
      this.stderr += chunk;
    });
    this.#process = child;
    await waitUntil("all services to run", () => this.dirs().every((dir) => sinceOf(dir) > 0));
  }

  /** HUP, and the end of everything below. */
  async stop(): Promise<void> {
    const below = descendants(this.pid);
    this.#process?.kill("SIGHUP");
    const isThere = (pid: number): boolean => fs.existsSync(`/proc/${pid}/exe`);
    await waitUntil("the end of a tree", () => !below.some(isThere)).catch(() => {
      for (const pid of below.filter(isThere)) process.kill(pid, "SIGKILL");
    });
    fs.rmSync(this.scan, { recursive: true, force: true, maxRetries: 5 });
  }
}

/** Milliseconds since 1970 at the very beginning of one: Date has no fractions, and the clock of
 * performance.now() is another one, which drifts away from it. */
function now(): number {
  const before = Date.now();
  for (;;) {
    const after = Date.now();
    if (after !== before) return after;
  }
}

/** When ./run was started, in milliseconds since 1970; 0 while it does not run. */
function sinceOf(dir: string): number {
  const file = path.join(dir, "supervise/status");
  if (!fs.existsSync(file)) return 0;
  const status = decodeStatus(fs.readFileSync(file, "latin1"));
  if (status?.state !== "run") return 0;
  return status.since.seconds * 1000 + status.since.nanoseconds / 1e6;
}

function commandOf(pid: number): string {
  return fs.readFileSync(`/proc/${pid}/comm`, "latin1").trim();
}

function copyOf(pause: string, dir: string): void {
  fs.linkSync(pause, path.join(dir, "run"));
}

function tell(dir: string, letters: string): void {
  fs.writeFileSync(path.join(dir, "supervise/control"), letters, { flag: "a" });
}

// --- What is said ------------------------------------------------------------------------------

function row(what: string, value: string, theirs = "", ratio = "", goal = ""): void {
  console.log(
    `${what.padEnd(46)} ${value.padStart(11)} ${theirs.padStart(11)} ${ratio.padStart(7)}  ${goal}`,
  );
}

function compare(what: string, mine: number, theirs: number, unit: string, goal: number): void {
  const ratio = mine / theirs;
  const verdict = `${ratio <= goal ? "ok" : "MISSED"}: <= ${goal} x runit`;
  row(
    what,
    `${mine.toFixed(1)} ${unit}`,
    `${theirs.toFixed(1)} ${unit}`,
    ratio.toFixed(2),
    verdict,
  );
}

function absolute(what: string, mine: number, theirs: number, goal: number): void {
  const verdict = `${mine <= goal ? "ok" : "MISSED"}: <= ${goal} ms`;
  row(what, `${mine.toFixed(1)} ms`, `${theirs.toFixed(1)} ms`, "", verdict);
}

// --- Pieces --------------------------------------------------------------------------------------

function rollup(pid: number, field: string): number {
  const text = fs.readFileSync(`/proc/${pid}/smaps_rollup`, "latin1");
  return Number(new RegExp(`^${field}: +(\\d+) kB`, "m").exec(text)?.[1]);
}

function supervisorsOf(tree: Tree): number[] {
  return childrenOf(tree.pid).filter((pid) => commandOf(pid) === "runsv");
}

/** Until every process has given back what it does not need while it waits. */
const quietMs = 3000;

/** What work dirties of the memory that forked supervisors share, and that no garbage is left. */
async function dirty(pause: string): Promise<void> {
  const rounds = Number(process.env.ROUNDS ?? 20);
  const tree = new Tree(ours, 50, (dir) => copyOf(pause, dir));
  await tree.start();
  await sleep(quietMs);
  const pids = supervisorsOf(tree);
  const kilobytes = (): number[] => pids.map((pid) => rollup(pid, "Private_Dirty"));
  const report = (what: string): void => {
    const found = kilobytes();
    row(what, `${median(found)} kB`, `max ${Math.max(...found)} kB`);
  };
  report("private dirty of a runsv, service just up");
  for (let round = 1; round <= rounds; round++) {
    await sleep(1050);
    for (const dir of tree.dirs()) tell(dir, "t");
    if (round === 1 || round === rounds / 2) {
      await sleep(quietMs);
      report(`  after restart ${round}`);
    }
  }
  await sleep(quietMs);
  report(`  after ${rounds} restarts of each (${rounds * pids.length} in all)`);
  const [first = ""] = tree.dirs();
  for (let sent = 0; sent < 1000; sent += 50) {
    tell(first, "pcpcucpcpc".repeat(5));
    await sleep(20);
  }
  await sleep(quietMs);
  const one = Number(fs.readFileSync(path.join(first, "supervise/pid"), "latin1"));
  const parent = pids.find((pid) => childrenOf(pid).includes(one)) ?? 0;
  row("  the one with 1000 commands more", `${rollup(parent, "Private_Dirty")} kB`);
  await tree.stop();
  await collected(pause);
}

/** A run of the collector of cycles in a runsv that has worked frees nothing. */
async function collected(pause: string): Promise<void> {
  const faults = path.join(work, "faults");
  fs.mkdirSync(faults, { recursive: true });
  const tree = new Tree(faulty, 3, (dir) => copyOf(pause, dir), { TRINIT_FAULTS: faults });
  await tree.start();
  await sleep(1100);
  for (const letters of ["pcpcuhpc", "t"]) for (const dir of tree.dirs()) tell(dir, letters);
  await sleep(1100);
  fs.writeFileSync(path.join(faults, "collect"), "");
  for (const dir of tree.dirs()) tell(dir, "u");
  const lines = (): number[] =>
    [...tree.stderr.matchAll(/collected (-?\d+) bytes/g)].map(([, bytes]) => Number(bytes));
  await waitUntil("the collector", () => lines().length >= 3);
  await tree.stop();
  const most = Math.max(...lines());
  row(
    "garbage in cycles in a runsv that has worked",
    `${most} B`,
    "",
    "",
    most > 0 ? "MISSED" : "ok: 0",
  );
}

/** PSS, page tables and kernel stacks of all that supervises and logs, in kB: so many processes for
 * each service. */
function footprint(tree: Tree, each = 2): number {
  const pids = [tree.pid, ...descendants(tree.pid)];
  const names = ["runsvdir", "runsv", "svlogd", "relay"];
  const mine = pids.filter((pid) => names.includes(commandOf(pid)));
  const expected = 1 + each * tree.names.length;
  if (mine.length !== expected) throw new Error(`${mine.length} processes, not ${expected}`);
  const sums = mine.map((pid) => {
    const status = fs.readFileSync(`/proc/${pid}/status`, "latin1");
    const tables = Number(/^VmPTE:\s+(\d+) kB/m.exec(status)?.[1]);
    return rollup(pid, "Pss") + tables + stackBytes / 1024;
  });
  return sums.reduce((sum, one) => sum + one, 0);
}

async function memory(pause: string): Promise<void> {
  const script = "#!/bin/sh\nexec svlogd -tt ./main\n";
  const plain = (dir: string): void => {
    fs.writeFileSync(path.join(dir, "run"), `#!/bin/sh\necho up\nexec ${pause}\n`, { mode: 0o755 });
    fs.mkdirSync(path.join(dir, "log/main"), { recursive: true });
  };
  const scripted = (dir: string): void => {
    plain(dir);
    fs.writeFileSync(path.join(dir, "log/run"), script, { mode: 0o755 });
  };
  const measure = async (bin: string, make: (dir: string) => void): Promise<number> => {
    const tree = new Tree(bin, 100, make);
    await tree.start();
    const logs = tree.dirs().map((dir) => path.join(dir, "log/main/current"));
    await waitUntil("the logs", () => logs.every((log) => fs.existsSync(log)));
    await sleep(1500);
    const sum = footprint(tree);
    await tree.stop();
    return sum;
  };
  const theirs = await measure(oracle, scripted);
  compare("100 services, svlogd from a script", await measure(ours, scripted), theirs, "kB", 1.25);
  compare("100 services, the built-in logger", await measure(ours, plain), theirs, "kB", 1);
}

/** What runsvdir -o costs, beside the same without. */
async function relays(pause: string): Promise<void> {
  const speaker = (dir: string): void => {
    fs.writeFileSync(path.join(dir, "run"), `#!/bin/sh\necho up\nexec ${pause}\n`, { mode: 0o755 });
  };
  const measure = async (options: string[], each: number): Promise<number> => {
    const tree = new Tree(ours, 100, speaker, {}, options);
    await tree.start();
    await sleep(1500);
    const sum = footprint(tree, each);
    await tree.stop();
    return sum;
  };
  const plain = await measure([], 1);
  const relayed = await measure(["-o", "prefix"], 2);
  row("100 services without a log", `${Math.round(plain)} kB`);
  row("  the same with runsvdir -o prefix", `${Math.round(relayed)} kB`);
}

async function startUp(pause: string): Promise<void> {
  const times = new Map<string, number[]>([
    [ours, []],
    [oracle, []],
  ]);
  for (let round = 0; round < 3; round++) {
    for (const [bin, list] of times) {
      const tree = new Tree(bin, 500, (dir) => copyOf(pause, dir));
      await tree.start();
      list.push(Math.max(...tree.dirs().map(sinceOf)) - tree.startedAt);
      await tree.stop();
    }
  }
  const [mine, theirs] = [...times.values()].map(median) as [number, number];
  compare("from runsvdir to 500 services up", mine, theirs, "ms", 0.5);
}

async function notice(pause: string): Promise<void> {
  const found: number[] = [];
  for (const [bin, rounds] of [
    [ours, 50],
    [oracle, 3],
  ] as const) {
    const tree = new Tree(bin, 1, (dir) => copyOf(pause, dir));
    await tree.start();
    await sleep(300);
    const list: number[] = [];
    for (let round = 0; round < rounds; round++) {
      const dir = path.join(work, `late-${trees}-${round}`);
      fs.mkdirSync(dir);
      copyOf(pause, dir);
      const before = now();
      fs.symlinkSync(dir, path.join(tree.scan, `late${round}`));
      await waitUntil("a new service", () => sinceOf(dir) > 0);
      list.push(sinceOf(dir) - before);
    }
    found.push(median(list));
    await tree.stop();
  }
  const [mine = Number.NaN, theirs = Number.NaN] = found;
  absolute("from ln -s to ./run", mine, theirs, 5);
}

/** What `sv restart` takes beyond `sv status`, which is what it takes to start a program. */
async function restart(pause: string): Promise<void> {
  const all = [ours, oracle].map((bin) => new Tree(bin, 1, (dir) => copyOf(pause, dir)));
  const beyond = new Map<Tree, number[]>(all.map((tree) => [tree, []]));
  for (const tree of all) await tree.start();
  const timed = (tree: Tree, verb: string): number => {
    const before = performance.now();
    spawnSync(path.join(tree.bin, "sv"), [verb, ...tree.dirs()]);
    return performance.now() - before;
  };
  for (let round = 0; round < 12; round++) {
    await sleep(2050); // runit's stamps are whole seconds: it waits for the next one
    for (const [tree, list] of beyond) {
      const status = Math.min(timed(tree, "status"), timed(tree, "status"));
      list.push(timed(tree, "restart") - status);
    }
  }
  for (const tree of all) await tree.stop();
  const [mine, theirs] = [...beyond.values()].map(median) as [number, number];
  absolute("sv restart, beyond sv status", mine, theirs, 5);
}

const pieces = { dirty, memory, relays, start: startUp, notice, restart };

async function main(): Promise<number> {
  const asked = process.argv.slice(2);
  const unknown = asked.filter((name) => !Object.hasOwn(pieces, name));
  if (unknown.length > 0 || !fs.existsSync(oracle)) {
    console.error(`usage: tree.ts [${Object.keys(pieces).join("|")} ...]; runit in ${oracle}`);
    return 1;
  }
  row("", "trinit", "runit", "ratio", "goal");
  const pause = makePause();
  for (const [name, piece] of Object.entries(pieces)) {
    if (asked.length === 0 || asked.includes(name)) await piece(pause);
  }
  return 0;
}

try {
  process.exitCode = await main();
} finally {
  fs.rmSync(work, { recursive: true, force: true, maxRetries: 5 });
}
