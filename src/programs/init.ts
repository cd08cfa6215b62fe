// init: process 1. What to do is decided in core/boot.ts; here it is done, every child that ends
// is reaped, and nothing that goes wrong is a reason to end. Not as process 1: `init 0|6`.
import {
  type Boot,
  ctrlAltDel,
  type Effect,
  type Ending,
  type Event,
  isReplaced,
  newBoot,
  noteOf,
  notePending,
  parseLimit,
  pendingIn,
  type Request,
  requests,
  type Stage,
  step,
} from "../core/boot.ts";
import { signals } from "../core/commands.ts";
import { eventAttempts, stage3LimitMs, syncMs } from "../core/limits.ts";
import { errnos, type Level, reason } from "../core/message.ts";
import type { Millis } from "../core/time.ts";
import { baseName } from "../core/verbs.ts";
import { type Outcome, openSignals, readSignals, runTurns, waitReady } from "../sys/loop.ts";
import { complain, kill, reasonOf, SysError } from "../sys/posix.ts";
import {
  hasCtrlAltDel,
  isMarked,
  setMark,
  stageDirectory,
  takeMark,
  tellInit,
} from "./init-files.ts";

export const usage = "0|6";

const defaultPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

interface Owed {
  readonly task: Event | Effect;
  attempts: number;
}

interface Init {
  /** argv[0], for the title. */
  readonly name: string;
  readonly signalFd: number;
  boot: Boot;
  /** What has come and nobody has handled yet, and what follows from it. */
  readonly owed: Owed[];
  /** What was asked, and not looked at yet. */
  readonly heard: Request[];
  /** True from the beginning of a turn to its end: what it finds set was a fault. */
  unsettled: boolean;
  /** More have ended than one turn reaps. */
  crowded: boolean;
  leaving: boolean;
  lacksConsole: boolean;
}

export function main(argv: readonly string[]): Outcome {
  const name = baseName(argv[0] ?? "init");
  if (sys.getpid() === 1) return bootUp(name, argv);
  if (name !== "runit") return tellInit(argv[0] ?? name, argv[1]);
  complain("- runit: fatal: must be run as process no 1.");
  return 111;
}

/** From here on nothing may end this process but the end of stage 3. */
function bootUp(name: string, argv: readonly string[]): Outcome {
  const isResumed = argv[1] === "--resumed";
  const note = isResumed ? (argv[2] ?? "") : "1 run 0 0";
  sys.remember(note); // whatever fails from now on
  if (!isResumed) sys.setsid(); // fails where a container's engine has done it
  sys.chdir("/");
  mountProc();
  const isMachine = sys.machine() || (FAULTS && sys.fault("machine"));
  if (sys.getenv("PATH") === null) sys.setenv("PATH", defaultPath);
  sys.reboot(sys.RB_DISABLE_CAD); // the kernel sends INT instead; a container is refused
  const boot = newBoot(isMachine ? "machine" : "container");
  const signalFd = openSignals([signals.CHLD, ...Object.values(requests)]);
  const init: Init = {
    name,
    signalFd,
    boot,
    owed: [],
    heard: [],
    unsettled: false,
    crowded: false,
    leaving: false,
    lacksConsole: isMachine,
  };
  if (isMachine) openConsole(init);
  if (isResumed) {
    sys.settitle([name, `[${note.slice(0, 1)}]`]);
    owe(init, { kind: "resume", note, limitMs: stage3Limit() });
    init.heard.push(...pendingIn(note));
    if (isMarked("stopit")) init.heard.push("CONT"); // asked for while nobody listened
    settle(init); // from now on the stage's end is known as such
  } else {
    say(null, `trinit ${VERSION}: booting.`);
    owe(init, { kind: "begin" });
  }
  init.unsettled = isResumed; // its stage may have ended unheard
  return runTurns({ who: "- runit", state: init, fds: descriptors, deadline: nextDeadline, turn });
}

/** The stages of a machine do it too, but how this executable starts itself, and whether this is a
 * machine at all, is seen there. */
