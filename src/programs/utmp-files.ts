// The files of utmp(5): who is logged in, and who was. Read and written by utmpset, and by halt,
// which writes down that the system has started or ends.
import { utmpLockMs, utmpLookMs } from "../core/limits.ts";
import { errnos, reason, sentence } from "../core/message.ts";
import type { Millis } from "../core/time.ts";
import { waitReady } from "../sys/loop.ts";
import { complain, SysError } from "../sys/posix.ts";

export const utmp = "/var/run/utmp";
export const wtmp = "/var/log/wtmp";

/** Open and locked, against runit's utmpset and against login's libc, which have a way each. */
export function openLocked(who: string, path: string, flags: number): number {
  const fd = sys.open(path, flags, 0o600);
  if (fd < 0) throw new SysError("open", -fd, path);
  const until = sys.monotonic() + utmpLockMs;
  lock(who, path, until, () => sys.flock(fd, sys.LOCK_EX | sys.LOCK_NB));
  lock(who, path, until, () => sys.lockfile(fd));
  return fd;
}

/** Locks, or says that it cannot: a record is written in one piece, and has to be. */
function lock(who: string, path: string, until: Millis, take: () => number): void {
  for (;;) {
    const result = take();
    if (result >= 0) return;
    const isTaken = result === -errnos.EAGAIN || result === -errnos.EACCES;
    const now = sys.monotonic();
    if (!isTaken || now >= until) {
      const why = reason(isTaken ? errnos.EAGAIN : -result);
      complain(sentence(who, "warning", `unable to lock ${path}`, why));
      return;
    }
    waitReady([], now + utmpLookMs);
  }
}

/** Adds a record, in the place of half a one that somebody has left at the end. Throws where it
 * cannot; then nothing is left of it. */
export function appendRecord(who: string, path: string, flags: number, record: string): void {
  const fd = openLocked(who, path, sys.O_WRONLY | sys.O_NONBLOCK | flags);
  const there = sys.fstat(fd);
  const size = typeof there === "number" ? 0 : there.size;
  const end = size - (size % record.length);
  const written = sys.pwrite(fd, record, end);
  if (written === record.length) return;
  sys.ftruncate(fd, end);
  throw new SysError("write", written < 0 ? -written : errnos.ENOSPC, path);
}
