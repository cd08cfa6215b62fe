// What the tests of processes share: programs under test, service directories, events with a
// deadline, and an end for every process that a test started, however it was lost.
import * as fs from "node:fs";
import os from "node:os";
import path from "node:path";
import type { Readable, Writable } from "node:stream";
import type { TestContext } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { inspect } from "node:util";
import { execa } from "execa";
import { allProcesses, childrenOf, kill, withDescendants } from "../src/client/processes.ts";
import { writeFiles } from "../vm/files.ts";

export { childrenOf, kill };

export const root = path.resolve(import.meta.dirname, "..");

/** How long anything is waited for; a test that waits longer has failed. */
export const deadlineMs = 10_000;
/** What a supervisor gets to end its tree before it is killed. */
const graceMs = 3_000;
/** Between two looks at what announces nothing. */
const lookMs = 20;

// --- Programs under test ---------------------------------------------------------------

function programIn(directory: string, name: string): string {
  const program = path.resolve(root, directory, name);
  if (!fs.existsSync(program)) throw new Error(`${program} is not there: npm run build makes it`);
  return program;
}

/** The path of a program under test: of $TRINIT_BIN, or of the release. */
export function bin(name: string): string {
  return programIn(process.env.TRINIT_BIN ?? "dist/bin", name);
}

/** The path of a program of the build that has fault points. */
export function faultsBin(name: string): string {
  return programIn("dist/faults/bin", name);
}

// --- What belongs to one test ------------------------------------------------------------

interface Scope {
  /** In the environment of every process of this test, which is how the lost ones are found. */
  readonly marker: string;
  readonly programs: Program[];
  readonly directories: string[];
}

const scopes = new Map<TestContext, Scope>();
let scopesMade = 0;

function scopeOf(t: TestContext): Scope {
  const known = scopes.get(t);
  if (known !== undefined) return known;
  const marker = `${process.pid}-${++scopesMade}`;
  const scope: Scope = { marker, programs: [], directories: [] };
  scopes.set(t, scope);
  t.after(async () => {
    await endScope(scope);
    scopes.delete(t);
  });
  return scope;
}

async function endScope(scope: Scope): Promise<void> {
  for (const program of scope.programs) program.signal(program.endSignal);
  const ended = scope.programs.map((program) => program.exited);
  await Promise.race([Promise.all(ended), sleep(graceMs, null, { ref: false })]);
  await killAll(scope);
  for (const directory of scope.directories) {
    // Parts of it may be another user's, who is not to lead this elsewhere by a link.
    if (fs.existsSync(directory)) fs.chmodSync(directory, 0o700);
    fs.rmSync(directory, { recursive: true, force: true, maxRetries: 3 });
  }
  for (const program of scope.programs) checkSanitizers(program.stderr.text());
}

/** Throws on a finding in a build with sanitizers, whatever the test itself looked at. */
function checkSanitizers(stderr: string): void {
  if (/(Address|Leak|UndefinedBehavior)Sanitizer|runtime error: /.test(stderr)) {
    throw new Error(`a sanitizer reports:\n${stderr}`);
  }
}

let parentMade = "";

/** Where the directories of all tests of this file are: the one that a /tmp of its own needs. */
export function tempParent(): string {
  if (parentMade !== "") return parentMade;
  parentMade = fs.mkdtempSync(path.join(os.tmpdir(), "trinit-"));
  fs.chmodSync(parentMade, 0o711);
  process.once("exit", () => fs.rmSync(parentMade, { recursive: true, force: true }));
  return parentMade;
}

/** A directory of this test's own, removed after it. */
export function tempDir(t: TestContext): string {
  const directory = fs.mkdtempSync(path.join(tempParent(), "test-"));
  scopeOf(t).directories.push(directory);
  return directory;
}

/**
 * Makes a service directory: `serviceDir(scan, "web", { "run!": "#!/bin/sh\n...", down: "" })`.
 * What a name ends in says what it is, as in vm/files.ts.
 */
export function serviceDir(parent: string, name: string, files: Record<string, string>): string {
  const service = path.join(parent, name);
  fs.mkdirSync(service, { recursive: true });
  writeFiles(service, files);
  return service;
}

// --- Processes ---------------------------------------------------------------------------

function readProc(pid: number, name: string): string {
  try {
    return fs.readFileSync(`/proc/${pid}/${name}`, "latin1");
  } catch {
    return ""; // it ended meanwhile, or is not ours
  }
}

function workingDirectory(pid: number): string {
  try {
    return fs.readlinkSync(`/proc/${pid}/cwd`);
  } catch {
    return ""; // as in readProc
  }
}

/** Those that carry the marker or work in the test's directories, and all below them; zombies
 * are not counted. */
function processesIn({ marker, directories }: Scope): number[] {
  const own = allProcesses().filter(({ pid }) => {
    const cwd = workingDirectory(pid);
    const isHere = directories.some((directory) => `${cwd}/`.startsWith(`${directory}/`));
    return isHere || readProc(pid, "environ").split("\0").includes(`TRINIT_TEST=${marker}`);
  });
  return withDescendants(own.map(({ pid }) => pid));
}