function mountProc(): void {
  if (typeof sys.stat("/proc/self") !== "number") {
    if (sys.readlink("/proc/self") === "1") return;
    say("warning", "/proc is another PID namespace's: services of a killed runsv start twice");
    return; // who shares it may share the mounts, too: nothing is mounted over it
  }
  sys.mkdir("/proc", 0o555); // there already, or read-only: then the mount tells
  const flags = sys.MS_NOSUID | sys.MS_NODEV | sys.MS_NOEXEC;
  const mounted = sys.mount("proc", "/proc", "proc", flags, "");
  if (mounted < 0) say("warning", `unable to mount /proc: ${reason(-mounted)}`);
}

/** A container keeps what its engine gave it. Where the kernel finds no console in an empty /dev,
 * there is one once stage 1 has mounted it. */
function openConsole(init: Init): void {
  const fd = sys.open("/dev/console", sys.O_RDWR, 0);
  init.lacksConsole = fd < 0;
  for (let target = 0; fd >= 0 && target < 3; target++) sys.dup2(fd, target);
  if (fd > 2) sys.close(fd);
  if (fd < 0) say("warning", `unable to open /dev/console: ${reason(-fd)}`);
}

function say(level: Level | null, text: string): void {
  complain(`- runit: ${level === null ? "" : `${level}: `}${text}`);
}

function descriptors({ signalFd }: Init): readonly number[] {
  return [signalFd];
}

function nextDeadline({ boot, crowded }: Init): Millis | null {
  return crowded ? sys.monotonic() : boot.deadline;
}

function owe(init: Init, task: Event | Effect): void {
  init.owed.push({ task, attempts: 0 });
}

/** What has ended, what was asked, what time it is: in this order. Signals are read before anything
 * is reaped: a child that ends in between has its signal still to come. */
function turn(init: Init): number | null {
  const doubtful = init.unsettled;
  init.unsettled = true;
  const asked = hear(init);
  if (FAULTS) failOnPurpose();
  reapAll(init);
  if (doubtful) lookForLost(init);
  settle(init);
  for (let signal = init.heard.shift(); signal !== undefined; signal = init.heard.shift()) {
    const marks = { stopit: isMarked("stopit"), ctrlaltdel: hasCtrlAltDel() };
    owe(init, { kind: "request", signal, marks });
    settle(init);
  }
  const { deadline } = init.boot;
  if (deadline !== null && deadline <= sys.monotonic()) owe(init, { kind: "timeout" });
  settle(init);
  if (asked) remember(init, noteOf(init.boot)); // no request any more: they are answered
  init.unsettled = false;
  return init.leaving ? init.boot.code : null;
}

/** A request that was read is in nobody's hands but ours: a successor has to know it, too. True
 * when there is one. */
function hear(init: Init): boolean {
  for (const number of readSignals(init.signalFd)) {
    for (const name of Object.keys(requests) as Request[]) {
      if (requests[name] === number && !init.heard.includes(name)) init.heard.push(name);
    }
  }
  const asked = init.heard.length > 0;
  if (asked) remember(init, noteOf(init.boot));
  return asked;
}

function remember({ heard }: Init, note: string): void {
  sys.remember(notePending(note, heard));
}

/** In a test build: everything that can go wrong with the program itself. */
function failOnPurpose(): void {
  for (const crash of ["crash-segv", "crash-trap", "crash-abort"]) sys.fault(crash);
  if (sys.fault("turn")) throw new Error("fault point: turn");
  if (sys.fault("slow")) waitReady([], sys.monotonic() + 300);
}

function reapAll(init: Init): void {
  const { pid, scriptPid } = init.boot;
  const [more, ...ends] = sys.reapall([pid, scriptPid]);
  for (let i = 0; i + 1 < ends.length; i += 2) {
    const ending = endingOf(ends[i + 1] ?? 0);
    if (ends[i] === pid) owe(init, { kind: "stageEnded", ending });
    else owe(init, { kind: "scriptEnded", ending, stopit: isMarked("stopit") });
  }
  init.crowded = more === 1;
}

