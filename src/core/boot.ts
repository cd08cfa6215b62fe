// Process 1 from its first moment to its last: stages 1, 2 and 3, what their ends mean, and what
// the signals mean while they run. Pure: it decides, programs/init.ts acts and tells what came.
//
//        begin                ended                  ended, told to stop
//     -----------> stage 1 -----------> stage 2 ------------------------> stage 3 ------> over
//                     |                 |     ^                              ^      ended
//                     |        crashed, |     | 5 s later                    |
//                     |        exit 111 '-> pause -- told to stop ---------->|
//                     '---- crashed, exit 100, a container told to stop -----'
//
// A stage 3 that does not end well is followed by the built-in one, and where that does not either,
// by TERM to everything and a while: nothing is killed that was not told to end.
//
// What holds always: `pid` is the stage's process until that is reaped, or has not ended 5 s after
// SIGKILL (a disk or a server that hangs): then the way to the end goes on without it. No way
// leads back from 3. `deadline` is set only in pause, stop, kill and drain, and in stage 3 with a
// limit. `over` is left by nothing.
import { stageFailuresMax, stageRetryMs, stageStopMs } from "./limits.ts";
import { type Errno, errnos, type Level } from "./message.ts";
import type { Millis } from "./time.ts";

/** A machine ends with reboot(2), a container with exit(2). */
export type Role = "machine" | "container";

export type Stage = 1 | 2 | 3;

/** run: the stage runs, or is about to. pause: it ended and is started again at the deadline.
 * stop: it was told to end, and is killed at the deadline. kill: it was killed. drain: stage 3 has
 * failed for good, and everything was told to end. */
/** What runs when somebody presses the keys. */
export const ctrlAltDel = "/etc/runit/ctrlaltdel";

export type Phase = "run" | "pause" | "stop" | "kill" | "drain" | "over";

export interface Boot {
  readonly role: Role;
  readonly stage: Stage;
  readonly phase: Phase;
  /** Of the stage; 0 while there is none. */
  readonly pid: number;
  /** What runs as the stage, for messages. */
  readonly place: string;
  /** Of ctrlaltdel; 0 while it does not run. */
  readonly scriptPid: number;
  readonly deadline: Millis | null;
  /** How long stage 3 may take; null: for ever, as any other stage. */
  readonly limitMs: Millis | null;
  /** Stage 3 is the built-in one, since the other has failed. */
  readonly isLast: boolean;
  /** How often in a row the stage could not be started. */
  readonly failures: number;
  /** What a container exits with. */
  readonly code: number;
}

/** How a process ended. */
export type Ending = { readonly code: number } | { readonly signal: number };

/** Signals that mean something, with their numbers; all others are nothing to process 1. */
export const requests = {
  CONT: 18,
  INT: 2,
  TERM: 15,
  QUIT: 3,
  PWR: 30,
  USR1: 10, // busybox's halt
  USR2: 12, // busybox's poweroff; its reboot sends TERM
  "RTMIN+3": 37, // what images made for systemd have as their stop signal
} as const;

export type Request = keyof typeof requests;

function isRequest(word: string): word is Request {
  return Object.hasOwn(requests, word);
}

/** What lies in /etc/runit, as its owner's execute permission says. */
export interface Marks {
  readonly stopit: boolean;
  readonly ctrlaltdel: boolean;
}

export type Event =
  | { readonly kind: "begin" }
  /** After a fault of the engine, with what was remembered and that stage's limit. */
  | { readonly kind: "resume"; readonly note: string; readonly limitMs: Millis | null }
  | {
      readonly kind: "stageStarted";
      readonly pid: number;
      readonly place: string;
      readonly limitMs: Millis | null;
    }
  /** Neither the stage's file nor the built-in stage could be started. */
  | { readonly kind: "stageFailed" }
  | { readonly kind: "stageEnded"; readonly ending: Ending }
  /** It has ended, and nobody knows how: somebody else reaped it, in a fault. */
  | { readonly kind: "stageLost" }
  | { readonly kind: "scriptStarted"; readonly pid: number }
  /** `ending` is null where nobody knows how. */
  | { readonly kind: "scriptEnded"; readonly ending: Ending | null; readonly stopit: boolean }
  /** It could not be started. */
  | { readonly kind: "scriptFailed" }
  | { readonly kind: "request"; readonly signal: Request; readonly marks: Marks }
  | { readonly kind: "timeout" };

