// The output of services under runsvdir -o. Each has two pipes, whose read ends are kept here, and
// a relay, forked, that reads them: one that is killed has a successor, and so has a runsv, which
// find the pipes as they were. Write ends are open here only while a runsv is forked, so that a
// relay hears when the last who could write has ended.
import { signals } from "../core/commands.ts";
import { forkRetryMs, relaysAtOnce, runsvAtOnce } from "../core/limits.ts";
import { reason } from "../core/message.ts";
import type { Format } from "../core/relay.ts";
import { restartAt } from "../core/scan.ts";
import type { Millis } from "../core/time.ts";
import type { Ended } from "../sys/loop.ts";
import {
  close,
  getrlimit,
  type Limit,
  open,
  outputPipe,
  reasonOf,
  SysError,
  setrlimit,
} from "../sys/posix.ts";
import { relay } from "./relay.ts";
import { type Log, warn, well } from "./runsvdir-log.ts";

/** The pipes of a service, and who reads them. */
export interface Relay {
  readonly name: string;
  /** The read ends: stdout, stderr. */
  readonly ends: readonly [number, number];
  /** 0 while there is none. */
  pid: number;
  startedAt: Millis;
  /** When one is to be forked; null: it runs, or there is nothing to read. */
  due: Millis | null;
  /** A runsv came after it: the end that it finds may be that of the one before. */
  isRejoined: boolean;
  /** The service is gone. */
  isLast: boolean;
  /** Told to end as soon as there is nothing to read. */
  isTold: boolean;
}

export interface Relays {
  readonly format: Format;
  /** The lock by which relays take turns: an open file that nobody else has; -1: none yet. */
  lock: number;
  readonly all: Set<Relay>;
}

export function newRelays(format: Format): Relays {
  return { format, lock: -1, all: new Set() };
}

export function isRelaying({ format }: Relays): boolean {
  return format.log !== "plain";
}

/** As many descriptors as there may be: one or more for each service. What the limit was; null
 * where limits are not to be had, which only many services would mind. */
export function raiseDescriptorLimit(): Limit | null {
  try {
    const limit = getrlimit("nofile");
    if (limit.soft !== limit.hard) setrlimit("nofile", { soft: limit.hard });
    return limit;
  } catch (error) {
    if (error instanceof SysError) return null;
    throw error;
  }
}

/** How many runsv are forked at a time: the write ends of all of them are open then. */
export function forkedAtOnce(relays: Relays): number {
  return isRelaying(relays) ? relaysAtOnce : runsvAtOnce;
}

/** Write ends for the runsv of a service, and a relay for it, if it has none; [] where they cannot
 * be had: then its output is what runsvdir's is. */
export function openOutput(
  log: Log,
  relays: Relays,
  owner: { readonly name: string; relay: Relay | null },
): readonly number[] {
  const opened: number[] = [];
  try {
    owner.relay ??= newRelay(relays, owner.name);
    for (const end of owner.relay.ends) opened.push(open(`/proc/self/fd/${end}`, sys.O_WRONLY));
  } catch (error) {
    for (const fd of opened) close(fd);
    if (owner.relay !== null && owner.relay.pid === 0) {
      closePipes(relays, owner.relay);
      owner.relay = null;
    }
    const isThere = typeof sys.stat("/proc/self/fd") !== "number";
    const why = isThere ? reasonOf(error) : "/proc is not there";
    warn(log, "/relay", "unable to relay the output of some services", why);
    return [];
  }
  if (owner.relay.pid > 0) owner.relay.isRejoined = true;
  else owner.relay.due ??= sys.monotonic();
  return opened;
}

function newRelay(relays: Relays, name: string): Relay {
  if (relays.lock < 0) relays.lock = keptPipe();
  const first = keptPipe();
  try {
    const made: Relay = {
      name,
      ends: [first, keptPipe()],
      pid: 0,
      startedAt: 0,
      due: null,
      isRejoined: false,
      isLast: false,
      isTold: false,
    };
    relays.all.add(made);
    return made;
  } catch (error) {
    close(first);
    throw error;
  }
}

/** The read end of a new pipe. */
export function keptPipe(): number {
  const [read, write] = outputPipe();
  close(write);
  return read;
}

function closePipes(relays: Relays, one: Relay): void {
  for (const end of one.ends) close(end);
  relays.all.delete(one);
}

/** Its pipes are free for a service that got none. */
function drop(log: Log, relays: Relays, one: Relay): void {
  closePipes(relays, one);
  well(log, "/relay");
}

/** Forks the relays whose time has come, in one call, as the supervisors. */
export function startRelays(log: Log, relays: Relays, now: Millis): void {
  const due = [...relays.all].filter((one) => one.due !== null && one.due <= now);
  if (due.length === 0) return;
  const { format, lock } = relays;
  const pids = sys.fork(
    (index) => {
      const { name, ends } = due[index] as Relay;
      sys.setsid(); // whoever kills our process group means no service's output
      return relay({ name, format, ends, lock });
    },
    due.map(({ name }) => ["relay", name]),
    due.map(({ ends }) => [...ends, lock]),
  );
  due.forEach((one, index) => {
    const pid = pids[index] ?? 0;
    one.pid = Math.max(0, pid);
    one.startedAt = now;
    one.due = pid < 0 ? now + forkRetryMs : null;
    one.isRejoined = false;
    one.isTold = false;
    const subject = `${one.name}/relay`;
    if (pid < 0) warn(log, subject, `unable to fork a relay for ${one.name}`, reason(-pid));
    else well(log, subject);
  });
}

/** When the next relay is to be forked; null: none is. */
export function relayDue({ all }: Relays): Millis | null {
  let next: Millis | null = null;
  for (const { due } of all) if (due !== null && (next === null || due < next)) next = due;
  return next;
}

/** The end waits for nothing else: those that could not be forked are tried again now. */
export function hurryRelays({ all }: Relays): void {
  for (const one of all) if (one.due !== null) one.due = sys.monotonic();
}

/** The end of a relay: it has read all there was, or there will be another. */
export function onRelayEnded(log: Log, relays: Relays, { pid, status }: Ended): void {
  for (const one of relays.all) {
    if (one.pid !== pid) continue;
    one.pid = 0;
    if (status !== 0 || one.isRejoined) one.due = restartAt(true, one.startedAt, sys.monotonic());
    else if (one.isLast) drop(log, relays, one);
    return;
  }
}

/** The service is gone: its relay ends with the last process that has its output. */
export function releaseRelay(log: Log, relays: Relays, one: Relay): void {
  one.isLast = true;
  if (one.pid === 0 && one.due === null) drop(log, relays, one);
}

/** As process 1, when all services are gone: true once everything they have written is out. Nobody
 * else who still has their output is waited for. */
export function isRelayed({ all }: Relays): boolean {
  for (const one of all) {
    if (one.pid === 0 || one.isTold) continue;
    sys.kill(one.pid, signals.ALRM);
    one.isTold = true;
  }
  return all.size === 0;
}
