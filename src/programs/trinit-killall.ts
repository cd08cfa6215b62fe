// trinit killall: TERM to everything that is left when a system ends, time, then KILL. For stage 3
// only: it refuses unless init is there, so that nobody's machine is emptied by a mistake.
import { parseArgs, wholeNumber } from "../core/args.ts";
import { signals } from "../core/commands.ts";
import { relaySeconds, restKillMs, restLookMs, restSeconds, restWatched } from "../core/limits.ts";
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
import { close, complain, isSame, readlink, SysError } from "../sys/posix.ts";
import { stepUntil } from "./end-limits.ts";
import { listAll } from "./parents.ts";
import { loggers } from "./trinit-services.ts";

const failed = 111;
/** A command line or a stat that is longer is cut: what is asked for comes first. */
const procBytes = 1024;

function executableOf(pid: string): Executable {
  const path = `/proc/${pid}/exe`;
  const stat = sys.stat(path);
  if (typeof stat === "number") throw new SysError("stat", -stat, path);
  return { id: stat.id, path: readlink(path) };
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

/** Why this process may not end everything, or the init of whose stage 3 it is a part: process 1,
 * or one that is not, and has nobody but its descendants to end. */
export function findEnding(): number | string {
  const own = ancestors().find((pid) => pid > 1 && whyNotEndingUnder(pid) === null);
  return own ?? whyNotEndingUnder(1) ?? 1;
}

function whyNotEndingUnder(init: number): string | null {
  return orReason(() => {
    const path = `/proc/${init}/cmdline`;
    const title = sys.readfile(path, procBytes);
    if (typeof title === "number") throw new SysError("read", -title, path);
    return notEnding(title, executableOf(`${init}`), executableOf("self"));
  });
}

/** Our parent, its parent, and so on. */
function ancestors(): readonly number[] {
  const pids: number[] = [];
  let pid = runningOf("self")?.parent ?? 0;
  for (; pid > 0; pid = runningOf(`${pid}`)?.parent ?? 0) pids.push(pid);
  return pids;
}

function runningOf(name: string): Running | null {
  const stat = sys.readfile(`/proc/${name}/stat`, procBytes);
  return typeof stat === "number" ? null : parseRunning(stat);
}

function listRest(init: number): readonly Running[] {
  return restOf(listAll(), sys.getpid(), init).filter(({ pid }) => !asksToStay(pid));
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

/** The main process of a container was told to end when all were, and init kills it where it does
 * not: who has something to do for it, as its children, is left alone until then. */
export function waitForMain(): void {
  const [pid = "", start = "", milliseconds] = (sys.getenv("TRINIT_MAIN") ?? "").split(" ");
  if (pid === "") return;
  const until = sys.monotonic() + Number(milliseconds);
  for (let now = runningOf(pid); now?.start === start && !now.isZombie; now = runningOf(pid)) {
    if (sys.monotonic() >= until) return;
    waitForEnds([now], until);
  }
}

/** TERM to the rest, and to what comes up meanwhile by itself; KILL to what is there after
 * `seconds`. Loggers and relays are told nothing: they end when nobody is left whose lines they
 * could write. Loggers are killed when they have not so long after; relays, which wait for whoever
 * reads the output of the container, have what is left of its time. What is left even so. */
export function endRest(seconds: number, init: number): readonly Running[] {
  const pids = loggers();
  let left = listRest(init);
  const writers = left.filter(({ pid }) => pids.includes(pid));
  const patient = new Set([...pids, ...writers.map(({ parent }) => parent)]); // with their runsv
  const isOther = (one: Running): boolean => !isRelay(one);
  const told = new Set([...writers, ...left.filter(isRelay)].map(keyOf));
  const stuck = new Set<string>(); // nobody waits for these a second time
  const end = (limit: number, isMeant: (one: Running) => boolean): void => {
    const isStill = (one: Running): boolean => isMeant(one) && !stuck.has(keyOf(one));
    left = endThese(left, init, limit, told, isStill);
    for (const one of left) if (isMeant(one)) stuck.add(keyOf(one));
  };
  end(seconds, (one) => isOther(one) && !patient.has(one.pid));
  end(seconds, isOther);
  end(relaySeconds, () => true);
  return left;
}

/** True for a relay of ours, and not for another program of that name. */
function isRelay({ pid, name }: Running): boolean {
  if (name !== "relay") return false;
  const [own, its] = [sys.stat("/proc/self/exe"), sys.stat(`/proc/${pid}/exe`)];
  if (typeof own === "number" || typeof its === "number") return false;
  return isSame(own, its);
}

/** Ends those of `before` who are meant, and who follow them; all who are left then. */
function endThese(
  before: readonly Running[],
  init: number,
  seconds: number,
  told: Set<string>,
  isMeant: (one: Running) => boolean,
): readonly Running[] {
  const until = stepUntil(seconds * 1000);
  let all = before;
  let rest = all.filter(isMeant);
  while (rest.length > 0 && sys.monotonic() < until) {
    for (const one of untold(all, told)) {
      told.add(keyOf(one));
      sys.kill(one.pid, signals.TERM); // one that has ended is not listed again
      sys.kill(one.pid, signals.CONT); // a stopped one would not hear it
    }
    waitForEnds(rest, until);
    all = listRest(init);
    rest = all.filter(isMeant);
  }
  if (rest.length > 0)
    complain(sentence("trinit", "warning", `sending KILL to ${listNames(rest)}`));
  const end = stepUntil(restKillMs);
  while (rest.length > 0 && sys.monotonic() < end) {
    for (const { pid } of rest) sys.kill(pid, signals.KILL);
    waitForEnds(rest, end);
    all = listRest(init);
    rest = all.filter(isMeant);
  }
  if (rest.length > 0) {
    complain(sentence("trinit", "warning", `unable to end ${listNames(rest)}`));
  }
  return all;
}

/** `trinit killall [-w seconds]`; null: a wrong call. */
export function killall(argv: readonly string[]): number | null {
  const { options, operands, valid } = parseArgs(argv, "w:");
  if (!valid || operands.length > 0) return null;
  let seconds: number | null = restSeconds;
  for (const { value } of options) seconds = wholeNumber(value);
  if (seconds === null) return null;
  const init = findEnding();
  if (typeof init === "number") waitForMain();
  if (typeof init === "number") return endRest(seconds, init).length === 0 ? 0 : 1;
  complain(sentence("trinit", "fatal", "unable to end all processes", init));
  return failed;
}