export type Effect =
  /** `builtIn`: whatever file there is. */
  | { readonly kind: "startStage"; readonly stage: Stage; readonly builtIn: boolean }
  | { readonly kind: "startScript" }
  /** To the process, or with `group` to all of its process group. */
  | {
      readonly kind: "signal";
      readonly pid: number;
      readonly group: boolean;
      readonly kill: boolean;
    }
  /** To every process there is. */
  | { readonly kind: "endAll"; readonly kill: boolean }
  /** The request was heard, or holds no more: its file loses its permissions. */
  | { readonly kind: "take"; readonly mark: "stopit" | "reboot" }
  /** As if somebody had asked for it by the file. */
  | { readonly kind: "give"; readonly mark: "reboot" }
  | { readonly kind: "say"; readonly level: Level | null; readonly text: string }
  /** The successor of an engine that fails has to know this. */
  | { readonly kind: "remember"; readonly note: string }
  /** Everything else is killed, and the machine or the container ends. */
  | { readonly kind: "leave" };

export interface Step {
  readonly boot: Boot;
  readonly effects: readonly Effect[];
}

export function newBoot(role: Role): Boot {
  return {
    role,
    stage: 1,
    phase: "run",
    pid: 0,
    place: "",
    scriptPid: 0,
    deadline: null,
    limitMs: null,
    isLast: false,
    failures: 0,
    code: 0,
  };
}

/** What the event changes, and what is to be done about it, in this order. */
export function step(boot: Boot, event: Event, now: Millis): Step {
  const next = boot.phase === "over" ? stay(boot) : decide(boot, event, now);
  const note = noteOf(next.boot);
  if (note === noteOf(boot)) return next;
  return { boot: next.boot, effects: [{ kind: "remember", note }, ...next.effects] };
}

function decide(boot: Boot, event: Event, now: Millis): Step {
  switch (event.kind) {
    case "begin":
      return enter(boot, 1);
    case "resume":
      return resume(boot, event.note, event.limitMs, now);
    case "stageStarted": {
      const { pid, place, limitMs } = event;
      const deadline = limitMs === null ? null : now + limitMs;
      return stay({ ...boot, phase: "run", pid, place, limitMs, deadline, failures: 0 });
    }
    case "stageFailed":
      return onFailed(boot, now);
    case "stageEnded":
      return onEnded({ ...boot, pid: 0, deadline: null }, boot.pid, event.ending, now);
    case "stageLost": {
      const ending = { code: boot.stage === 2 ? 111 : 0 }; // 2 again, 1 is as good as done
      return onEnded({ ...boot, pid: 0, deadline: null }, boot.pid, ending, now);
    }
    case "scriptStarted":
      return stay({ ...boot, scriptPid: event.pid });
    case "scriptEnded": {
      const rest = { ...boot, scriptPid: 0 };
      const said = [say(`leave stage: ${ctrlAltDel}`)];
      if (event.ending !== null && crashed(event.ending))
        said.unshift(warn(`child crashed: ${ctrlAltDel}`));
      return event.stopit ? after(said, onStop(rest, now)) : stay(rest, ...said);
    }
    case "scriptFailed":
      return boot.role === "container" ? onStop(boot, now) : stay(boot);
    case "request":
      return onRequest(boot, event.signal, event.marks, now);
    case "timeout":
      return onTimeout(boot, now);
  }
}

function stay(boot: Boot, ...effects: readonly Effect[]): Step {
  return { boot, effects };
}

function after(said: readonly Effect[], { boot, effects }: Step): Step {
  return { boot, effects: [...said, ...effects] };
}

function say(text: string): Effect {
  return { kind: "say", level: null, text };
}

function warn(text: string): Effect {
  return { kind: "say", level: "warning", text };
}

function enter(boot: Boot, stage: Stage): Step {
  const fresh = { phase: "run", pid: 0, place: "", deadline: null, limitMs: null, failures: 0 };
  const start: Effect = { kind: "startStage", stage, builtIn: boot.isLast };
  return stay({ ...boot, ...fresh, stage } as Boot, start);
}

/** Stage 3 has ended, or is given up. What it has left undone is then done by simpler means. */
function afterStage3(boot: Boot, isDone: boolean, now: Millis): Step {
  if (isDone) return stay({ ...boot, phase: "over" }, { kind: "leave" });
  if (!boot.isLast) return enter({ ...boot, isLast: true }, 3);
  const next = { ...boot, phase: "drain", deadline: now + stageStopMs } as const;
  return stay(next, { kind: "endAll", kill: false });
}

/** Where no process can be made, stage 3 has to wait for room: all others are told to end, and then
 * made to, which is more than they would get from a system that ends without it. */
