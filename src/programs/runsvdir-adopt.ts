// A service that is supervised already: runsvdir was killed, or told to go, and its runsv are there
// still. Who is in supervise/runsv.birth is taken for our own, unless another runsvdir watches it.
// No process but its parent hears how it ends; that it has ended, pidfd tells.
import { adoptedWatched } from "../core/limits.ts";
import { close, isLocked } from "../sys/posix.ts";
import { parentCalled, runningOf } from "./parents.ts";

/** A runsv that another one has forked. */
export interface Adopted {
  readonly pid: number;
  /** Ready once it has ended; -1 where none can be had, or there are too many. */
  readonly pidfd: number;
  /** When it began, as in /proc. */
  readonly start: string;
}

/** The pid of the runsv that a service has already, and no runsvdir; 0: none. */
export function leftRunsv(directory: string): number {
  const pid = sys.living(recordIn(directory));
  return pid > 0 && parentCalled("runsvdir", pid) === 0 ? pid : 0;
}

function recordIn(directory: string): string {
  return `${directory}/supervise/runsv.birth`;
}

/** Watches it, by a pidfd as long as not so many are watched; null when it has just ended. */
export function adopt(pid: number, watched: number, key: string): Adopted | null {
  const home = sys.readlink(`/proc/${pid}/cwd`);
  const there = sys.stat(`/proc/${pid}/cwd`);
  if (typeof home === "number" || typeof there === "number") return null;
  if (there.id !== key) return null;
  const pidfd = watched < adoptedWatched ? Math.max(-1, sys.pidfd_open(pid)) : -1;
  const adopted = { pid, pidfd, start: runningOf(pid)?.start ?? "" };
  if (sys.living(recordIn(home)) === pid) return adopted;
  release(adopted); // it has ended in between, and this may be somebody else's number
  return null;
}

/** True once it has ended. Where no pidfd can be had, who began when it did is still it: its record
 * may be gone with the directory. */
export function hasEnded({ pid, pidfd, start }: Adopted): boolean {
  if (pidfd < 0) return runningOf(pid)?.start !== start;
  const ready = sys.poll([pidfd], 0);
  return typeof ready !== "number" && ready.length > 0;
}

/** Watches it no longer. */
export function release({ pidfd }: Adopted): void {
  if (pidfd >= 0) close(pidfd);
}

/** True while anybody supervises the service: a runsv of ours would not get the lock. */
export function isSupervised(directory: string): boolean {
  return isLocked(`${directory}/supervise/lock`);
}
