// runsvdir: one runsv for every directory under a directory, forked, so that all of them share
// one heap. It keeps the read end of every log pipe: a runsv that is killed loses no line.
import { type Args, parseArgs } from "../core/args.ts";
import { signals } from "../core/commands.ts";
import { essentialExit, rescanMs } from "../core/limits.ts";
import { errnos, reason } from "../core/message.ts";
import { type Format, parseFormat } from "../core/relay.ts";
import { type Change, type Found, partOf, planScan, restartAt } from "../core/scan.ts";
import { labelText, type Millis } from "../core/time.ts";
import { type Ended, type Outcome, openSignals, readSignals, reap, runTurns } from "../sys/loop.ts";
import { close, complain, open, SysError, signalHeld, writeAll } from "../sys/posix.ts";
import { answer } from "./answer.ts";
import { samples } from "./runsv.ts";
import { readStat } from "./runsv-files.ts";
import { hasEnded, mayHaveEnded, newAdoption, release } from "./runsvdir-adopt.ts";
import {
  type Ending,
  endRest,
  isUnread,
  newEnding,
  nextLook,
  type Own,
  watchStatus,
} from "./runsvdir-end.ts";
import { exitCodeIn, isEssential, tellInit } from "./runsvdir-essential.ts";
import { isElsewhere, movedExit, pipeSubject, startDue } from "./runsvdir-fork.ts";
import { listAgain, listAll } from "./runsvdir-list.ts";
import { openLog, readTitle, warn, well } from "./runsvdir-log.ts";
import {
  hurryRelays,
  isRelayed,
  newRelays,
  onRelayEnded,
  raiseDescriptorLimit,
  relayDue,
  releaseRelay,
  startRelays,
} from "./runsvdir-relay.ts";
import { type Child, noteChange, pathOf, type Runsvdir, setDue, setPid } from "./runsvdir-state.ts";
import {
  adoptTrail,
  type Changes,
  newTrail,
  newWatch,
  readChanges,
  type Trail,
  watchedFds,
} from "./runsvdir-watch.ts";

export const usage = "[-P] [-L file] [-o format] dir";

const forcedRescan = ".forced-rescan";
const heard = [signals.TERM, signals.HUP, signals.CHLD, signals.ALRM];

/** A container's entrypoint, whose INT is Ctrl-C. */
function isFirst(): boolean {
  return sys.getpid() === 1;
}

export function main(argv: readonly string[]): Outcome {
  const args = parseArgs(argv, "PL:o:");
  if (args.question !== undefined) return answer(args.question, `usage: ${argv[0]} ${usage}`);
  const directory = args.operands[0];
  const format = formatIn(args);
  if (!args.valid || directory === undefined || format === null) {
    if (args.complaint !== undefined) complain(`runsvdir: ${args.complaint}`);
    complain(`usage: ${argv[0]} ${usage}\n`);
    return 1;
  }
  const who = `runsvdir ${directory}`;
  const relays = newRelays(format);
  const state: Runsvdir = {
    who,
    directory,
    sessions: args.options.some(({ letter }) => letter === "P"),
    children: new Map(),
    running: new Map(),
    due: new Set(),
    adoption: newAdoption(),
    relays,
    watch: newWatch(),
    entered: directory,
    entries: new Map(),
    unsure: new Set(),
    changes: { isWhole: true, names: new Set() },
    waiting: new Set(),
    signalFd: openSignals(isFirst() ? [...heard, signals.INT] : heard),
    title: null,
    descriptorLimit: raiseDescriptorLimit(),
    said: new Map(),
    samples: samples(),
    scanDue: sys.monotonic(),
    ending: null,
    rescanTold: false,
  };
  openLog(state, argv, args);
  sys.subreaper(); // a service whose runsv was killed stays in the tree
  return runTurns({ who, state, fds: descriptors, deadline: nextDeadline, turn });
}

/** What -o says; null: that is no format. */
function formatIn({ options }: Args): Format | null {
  return parseFormat(options.findLast(({ letter }) => letter === "o")?.value ?? "plain");
}

