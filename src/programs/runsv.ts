// runsv: supervises one service and its logger. What to do is decided in core/service.ts;
// here the effects are performed and what came of them is fed back.
import { parseArgs } from "../core/args.ts";
import { isLetter, type Letter, type Signal, signals } from "../core/commands.ts";
import {
  adoptedCheckMs,
  essentialExit,
  eventAttempts,
  restContainerSeconds,
} from "../core/limits.ts";
import { reason, sentence } from "../core/message.ts";
import { deadline, nextOfPair, step } from "../core/service.ts";
import type { Event, Exit } from "../core/service-state.ts";
import { encodeComplaint } from "../core/status.ts";
import type { Millis } from "../core/time.ts";
import { isSuccess, type Outcome, openSignals, readSignals, reap, runTurns } from "../sys/loop.ts";
import {
  close,
  complain,
  isDirectory,
  kill,
  outputPipe,
  Refusal,
  reasonOf,
  reopenForWriting,
  SysError,
  statIfThere,
  tryRead,
} from "../sys/posix.ts";
import { answer } from "./answer.ts";
import { tellEnd } from "./runsv-ends.ts";
import {
  findOrphan,
  hasEndedEarly,
  isAlive,
  leaveComplaint,
  leftOver,
  lockFile,
  nothingWritten,
  openSuperviseFiles,
} from "./runsv-files.ts";
import { killAfter, stopSignal } from "./runsv-settings.ts";
import { killScript, startFinish, startRun, startScript } from "./runsv-start.ts";
import {
  announce,
  count,
  isEssential,
  newSupervisor,
  newsOf,
  newUnit,
  now,
  type Supervisor,
  say,
  type Task,
  type Unit,
} from "./runsv-unit.ts";

export const usage = "dir";

export interface RunsvOptions {
  readonly directory: string;
  /** As it stands in messages. */
  readonly name: string;
  /** The read end of the log pipe that runsvdir keeps, or null: we make our own. */
  readonly logPipe: number | null;
  /** A file `essential` is honoured: who has forked us knows what essentialExit means. */
  readonly honoursEssential: boolean;
}

export function main(argv: readonly string[]): Outcome {
  const [program = "runsv"] = argv;
  const { operands, complaint, question } = parseArgs(argv, "");
  if (question !== undefined) return answer(question, `usage: ${program} ${usage}`);
  const [directory] = operands;
  if (complaint !== undefined) complain(`runsv: ${complaint}`);
  if (directory === undefined || operands.length > 1) {
    complain(`usage: ${program} ${usage}\n`);
    return 1;
  }
  return supervise({ directory, name: directory, logPipe: null, honoursEssential: false });
}

/** Supervises a service directory until told to exit; the exit code. */
export function supervise(options: RunsvOptions): Outcome {
  const who = `runsv ${options.name}`;
  let supervisor: Supervisor;
  try {
    supervisor = start(who, options);
  } catch (error) {
    refuse(who, error);
    return 111;
  }
  // From here on nothing may end this process but the command to exit.
  return runTurns({ who, state: supervisor, fds: descriptors, deadline: nextDeadline, turn });
}

/** What a supervisor that waits is made of, as samples: whoever forks supervisors keeps them.
 * The engine gives objects of one layout a common shape, which lives as long as one of them, and
 * counts its references to every property's name: so forked supervisors share the shapes. And
 * it makes a built-in function when that is first looked at: so all of them are looked at. */
export function samples(): unknown {
  const builtins: unknown[] = [Array.prototype, String.prototype, String, Object, Math];
  for (const builtin of builtins as Record<string, unknown>[]) {
    for (const name of Object.getOwnPropertyNames(builtin)) void builtin[name];
  }
  const files = { path: "", lock: -1, control: -1, written: nothingWritten() };
  const unit = newUnit(false, files);
  const service = step(unit.service, { kind: "begin", up: true }, 0).service;
  const supervisor = newSupervisor("", unit, unit, { read: -1, write: -1 }, -1, false);
  const news = newsOf(supervisor, unit);
  const adopted = { state: "run", pidfd: null };
  const turns = runTurns({ who: "", state: null, fds: descriptors, deadline: nextDeadline, turn });
  return [supervisor, service, news, adopted, turns];
}

