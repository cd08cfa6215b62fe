// trinit killall: TERM to everything that is left when a system ends, time, then KILL. For stage 3
// only: it refuses unless init is there, so that nobody's machine is emptied by a mistake.
import { leadingNumber, parseArgs } from "../core/args.ts";
import { signals } from "../core/commands.ts";
import { restKillMs, restLookMs, restSeconds, restWatched } from "../core/limits.ts";
import { errnos, sentence } from "../core/message.ts";
import {
  type Executable,
  isSpared,
  keyOf,
  listNames,
  notEnding,
  notUnderInit,
  parseRunning,
  type Running,
  restOf,
  untold,
} from "../core/rest.ts";
import type { Millis } from "../core/time.ts";
import { waitReady } from "../sys/loop.ts";
import { close, complain, readdir, readlink, SysError } from "../sys/posix.ts";

const failed = 111;
/** A command line or a stat that is longer is cut: what is asked for comes first. */
const procBytes = 1024;

function executableOf(pid: string): Executable {
  const path = `/proc/${pid}/exe`;
  const stat = sys.stat(path);
  if (typeof stat === "number") throw new SysError("stat", -stat, path);
  return { dev: stat.dev, ino: stat.ino, path: readlink(path) };
}

/** The answer; where /proc does not tell, a reason, too. */
function orReason(ask: () => string | null): string | null {
  try {
    return ask();
  } catch (error) {
    if (error instanceof SysError) return error.message;
    throw error;
  }
}

/** Why this process is no part of init's work, or null. */
export function whyNotUnderInit(): string | null {
  return orReason(() => notUnderInit(executableOf("1"), executableOf("self")));
}

/** Why this process may not end everything, or null where it is a part of init's stage 3. */
export function whyNotEnding(): string | null {
  return orReason(() => {
    const title = sys.readfile("/proc/1/cmdline", procBytes);
    if (typeof title === "number") throw new SysError("read", -title, "/proc/1/cmdline");
    return notEnding(title, executableOf("1"), executableOf("self"));
  });
}

function listRest(): readonly Running[] {
  const all: Running[] = [];
  for (const name of readdir("/proc")) {
    if (leadingNumber(name) === null) continue;
    const stat = sys.readfile(`/proc/${name}/stat`, procBytes);
    const one = typeof stat === "number" ? null : parseRunning(stat);
    if (one !== null) all.push(one);
  }
  return restOf(all, sys.getpid()).filter(({ pid }) => !asksToStay(pid));
}

function asksToStay(pid: number): boolean {
  const text = sys.readfile(`/proc/${pid}/cmdline`, procBytes);
  const owner = sys.stat(`/proc/${pid}`);
  return typeof text === "string" && typeof owner !== "number" && isSpared(text, owner.uid);
}

/** Returns when one has ended, and then as many others as end within a moment; or at `until`. */
function waitForEnds(processes: readonly Running[], until: Millis): void {
  const fds = processes.slice(0, restWatched).map(({ pid }) => sys.pidfd_open(pid));
  let left = fds.filter((fd) => fd >= 0);
  let look = until;
  const soon = (): Millis => Math.min(look, sys.monotonic() + restLookMs);
  if (fds.some((fd) => fd < 0 && fd !== -errnos.ESRCH)) look = soon();
  if (fds.includes(-errnos.ESRCH)) look = sys.monotonic(); // one has ended already
  if (left.length === 0) waitReady([], look);
  while (left.length > 0 && sys.monotonic() < look) {
    const ready = waitReady(left, look);
    if (ready.length > 0) look = soon();
    left = left.filter((fd) => !ready.includes(fd));
  }
  for (const fd of fds) if (fd >= 0) close(fd);
}

/** TERM to the rest, and to what comes up meanwhile by itself; KILL to what is there after
 * `seconds`. What is left even so. */
export function endRest(seconds: number): readonly Running[] {
  const told = new Set<string>();
  const until = sys.monotonic() + seconds * 1000;
  let rest = listRest();
  while (rest.length > 0 && sys.monotonic() < until) {
    for (const one of untold(rest, told)) {
      told.add(keyOf(one));
      sys.kill(one.pid, signals.TERM); // one that has ended is not listed again
      sys.kill(one.pid, signals.CONT); // a stopped one would not hear it
    }
    waitForEnds(rest, until);
    rest = listRest();
  }
  if (rest.length === 0) return rest;
  complain(sentence("trinit", "warning", `sending KILL to ${listNames(rest)}`));
  const end = sys.monotonic() + restKillMs;
  do {
    for (const { pid } of rest) sys.kill(pid, signals.KILL);
    waitForEnds(rest, end);
    rest = listRest();
  } while (rest.length > 0 && sys.monotonic() < end);
  if (rest.length > 0) {
    complain(sentence("trinit", "warning", `unable to end ${listNames(rest)}`));
  }
  return rest;
}

/** `trinit killall [-w seconds]`; null: a wrong call. */
export function killall(argv: readonly string[]): number | null {
  const { options, operands, valid } = parseArgs(argv, "w:");
  if (!valid || operands.length > 0) return null;
  let seconds: number | null = restSeconds;
  for (const { value } of options) seconds = leadingNumber(value);
  if (seconds === null) return null;
  const why = whyNotEnding();
  if (why === null) return endRest(seconds).length === 0 ? 0 : 1;
  complain(sentence("trinit", "fatal", "unable to end all processes", why));
  return failed;
}
