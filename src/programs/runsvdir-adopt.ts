// A service that is supervised already: runsvdir was killed, or told to go, and its runsv are there
// still. Who is in supervise/runsv.birth is taken for our own, unless another runsvdir watches it.
// No process but its parent hears how it ends; that it has ended, pidfd tells.
import { rescanMs } from "../core/limits.ts";
import type { Millis } from "../core/time.ts";
import { close, isLocked } from "../sys/posix.ts";
import { parentCalled, runningOf } from "./parents.ts";

/** A runsv that another one has forked. */
export interface Adopted {
  readonly pid: number;
  /** Ready once it has ended; -1 where none can be had. */
  readonly pidfd: number;
  /** When it began, as in /proc. */
  readonly start: string;
}

/** All of them, by the keys of their services. */
export interface Adoption {
  /** An epoll descriptor, which all pidfds are in; -1: there is none. */
  epoll: number;
  readonly watched: Map<number, string>;
  /** Those without a pidfd, and when they are looked at. */
  readonly unwatched: Set<string>;
  lookAt: Millis | null;
}

export function newAdoption(): Adoption {
  return { epoll: -1, watched: new Map(), unwatched: new Set(), lookAt: null };
}

/** The pid of the runsv that a service has already, and no runsvdir; 0: none. */
export function leftRunsv(directory: string): number {
  const pid = sys.living(recordIn(directory));
  return pid > 0 && parentCalled("runsvdir", pid) === 0 ? pid : 0;
}

function recordIn(directory: string): string {
  return `${directory}/supervise/runsv.birth`;
}

/** Watches it, by a pidfd where that can be had; null when it has just ended. */
export function adopt(adoption: Adoption, pid: number, key: string): Adopted | null {
  const home = sys.readlink(`/proc/${pid}/cwd`);
  const there = sys.stat(`/proc/${pid}/cwd`);
  if (typeof home === "number" || typeof there === "number") return null;
  if (there.id !== key) return null;
  const pidfd = watch(adoption, pid, key);
  const adopted = { pid, pidfd, start: runningOf(pid)?.start ?? "" };
  if (sys.living(recordIn(home)) === pid) return adopted;
  release(adoption, adopted, key); // it has ended in between: somebody else's number, maybe
  return null;
}

function watch(adoption: Adoption, pid: number, key: string): number {
  if (adoption.epoll < 0) adoption.epoll = Math.max(-1, sys.epoll_create());
  const pidfd = adoption.epoll < 0 ? -1 : sys.pidfd_open(pid);
  if (pidfd >= 0 && sys.epoll_add(adoption.epoll, pidfd) === 0) {
    adoption.watched.set(pidfd, key);
    return pidfd;
  }
  if (pidfd >= 0) close(pidfd);
  adoption.unwatched.add(key);
  adoption.lookAt ??= sys.monotonic() + rescanMs;
  return -1;
}

/** The keys of those that may have ended: hasEnded() tells. */
export function mayHaveEnded(adoption: Adoption, ready: readonly number[]): readonly string[] {
  const { epoll, watched, unwatched, lookAt } = adoption;
  const keys: string[] = [];
  const ended = epoll >= 0 && ready.includes(epoll) ? sys.epoll_wait(epoll) : [];
  for (const pidfd of typeof ended === "number" ? [] : ended) {
    const key = watched.get(pidfd);
    if (key !== undefined) keys.push(key);
  }
  if (lookAt !== null && lookAt <= sys.monotonic()) {
    keys.push(...unwatched);
    adoption.lookAt = unwatched.size > 0 ? sys.monotonic() + rescanMs : null;
  }
  return keys;
}

/** True once it has ended. Where no pidfd can be had, who began when it did is still it: its record
 * may be gone with the directory. */
export function hasEnded({ pid, pidfd, start }: Adopted): boolean {
  if (pidfd < 0) return runningOf(pid)?.start !== start;
  const ready = sys.poll([pidfd], 0);
  return typeof ready !== "number" && ready.length > 0;
}

/** Watches it no longer. */
export function release(adoption: Adoption, { pidfd }: Adopted, key: string): void {
  if (pidfd < 0) adoption.unwatched.delete(key);
  else {
    adoption.watched.delete(pidfd);
    close(pidfd); // and it is out of epoll's set
  }
}

/** True while anybody supervises the service: a runsv of ours would not get the lock. */
export function isSupervised(directory: string): boolean {
  return isLocked(`${directory}/supervise/lock`);
}