function onFailed(boot: Boot, now: Millis): Step {
  const failures = boot.failures + 1;
  if (boot.stage === 3 && failures >= stageFailuresMax) {
    return stay({ ...boot, phase: "over", failures }, { kind: "leave" });
  }
  const said = warn(`trying stage ${boot.stage} again in ${stageRetryMs / 1000} seconds`);
  const next = { ...boot, phase: "pause", failures, deadline: now + stageRetryMs } as const;
  if (boot.stage < 3) return stay(next, said);
  return stay(next, said, { kind: "endAll", kill: failures > 1 });
}

function crashed(ending: Ending): boolean {
  return "signal" in ending;
}

function exitCode(ending: Ending): number {
  return "code" in ending ? ending.code : 111;
}

/** `boot` has lost the process already, which was `pid`. */
function onEnded(boot: Boot, pid: number, ending: Ending, now: Millis): Step {
  const { stage, place, phase } = boot;
  const said: Effect[] = [];
  const told = phase === "stop" || phase === "kill";
  if (!told && crashed(ending)) said.push(warn(`child crashed: ${place}`));
  else if (!told && exitCode(ending) !== 0) said.push(warn(`child failed: ${place}`));
  const again = stage === 2 && !told && (crashed(ending) || exitCode(ending) === 111);
  if (again) {
    said.push(warn("killing all processes in stage 2..."));
    said.push({ kind: "signal", pid, group: true, kill: true });
    return stay({ ...boot, phase: "pause", deadline: now + stageRetryMs }, ...said);
  }
  said.push(say(`leave stage: ${place}`));
  const isDone = !told && !crashed(ending) && exitCode(ending) === 0;
  if (stage === 3) return after(said, afterStage3(boot, isDone, now));
  if (stage === 2 || told) return after(said, enter(boot, 3));
  if (!crashed(ending) && exitCode(ending) !== 100) return after(said, enter(boot, 2));
  said.push(warn("skipping stage 2..."));
  return after(said, enter({ ...boot, code: exitCode(ending) }, 3));
}

/** A machine hears what runit hears, that the power fails, and busybox's halt, poweroff and reboot,
 * which its shell has built in; a container whatever engines and people send to end one. */
function onRequest(boot: Boot, signal: Request, marks: Marks, now: Millis): Step {
  const isContainer = boot.role === "container";
  switch (signal) {
    case "CONT":
      if (boot.stage === 3) return marks.stopit ? stay(boot, deaf, heard) : stay(boot, deaf);
      if (marks.stopit) return onStop(boot, now);
      return boot.stage === 1 ? stay(boot, deaf) : stay(boot);
    case "INT":
      if (isContainer && (!marks.ctrlaltdel || boot.stage === 1)) return onStop(boot, now);
      return onCtrlAltDel(boot, marks);
    case "PWR":
      return isContainer ? after([off], onStop(boot, now)) : endMachine(boot, off, now);
    case "USR1":
    case "USR2":
      return isContainer ? stay(boot) : endMachine(boot, off, now);
    case "TERM":
      return isContainer ? onStop(boot, now) : endMachine(boot, again, now);
    case "QUIT":
    case "RTMIN+3":
      return isContainer ? onStop(boot, now) : stay(boot);
  }
}

/** To power off or to reboot, whatever was asked for before. In stage 1, too: somebody has typed it
 * at the shell that this has started, or sees that it does not end. */
function endMachine(boot: Boot, how: Effect, now: Millis): Step {
  return boot.stage === 3 ? stay(boot, deaf) : after([how], onStop(boot, now));
}

const off: Effect = { kind: "take", mark: "reboot" };
const again: Effect = { kind: "give", mark: "reboot" };
const heard: Effect = { kind: "take", mark: "stopit" };
const deaf = warn("signals only work in stage 2.");

function onCtrlAltDel(boot: Boot, marks: Marks): Step {
  if (boot.stage !== 2) return stay(boot, deaf);
  const said = say("ctrl-alt-del request...");
  const starts = marks.ctrlaltdel && boot.phase === "run" && boot.scriptPid === 0;
  return starts ? stay(boot, said, { kind: "startScript" }) : stay(boot, said);
}

/** Told to stop: stage 1 of a container is a script and whatever that waits for, stage 2 is
 * asked to end, as runit does it, and leaves its services to stage 3. */