/** Says why there will be no supervisor. */
function refuse(who: string, error: unknown): void {
  if (!(error instanceof Refusal || error instanceof SysError)) throw error;
  const text =
    error instanceof Refusal
      ? sentence(who, "fatal", error.message)
      : sentence(who, "fatal", error.what, reason(error.errno));
  complain(text);
  // A directory that we could not enter, or that has a supervisor, is not ours to write into.
  if (error instanceof SysError && (error.path === "" || error.path === lockFile)) return;
  const written = nothingWritten();
  leaveComplaint({ path: "supervise", written }, encodeComplaint({ since: now(), text }));
}

function start(who: string, options: RunsvOptions): Supervisor {
  const changed = sys.chdir(options.directory);
  if (changed < 0) throw new SysError("change to directory", -changed, "");
  const signalFd = openSignals([signals.TERM, signals.CHLD]);
  const there = statIfThere("log");
  const hasLog = there !== null && isDirectory(there);
  if (there !== null && !hasLog) complain(sentence(who, "warning", "./log: not a directory."));
  const main = newUnit(false, openSuperviseFiles(""));
  const log = hasLog ? newUnit(true, openSuperviseFiles("log/")) : null;
  const kept = log === null ? null : (pipeBetween(main, log) ?? options.logPipe);
  const ends = hasLog ? openLogPipe(who, kept) : { read: -1, write: -1 };
  const { honoursEssential } = options;
  const supervisor = newSupervisor(who, main, log, ends, signalFd, honoursEssential);
  if (supervisor.log !== null) begin(supervisor, supervisor.log);
  begin(supervisor, main);
  return supervisor;
}

/** The read end of the pipe that a service and its logger still have from a runsv that was killed:
 * no runsvdir has it, or that one was killed, too. They may be other users, whose descriptors can
 * change at any moment: so both are held first, which opens nothing, and then looked at. */
function pipeBetween(main: Unit, log: Unit): number | null {
  const input = hold(log, 0);
  const output = hold(main, 1);
  const read = input < 0 || output < 0 ? -1 : reopenPipe(input, output);
  for (const fd of [input, output]) if (fd >= 0) close(fd);
  return read < 0 ? null : read;
}

/** What is a descriptor of the process left in a service, for our own eyes; negative: nothing. */
function hold({ files }: Unit, number: number): number {
  const pid = leftOver(files.path, "run");
  return pid === 0 ? -1 : sys.open(`/proc/${pid}/fd/${number}`, sys.O_PATH, 0);
}

/** The read end of the pipe that both are; negative: they are not one. */
function reopenPipe(input: number, output: number): number {
  const held = `/proc/self/fd/${input}`;
  const name = sys.readlink(held); // pipe:[INODE], and of what has a name in a directory, a path
  if (typeof name === "number" || !name.startsWith("pipe:[")) return -1;
  if (name !== sys.readlink(`/proc/self/fd/${output}`)) return -1;
  const writer = sys.open(held, sys.O_WRONLY | sys.O_NONBLOCK, 0);
  if (writer < 0) return -1;
  const read = sys.open(held, sys.O_RDONLY, 0); // does not wait: there is a writer
  close(writer);
  return read;
}

/** runsvdir keeps the read end, so the pipe outlives us: whoever comes after us opens it anew. */
function openLogPipe(who: string, kept: number | null): { read: number; write: number } {
  if (kept !== null) {
    const write = reopenForWriting(kept);
    if (write !== null) return { read: kept, write };
    complain(sentence(who, "warning", "unable to open the kept log pipe, making another"));
    close(kept);
  }
  const [read, write] = outputPipe();
  return { read, write };
}

/** Takes over what a killed predecessor has left running, or starts afresh. */
function begin(supervisor: Supervisor, unit: Unit): void {
  unit.early = hasEndedEarly(unit.files.path);
  const orphan = findOrphan(unit.files.path, unit.since, isEssential(supervisor, unit));
  if (orphan === null) {
    const down = statIfThere(unit.service.log ? "log/down" : "down");
    owe(supervisor, unit, { kind: "begin", up: down === null });
    return;
  }
  const { state, pid, want, paused, gotTerm, ending } = orphan;
  const pidfd = sys.pidfd_open(pid);
  if (pidfd >= 0 && !isAlive(unit.files.path, state)) {
    close(pidfd); // it has ended in between, and this may be somebody else's
    begin(supervisor, unit);
    return;
  }
  unit.adopted = { state, pidfd: pidfd < 0 ? null : pidfd };
  unit.since = orphan.since;
  unit.exit = orphan.ends.exit;
  unit.restarts = orphan.ends.restarts - 1; // taking it over counts as its start
  owe(supervisor, unit, { kind: "adopted", state, pid, want, paused, gotTerm, ending });
}