function descriptors({ signalFd, watch, title, adoption }: Runsvdir): readonly number[] {
  const fds = [signalFd, ...watchedFds(watch)];
  if (title !== null) fds.push(title.fd);
  if (adoption.epoll >= 0) fds.push(adoption.epoll);
  return fds;
}

function nextDeadline(state: Runsvdir): Millis | null {
  const { ending, children, adoption, due } = state;
  const isEnding = ending !== null; // only the end of a runsv is waited for, and of a relay
  const isLooking = isEnding && isFirst() && (children.size > 0 || ending.relaysUntil !== null);
  const times = [isLooking ? nextLook(ending) : isEnding ? null : state.scanDue, adoption.lookAt];
  times.push(ending?.isKilled ? null : relayDue(state.relays));
  if (!isEnding) for (const child of due) times.push(child.due);
  let next: Millis | null = null;
  for (const at of times) if (at !== null && (next === null || at < next)) next = at;
  return next;
}

function turn(state: Runsvdir, ready: readonly number[]): number | null {
  const { watch, changes } = state;
  if (readChanges(watch, ready, changes)) state.scanDue = sys.monotonic(); // before anything fails
  const { title } = state;
  if (title !== null && ready.includes(title.fd)) readTitle(title);
  if (FAULTS && sys.fault("turn")) throw new Error("fault point: turn");
  for (const number of readSignals(state.signalFd, true)) {
    const code = number === signals.CHLD ? null : onSignal(state, number);
    if (code !== null) return code;
  }
  for (let ended = reap(); ended !== null; ended = reap()) {
    const code = onEnded(state, ended);
    if (code !== null) return code;
  }
  const lost = checkAdopted(state, ready);
  if (lost !== null) return lost;
  if (state.ending !== null) return goOnEnding(state, state.ending);
  if (state.scanDue !== null && state.scanDue <= sys.monotonic()) scan(state);
  startDue(state, sys.monotonic());
  return null;
}

/** ALRM wants a scan now, where changes cannot be watched; an exit code ends us. */
function onSignal(state: Runsvdir, number: number): number | null {
  if (number !== signals.ALRM) {
    const code = number === signals.HUP ? 111 : 0;
    return isFirst() ? endAsFirst(state, code, number) : endAsOther(state, code);
  }
  scanAll(state);
  state.rescanTold = true;
  return null;
}

/** TERM leaves the services running, HUP brings them down, as runit has it. With the end of an
 * essential service all were told already: whoever sends a signal does not wait for them. */
function endAsOther(state: Runsvdir, code: number): number {
  if (state.ending !== null) return state.ending.code;
  if (code !== 0) endAll(state, code);
  return code;
}

/** PID 1 cannot leave anything behind: it waits for all of them. The same signal again, as from an
 * engine that was restarted, changes nothing; Ctrl-C typed twice kills all. */
function endAsFirst(state: Runsvdir, code: number, number: number): null {
  const ending = state.ending ?? endAll(state, code);
  if (number !== -signals.INT) return null;
  ending.isKilled = ending.isTyped;
  ending.isTyped = true;
  if (ending.isKilled) sys.killall(signals.KILL);
  return null;
}

/** Every service is told to end; all of them are waited for. */
function endAll(state: Runsvdir, code: number): Ending {
  const { watch, children } = state;
  const ending = newEnding(code);
  state.ending = ending;
  for (const child of children.values()) {
    if (isFirst()) watchStatus(ending, watch.fd, pathOf(state, child));
    stopChild(state, child);
  }
  return ending;
}

