// init: process 1. What to do is decided in core/boot.ts; here it is done, every child that ends
// is reaped, and nothing that goes wrong is a reason to end. Not as process 1: `init 0|6`.
import { optionsFirst, parseArgs } from "../core/args.ts";
import { step } from "../core/boot.ts";
import {
  type Effect,
  type Ending,
  type Event,
  type Marks,
  newBoot,
  noTerms,
  noteOf,
  pendingIn,
  type Request,
  requests,
} from "../core/boot-state.ts";
import { signals } from "../core/commands.ts";
import { parseEntrypoint } from "../core/entrypoint.ts";
import { eventAttempts, syncMs } from "../core/limits.ts";
import { exitCodeOf } from "../core/main-process.ts";
import { errnos, reason, sentence } from "../core/message.ts";
import { signalNumber } from "../core/signals.ts";
import { forwardedSignals } from "../core/single.ts";
import type { Millis } from "../core/time.ts";
import { baseName } from "../core/verbs.ts";
import { type Outcome, openSignals, readSignals, runTurns, waitReady } from "../sys/loop.ts";
import { complain, kill, reasonOf, SysError } from "../sys/posix.ts";
import { answer } from "./answer.ts";
import {
  killDescendants,
  readCode,
  removeCodeFile,
  startAwait,
  startMain,
  tellDescendants,
  tellMain,
} from "./init-container.ts";
import {
  isExecutable,
  isMarked,
  noStages,
  setMark,
  stageDirectory,
  takeMark,
  tellInit,
} from "./init-files.ts";
import { ctrlAltDel, stage3Limit, startScript, startStage } from "./init-stages.ts";
import { announce, type Init, known, openConsole, remember, say } from "./init-state.ts";

export const usage = "0|6";

const defaultPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

export function main(argv: readonly string[]): Outcome {
  const name = baseName(argv[0] ?? "init");
  if (sys.getpid() === 1 || argv[1] === "--entrypoint") return bootUp(name, argv);
  return callInit(name, argv);
}

/** Not as process 1: an option, wherever it stands, is a question, or wrong. */
function callInit(name: string, argv: readonly string[]): number {
  const who = argv[0] ?? name;
  const { operands, question, complaint } = parseArgs(optionsFirst(argv), "");
  const help = `usage: ${who} ${name === "runit" ? "as process 1" : usage}`;
  if (question !== undefined) return answer(question, help);
  if (complaint !== undefined) {
    complain(`${name}: ${complaint}\n${help}`);
    return 100;
  }
  if (name !== "runit") return tellInit(who, operands[0]);
  complain("- runit: fatal: must be run as process no 1.");
  return 111;
}

