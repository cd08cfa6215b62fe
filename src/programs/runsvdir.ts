// runsvdir: one runsv for every directory under a directory, forked, so that all of them share
// one heap. It keeps the read end of every log pipe: a runsv that is killed loses no line.
import { parseArgs } from "../core/args.ts";
import { signals } from "../core/commands.ts";
import { forkRetryMs, rescanMs, runsvdirDescriptors, supervisorRetryMs } from "../core/limits.ts";
import { errnos, reason } from "../core/message.ts";
import { type Found, planScan, restartAt, serviceNames } from "../core/scan.ts";
import { labelText, type Millis } from "../core/time.ts";
import { type Ended, type Outcome, openSignals, readSignals, reap, runTurns } from "../sys/loop.ts";
import {
  close,
  complain,
  getrlimit,
  isDirectory,
  isLink,
  type Limit,
  lstatIfThere,
  open,
  pipe,
  readdir,
  reasonOf,
  type Stat,
  SysError,
  setrlimit,
  setsid,
  writeAll,
} from "../sys/posix.ts";
import { samples, supervise } from "./runsv.ts";
import {
  type Adopted,
  adopt,
  hasEnded,
  isSupervised,
  leftOver,
  release,
} from "./runsvdir-adopt.ts";
import { type Log, openLog, readTitle, warn, well } from "./runsvdir-log.ts";
import {
  adoptTrail,
  follow,
  newTrail,
  newWatch,
  noteAll,
  readChanges,
  type Trail,
  type Watch,
  watchedFds,
} from "./runsvdir-watch.ts";

export const usage = "[-P] [-L file] dir";

/** A service directory and its runsv. */
interface Child extends Found {
  /** Of a link to it that is there: another one once this one is renamed or removed. */
  name: string;
  /** 0 while there is none. */
  pid: number;
  startedAt: Millis;
  /** When a runsv is to be forked; null: it runs, or leaves. */
  due: Millis | null;
  leaving: boolean;
  /** Its runsv, when that is another runsvdir's, which has gone. */
  adopted: Adopted | null;
  /** The read end of the log pipe; -1: there is no log. */
  pipe: number;
}

interface Runsvdir extends Log {
  readonly directory: string;
  /** -P: every runsv gets a session, and so a process group, of its own. */
  readonly sessions: boolean;
  readonly children: Map<string, Child>;
  readonly watch: Watch;
  readonly signalFd: number;
  /** The limit on descriptors that services shall see, not the one we gave ourselves. */
  readonly descriptorLimit: Limit | null;
  /** What forked supervisors share: see samples(). */
  readonly samples: unknown;
  scanDue: Millis | null;
  /** Told to end, as PID 1: the exit code once every runsv is gone. */
  ending: number | null;
  /** ALRM came: say so once the scan is done. */
  rescanTold: boolean;
}

const forcedRescan = ".forced-rescan";

