// runsvdir: one runsv for every directory under a directory, forked, so that all of them share
// one heap. It keeps the read end of every log pipe: a runsv that is killed loses no line.
import { type Args, parseArgs } from "../core/args.ts";
import { signals } from "../core/commands.ts";
import { essentialExit, forkRetryMs, rescanMs, supervisorRetryMs } from "../core/limits.ts";
import { errnos, reason } from "../core/message.ts";
import { type Format, parseFormat } from "../core/relay.ts";
import { type Found, planScan, restartAt } from "../core/scan.ts";
import { labelText, type Millis } from "../core/time.ts";
import { type Ended, type Outcome, openSignals, readSignals, reap, runTurns } from "../sys/loop.ts";
import {
  close,
  complain,
  isDirectory,
  type Limit,
  open,
  pipe,
  reasonOf,
  SysError,
  setrlimit,
  setsid,
  writeAll,
} from "../sys/posix.ts";
import { answer } from "./answer.ts";
import { samples, supervise } from "./runsv.ts";
import { readStat } from "./runsv-files.ts";
import {
  type Adopted,
  adopt,
  hasEnded,
  isSupervised,
  leftRunsv,
  release,
} from "./runsvdir-adopt.ts";
import { type Ending, endRest, newEnding, nextLook, watchStatus } from "./runsvdir-end.ts";
import { exitCodeIn, honoursEssential, tellInit } from "./runsvdir-essential.ts";
import { list } from "./runsvdir-list.ts";
import { type Log, openLog, readTitle, warn, well } from "./runsvdir-log.ts";
import {
  forkedAtOnce,
  hurryRelays,
  isRelayed,
  isRelaying,
  newRelays,
  onRelayEnded,
  openOutput,
  type Relay,
  type Relays,
  raiseDescriptorLimit,
  relayDue,
  releaseRelay,
  startRelays,
} from "./runsvdir-relay.ts";
import {
  adoptTrail,
  newTrail,
  newWatch,
  readChanges,
  type Trail,
  type Watch,
  watchedFds,
} from "./runsvdir-watch.ts";

export const usage = "[-P] [-L file] [-o format] dir";

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
  /** Who brings its output out; null: nobody has to. */
  relay: Relay | null;
}

interface Runsvdir extends Log {
  readonly directory: string;
  /** -P: every runsv gets a session, and so a process group, of its own. */
  readonly sessions: boolean;
  readonly children: Map<string, Child>;
  readonly relays: Relays;
  readonly watch: Watch;
  readonly signalFd: number;
  /** The limit on descriptors that services shall see, not the one we gave ourselves. */
  readonly descriptorLimit: Limit | null;
  /** What forked supervisors share: see samples(). */
  readonly samples: unknown;
  scanDue: Millis | null;
  /** Told to end, as PID 1, or by the end of an essential service: every runsv is waited for. */
  ending: Ending | null;
  /** ALRM came: say so once the scan is done. */
  rescanTold: boolean;
}

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
    relays,
    watch: newWatch(),
    signalFd: openSignals(isFirst() ? [...heard, signals.INT] : heard),
    title: null,
    descriptorLimit: raiseDescriptorLimit(relays),
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

function descriptors({ signalFd, watch, title, children }: Runsvdir): readonly number[] {
  const fds = [signalFd, ...watchedFds(watch)];
  if (title !== null) fds.push(title.fd);
  for (const { adopted } of children.values()) {
    if (adopted !== null && adopted.pidfd >= 0) fds.push(adopted.pidfd);
  }
  return fds;
}

function nextDeadline(state: Runsvdir): Millis | null {
  const { ending, children } = state;
  const isEnding = ending !== null; // only the end of a runsv is waited for, and of a relay
  const isLooking = isEnding && isFirst() && children.size > 0;
  let next = isLooking ? nextLook(ending) : isEnding ? null : state.scanDue;
  const relaysAt = ending?.isKilled ? null : relayDue(state.relays);
  if (relaysAt !== null) next = Math.min(relaysAt, next ?? relaysAt);
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
  for (const number of readSignals(state.signalFd, true)) {
    const code = number === signals.CHLD ? null : onSignal(state, number);
    if (code !== null) return code;
  }
  for (let ended = reap(); ended !== null; ended = reap()) {
    const code = onEnded(state, ended);
    if (code !== null) return code;
  }
  const lost = checkAdopted(state);
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
  state.scanDue = sys.monotonic();
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
  const { directory, watch, children } = state;
  const ending = newEnding(code);
  state.ending = ending;
  for (const child of children.values()) {
    if (isFirst()) watchStatus(ending, watch.fd, `${directory}/${child.name}`);
    stopChild(state, child);
  }
  return ending;
}

function goOnEnding(state: Runsvdir, ending: Ending): number | null {
  const { directory, children, relays } = state;
  if (!ending.isKilled) startRelays(state, relays, sys.monotonic());
  const left = [...children.values()];
  if (left.length === 0) return ending.isKilled || isRelayed(relays) ? ending.code : null;
  if (!isFirst()) return null;
  const pids = new Set([...left, ...relays.all].map(({ pid }) => pid));
  const directories = left.map(({ name }) => `${directory}/${name}`);
  // A logger that was taken over is our own child, and no descendant of its runsv.
  for (const one of directories) pids.add(sys.living(`${one}/log/supervise/run.birth`));
  endRest(ending, pids, directories);
  return null;
}