/** From here on nothing may end this process but the end of stage 3. */
function bootUp(name: string, argv: readonly string[]): Outcome {
  const isResumed = argv[1] === "--resumed";
  const note = isResumed ? (argv[2] ?? "") : "1 run 0 - 0";
  sys.remember(note); // whatever fails from now on
  const isFirst = sys.getpid() === 1;
  const [word, directory, ...words] = argv.slice(isResumed ? 4 : 1);
  const isEntrypoint = word === "--entrypoint";
  const stages = isEntrypoint ? (directory ?? noStages) : stageDirectory;
  const options = parseEntrypoint(isEntrypoint ? words : ["--verbose"]);
  if (typeof options === "string") {
    complain(sentence("trinit", "fatal", options));
    return 100;
  }
  if (!isResumed && !isEntrypoint) sys.setsid(); // fails where an engine has done it
  if (options.command.length === 0) sys.chdir("/");
  if (options.parentDeath !== null) sys.parentdeath(options.parentDeath);
  if (isFirst) mountProc();
  else sys.subreaper();
  for (const name of isResumed ? [] : ["TRINIT_EXITCODE", "TRINIT_BEGAN"]) sys.setenv(name, null);
  sys.setenv("TRINIT_INIT", isFirst ? null : `${sys.getpid()}`);
  const isMachine = isFirst && (sys.machine() || (FAULTS && sys.fault("machine")));
  if (sys.getenv("PATH") === null) sys.setenv("PATH", defaultPath);
  sys.reboot(sys.RB_DISABLE_CAD); // the kernel sends INT instead; a container is refused
  const terms = { ...options, hasMain: options.command.length > 0 };
  const boot = isMachine ? newBoot("machine", noTerms) : newBoot("container", terms);
  const heeded = isEntrypoint ? forwardedSignals() : Object.values(requests);
  const fault = isFirst ? signalNumber("ABRT") : null; // abort() of our own
  const caught = heeded.filter((number) => number > 0 && number !== fault);
  const signalFd = openSignals([signals.CHLD, ...caught]);
  const init: Init = {
    name,
    signalFd,
    options,
    isFirst,
    stages: stages === noStages ? null : stages,
    boot,
    owed: [],
    heard: [],
    forwards: [],
    isPrepared: isResumed && note[0] !== "1",
    unsettled: false,
    crowded: false,
    leaving: false,
    lacksConsole: isMachine,
  };
  if (isMachine) openConsole(init);
  if (isResumed) resume(init, note);
  else {
    announce(init, null, `trinit ${VERSION}: booting.`);
    owe(init, { kind: "begin" });
  }
  init.unsettled = isResumed; // its stage may have ended unheard
  return runTurns({ who: "- runit", state: init, fds: descriptors, deadline: nextDeadline, turn });
}

