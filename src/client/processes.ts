// Other processes, by /proc: those that no event tells about, since they are not our children.
import { readdirSync, readFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";

/** Between two looks. */
const lookMs = 10;

interface Process {
  readonly pid: number;
  readonly parent: number;
}

/** The process and its parent; null when it has ended, reaped or not. */
function processOf(pid: number): Process | null {
  let stat: string;
  try {
    stat = readFileSync(`/proc/${pid}/stat`, "latin1");
  } catch {
    return null; // there is none
  }
  const [state, parent] = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return state === "Z" || state === "X" ? null : { pid, parent: Number(parent) };
}

/** All but those that have ended, reaped or not. */
export function allProcesses(): Process[] {
  const pids = readdirSync("/proc").map(Number).filter(Number.isInteger);
  return pids.map(processOf).filter((found) => found !== null);
}

export function childrenOf(pid: number): number[] {
  return allProcesses()
    .filter(({ parent }) => parent === pid)
    .map((child) => child.pid);
}

/** These processes, as far as they are there, and all below them. */
export function withDescendants(pids: readonly number[]): number[] {
  const all = allProcesses();
  const found = new Set(pids.filter((pid) => all.some((process) => process.pid === pid)));
  for (let before = -1; before !== found.size; ) {
    before = found.size;
    for (const { pid, parent } of all) if (found.has(parent)) found.add(pid);
  }
  return [...found];
}

/** Sends a signal; false when the process is gone. */
export function kill(pid: number, signal: NodeJS.Signals): boolean {
  try {
    return process.kill(pid, signal);
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ESRCH") return false;
    throw error;
  }
}

/** Waits for the ends of processes. */
export async function gone(pids: readonly number[]): Promise<void> {
  while (pids.some((pid) => processOf(pid) !== null)) await sleep(lookMs);
}

/** Kills processes and all below them, also those that are made meanwhile. */
export async function killTrees(pids: readonly number[]): Promise<void> {
  for (let known = withDescendants(pids); known.length > 0; known = withDescendants(known)) {
    for (const pid of known) kill(pid, "SIGKILL");
    await sleep(lookMs);
  }
}
