// Waiting until services have reached a goal, for sv. Told by events, never by polling: a new
// supervise/status by SIGIO, the end of runsv by poll on supervise/ok, the end of a check
// script by SIGCHLD. What nothing can be told of is looked at again and again.
import { signals } from "../core/commands.ts";
import { checkGraceMs, checkRetryMs, svLookMs } from "../core/limits.ts";
import type { Status } from "../core/status.ts";
import type { Millis } from "../core/time.ts";
import { exitText, type Goal, reached, sameLife, unsteadyMs } from "../core/verbs.ts";
import { readSignals, reap, waitReady } from "../sys/loop.ts";
import { kill } from "../sys/posix.ts";
import { hasEndedEarly } from "./runsv-files.ts";
import {
  type CheckFailure,
  gone,
  isAbsent,
  isTrouble,
  lookAt,
  openOk,
  type Seen,
  startCheck,
} from "./sv-service.ts";

/** A service whose goal is not reached yet. */
export interface Pending {
  readonly name: string;
  directory: string;
  /** The status that was read before the command was written; null: it was not, since there is no
   * supervisor yet. */
  before: Status | null;
  /** Nobody tells of its changes: it is looked at again and again. */
  blind: boolean;
  /** supervise/ok, held open: poll tells when runsv has gone. */
  ok: number | null;
  /** Something has happened: look. */
  stirred: boolean;
  /** The check script that runs, and the status that it was started for. */
  check: { readonly pid: number; readonly about: Status } | null;
  /** The process that runs, and when it has done so for a second. */
  life: { readonly about: Status; readonly steadyAt: Millis } | null;
  /** What came of the check script the last time, where it has not agreed. */
  answer: string | null;
  /** The status for which the check script has said yes. */
  agreed: Status | null;
  /** When the check script, which said no, is asked again. */
  retryAt: Millis | null;
}

/** A service that nobody has looked at since its command was written. */
export function newPending(
  name: string,
  directory: string,
  before: Status | null,
  blind: boolean,
): Pending {
  const asked = { check: null, life: null, answer: null, agreed: null, retryAt: null };
  return { name, directory, before, blind, ok: null, stirred: true, ...asked };
}

/** One wait. */
export interface Wait {
  readonly goal: Goal;
  readonly until: Millis;
  /** Where SIGIO and SIGCHLD are told of. */
  readonly signalFd: number;
  /** How many runsv are watched at once. */
  readonly watchedMax: number;
  /** Writes the command to a supervisor that has come since: the status before that, or why it is
   * not written. */
  deliver(service: Pending): Seen;
  /** What became of a service: last seen so, in time or not. */
  report(service: Pending, seen: Seen, inTime: boolean): void;
  reportCheck(service: Pending, failure: CheckFailure): void;
}

/** Looks at a service; true when it need not be waited for any more. */
function settle(service: Pending, wait: Wait): boolean {
  if (!service.stirred) return false;
  service.stirred = false;
  service.retryAt = null;
  if (service.before === null) {
    const before = wait.deliver(service);
    if (isAbsent(before)) return false;
    if (isTrouble(before)) {
      wait.report(service, before, true);
      return true;
    }
    service.before = before;
  }
  const seen = lookAt(service.directory);
  if (seen !== gone && !isTrouble(seen)) {
    const verdict = reached(wait.goal, seen, service.before);
    if (verdict === "no") return false;
    if (verdict === "if check agrees") {
      if (!isSteady(service, seen) || !checkAgrees(service, seen, wait)) return false;
    }
  }
  wait.report(service, seen, true);
  return true;
}

/** False for a process that has not run for a second, when the one before it did not either: a
 * service that ends again and again runs whenever somebody looks. */
function isSteady(service: Pending, seen: Status): boolean {
  if (!hasEndedEarly(`${service.directory}/supervise`)) return true;
  const now = sys.monotonic();
  if (service.life === null || !sameLife(service.life.about, seen)) {
    const [seconds, nanoseconds] = sys.realtime();
    service.life = { about: seen, steadyAt: now + unsteadyMs(seen, { seconds, nanoseconds }) };
  }
  if (now >= service.life.steadyAt) return true;
  service.retryAt = service.life.steadyAt;
  return false;
}