/** The processes that this test has started, by whatever way. */
export function processesOf(t: TestContext): number[] {
  return processesIn(scopeOf(t));
}

async function killAll(scope: Scope): Promise<void> {
  const end = Date.now() + deadlineMs;
  for (let left = processesIn(scope); left.length > 0; left = processesIn(scope)) {
    for (const pid of left) kill(pid, "SIGKILL"); // first: to find them may take long
    if (Date.now() > end) throw new Error(`processes that outlive SIGKILL: ${left.join(" ")}`);
    await sleep(lookMs / 4);
  }
}

/** True for a process that has not ended, or is not yet waited for when `zombies` count. */
export function isAlive(pid: number, zombies = false): boolean {
  const stat = readProc(pid, "stat");
  const state = stat[stat.lastIndexOf(")") + 2];
  return state !== undefined && (zombies || (state !== "Z" && state !== "X"));
}

/** The arguments of a process, as ps shows them: `runsv web`. */
export function commandLine(pid: number): string {
  return readProc(pid, "cmdline").replace(/\0+$/, "").replaceAll("\0", " ");
}

// --- Waiting -----------------------------------------------------------------------------

/** What all programs that run in this file have said on stderr: for the reader of a failure. */
function complaints(): string {
  const programs = [...scopes.values()].flatMap((scope) => scope.programs);
  const parts = programs.map(({ name, stderr }) => `stderr of ${name}: ${inspect(stderr.text())}`);
  return parts.length === 0 ? "no program was started" : parts.join("\n");
}

function late(what: string, last: string, milliseconds = deadlineMs): Error {
  return new Error(`waited ${milliseconds} ms for ${what} in vain\n${last}\n${complaints()}`);
}

/** The promise's value, or an error that says what was waited for and what came instead. */
export async function inTime<T>(
  promise: Promise<T>,
  what: string,
  last: () => string,
  milliseconds = deadlineMs,
): Promise<T> {
  const controller = new AbortController();
  const deadline = sleep(milliseconds, null, { signal: controller.signal }).then(
    () => {
      throw late(what, last(), milliseconds);
    },
    () => new Promise<never>(() => {}), // aborted: the promise has won
  );
  try {
    return await Promise.race([promise, deadline]);
  } finally {
    controller.abort();
  }
}

/** The lines of a stream as they come, in latin1: any byte survives. */
export class Lines {
  readonly #what: string;
  /** Once nobody is left who could write. */
  readonly closed: Promise<void>;
  #text = "";
  #ended = false;
  #wake = (): void => {};

  constructor(what: string, stream: Readable) {
    this.#what = what;
    stream.setEncoding("latin1").on("data", (chunk: string) => {
      this.#text += chunk;
      this.#wake();
    });
    this.closed = new Promise((resolve) => {
      stream.once("close", () => {
        this.#ended = true;
        this.#wake();
        resolve();
      });
    });
  }

  text(): string {
    return this.#text;
  }

  /** The finished lines so far. */
  lines(): string[] {
    return this.#text.split("\n").slice(0, -1);
  }

  /** The first line that matches, from line number `from` on, whether it came or is to come. */
  async waitFor(pattern: RegExp, from = 0): Promise<string> {
    const what = `${pattern} on ${this.#what}`;
    const wait = async (): Promise<string> => {
      for (;;) {
        const found = this.lines()
          .slice(from)
          .find((line) => pattern.test(line));
        if (found !== undefined) return found;
        if (this.#ended) throw new Error(`no ${what}, which ended with ${inspect(this.#text)}`);
        await new Promise<void>((resolve) => {
          const before = this.#wake;
          this.#wake = () => {
            before();
            resolve();
          };
        });
      }
    };
    return inTime(wait(), what, () => `so far: ${inspect(this.#text)}`);
  }
}

/** Calls back after every change of what is in a directory, until it is closed. */
function watchDirectory(directory: string, changed: () => void): fs.FSWatcher {
  const watcher = fs.watch(directory, changed);
  watcher.on("error", changed); // it vanished, which is a change too
  return watcher;
}

function nearestDirectory(file: string): string {
  const parent = path.dirname(file);
  return fs.existsSync(parent) ? parent : nearestDirectory(parent);
}

function readIfFile(file: string): string | null {
  try {
    return fs.statSync(file).isFile() ? fs.readFileSync(file, "latin1") : "";
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return null;
    throw error;
  }
}

/** Waits until a file is there, with a text that the predicate accepts; the text, in latin1. */
export async function waitForFile(
  file: string,
  predicate: (text: string) => boolean = () => true,
): Promise<string> {
  let text: string | null = null;
  const closing = new AbortController();
  const wait = async (): Promise<string> => {
    while (!closing.signal.aborted) {
      const directory = nearestDirectory(file);
      let changed = (): void => {};
      const change = new Promise<void>((resolve) => {
        changed = resolve;
      });
      closing.signal.addEventListener("abort", changed, { once: true });
      const watcher = watchDirectory(directory, changed);
      try {
        text = readIfFile(file); // after the watch is in force: no change falls between
        if (text !== null && predicate(text)) return text;
        if (nearestDirectory(file) === directory) await change;
      } finally {
        watcher.close();
        closing.signal.removeEventListener("abort", changed);
      }
    }
    return "";
  };
  try {
    return await inTime(wait(), file, () => `its text is ${inspect(text)}`);
  } finally {
    closing.abort();
  }
}

