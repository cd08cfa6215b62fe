// What the tests of svlogd share: log directories, and svlogd reading what a test writes.
import { spawnSync } from "node:child_process";
import * as fs from "node:fs";
import path from "node:path";
import type { TestContext } from "node:test";
import { eventually, faultsBin, type Program, start, tempDir, waitForFile } from "./harness.ts";

/** A log directory with this config, and with what else is to be in it. */
export function makeLog(
  t: TestContext,
  config = "",
  files: Readonly<Record<string, string>> = {},
): string {
  const log = path.join(tempDir(t), "log");
  fs.mkdirSync(log);
  if (config !== "") fs.writeFileSync(path.join(log, "config"), config, "latin1");
  for (const [name, text] of Object.entries(files)) {
    fs.writeFileSync(path.join(log, name), text, { mode: 0o744 });
  }
  return log;
}

export function read(log: string, name = "current"): string {
  return fs.readFileSync(path.join(log, name), "latin1");
}

/** The old files, the oldest first. */
export function oldFiles(log: string): string[] {
  return fs
    .readdirSync(log)
    .filter((name) => name.startsWith("@"))
    .sort();
}

/** All that is in a log, the oldest first. */
export function textOf(log: string): string {
  return [...oldFiles(log), "current"].map((name) => read(log, name)).join("");
}

export function write(program: Program, text: string): void {
  if (program.stdin === null) throw new Error("svlogd was started without a pipe");
  program.stdin.write(text, "latin1");
}

/** Waits until `current` has this text. */
export function current(log: string, text: string): Promise<string> {
  return waitForFile(path.join(log, "current"), (found) => found === text);
}

/** Waits until so many files with this ending have been put aside, and there is a new current. */
export function rotated(log: string, count: number, ending = ""): Promise<boolean> {
  return eventually(`${count} old files ${ending}`, () => {
    const old = oldFiles(log).filter((name) => name.endsWith(ending));
    return old.length >= count && fs.existsSync(path.join(log, "current"));
  });
}

export interface Faulty {
  readonly program: Program;
  /** Both ends of the FIFO. */
  readonly both: number;
  readonly writer: number;
  /** Arms a fault. */
  fault(name: string): void;
  unfault(name: string): void;
}

/** svlogd of the build with fault points, reading a FIFO that the test writes to. */
export function startFaulty(
  t: TestContext,
  log: string,
  options: readonly string[] = ["-v"],
): Faulty {
  const directory = tempDir(t);
  const fifo = path.join(directory, "fifo");
  if (spawnSync("mkfifo", [fifo]).status !== 0) throw new Error("mkfifo");
  const both = fs.openSync(fifo, "r+");
  const writer = fs.openSync(fifo, "w");
  const faults = path.join(directory, "faults");
  fs.mkdirSync(faults);
  const args = ["-c", 'fifo=$1; shift; exec "$0" "$@" <"$fifo"', faultsBin("svlogd"), fifo];
  const program = start(t, "/bin/sh", {
    args: [...args, ...options, log],
    env: { TRINIT_FAULTS: faults },
  });
  t.after(() => fs.closeSync(writer));
  return {
    program,
    both,
    writer,
    fault: (name) => fs.writeFileSync(path.join(faults, name), ""),
    unfault: (name) => fs.rmSync(path.join(faults, name)),
  };
}
