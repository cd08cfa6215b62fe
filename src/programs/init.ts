// init: process 1. What to do is decided in core/boot.ts; here it is done, every child that ends
// is reaped, and nothing that goes wrong is a reason to end. Not as process 1: `init 0|6`.
import {
  type Boot,
  type Effect,
  type Ending,
  type Event,
  type Marks,
  newBoot,
  type Request,
  type Stage,
  step,
} from "../core/boot.ts";
import { signals } from "../core/commands.ts";
import { eventAttempts, stage3LimitMs } from "../core/limits.ts";
import { errnos, type Level, reason } from "../core/message.ts";
import type { Millis } from "../core/time.ts";
import { baseName } from "../core/verbs.ts";
import { type Outcome, openSignals, readSignals, runTurns, waitReady } from "../sys/loop.ts";
import { complain, kill, reasonOf, SysError } from "../sys/posix.ts";
import { isMarked, stageDirectory, takeMark, tellInit } from "./init-files.ts";

export const usage = "0|6";

/** Signals that mean something; all others are nothing to process 1. */
const requests: readonly (readonly [number, Request])[] = [
  [signals.CONT, "CONT"],
  [signals.INT, "INT"],
  [signals.TERM, "TERM"],
  [signals.QUIT, "QUIT"],
  [30, "PWR"],
  [37, "RTMIN+3"], // what images made for systemd have as their stop signal
];

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
  /** Signals that came, and were not looked at yet. */
  readonly heard: number[];
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
  const note = isResumed ? (argv[2] ?? "") : "1 run 0";
  sys.remember(note); // whatever fails from now on
  if (!isResumed) sys.setsid(); // fails where a container's engine has done it
  sys.chdir("/");
  mountProc();
  const isMachine = sys.machine() || (FAULTS && sys.fault("machine"));
  if (sys.getenv("PATH") === null) sys.setenv("PATH", defaultPath);
  sys.reboot(sys.RB_DISABLE_CAD); // the kernel sends INT instead; a container is refused
  const boot = newBoot(isMachine ? "machine" : "container");
  const signalFd = openSignals([signals.CHLD, ...requests.map(([number]) => number)]);
  const init = {
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
  if (typeof sys.stat("/proc/self") !== "number") return;
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
  init.heard.push(...readSignals(init.signalFd));
  if (FAULTS) failOnPurpose();
  reapAll(init);
  if (doubtful) lookForStage(init);
  for (const number of init.heard.splice(0)) {
    const request = requests.find(([known]) => known === number);
    if (request !== undefined) {
      const marks = readMarks();
      owe(init, { kind: "request", signal: request[1], marks });
    }
  }
  settle(init);
  const { deadline } = init.boot;
  if (deadline !== null && deadline <= sys.monotonic()) owe(init, { kind: "timeout" });
  settle(init);
  init.unsettled = false;
  return init.leaving ? init.boot.code : null;
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
    if (ends[i] === pid) owe(init, { kind: "stageEnded", ending: endingOf(ends[i + 1] ?? 0) });
    else owe(init, { kind: "scriptEnded", stopit: isMarked("stopit") });
  }
  init.crowded = more === 1;
}

function endingOf(status: number): Ending {
  const signal = status & 0x7f;
  return signal === 0 ? { code: (status >> 8) & 0xff } : { signal };
}

/** A fault may have come between the end of the stage and the word of it. */
function lookForStage(init: Init): void {
  const { pid } = init.boot;
  const known = init.owed.some(({ task }) => task.kind === "stageEnded");
  if (pid === 0 || known || sys.kill(pid, 0) !== -errnos.ESRCH) return;
  owe(init, { kind: "stageLost" });
}

function readMarks(): Marks {
  return { stopit: isMarked("stopit"), ctrlaltdel: isMarked("ctrlaltdel") };
}

/** Handles what is owed. A task is only struck off once it is done: a fault leaves the last good
 * state and the task, which is tried again. What follows from it comes before all others. */