function units(supervisor: Supervisor): readonly Unit[] {
  return supervisor.log === null ? [supervisor.main] : [supervisor.main, supervisor.log];
}

function descriptors(supervisor: Supervisor): readonly number[] {
  const fds = [supervisor.signalFd];
  for (const { files, adopted } of units(supervisor)) {
    fds.push(files.control);
    if (adopted !== null && adopted.pidfd !== null) fds.push(adopted.pidfd);
  }
  return fds;
}

function nextDeadline(supervisor: Supervisor): Millis | null {
  let next = supervisor.main.service.want === "end" ? supervisor.leaveAt : null;
  for (const { service, adopted, unwrittenUntil } of units(supervisor)) {
    const looks = adopted !== null && adopted.pidfd === null;
    const look = looks ? sys.monotonic() + adoptedCheckMs : null;
    for (const at of [deadline(service), look, unwrittenUntil]) {
      if (at !== null && (next === null || at < next)) next = at;
    }
  }
  return next;
}

/** Ends are collected first and handled last: a command that the process wrote before it ended
 * (`sv once .`) is in the pipe by now, and is heard by the service that it was meant for. */
function turn(supervisor: Supervisor, ready: readonly number[]): number | null {
  if (FAULTS && sys.fault("turn")) throw new Error("fault point: turn");
  if (FAULTS && sys.fault("collect"))
    complain(`${supervisor.who}: collected ${sys.collect()} bytes`);
  settle(supervisor); // What a fault has left: the start of what is reaped now may be in it.
  const { ends } = supervisor;
  collectEnds(supervisor);
  for (const unit of units(supervisor)) {
    const mayEnd = ends.length > 0 || unit.adopted !== null;
    if (mayEnd || ready.includes(unit.files.control)) readCommands(supervisor, unit);
    if (unit.adopted !== null) checkAdopted(supervisor, unit, ready);
  }
  for (const { pid, status } of ends.splice(0)) oweEnd(supervisor, pid, status);
  settle(supervisor);
  for (const unit of units(supervisor)) {
    const due = deadline(unit.service);
    const time = sys.monotonic();
    if (due !== null && due <= time) owe(supervisor, unit, { kind: "timeout" });
    const retry = unit.unwrittenUntil;
    if (retry !== null && retry <= time) announce(supervisor, unit, false);
  }
  settle(supervisor);
  return leaveWhenOver(supervisor);
}

function collectEnds(supervisor: Supervisor): void {
  for (const number of readSignals(supervisor.signalFd)) {
    if (number === signals.TERM) oweCommand(supervisor, supervisor.main, "x");
  }
  for (let ended = reap(); ended !== null; ended = reap()) supervisor.ends.push(ended);
}

function owe(supervisor: Supervisor, unit: Unit, event: Event): void {
  supervisor.owed.push({ unit, task: event, attempts: 0 });
}

function oweCommand(supervisor: Supervisor, unit: Unit, letter: Letter): void {
  owe(supervisor, unit, { kind: "command", letter });
}

/** ./finish hears the exit code, or -1 and the signal (128 more with a core dump). */
function oweEnd(supervisor: Supervisor, pid: number, status: number): void {
  for (const unit of units(supervisor)) {
    if (pid === unit.scriptPid) {
      unit.scriptPid = 0;
      owe(supervisor, unit, { kind: "scriptEnded", ok: isSuccess(status) });
    } else if (pid === unit.service.pid) {
      const low = status & 0xff;
      const code = (low & 0x7f) === 0 ? (status >> 8) & 0xff : -1;
      oweEnded(supervisor, unit, { code, status: low });
    }
  }
}

function oweEnded(supervisor: Supervisor, unit: Unit, exit: Exit): void {
  owe(supervisor, unit, { kind: "ended", exit, essential: isEssential(supervisor, unit) });
}

/** The end of a process that is not our child: the kernel tells us that it ended, not how. */
function checkAdopted(supervisor: Supervisor, unit: Unit, ready: readonly number[]): void {
  const { adopted, files } = unit;
  if (adopted === null) return;
  const ended =
    adopted.pidfd === null ? !isAlive(files.path, adopted.state) : ready.includes(adopted.pidfd);
  if (!ended) return;
  if (adopted.pidfd !== null) close(adopted.pidfd);
  unit.adopted = null;
  oweEnded(supervisor, unit, { code: -1, status: 0 });
}

function readCommands(supervisor: Supervisor, unit: Unit): void {
  const count = tryRead(unit.files.control, supervisor.buffer, `${unit.files.path}/control`);
  for (let i = 0; i < (count ?? 0); i++) {
    const byte = String.fromCharCode(supervisor.buffer[i] ?? 0);
    if (isLetter(byte)) oweCommand(supervisor, unit, byte);
  }
}