function goOnEnding(state: Runsvdir, ending: Ending): number | null {
  const { children, relays } = state;
  if (!ending.isKilled) startRelays(state, relays, sys.monotonic());
  const left = [...children.values()];
  if (left.length === 0) {
    const isOut = ending.isKilled || isRelayed(relays) || (isFirst() && isUnread(ending));
    return isOut ? ending.code : null;
  }
  if (!isFirst()) return null;
  const directories = left.map((child) => pathOf(state, child));
  const own = (): Own => {
    const [alone, trees] = [new Set<number>(), new Set([...relays.all].map(({ pid }) => pid))];
    for (const child of left) {
      // What ./run has left behind may be a child of its runsv, and a logger that was taken over is
      // none; one that is not known is spared with all of that runsv's.
      const logger = sys.living(`${pathOf(state, child)}/log/supervise/run.birth`);
      if (logger > 0) trees.add(logger);
      (logger > 0 || child.pipe < 0 ? alone : trees).add(child.pid);
    }
    return { alone, trees };
  };
  endRest(ending, own, directories);
  return null;
}

/** An exit code ends us. */
function onEnded(state: Runsvdir, { pid, status }: Ended): number | null {
  const child = state.running.get(pid);
  if (child === undefined) {
    onRelayEnded(state, state.relays, { pid, status });
    return null;
  }
  endAdoption(state, child); // it had become our child
  if (status === essentialExit << 8) return onLoss(state, child);
  const now = sys.monotonic();
  const isMoved = status === movedExit << 8;
  if (isMoved) noteChange(state, child.name);
  const isBack = isMoved && !isElsewhere(child, pathOf(state, child));
  const isNew = isBack || child.name !== child.startedAs;
  replace(state, child, isNew ? now : restartAt((status & 0x7f) !== 0, child.startedAt, now));
  return null;
}

function endAdoption({ adoption }: Runsvdir, child: Child): void {
  if (child.adopted !== null) release(adoption, child.adopted, child.key);
  child.adopted = null;
}

/** An essential service has ended. */
function onLoss(state: Runsvdir, child: Child): number | null {
  const { name } = child;
  const code = exitCodeIn(pathOf(state, child));
  removeChild(state, child);
  if (state.ending !== null) return null; // whatever was first is the reason
  warn(state, `${name}/essential`, `essential service ${name} has ended`, `exit code ${code}`);
  if (!isFirst() && tellInit(code)) return 0;
  endAll(state, code);
  return null;
}

/** Its runsv has ended: another one then, unless the service leaves. */
function replace(state: Runsvdir, child: Child, due: Millis): void {
  setPid(state, child, 0);
  if (child.leaving) removeChild(state, child);
  else setDue(state, child, due);
}

/** The ends of those that are no children of ours: what they exit with, nobody tells. */
function checkAdopted(state: Runsvdir, ready: readonly number[]): number | null {
  for (const key of mayHaveEnded(state.adoption, ready)) {
    const child = state.children.get(key);
    if (child === undefined || child.adopted === null || !hasEnded(child.adopted)) continue;
    endAdoption(state, child);
    const path = pathOf(state, child);
    if (isEssential(path) && readStat(`${path}/supervise`).isEnd) return onLoss(state, child);
    replace(state, child, sys.monotonic());
  }
  return null;
}

function removeChild(state: Runsvdir, child: Child): void {
  if (child.pipe >= 0) {
    close(child.pipe);
    well(state, pipeSubject); // there is room for another
  }
  if (child.relay !== null) releaseRelay(state, state.relays, child.relay);
  setPid(state, child, 0);
  setDue(state, child, null);
  state.children.delete(child.key);
  if (state.ending !== null && state.children.size === 0) hurryRelays(state.relays);
  for (const name of state.waiting) noteChange(state, name);
  state.waiting.clear();
}

function stopChild(state: Runsvdir, child: Child): void {
  child.leaving = true;
  setDue(state, child, null);
  if (child.adopted !== null && hasEnded(child.adopted)) return; // its number may be another's
  if (child.pid === 0) removeChild(state, child);
  else tell(state, child); // one that is gone already is reaped in its turn
}

/** What cannot be told to end is no reason not to tell the others. */
function tell(state: Runsvdir, { name, pid, adopted }: Child): void {
  const pidfd = adopted !== null && adopted.pidfd >= 0 ? adopted.pidfd : null;
  const result = signalHeld(pid, pidfd, signals.TERM);
  if (result >= 0 || result === -errnos.ESRCH) return;
  warn(state, `${name}/end`, `unable to end runsv ${name}`, reason(-result));
}