function onStop(boot: Boot, now: Millis): Step {
  const { stage, phase, pid } = boot;
  if (stage === 3 || phase === "stop" || phase === "kill") return stay(boot, heard);
  if (phase === "pause") return after([heard], enter(boot, 3));
  const term: Effect = { kind: "signal", pid, group: stage === 1, kill: false };
  return stay({ ...boot, phase: "stop", deadline: now + stageStopMs }, heard, term);
}

function onTimeout(boot: Boot, now: Millis): Step {
  const { stage, phase, pid, limitMs, place } = boot;
  if (phase === "pause") {
    const said = stage === 2 && boot.failures === 0 ? [warn("restarting.")] : [];
    const next = { ...boot, phase: "run", deadline: null } as const;
    return stay(next, ...said, { kind: "startStage", stage, builtIn: boot.isLast });
  }
  if (phase === "drain") {
    return stay({ ...boot, phase: "over", deadline: null }, { kind: "leave" });
  }
  if (phase === "kill") {
    const said = [warn(`${place} does not end, going on without it`)];
    const gone = { ...boot, pid: 0, deadline: null };
    if (stage === 3) return after(said, afterStage3(gone, false, now));
    return after(said, enter(gone, 3));
  }
  const late = phase === "stop" ? `stage ${stage} not terminated` : `${place} took too long`;
  const limit = limitMs === null ? "" : ` (the limit is ${limitMs / 1000} seconds)`;
  const kill: Effect = { kind: "signal", pid, group: stage !== 2, kill: true };
  const said = warn(`${late}${limit}, sending sigkill...`);
  return stay({ ...boot, phase: "kill", deadline: now + stageStopMs }, said, kill);
}

// --- What survives a fault of the engine -----------------------------------------------------

/** STAGE PHASE PID CODE SCRIPTPID: what a successor has to know. */
export function noteOf({ stage, phase, pid, code, scriptPid }: Boot): string {
  return `${stage} ${phase} ${pid} ${code} ${scriptPid}`;
}

/** The note while these requests were heard and are not answered yet. */
export function notePending(note: string, requests: readonly Request[]): string {
  return [note, ...requests].join(" ");
}

/** The requests that a predecessor left unanswered. */
export function pendingIn(note: string): readonly Request[] {
  return note.split(" ").filter((word): word is Request => isRequest(word));
}

const phases: readonly Phase[] = ["run", "pause", "stop", "kill", "drain", "over"];

/** Goes on where the predecessor stood. What cannot be read means stage 2, anew: whatever runs is
 * left alone by that. */
function resume(boot: Boot, note: string, limitMs: Millis | null, now: Millis): Step {
  const [first = "", second = "", third = "", fourth = "", fifth = ""] = note.split(" ");
  const stage = ([1, 2, 3] as const).find((known) => `${known}` === first);
  const phase = phases.find((known) => known === second);
  const pid = Number(third);
  if (stage === undefined || phase === undefined || !(pid >= 0)) return enter(boot, 2);
  const [code, scriptPid] = [Number(fourth) || 0, Number(fifth) || 0];
  const known = { ...boot, stage, code, scriptPid };
  if (phase === "over" || phase === "drain") {
    return stay({ ...known, phase: "over" }, { kind: "leave" });
  }
  if (pid === 0) return enter(known, stage);
  const limit = stage === 3 ? limitMs : null;
  const wait = phase === "run" ? limit : stageStopMs;
  const deadline = wait === null ? null : now + wait;
  return stay({ ...known, phase, pid, place: `stage ${stage}`, limitMs: limit, deadline });
}

// --- Stages that cannot be started -----------------------------------------------------------

/** Nothing that time would mend. */
const lasting: readonly Errno[] = [
  ...[errnos.ENOENT, errnos.EACCES, errnos.EPERM, errnos.ENOEXEC, errnos.ENOTDIR],
  ...[errnos.EISDIR, errnos.ELOOP, errnos.EINVAL, errnos.ENAMETOOLONG, errnos.E2BIG],
];

/** True where the built-in stage takes the place of a file that cannot be started: not because a
 * process, a descriptor or memory was short for a moment, unless that has lasted. */
export function isReplaced({ failures }: Boot, errno: Errno, call: string): boolean {
  return (call !== "fork" && lasting.includes(errno)) || failures + 1 >= stageFailuresMax;
}

/** What timeout-3 says, in milliseconds; null: for ever; undefined: nothing that is understood. */
export function parseLimit(text: string): Millis | null | undefined {
  const word = text.trim();
  const limit = Number(word);
  if (word === "" || !(limit >= 0)) return undefined;
  return limit === 0 ? null : limit;
}