/**
 * Looks again and again until the answer is neither null, undefined nor false. Only for what
 * nobody announces: processes that are not our children, their titles, their descriptors.
 */
export async function eventually<T>(
  what: string,
  look: () => T | Promise<T>,
): Promise<Exclude<T, null | undefined | false>> {
  const end = Date.now() + deadlineMs;
  for (;;) {
    const found = await look();
    if (found !== null && found !== undefined && found !== false) {
      return found as Exclude<T, null | undefined | false>;
    }
    if (Date.now() > end) throw late(what, `the last answer was ${inspect(found)}`);
    await sleep(lookMs);
  }
}

// --- Starting programs -------------------------------------------------------------------

export interface Exit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

export interface Program {
  readonly name: string;
  readonly pid: number;
  /** What the harness sends it after the test. */
  readonly endSignal: NodeJS.Signals;
  /** null unless `stdin: "pipe"` was asked for. */
  readonly stdin: Writable | null;
  readonly stdout: Lines;
  readonly stderr: Lines;
  readonly exited: Promise<Exit>;
  /** Sends it a signal, unless it has ended. */
  signal(signal: NodeJS.Signals): void;
  /** How it ended; fails after the deadline. */
  waitForExit(): Promise<Exit>;
}

export interface StartOptions {
  readonly args?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
  readonly stdin?: "pipe" | "ignore";
  /** Another program than bin(NAME): faultsBin(NAME), or a peer's. */
  readonly program?: string;
  readonly endSignal?: NodeJS.Signals;
}

function environmentOf(scope: Scope, options: StartOptions): Record<string, string | undefined> {
  const own = { SVDIR: undefined, SVWAIT: undefined, TRINIT_TEST: scope.marker };
  return { ...own, ...options.env };
}

/** Starts a program in a session of its own; it and all that it leaves behind end with the test. */
export function start(t: TestContext, program: string, options: StartOptions = {}): Program {
  const scope = scopeOf(t);
  const name = path.basename(program);
  const child = execa(program, options.args ?? [], {
    env: environmentOf(scope, options),
    ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
    detached: true,
    cleanup: false,
    reject: false,
    buffer: false,
    stdin: options.stdin ?? "ignore",
    stdout: "pipe",
    stderr: "pipe",
  });
  const { pid } = child;
  if (pid === undefined) throw new Error(`unable to start ${program}`);
  let over = false;
  const exited = new Promise<Exit>((resolve) => {
    child.once("exit", (code, signal) => {
      over = true;
      resolve({ code, signal });
    });
  });
  const started: Program = {
    name,
    pid,
    endSignal: options.endSignal ?? "SIGTERM",
    stdin: child.stdin,
    stdout: new Lines(`stdout of ${name}`, child.stdout),
    stderr: new Lines(`stderr of ${name}`, child.stderr),
    exited,
    signal: (signal) => {
      if (!over) kill(pid, signal);
    },
    waitForExit: () => inTime(exited, `the end of ${name}`, () => "it still runs"),
  };
  scope.programs.push(started);
  return started;
}

/** Starts `runsv DIR`, which ends with its service after the test. */
export function startRunsv(t: TestContext, dir: string, options: StartOptions = {}): Program {
  const args = [...(options.args ?? []), dir];
  return start(t, options.program ?? bin("runsv"), { ...options, args });
}

/** Starts `runsvdir OPTIONS DIR`, which ends with its whole tree after the test. */
export function startRunsvdir(t: TestContext, dir: string, options: StartOptions = {}): Program {
  const args = [...(options.args ?? []), dir];
  return start(t, options.program ?? bin("runsvdir"), { endSignal: "SIGHUP", ...options, args });
}

export interface Output extends Exit {
  /** In latin1: any byte survives. */
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a program to its end, with `input` on stdin. */
export async function run(
  t: TestContext,
  program: string,
  args: readonly string[],
  options: Omit<StartOptions, "args" | "stdin" | "program"> & {
    readonly input?: string;
    readonly milliseconds?: number;
  } = {},
): Promise<Output> {
  const child = execa(program, args, {
    env: environmentOf(scopeOf(t), options),
    ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
    encoding: "latin1",
    stripFinalNewline: false,
    reject: false,
    input: Buffer.from(options.input ?? "", "latin1"),
  });
  const what = `the end of ${path.basename(program)} ${args.join(" ")}`;
  const { exitCode, signal, stdout, stderr } = await inTime(
    child,
    what,
    () => "it still runs",
    options.milliseconds,
  );
  checkSanitizers(stderr);
  return { code: exitCode ?? null, signal: signal ?? null, stdout, stderr };
}
