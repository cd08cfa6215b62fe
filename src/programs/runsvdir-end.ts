// How runsvdir ends as process 1, when all runsv were told to: once only loggers are waited for,
// what else runs holds up their end, as the child of a service that has its end of a log pipe. It
// gets TERM, time, and KILL; the loggers do not, and write what they have.

import { leadingNumber } from "../core/args.ts";
import { signals } from "../core/commands.ts";
import { relaySeconds, restContainerSeconds, restLookMs, statusBytes } from "../core/limits.ts";
import type { Running } from "../core/rest.ts";
import { decodeStatus } from "../core/status.ts";
import type { Millis } from "../core/time.ts";
import { stepUntil } from "./end-limits.ts";
import { runningOf } from "./parents.ts";

export interface Ending {
  /** The exit code, once every runsv is gone. */
  readonly code: number;
  /** By Ctrl-C at its terminal: one more means that there is no time. */
  isTyped: boolean;
  /** That one came: all have got KILL, and nothing is waited for but their ends. */
  isKilled: boolean;
  /** When the rest gets KILL; null: services are waited for. */
  killAt: Millis | null;
  /** Since when. */
  readonly began: Millis;
  /** Only relays are left, which wait for a reader of our output until this; null: not yet. */
  relaysUntil: Millis | null;
  /** Some status is not watched, and has to be looked at. */
  isDeaf: boolean;
}

export function newEnding(code: number): Ending {
  const began = sys.monotonic();
  const none = { killAt: null, relaysUntil: null };
  return { code, isTyped: false, isKilled: false, began, ...none, isDeaf: false };
}

/** Wakes us when the service writes its status. */
export function watchStatus(ending: Ending, inotify: number, directory: string): void {
  const mask = sys.IN_MOVED_TO | sys.IN_ONLYDIR;
  const number = inotify < 0 ? -1 : sys.inotify_add_watch(inotify, `${directory}/supervise`, mask);
  if (number < 0) ending.isDeaf = true;
}

/** When endRest() is to be called again; null: when something has happened. */
export function nextLook({ killAt, relaysUntil, isDeaf }: Ending): Millis | null {
  return relaysUntil ?? killAt ?? (isDeaf ? sys.monotonic() + restLookMs : null);
}

/** True when the lines of services have waited long enough for a reader. The first call begins. */
export function isUnread(ending: Ending): boolean {
  ending.relaysUntil ??= stepUntil(relaySeconds * 1000, ending.began);
  return sys.monotonic() >= ending.relaysUntil;
}

/** The pids of those that are waited for. */
export interface Own {
  readonly alone: ReadonlySet<number>;
  /** With all that descends from them. */
  readonly trees: ReadonlySet<number>;
}

/** `directories` are those of the services that are waited for. */
export function endRest(ending: Ending, own: () => Own, directories: readonly string[]): void {
  const now = sys.monotonic();
  if (ending.killAt === null) {
    if (!directories.every(isDown)) return;
    const pids = own();
    signalRest(pids, signals.TERM);
    signalRest(pids, signals.CONT);
    ending.killAt = now + restContainerSeconds * 1000;
  } else if (ending.killAt <= now) {
    signalRest(own(), signals.KILL);
    ending.killAt = now + restLookMs; // for what was started while we did so
  }
}

/** The service itself: its logger may run still. */
function isDown(directory: string): boolean {
  const bytes = sys.readfile(`${directory}/supervise/status`, statusBytes + 1);
  return typeof bytes === "number" || decodeStatus(bytes)?.state === "down";
}

/** Signals all but us and `own`; without /proc, all. */
function signalRest({ alone, trees }: Own, signal: number): void {
  const names = sys.readdir("/proc");
  if (typeof names === "number") {
    sys.killall(signal);
    return;
  }
  const all = new Map<number, Running>();
  for (const name of names) {
    const one = leadingNumber(name) === null ? null : runningOf(Number(name));
    if (one !== null) all.set(one.pid, one);
  }
  for (const pid of all.keys()) {
    let at = pid;
    while (at > 1 && !trees.has(at)) at = all.get(at)?.parent ?? 0;
    const isRest = pid > 1 && at <= 1 && !alone.has(pid);
    if (isRest) sys.kill(pid, signal); // one that has ended meanwhile is nobody
  }
}
