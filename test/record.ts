// What services write down about themselves, and bytes for their supervisors. A service's script
// appends lines to the file `record` of its directory.
import * as fs from "node:fs";
import path from "node:path";
import { waitForFile } from "./harness.ts";

export const bootId = fs.readFileSync("/proc/sys/kernel/random/boot_id", "latin1");

/** The record's lines so far. */
export function recordOf(dir: string): string[] {
  const file = path.join(dir, "record");
  return fs.existsSync(file) ? fs.readFileSync(file, "latin1").split("\n").slice(0, -1) : [];
}

/** Waits until the predicate accepts the record's lines. */
export async function waitForRecord(
  dir: string,
  predicate: (lines: readonly string[]) => boolean,
): Promise<string[]> {
  const file = path.join(dir, "record");
  const text = await waitForFile(file, (all) => predicate(all.split("\n").slice(0, -1)));
  return text.split("\n").slice(0, -1);
}

/** What fields 3 and 22 of proc(5)'s stat say of a process: its birth record. */
export function birthOf(pid: number): string {
  const stat = fs.readFileSync(`/proc/${pid}/stat`, "latin1");
  const start = stat.slice(stat.lastIndexOf(")") + 2).split(" ")[22 - 3];
  return `${pid} ${start} ${bootId}`;
}

/** Writes bytes to supervise/control as they are, in one write. */
export function tell(dir: string, bytes: string | Uint8Array): void {
  const { O_WRONLY, O_NONBLOCK } = fs.constants;
  const fd = fs.openSync(path.join(dir, "supervise/control"), O_WRONLY | O_NONBLOCK);
  try {
    fs.writeSync(fd, typeof bytes === "string" ? Buffer.from(bytes, "latin1") : bytes);
  } finally {
    fs.closeSync(fd);
  }
}

/** mulberry32: the same numbers for the same seed, everywhere. */
export function newRandom(seed: number): (below: number) => number {
  let state = seed >>> 0;
  return (below) => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return Math.floor((((mixed ^ (mixed >>> 14)) >>> 0) / 0x100000000) * below);
  };
}
