// Who descends from whom. A process that a record names and we have not started, and that has a
// parent to watch it, needs no other; one that is killed is killed with what it has started.
import { leadingNumber } from "../core/args.ts";
import { descendantsOf, parseRunning, type Running } from "../core/rest.ts";
import { readdir } from "../sys/posix.ts";

const statBytes = 1024;

/** Null when there is no such process, or a dead one. */
export function runningOf(pid: number): Running | null {
  const stat = sys.readfile(`/proc/${pid}/stat`, statBytes); // ESRCH when it has just ended
  const found = typeof stat === "number" ? null : parseRunning(stat);
  return found === null || found.isZombie ? null : found;
}

/** All processes that /proc shows. */
export function listAll(): readonly Running[] {
  const names = readdir("/proc").filter((name) => leadingNumber(name) !== null);
  return names.map((name) => runningOf(Number(name))).filter((one) => one !== null);
}

/** All that descends from a process; null where /proc does not tell. */
export function listDescendants(pid: number): readonly number[] | null {
  if (runningOf(sys.getpid()) === null) return null;
  return descendantsOf(listAll(), pid).map((one) => one.pid);
}

function parentOf(pid: number): number {
  return runningOf(pid)?.parent ?? 0;
}

/** The process's parent, if that is a program of this name; 0: it is not. One that we are below
 * ourselves has it as a subreaper, and knows nothing of it. */
export function parentCalled(name: string, pid: number): number {
  const parent = parentOf(pid);
  for (let above = sys.getpid(); above > 0; above = parentOf(above)) {
    if (above === parent) return 0;
  }
  return runningOf(parent)?.name === name ? parent : 0;
}