function resume(init: Init, note: string): void {
  sys.settitle([init.name, `[${note.slice(0, 1)}]`]);
  owe(init, { kind: "resume", note, limitMs: stage3Limit(init) });
  init.heard.push(...pendingIn(note));
  if (isMarked("stopit")) init.heard.push("CONT"); // asked for while nobody listened
  settle(init); // from now on the stage's end is known as such
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

function descriptors({ signalFd }: Init): readonly number[] {
  return [signalFd];
}

function nextDeadline({ boot, crowded }: Init): Millis | null {
  if (crowded) return sys.monotonic();
  const { killAt } = boot.main;
  return boot.deadline === null ? killAt : Math.min(boot.deadline, killAt ?? boot.deadline);
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
  if (doubtful) settle(init); // whose start was not taken in is known before it is reaped
  reapAll(init);
  if (doubtful) lookForLost(init);
  settle(init);
  for (let signal = init.heard.shift(); signal !== undefined; signal = init.heard.shift()) {
    owe(init, { kind: "request", signal, marks: readMarks(init) });
    settle(init);
  }
  for (const signal of init.forwards.splice(0)) owe(init, { kind: "forward", signal });
  settle(init);
  const deadline = nextDeadline(init);
  const isAlone = init.boot.phase === "drain" && sys.killall(0) === -errnos.ESRCH;
  if (!init.crowded && deadline !== null && (isAlone || deadline <= sys.monotonic()))
    owe(init, { kind: "timeout" });
  settle(init);
  if (asked) remember(init, noteOf(init.boot)); // no request any more: they are answered
  init.unsettled = false;
  if (!init.leaving) return null;
  const code = exitCodeOf(init.boot, leftCode(init));
  if (!init.isFirst) removeCodeFile();
  return code;
}

function readMarks(init: Init): Marks {
  const stopit = isMarked("stopit");
  const ctrlaltdel = init.stages !== null && isExecutable(ctrlAltDel(init));
  const busybox = isMarked("busybox-signals");
  return { stopit, ctrlaltdel, busybox, code: leftCode(init) };
}

/** What somebody has left as the exit code of a container. */
function leftCode({ boot }: Init): number | null {
  return boot.role === "container" ? readCode() : null;
}

/** A request that was read is in nobody's hands but ours: a successor has to know it, too. True
 * when there is one. */
function hear(init: Init): boolean {
  for (const number of readSignals(init.signalFd, true)) {
    const name = (Object.keys(requests) as Request[]).find((known) => requests[known] === number);
    if (name === undefined) init.forwards.push(number);
    else if (!init.heard.includes(name)) init.heard.push(name);
  }
  const asked = init.heard.length > 0;
  if (asked) remember(init, noteOf(init.boot));
  return asked;
}

/** In a test build: everything that can go wrong with the program itself. */
function failOnPurpose(): void {
  for (const crash of ["crash-segv", "crash-trap", "crash-abort"]) sys.fault(crash);
  if (sys.fault("turn")) throw new Error("fault point: turn");
  if (sys.fault("slow")) waitReady([], sys.monotonic() + 300);
}

function reapAll(init: Init): void {
  const { pid, scriptPid, main } = init.boot;
  const [more, ...ends] = sys.reapall([pid, scriptPid, main.pid]);
  for (let i = 0; i + 1 < ends.length; i += 2) {
    const ending = endingOf(ends[i + 1] ?? 0);
    if (ends[i] === pid) owe(init, { kind: "stageEnded", ending, asked: leftCode(init) });
    else if (ends[i] === scriptPid) owe(init, scriptEnded(init, ending));
    else owe(init, mainEnded(init, ending));
  }
  init.crowded = more === 1;
}

function scriptEnded(init: Init, ending: Ending | null): Event {
  return { kind: "scriptEnded", ending, stopit: isMarked("stopit"), place: ctrlAltDel(init) };
}

function mainEnded({ boot }: Init, ending: Ending | null): Event {
  const asked = readCode(); // of a container, as all that has a main process
  if (boot.main.phase === "awaited") return { kind: "awaitEnded", asked };
  sys.foreground(boot.main.pid, 0); // Ctrl-C is ours from now on
  return { kind: "mainEnded", ending, asked };
}

function endingOf(status: number): Ending {
  const signal = status & 0x7f;
  return signal === 0 ? { code: (status >> 8) & 0xff } : { signal };
}

/** A fault may have come between the end of a child and the word of it. */
function lookForLost(init: Init): void {
  const { pid, scriptPid, main } = init.boot;
  const isLost = (child: number, ...kinds: readonly string[]): boolean => {
    const known = child === 0 || init.owed.some(({ task }) => kinds.includes(task.kind));
    return !known && sys.kill(child, 0) === -errnos.ESRCH;
  };
  if (isLost(pid, "stageEnded", "stageLost")) owe(init, { kind: "stageLost" });
  if (isLost(scriptPid, "scriptEnded")) owe(init, scriptEnded(init, null));
  if (isLost(main.pid, "mainEnded", "awaitEnded")) owe(init, mainEnded(init, null));
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
  const dropped = ["say", "take", "give", "signal", "endAll", "tellMain", "forward"];
  return [...dropped, "startScript", "startStage"].includes(kind);
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
    case "startAwait":
      return [known(init, startAwait(init.options))];
    case "startMain":
      return [known(init, startMain(init.options))];
    case "tellMain":
      tellMain(init.options, task.pid, task.signal);
      return [];
    case "signal":
      send(task.group ? -task.pid : task.pid, task.kill ? signals.KILL : signals.TERM);
      return [];
    case "endAll":
      endAll(init, task.kill ? signals.KILL : signals.TERM);
      return [];
    case "take":
      takeMark(task.mark);
      return [];
    case "give":
      giveMark(task.mark);
      return [];
    case "say":
      announce(init, task.level, task.text);
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

/** To all others: where this is not process 1, to those that it has started, and what they have. */
function endAll({ isFirst }: Init, signal: number): void {
  if (isFirst) sys.killall(signal);
  else tellDescendants(signal);
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

/** Nothing of ours runs any more. What can be lost now was told to end, and had its time. */
function leave(init: Init): void {
  announce(init, null, "sending KILL signal to all processes...");
  if (init.isFirst) sys.killall(signals.KILL);
  else killDescendants();
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