function endingOf(status: number): Ending {
  const signal = status & 0x7f;
  return signal === 0 ? { code: (status >> 8) & 0xff } : { signal };
}

/** A fault may have come between the end of a child and the word of it. */
function lookForLost(init: Init): void {
  const { pid, scriptPid } = init.boot;
  const isLost = (child: number, ...kinds: readonly string[]): boolean => {
    const known = child === 0 || init.owed.some(({ task }) => kinds.includes(task.kind));
    return !known && sys.kill(child, 0) === -errnos.ESRCH;
  };
  if (isLost(pid, "stageEnded", "stageLost")) owe(init, { kind: "stageLost" });
  if (!isLost(scriptPid, "scriptEnded")) return;
  owe(init, { kind: "scriptEnded", ending: null, stopit: isMarked("stopit") });
}

/** Handles what is owed. A task is only struck off once it is done: a fault leaves the last good
 * state and the task, which is tried again. What follows from it comes before all others. */
function settle(init: Init): void {
  const { owed } = init;
  for (let first = owed[0]; first !== undefined; first = owed[0]) {
    const { task } = first;
    const hopeless = ++first.attempts > eventAttempts && mayBeDropped(task);
    const following = hopeless ? giveUp(task) : handle(init, task);
    owed.shift();
    owed.unshift(...following.map((next) => ({ task: next, attempts: 0 })));
  }
}

/** What nothing follows from, or what the end of the system does not hang on. Everything else is
 * tried for ever, once a second. */
function mayBeDropped({ kind }: Event | Effect): boolean {
  return ["say", "take", "give", "signal", "endAll", "startScript", "startStage"].includes(kind);
}

function giveUp(task: Event | Effect): readonly Event[] {
  say("warning", `dropping an event: ${task.kind}`);
  return task.kind === "startStage" ? [{ kind: "stageFailed" }] : [];
}

/** Does a task; what follows from it. */
function handle(init: Init, task: Event | Effect): readonly (Event | Effect)[] {
  if (FAULTS && sys.fault(`step.${task.kind}`)) throw new Error(`fault point: ${task.kind}`);
  switch (task.kind) {
    case "startStage":
      return [startStage(init, task.stage, task.builtIn)];
    case "startScript":
      return [startScript(init)];
    case "signal":
      send(task.group ? -task.pid : task.pid, task.kill ? signals.KILL : signals.TERM);
      return [];
    case "endAll":
      sys.killall(task.kill ? signals.KILL : signals.TERM);
      return [];
    case "take":
      takeMark(task.mark);
      return [];
    case "give":
      giveMark(task.mark);
      return [];
    case "say":
      say(task.level, task.text);
      return [];
    case "remember":
      remember(init, task.note);
      return [];
    case "leave":
      leave(init);
      return [];
    default: {
      const next = step(init.boot, task, sys.monotonic());
      init.boot = next.boot;
      return next.effects;
    }
  }
}

function giveMark(mark: "reboot"): void {
  const errno = setMark(mark);
  if (errno !== 0) say("warning", `unable to create ${stageDirectory}/${mark}: ${reason(errno)}`);
}

function send(pid: number, signal: number): void {
  try {
    kill(pid, signal);
  } catch (error) {
    if (!(error instanceof SysError)) throw error;
    say("warning", `${error.what}: ${reasonOf(error)}`);
  }
}

/** /etc/runit/N; where that is missing or cannot be executed, the built-in stage. */
function startStage(init: Init, stage: Stage, builtIn: boolean): Event {
  sys.settitle([init.name, `[${stage}]`]);
  if (init.lacksConsole && stage > 1) openConsole(init);
  const file = `${stageDirectory}/${stage}`;
  if (!builtIn && sys.stat(file) !== -errnos.ENOENT) {
    const started = startAs(init, stage, file, file, [file]);
    if (started === null) return { kind: "stageFailed" };
    if (typeof started !== "string") return started;
  }
  const place = `built-in stage ${stage}`;
  for (const path of ["/proc/self/exe", sys.execfn()]) {
    const started = startAs(init, stage, place, path, ["trinit", "stage", `${stage}`]);
    if (started !== null && typeof started !== "string") return started;
  }
  return { kind: "stageFailed" };
}