export function main(argv: readonly string[]): Outcome {
  const args = parseArgs(argv, "PL:");
  const directory = args.operands[0];
  if (!args.valid || directory === undefined) {
    complain(`usage: ${argv[0]} ${usage}\n`);
    return 1;
  }
  const who = `runsvdir ${directory}`;
  const state: Runsvdir = {
    who,
    directory,
    sessions: args.options.some(({ letter }) => letter === "P"),
    children: new Map(),
    watch: newWatch(),
    signalFd: openSignals([signals.TERM, signals.HUP, signals.CHLD, signals.ALRM]),
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

function descriptors({ signalFd, watch, title, children }: Runsvdir): readonly number[] {
  const fds = [signalFd, ...watchedFds(watch)];
  if (title !== null) fds.push(title.fd);
  for (const { adopted } of children.values()) {
    if (adopted !== null && adopted.pidfd >= 0) fds.push(adopted.pidfd);
  }
  return fds;
}

/** What the limit was; null where limits are not to be had, which only many services would mind. */
function raiseDescriptorLimit(): Limit | null {
  try {
    const limit = getrlimit("nofile");
    const { soft, hard } = limit;
    const wanted = hard === null ? runsvdirDescriptors : Math.min(hard, runsvdirDescriptors);
    if (soft !== null && soft < wanted) setrlimit("nofile", { soft: wanted });
    return limit;
  } catch (error) {
    if (error instanceof SysError) return null;
    throw error;
  }
}

function nextDeadline(state: Runsvdir): Millis | null {
  const isEnding = state.ending !== null; // only the end of a runsv is waited for
  let next = isEnding ? null : state.scanDue;
  for (const { due, adopted } of state.children.values()) {
    const isLookedAt = adopted !== null && adopted.pidfd < 0;
    const at = isLookedAt ? sys.monotonic() + rescanMs : isEnding ? null : due;
    if (at !== null && (next === null || at < next)) next = at;
  }
  return next;
}

function turn(state: Runsvdir, ready: readonly number[]): number | null {
  if (readChanges(state.watch, ready)) state.scanDue = sys.monotonic(); // before anything fails
  const { title } = state;
  if (title !== null && ready.includes(title.fd)) readTitle(title);
  if (FAULTS && sys.fault("turn")) throw new Error("fault point: turn");
  for (const number of readSignals(state.signalFd)) {
    const code = number === signals.CHLD ? null : onSignal(state, number);
    if (code !== null) return code;
  }
  for (let ended = reap(); ended !== null; ended = reap()) onEnded(state, ended);
  checkAdopted(state);
  if (state.ending !== null) return state.children.size === 0 ? state.ending : null;
  if (state.scanDue !== null && state.scanDue <= sys.monotonic()) scan(state);
  startDue(state, sys.monotonic());
  return null;
}

/** ALRM wants a scan now, where changes cannot be watched; an exit code ends us. */
function onSignal(state: Runsvdir, number: number): number | null {
  if (number !== signals.ALRM) return end(state, number);
  state.scanDue = sys.monotonic();
  state.rescanTold = true;
  return null;
}

/** TERM leaves the services running, HUP brings them down, as runit has it. PID 1 cannot leave
 * anything behind: it waits for all of them. */
function end(state: Runsvdir, signal: number): number | null {
  const code = signal === signals.HUP ? 111 : 0;
  const alone = sys.getpid() === 1;
  if (alone) state.ending = code;
  if (code === 0 && !alone) return 0;
  for (const child of state.children.values()) stopChild(state, child);
  return alone ? null : code;
}

function onEnded(state: Runsvdir, { pid, status }: Ended): void {
  for (const child of state.children.values()) {
    if (child.pid !== pid) continue;
    if (child.adopted !== null) release(child.adopted); // it had become our child
    child.adopted = null;
    const due = restartAt((status & 0x7f) !== 0, child.startedAt, sys.monotonic());
    replace(state, child, due);
    return;
  }
}

/** Its runsv has ended: another one then, unless the service leaves. */
function replace(state: Runsvdir, child: Child, due: Millis): void {
  child.pid = 0;
  if (child.leaving) removeChild(state, child);
  else child.due = due;
}

/** The ends of those that are no children of ours. */
function checkAdopted(state: Runsvdir): void {
  for (const child of state.children.values()) {
    const { adopted } = child;
    if (adopted === null || !hasEnded(adopted)) continue;
    release(adopted);
    child.adopted = null;
    replace(state, child, sys.monotonic());
  }
}

function removeChild(state: Runsvdir, child: Child): void {
  if (child.pipe >= 0) close(child.pipe);
  state.children.delete(child.key);
  state.scanDue = sys.monotonic(); // its name may be waited for
}

function stopChild(state: Runsvdir, child: Child): void {
  child.leaving = true;
  child.due = null;
  if (child.adopted !== null && hasEnded(child.adopted)) return; // its number may be another's
  if (child.pid === 0) removeChild(state, child);
  else tell(state, child); // one that is gone already is reaped in its turn
}

/** What cannot be told to end is no reason not to tell the others. */
function tell(state: Runsvdir, { name, pid }: Child): void {
  const result = sys.kill(pid, signals.TERM);
  if (result >= 0 || result === -errnos.ESRCH) return;
  warn(state, `${name}/end`, `unable to end runsv ${name}`, reason(-result));
}

/** Compares the directory with what runs. What cannot be watched or resolved now is looked at
 * again after a while. */
function scan(state: Runsvdir): void {
  const trail = newTrail(state.watch);
  const found = list(state, trail);
  const sure = adoptTrail(trail);
  tellDeafness(state, trail);
  const began = sys.monotonic();
  state.scanDue = began; // what is not carried out is still owed
  const again = found.services !== null && carryOut(state, found.services);
  if (!again) state.scanDue = found.sure && sure ? null : began + rescanMs;
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
function tellDeafness(state: Runsvdir, { watch, deaf }: Trail): void {
  const [first] = deaf;
  const slow = `looking every ${rescanMs / 1000} seconds`;
  if (watch.fd < 0) warn(state, "/watch", `unable to use inotify, ${slow}`);
  else if (first === undefined) well(state, "/watch");
  else warn(state, "/watch", `unable to watch ${first.directory}, ${slow}`, first.why);
}

interface Listing {
  /** In the order of starting; null when the directory cannot be read: everything stays. */
  readonly services: readonly Found[] | null;
  readonly sure: boolean;
}

function list(state: Runsvdir, trail: Trail): Listing {
  try {
    const directory = enter(state, trail);
    const names = serviceNames(readdir(directory, state.directory));
    const services: Found[] = [];
    let sure = true;
    for (const name of names) {
      const stat = look(state, trail, directory, name);
      if (stat === "unknown") services.push(...knownAs(state, name));
      else if (stat !== null && isDirectory(stat)) services.push({ name, key: keyOf(stat) });
      if (stat === null || stat === "unknown") sure = false;
    }
    well(state, "/");
    forget(state, names);
    return { services, sure };
  } catch (error) {
    if (!(error instanceof SysError)) throw error;
    warn(state, "/", error.what, reason(error.errno));
    return { services: null, sure: false };
  }
}

/** The scanned directory, watched, by a path without links where there is one. */
function enter(state: Runsvdir, trail: Trail): string {
  const directory = follow(trail, state.directory) ?? state.directory;
  if (!isDirectory(statOf(directory, state.directory))) {
    throw new SysError("change directory to", errnos.ENOTDIR, state.directory);
  }
  const entered = sys.stat(`${directory}/.`);
  if (typeof entered === "number") {
    throw new SysError("change directory to", -entered, state.directory);
  }
  noteAll(trail, directory);
  return directory;
}

function statOf(path: string, shown: string): Stat {
  const stat = sys.stat(path);
  if (typeof stat === "number") throw new SysError("stat", -stat, shown);
  return stat;
}

/** Complaints about what is no longer there would stand for ever. */
function forget(state: Runsvdir, names: readonly string[]): void {
  if (state.said.size === 0) return;
  const there = new Set(names);
  for (const { name } of state.children.values()) there.add(name);
  for (const subject of state.said.keys()) {
    const name = subject.split("/", 1)[0] as string;
    if (name !== "" && !there.has(name)) state.said.delete(subject);
  }
}

/** What an entry leads to, or null: a link to nothing, or a directory we may not look into. */
function look(
  state: Runsvdir,
  trail: Trail,
  directory: string,
  name: string,
): Stat | "unknown" | null {
  const path = `${directory}/${name}`;
  try {
    const entry = lstatIfThere(path);
    if (entry === null) return null; // removed since it was listed: an event is on its way
    if (isLink(entry)) follow(trail, path);
    const stat = isLink(entry) ? statOf(path, name) : entry;
    well(state, name);
    return stat;
  } catch (error) {
    if (!(error instanceof SysError)) throw error;
    if (sys.lstat(path) === -errnos.ENOENT) return null; // a link that was removed just now
    warn(state, name, `unable to stat ${name}`, reason(error.errno));
    return isGone(error.errno) ? null : "unknown";
  }
}

/** Where a path leads nowhere; any other errno says nothing about what is there. */
function isGone(errno: number): boolean {
  return errno === errnos.ENOENT || errno === errnos.ENOTDIR || errno === errnos.ELOOP;
}

function keyOf({ dev, ino }: Stat): string {
  return `${dev}:${ino}`;
}

/** The service of that name, while its directory cannot be looked at: no reason to stop it. */
function knownAs(state: Runsvdir, name: string): readonly Found[] {
  return [...state.children.values()].filter((child) => child.name === name && !child.leaving);
}

/** True when a name has become free that another directory may be waiting for. */
function carryOut(state: Runsvdir, found: readonly Found[]): boolean {
  const before = state.children.size;
  const now = sys.monotonic();
  rename(state, found);
  const plan = planScan([...state.children.values()], found);
  for (const key of plan.stop) {
    const child = state.children.get(key);
    if (child !== undefined) stopChild(state, child);
  }
  const again = state.children.size < before;
  for (const name of plan.refused)
    warn(state, `${name}/start`, `unable to start runsv ${name}`, "too many services.");
  for (const one of plan.start) {
    well(state, `${one.name}/start`);
    const child = {
      ...one,
      pid: 0,
      startedAt: 0,
      due: now,
      leaving: false,
      adopted: null,
      pipe: -1,
    };
    state.children.set(one.key, child);
  }
  return again;
}

/** A service whose link has another name now: the next runsv has to find it by that. */
function rename(state: Runsvdir, found: readonly Found[]): void {
  const there = new Map(found.map(({ name, key }) => [name, key]));
  for (const { name, key } of found) {
    const child = state.children.get(key);
    if (child !== undefined && there.get(child.name) !== key) child.name = name;
  }
}

/** Forks a runsv for everyone whose time has come. All in one call: nothing of the heap that
 * they share is touched between two forks. */
function startDue(state: Runsvdir, now: Millis): void {
  const due = [...state.children.values()].filter(
    (one) => one.due !== null && one.due <= now && !isTaken(state, one, now),
  );
  if (due.length === 0) return;
  for (const child of due) {
    child.startedAt = now;
    if (child.pipe < 0) child.pipe = makeLogPipe(state, child.name);
  }
  const pids = sys.fork(
    (index) => runChild(state, due[index] as Child),
    due.map(({ name }) => ["runsv", name]),
    due.map(({ pipe: fd }) => (fd < 0 ? [] : [fd])),
  );
  due.forEach((child, index) => {
    const pid = pids[index] ?? 0;
    child.pid = Math.max(0, pid);
    child.due = pid < 0 ? now + forkRetryMs : null;
    const subject = `${child.name}/fork`;
    if (pid < 0) warn(state, subject, `unable to fork for ${child.name}`, reason(-pid));
    else well(state, subject);
  });
}

/** True while the service has a runsv that is not our child: one that a runsvdir before us has left
 * is ours from now on, for any other one's end is waited. */
function isTaken(state: Runsvdir, child: Child, now: Millis): boolean {
  const directory = `${state.directory}/${child.name}`;
  const pid = leftOver(directory);
  if (pid > 0) child.adopted = adopt(pid, countAdopted(state), child.key);
  const subject = `${child.name}/lock`;
  if (child.adopted !== null) {
    child.pid = child.adopted.pid;
    child.due = null;
  } else if (isSupervised(directory)) {
    child.due = now + supervisorRetryMs;
    const what = `unable to lock ${child.name}/supervise/lock`;
    warn(state, subject, what, reason(errnos.EAGAIN));
    return true;
  }
  well(state, subject);
  return child.adopted !== null;
}

function countAdopted({ children }: Runsvdir): number {
  return [...children.values()].filter(({ adopted }) => adopted !== null).length;
}

/** In the child: it becomes the supervisor. */
function runChild(state: Runsvdir, { name, pipe: fd }: Child): Outcome {
  if (state.descriptorLimit !== null) setrlimit("nofile", state.descriptorLimit);
  if (state.sessions) setsid();
  const directory = `${state.directory}/${name}`;
  return supervise({ directory, name, logPipe: fd < 0 ? null : fd });
}

/** The pipe of a service with a log: we keep the read end, runsv and the logger inherit it. */
function makeLogPipe(state: Runsvdir, name: string): number {
  const log = sys.stat(`${state.directory}/${name}/log`);
  if (typeof log === "number" || !isDirectory(log)) return -1; // runsv says what is wrong there
  try {
    const [read, write] = pipe();
    close(write); // runsv opens it through /proc/self/fd
    return read;
  } catch (error) {
    warn(state, `${name}/log`, `unable to create log pipe for ${name}`, reasonOf(error));
    return -1; // runsv makes its own
  }
}
