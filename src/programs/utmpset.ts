// utmpset: says in utmp, and with -w in wtmp, too, that the user on a line has logged out. For the
// ./finish of a getty, whose init is not the one that would do it.
import { parseArgs } from "../core/args.ts";
import { utmpLockMs, utmpLookMs } from "../core/limits.ts";
import { errnos, type Level, reason, sentence } from "../core/message.ts";
import type { Millis } from "../core/time.ts";
import { isOn, loggedOut, logoutOf } from "../core/utmp.ts";
import { waitReady } from "../sys/loop.ts";
import { complain, SysError } from "../sys/posix.ts";

export const usage = "[-w] line";

const utmp = "/var/run/utmp";
const wtmp = "/var/log/wtmp";

export function main(argv: readonly string[]): number {
  const { options, operands, complaint } = parseArgs(argv, "wV");
  const [line] = operands;
  const isVersion = options.some(({ letter }) => letter === "V");
  if (complaint !== undefined) complain(`utmpset: ${complaint}`);
  else if (isVersion) complain(`trinit ${VERSION}`);
  if (complaint !== undefined || isVersion || line === undefined) {
    complain(`usage: ${argv[0]} ${usage}\n`);
    return 1;
  }
  try {
    const [seconds] = sys.realtime();
    return logOut(line, seconds) && (options.length === 0 || append(line, seconds)) ? 0 : 111;
  } catch (error) {
    if (!(error instanceof SysError)) throw error;
    say("fatal", error.what, reason(error.errno));
    return 111;
  }
}

function say(level: Level, what: string, why: string): void {
  complain(sentence("utmpset", level, what, why));
}

/** Open and locked, against runit's utmpset and against login's libc, which have a way each. */
function openLocked(path: string, flags: number): number {
  const fd = sys.open(path, flags, 0o600);
  if (fd < 0) throw new SysError("open", -fd, path);
  const until = sys.monotonic() + utmpLockMs;
  lock(path, until, () => sys.flock(fd, sys.LOCK_EX | sys.LOCK_NB));
  lock(path, until, () => sys.lockfile(fd));
  return fd;
}

/** Locks, or says that it cannot: a record is written in one piece, and has to be. */
function lock(path: string, until: Millis, take: () => number): void {
  for (;;) {
    const result = take();
    if (result >= 0) return;
    const isTaken = result === -errnos.EAGAIN || result === -errnos.EACCES;
    const now = sys.monotonic();
    if (!isTaken || now >= until) {
      say("warning", `unable to lock ${path}`, reason(isTaken ? errnos.EAGAIN : -result));
      return;
    }
    waitReady([], now + utmpLookMs);
  }
}

/** False with a complaint when nobody is on the line. */
function logOut(line: string, seconds: number): boolean {
  const fd = openLocked(utmp, sys.O_RDWR);
  const buffer = new Uint8Array(sys.UTMP_BYTES);
  for (let at = 0; ; at += buffer.length) {
    const count = sys.pread(fd, buffer, 0, buffer.length, at);
    const record = String.fromCharCode(...buffer);
    if (count >= 0 && count < buffer.length) return refuse(line, "utmp", "no such entry");
    if (count < 0) return refuse(line, "utmp", reason(-count));
    if (!isOn(record, line)) continue;
    const written = sys.pwrite(fd, loggedOut(record, seconds), at);
    return written < 0 ? refuse(line, "utmp", reason(-written)) : true;
  }
}

/** Adds a record to wtmp, in the place of half a one that somebody has left at its end. */
function append(line: string, seconds: number): boolean {
  const flags = sys.O_WRONLY | sys.O_CREAT | sys.O_NONBLOCK;
  const fd = openLocked(wtmp, flags);
  const there = sys.fstat(fd);
  const size = typeof there === "number" ? 0 : there.size;
  const record = logoutOf(line, seconds, sys.UTMP_BYTES);
  const end = size - (size % record.length);
  const written = sys.pwrite(fd, record, end);
  if (written === record.length) return true;
  sys.ftruncate(fd, end);
  return refuse(line, "wtmp", reason(written < 0 ? -written : errnos.ENOSPC));
}

function refuse(line: string, file: string, why: string): false {
  say("warning", `unable to logout line ${line} in ${file}`, why);
  return false;
}