/** An exit code ends us. */
function onEnded(state: Runsvdir, { pid, status }: Ended): number | null {
  for (const child of state.children.values()) {
    if (child.pid !== pid) continue;
    if (child.adopted !== null) release(child.adopted); // it had become our child
    child.adopted = null;
    if (status === essentialExit << 8) return onLoss(state, child);
    const due = restartAt((status & 0x7f) !== 0, child.startedAt, sys.monotonic());
    replace(state, child, due);
    return null;
  }
  onRelayEnded(state, state.relays, { pid, status });
  return null;
}

/** An essential service has ended. */
function onLoss(state: Runsvdir, child: Child): number | null {
  const { name } = child;
  const code = exitCodeIn(`${state.directory}/${name}`);
  removeChild(state, child);
  if (state.ending !== null) return null; // whatever was first is the reason
  warn(state, `${name}/essential`, `essential service ${name} has ended`, `exit code ${code}`);
  if (!isFirst() && tellInit(code)) return 0;
  endAll(state, code);
  return null;
}

/** Its runsv has ended: another one then, unless the service leaves. */
function replace(state: Runsvdir, child: Child, due: Millis): void {
  child.pid = 0;
  if (child.leaving) removeChild(state, child);
  else child.due = due;
}

/** The ends of those that are no children of ours: what they exit with, nobody tells. */
function checkAdopted(state: Runsvdir): number | null {
  for (const child of state.children.values()) {
    const { adopted, name } = child;
    if (adopted === null || !hasEnded(adopted)) continue;
    release(adopted);
    child.adopted = null;
    const isLost = readStat(`${state.directory}/${name}/supervise`).isEnd;
    if (isLost && honoursEssential()) return onLoss(state, child);
    replace(state, child, sys.monotonic());
  }
  return null;
}

function removeChild(state: Runsvdir, child: Child): void {
  if (child.pipe >= 0) close(child.pipe);
  if (child.relay !== null) releaseRelay(state, state.relays, child.relay);
  state.children.delete(child.key);
  if (state.ending !== null && state.children.size === 0) hurryRelays(state.relays);
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
      relay: null,
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

/** Forks a runsv for everyone whose time has come, and relays. All in one call: nothing of the heap
 * that they share is touched between two forks. */
function startDue(state: Runsvdir, now: Millis): void {
  const due = [...state.children.values()]
    .filter((one) => one.due !== null && one.due <= now)
    .slice(0, forkedAtOnce(state.relays)) // those left have their turn at once
    .filter((one) => !isTaken(state, one, now));
  const outputs = due.map((child) => preparePipes(state, child));
  if (due.length > 0) forkSupervisors(state, due, outputs, now);
  startRelays(state, state.relays, now);
  for (const fd of outputs.flat()) close(fd);
}

function forkSupervisors(
  state: Runsvdir,
  due: readonly Child[],
  outputs: readonly (readonly number[])[],
  now: Millis,
): void {
  for (const child of due) child.startedAt = now;
  const pids = sys.fork(
    (index) => runChild(state, due[index] as Child, outputs[index] ?? []),
    due.map(({ name }) => ["runsv", name]),
    due.map(({ pipe: fd }, index) => [...(fd < 0 ? [] : [fd]), ...(outputs[index] ?? [])]),
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
  const pid = leftRunsv(directory);
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
function runChild(state: Runsvdir, { name, pipe: fd }: Child, output: readonly number[]): Outcome {
  if (state.descriptorLimit !== null) setrlimit("nofile", state.descriptorLimit);
  if (state.sessions) setsid();
  output.forEach((end, index) => {
    sys.dup2(end, index + 1);
    close(end);
  });
  const directory = `${state.directory}/${name}`;
  const logPipe = fd < 0 ? null : fd;
  return supervise({ directory, name, logPipe, honoursEssential: honoursEssential() });
}

/** The pipe of a service with a log: we keep the read end, runsv and the logger inherit it. One
 * without a log has pipes to its relay: their write ends. */
function preparePipes(state: Runsvdir, child: Child): readonly number[] {
  const log = sys.stat(`${state.directory}/${child.name}/log`);
  const hasLog = typeof log !== "number" && isDirectory(log); // runsv says what is wrong there
  if (hasLog && child.pipe < 0) child.pipe = makeLogPipe(state, child.name);
  const isAlone = (hasLog && child.relay === null) || !isRelaying(state.relays);
  return isAlone ? [] : openOutput(state, state.relays, child);
}

function makeLogPipe(state: Runsvdir, name: string): number {
  try {
    const [read, write] = pipe();
    close(write); // runsv opens it through /proc/self/fd
    return read;
  } catch (error) {
    warn(state, `${name}/log`, `unable to create log pipe for ${name}`, reasonOf(error));
    return -1; // runsv makes its own
  }
}