/** What the check script says of this status; asks it when it has not yet said. */
function checkAgrees(service: Pending, seen: Status, wait: Wait): boolean {
  if (service.agreed !== null && sameLife(service.agreed, seen)) return true;
  if (service.check !== null) return false; // its end will stir us
  const check = startCheck(service.directory);
  switch (check.kind) {
    case "absent":
      return true;
    case "started":
      service.check = { pid: check.pid, about: seen };
      service.answer ??= "./check still runs";
      return false;
    case "unable to run":
      wait.reportCheck(service, check);
      return true;
    case "unable to stat":
    case "unable to fork for":
      wait.reportCheck(service, check);
      service.retryAt = sys.monotonic() + checkRetryMs;
      return false;
  }
}

/** Leaves nothing behind of a service that is not waited for any more. */
function release(service: Pending): void {
  if (service.ok !== null) sys.close(service.ok);
  if (service.check !== null) kill(service.check.pid, signals.TERM);
}

/** When to give up; a check script that is being asked may still answer. */
function deadlineOf(service: Pending, until: Millis): Millis {
  return service.check === null ? until : until + checkGraceMs;
}

function isOver(service: Pending, wait: Wait): boolean {
  let over = settle(service, wait);
  if (!over && sys.monotonic() >= deadlineOf(service, wait.until)) {
    wait.report(service, lookAt(service.directory), false);
    over = true;
  }
  if (over) release(service);
  return over;
}

/** Waits until every service has reached the goal, or the time is up. */
export function waitForGoal(services: readonly Pending[], wait: Wait): void {
  let pending = services.filter((service) => !isOver(service, wait));
  while (pending.length > 0) {
    waitForChange(pending, wait);
    pending = pending.filter((service) => !isOver(service, wait));
  }
}

/** Waits until something has happened, and marks whom it has happened to. */
function waitForChange(pending: readonly Pending[], wait: Wait): void {
  const { until, signalFd } = wait;
  holdOks(pending.slice(0, wait.watchedMax));
  const fds = pending.flatMap(({ ok }) => (ok === null ? [] : [ok]));
  const ready = waitReady([signalFd, ...fds], nextLook(pending, until));
  markSignals(pending, readSignals(signalFd));
  const now = sys.monotonic();
  for (const service of pending) {
    if (service.ok !== null && ready.includes(service.ok)) onOkClosed(service);
    if (service.blind || (service.retryAt !== null && now >= service.retryAt)) {
      service.stirred = true;
    }
  }
}

function holdOks(services: readonly Pending[]): void {
  for (const service of services) {
    if (service.ok !== null || service.blind) continue;
    const ok = openOk(service.directory);
    if (typeof ok === "number") service.ok = ok;
    else service.stirred = true;
  }
}

/** runsv has gone, or its successor is already there, or this never was a FIFO. */
function onOkClosed(service: Pending): void {
  if (service.ok !== null) sys.close(service.ok);
  service.ok = null;
  service.stirred = true;
  const ok = openOk(service.directory);
  if (typeof ok !== "number") return;
  sys.close(ok);
  service.blind = true;
}

function nextLook(pending: readonly Pending[], until: Millis): Millis {
  let next = Number.POSITIVE_INFINITY;
  const now = sys.monotonic();
  for (const service of pending) {
    next = Math.min(next, deadlineOf(service, until), service.retryAt ?? next);
    if (service.blind) next = Math.min(next, now + svLookMs);
    if (service.stirred) return now;
  }
  return next;
}

/** A new status may be anybody's: SIGIO does not say whose. */
function markSignals(pending: readonly Pending[], numbers: readonly number[]): void {
  if (numbers.includes(signals.IO)) for (const service of pending) service.stirred = true;
  for (let ended = reap(); ended !== null; ended = reap()) {
    const { pid, status } = ended;
    const service = pending.find(({ check }) => check?.pid === pid);
    if (service === undefined || service.check === null) continue;
    if (status === 0) {
      service.agreed = service.check.about;
      service.answer = null;
      service.stirred = true;
    } else {
      service.retryAt = sys.monotonic() + checkRetryMs;
      service.answer =
        (status & 0x7f) === 0
          ? `./check exits ${status >> 8}`
          : `./check was ended by ${exitText({ code: -1, status })}`;
    }
    service.check = null;
  }
}