/** Handles what is owed. A task is only struck off once it is done: a fault leaves the last good
 * state and the task, which is tried again. What follows from it comes before all others. */
function settle(supervisor: Supervisor): void {
  const { owed } = supervisor;
  for (let first = owed[0]; first !== undefined; first = owed[0]) {
    const { unit, task } = first;
    const following =
      ++first.attempts > eventAttempts
        ? giveUp(supervisor, unit, task)
        : handle(supervisor, unit, task);
    owed.shift();
    for (let i = following.length - 1; i >= 0; i--) {
      const next = following[i];
      if (next !== undefined) owed.unshift({ unit, task: next, attempts: 0 });
    }
  }
}

/** Does a task; what follows from it. */
function handle(supervisor: Supervisor, unit: Unit, task: Task): readonly Task[] {
  if (FAULTS && sys.fault(`step.${task.kind}`)) throw new Error(`fault point: ${task.kind}`);
  switch (task.kind) {
    case "startRun":
      return [startRun(supervisor, unit)];
    case "startFinish":
      return [startFinish(supervisor, unit, task.exit.code, task.exit.status)];
    case "startScript":
      return startScript(supervisor, unit, task.letter);
    case "tellEnd":
      tellEnd(supervisor, unit, task.exit, task.livedMs);
      return [];
    case "killScript":
      killScript(supervisor, unit, task.letter);
      return [];
    case "signal":
      send(supervisor, unit, task.pid, numberOf(supervisor, unit, task.signal));
      return [];
    case "askKillAfter":
      return [{ kind: "killAfter", pid: task.pid, ms: killAfter(supervisor, unit, task.state) }];
    case "announce":
      announce(supervisor, unit, task.stamped);
      return [];
    case "leave":
      return []; // leaveWhenOver() sees it at the end of every turn
    default: {
      const before = unit.service;
      const next = step(before, task, sys.monotonic());
      unit.service = next.service;
      count(unit, before);
      return next.effects;
    }
  }
}

/** A task that fails again and again; what the service hears instead of it. */
function giveUp(supervisor: Supervisor, unit: Unit, task: Task): readonly Task[] {
  say(supervisor, unit, "warning", `dropping an event: ${task.kind}`);
  if (task.kind === "startRun" || task.kind === "startFinish") {
    return [{ kind: "startFailed", cause: "fork" }];
  }
  return task.kind === "startScript" ? [{ kind: "scriptEnded", ok: false }] : [];
}

/** A logger has no stop signal of its own. */
function numberOf(supervisor: Supervisor, unit: Unit, signal: Signal): number {
  const isStop = signal === "TERM" && !unit.service.log;
  return isStop ? stopSignal(supervisor, unit) : signals[signal];
}

/** The process may have ended: then its end is on the way to us, and its pid somebody else's. */
function send(supervisor: Supervisor, unit: Unit, pid: number, signal: number): void {
  const { adopted, files } = unit;
  if (supervisor.owed.some((owed) => owed.unit === unit && owed.task.kind === "ended")) return;
  if (adopted !== null && adopted.pidfd === null && !isAlive(files.path, adopted.state)) return;
  try {
    kill(pid, signal, adopted?.pidfd ?? null);
  } catch (error) {
    if (!(error instanceof SysError)) throw error; // a program of another user, as sudo is
    say(supervisor, unit, "warning", error.what, reasonOf(error));
  }
}

/** To leave, and down: the logger gets the end of its input, and we go when it has gone. */
function leaveWhenOver(supervisor: Supervisor): number | null {
  const { main, log, pipe: ends } = supervisor;
  if (log !== null && nextOfPair(main.service, log.service) === "endInput") {
    owe(supervisor, log, { kind: "retire" });
    try {
      settle(supervisor); // CONT reaches a logger that lives, not one that ends by now
    } finally {
      if (ends.write >= 0) close(ends.write);
      ends.write = -1;
    }
    supervisor.leaveAt = sys.monotonic() + restContainerSeconds * 1000;
  }
  const isOver = nextOfPair(main.service, log?.service ?? null) === "leave";
  if (main.service.want !== "end") return isOver ? 0 : null;
  // What such a service has left behind, with its end of the pipe, does not outlive its container.
  const { leaveAt } = supervisor;
  return isOver || (leaveAt !== null && leaveAt <= sys.monotonic()) ? essentialExit : null;
}