/** The event of its start; null where it is to be tried again, "no" where something else is. */
function startAs(
  init: Init,
  stage: Stage,
  place: string,
  path: string,
  argv: readonly string[],
): Event | null | "no" {
  say(null, `enter stage: ${place}`);
  const limitMs = stage === 3 ? stage3Limit() : null;
  const tty = stage > 1 ? null : init.boot.role === "machine" ? "take" : "free";
  const result = spawn(path, argv, tty, stage === 3);
  if (typeof result === "number") {
    // A successor must not start it again.
    remember(init, noteOf({ ...init.boot, phase: "run", pid: result }));
    return { kind: "stageStarted", pid: result, place, limitMs };
  }
  const [errno, call] = result;
  say("fatal", `unable to start child: ${path}: ${reason(errno)}`);
  return isReplaced(init.boot, errno, call) ? "no" : null;
}

/** As the leader of a session, and so of a process group that can be killed. What has to come to an
 * end does not write where nobody reads. */
function spawn(
  path: string,
  argv: readonly string[],
  tty: "free" | "take" | null,
  isLast: boolean,
): number | [number, string] {
  const isDeaf = isLast && !sys.canwrite(2, 0);
  const nowhere = isDeaf ? sys.open("/dev/null", sys.O_RDWR, 0) : -1;
  const fds = nowhere < 0 ? [0, 1, 2] : [0, nowhere, nowhere];
  const result = sys.spawn({ path, argv, cwd: null, fds, birth: null, session: true, tty });
  if (nowhere >= 0) sys.close(nowhere);
  return result;
}

/** Milliseconds out of timeout-3, where that is there. */
function stage3Limit(): Millis | null {
  const text = sys.readfile(`${stageDirectory}/timeout-3`, 32);
  if (typeof text === "number") return stage3LimitMs;
  const limit = parseLimit(text);
  if (limit !== undefined) return limit;
  say("warning", `${stageDirectory}/timeout-3: not a number of milliseconds`);
  return stage3LimitMs;
}

function startScript(init: Init): Event {
  say(null, `enter stage: ${ctrlAltDel}`);
  const result = spawn(ctrlAltDel, [ctrlAltDel], null, false);
  if (typeof result === "number") {
    remember(init, noteOf({ ...init.boot, scriptPid: result }));
    return { kind: "scriptStarted", pid: result };
  }
  say("fatal", `unable to start child: ${ctrlAltDel}: ${reason(result[0])}`);
  return { kind: "scriptFailed" };
}

/** Nothing of ours runs any more. What can be lost now was told to end, and had its time. */
function leave(init: Init): void {
  say(null, "sending KILL signal to all processes...");
  sys.killall(signals.KILL);
  const stays = init.boot.role === "machine" && !turnOff() && !FAULTS;
  if (stays) return; // for whoever comes to look
  init.leaving = true;
}

/** Does not return on a machine that can be turned off. */
function turnOff(): boolean {
  const reboots = isMarked("reboot");
  say(null, reboots ? "system reboot." : "power off...");
  if (!isMarked("nosync") && sys.sync(syncMs) === -errnos.ETIMEDOUT) {
    say("warning", `unable to write all to the disks in ${syncMs / 1000} seconds, going on`);
  }
  if (reboots) sys.reboot(sys.RB_AUTOBOOT);
  const refused = sys.reboot(sys.RB_POWER_OFF);
  sys.reboot(sys.RB_HALT_SYSTEM);
  say("fatal", `unable to turn the machine off: ${reason(-refused)}`);
  return false;
}
