// A service that is supervised already: runsvdir was killed, or told to go, and its runsv are there
// still. Who is in supervise/runsv.birth is taken for our own, unless another runsvdir watches it.
// No process but its parent hears how it ends; that it has ended, pidfd tells.
import { leadingNumber } from "../core/args.ts";
import { adoptedWatched } from "../core/limits.ts";
import { close, isLocked, readIfThere } from "../sys/posix.ts";

/** A runsv that another one has forked. */
export interface Adopted {
  readonly pid: number;
  /** Ready once it has ended; -1 where none can be had, or there are too many. */
  readonly pidfd: number;
  /** Its record, by a path that stays when the link to the service goes. */
  readonly record: string;
}

const statBytes = 1024;

/** The runsv of a service directory that is there already; null: none. */
export function adopt(directory: string, watched: number): Adopted | null {
  const pid = sys.living(`${directory}/supervise/runsv.birth`);
  if (pid <= 0 || hasParent(pid)) return null;
  const home = sys.readlink(`/proc/${pid}/cwd`);
  const record = `${typeof home === "number" ? directory : home}/supervise/runsv.birth`;
  const pidfd = watched < adoptedWatched ? Math.max(-1, sys.pidfd_open(pid)) : -1;
  const adopted = { pid, pidfd, record };
  if (sys.living(record) === pid) return adopted;
  release(adopted); // it has ended in between, and this may be somebody else's number
  return null;
}

/** True while a runsvdir waits for it: then it is that one's to watch and to end. */
function hasParent(pid: number): boolean {
  const stat = readIfThere(`/proc/${pid}/stat`, statBytes) ?? "";
  const parent = leadingNumber(stat.slice(stat.lastIndexOf(")") + ") S ".length));
  return readIfThere(`/proc/${parent}/comm`, statBytes) === "runsvdir\n";
}

/** True once it has ended. */
export function hasEnded({ pid, pidfd, record }: Adopted): boolean {
  if (pidfd < 0) return sys.living(record) !== pid;
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