function settle(init: Init): void {
  const { owed } = init;
  for (let first = owed[0]; first !== undefined; first = owed[0]) {
    const { task } = first;
    const following = ++first.attempts > eventAttempts ? giveUp(task) : handle(init, task);
    owed.shift();
    owed.unshift(...following.map((next) => ({ task: next, attempts: 0 })));
  }
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
      return [startStage(init, task.stage)];
    case "startScript":
      return startScript();
    case "signal":
      send(task.group ? -task.pid : task.pid, task.kill ? signals.KILL : signals.TERM);
      return [];
    case "take":
      takeMark(task.mark);
      return [];
    case "say":
      say(task.level, task.text);
      return [];
    case "remember":
      sys.remember(task.note);
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

function send(pid: number, signal: number): void {
  try {
    kill(pid, signal);
  } catch (error) {
    if (!(error instanceof SysError)) throw error;
    say("warning", `${error.what}: ${reasonOf(error)}`);
  }
}

/** /etc/runit/N; where that is missing or cannot be executed, the built-in stage. */
function startStage(init: Init, stage: Stage): Event {
  sys.settitle([init.name, `[${stage}]`]);
  if (init.lacksConsole && stage > 1) openConsole(init);
  const limitMs = stage === 3 ? stage3Limit() : null;
  const file = `${stageDirectory}/${stage}`;
  const tty = stage === 1;
  if (sys.stat(file) !== -errnos.ENOENT) {
    say(null, `enter stage: ${file}`);
    const result = spawn(file, [file], tty);
    if (typeof result === "number")
      return { kind: "stageStarted", pid: result, place: file, limitMs };
    say("fatal", `unable to start child: ${file}: ${reason(result[0])}`);
  }
  const place = `built-in stage ${stage}`;
  say(null, `enter stage: ${place}`);
  for (const path of ["/proc/self/exe", sys.execfn()]) {
    const result = spawn(path, ["trinit", "stage", `${stage}`], tty);
    if (typeof result === "number") return { kind: "stageStarted", pid: result, place, limitMs };
    say("fatal", `unable to start child: ${path}: ${reason(result[0])}`);
  }
  return { kind: "stageFailed" };
}

/** As the leader of a session, and so of a process group that can be killed. */
function spawn(path: string, argv: readonly string[], tty: boolean): number | [number, string] {
  return sys.spawn({ path, argv, cwd: null, fds: [0, 1, 2], birth: null, session: true, tty });
}

/** Milliseconds out of timeout-3, where that is there; 0 in it is for ever. */
function stage3Limit(): Millis | null {
  const text = sys.readfile(`${stageDirectory}/timeout-3`, 32);
  const limit = typeof text === "number" ? Number.NaN : Number(text.trim());
  if (!(limit >= 0)) return stage3LimitMs;
  return limit === 0 ? null : limit;
}

function startScript(): readonly Event[] {
  const file = `${stageDirectory}/ctrlaltdel`;
  say(null, `enter stage: ${file}`);
  const result = spawn(file, [file], false);
  if (typeof result === "number") return [{ kind: "scriptStarted", pid: result }];
  say("fatal", `unable to start child: ${file}: ${reason(result[0])}`);
  return [];
}

/** Nothing of ours runs any more. What can be lost now was told to end, and had its time. */
function leave(init: Init): void {
  say(null, "sending KILL signal to all processes...");
  sys.killall(signals.KILL);
  if (init.boot.role === "machine") {
    const reboots = isMarked("reboot");
    say(null, reboots ? "system reboot." : "power off...");
    if (!isMarked("nosync")) sys.sync();
    if (reboots) sys.reboot(sys.RB_AUTOBOOT);
    sys.reboot(sys.RB_POWER_OFF);
    sys.reboot(sys.RB_HALT_SYSTEM);
  }
  init.leaving = true;
}