function scanAll(state: Runsvdir): void {
  state.changes.isWhole = true;
  state.scanDue = sys.monotonic();
}

/** Compares what has changed in the directory with what runs. What cannot be watched or looked at
 * now is looked at again after a while. */
function scan(state: Runsvdir): void {
  const { isWhole, names } = state.changes;
  const began = sys.monotonic();
  const changes: Changes = { isWhole: true, names: new Set() };
  state.changes = changes; // what is not carried out is still pending
  state.scanDue = began;
  const trail = newTrail(state.watch, isWhole);
  const wasEmpty = state.entries.size === 0;
  const keys = isWhole ? null : listAgain(state, trail, names);
  const isListed = keys !== null || listAll(state, trail);
  if (isWhole) adoptTrail(trail);
  tellDeafness(state, trail, isWhole);
  if (isListed) carryOut(state, keys === null ? null : { names, keys });
  const isTurned = !isWhole && wasEmpty !== (state.entries.size === 0); // listNames() says why
  const isNow = isTurned || changes.names.size > 0;
  changes.isWhole = isTurned || !isListed || !trail.isSure;
  for (const name of state.unsure) changes.names.add(name);
  const isLater = changes.isWhole || changes.names.size > 0;
  state.scanDue = isNow ? began : isLater ? began + rescanMs : null;
  if (state.rescanTold) tellRescan(state);
}

/** Who sent ALRM waits for this file to change. */
function tellRescan(state: Runsvdir): void {
  state.rescanTold = false;
  const path = `${state.directory}/${forcedRescan}`;
  try {
    const fd = open(path, sys.O_WRONLY | sys.O_CREAT | sys.O_TRUNC | sys.O_NONBLOCK, 0o644);
    const [seconds, nanoseconds] = sys.realtime();
    writeAll(fd, labelText({ seconds, nanoseconds }), path);
    close(fd);
    well(state, "/rescan");
  } catch (error) {
    if (!(error instanceof SysError)) throw error;
    warn(state, "/rescan", error.what, reason(error.errno));
  }
}

/** Where inotify cannot be had, people shall know why a change takes its time. */
function tellDeafness(state: Runsvdir, { watch, deaf }: Trail, isWhole: boolean): void {
  const [first] = deaf;
  const slow = `looking every ${rescanMs / 1000} seconds`;
  if (watch.fd < 0) warn(state, "/watch", `unable to use inotify, ${slow}`);
  else if (first !== undefined)
    warn(state, "/watch", `unable to watch ${first.directory}, ${slow}`, first.why);
  else if (isWhole) well(state, "/watch");
}

/** `change`: the part of the directory that was listed; null: all of it. */
function carryOut(state: Runsvdir, change: Change | null): void {
  const now = sys.monotonic();
  const { known, found } = partOf(state.children.values(), state.entries, change);
  rename(state, known, found);
  const plan = planScan(known, found);
  for (const name of plan.waiting) state.waiting.add(name);
  for (const key of plan.stop) {
    const child = state.children.get(key);
    if (child !== undefined) stopChild(state, child);
  }
  for (const one of plan.start) {
    const child = {
      ...one,
      pid: 0,
      startedAt: 0,
      startedAs: one.name,
      due: now,
      leaving: false,
      adopted: null,
      pipe: -1,
      relay: null,
    };
    state.children.set(one.key, child);
    state.due.add(child);
  }
}

/** A service whose link has another name now: the next runsv has to find it by that, and one that
 * did not is not waited for. */
function rename(state: Runsvdir, known: readonly Child[], found: readonly Found[]): void {
  const names = new Map(found.map(({ name, key }) => [key, name]));
  for (const child of known) {
    const name = names.get(child.key);
    if (name === undefined || state.entries.get(child.name)?.key === child.key) continue;
    child.name = name;
    if (child.due !== null) setDue(state, child, sys.monotonic());
  }
}
