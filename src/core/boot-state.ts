// What process 1 is, hears and does, as core/boot.ts decides it: the state with its events and
// effects, and the note by which the state outlives a fault of the engine. Pure.
import type { Level } from "./message.ts";
import type { Millis } from "./time.ts";

/** A machine ends with reboot(2), a container with exit(2). */
export type Role = "machine" | "container";

export type Stage = 1 | 2 | 3;

/** run: the stage runs, or is about to. pause: it ended and is started again at the deadline.
 * delay: told to stop, nobody is told until the deadline. stop: it was told to end, and is killed
 * at the deadline. kill: it was killed. drain: stage 3 has failed for good, and everything was told
 * to end. main: stage 3 is over, and the main process is not. */
export type Phase = (typeof phases)[number];

const phases = ["run", "pause", "delay", "stop", "kill", "drain", "main", "over"] as const;

/** What a container's engine or its command line say of how it ends. */
export interface Terms {
  /** There is a main process. */
  readonly hasMain: boolean;
  /** From being told to stop to doing it. */
  readonly drainMs: Millis;
  /** What the main process gets between being told to end and KILL. */
  readonly killAfterMs: Millis;
  /** Exit codes that mean the same as 0. */
  readonly success: readonly number[];
}

export const noTerms: Terms = { hasMain: false, drainMs: 0, killAfterMs: 0, success: [] };

/** The main process of a container, beside its services. none: there is none. due: it waits for
 * stage 2. awaited: for the services, and pid is who tells when these are up. run: it runs, or is
 * about to. told: it was told to end, and is killed at `killAt`. over: it has ended, or is not
 * started any more. */
export interface Main {
  readonly phase: (typeof mainPhases)[number];
  readonly pid: number;
  readonly killAt: Millis | null;
}

const mainPhases = ["none", "due", "awaited", "run", "told", "over"] as const;

export interface Boot {
  readonly role: Role;
  readonly terms: Terms;
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
  readonly main: Main;
  /** What the main process is told when everything ends. */
  readonly stopSignal: number;
  /** The container was told to end, by a signal: the same again changes nothing. */
  readonly isTold: boolean;
  /** Ctrl-C was typed at the container's terminal: typed again while it ends, it hurries. */
  readonly isTyped: boolean;
  /** What a container exits with, as the first cause of its end has it; null: none has said. */
  readonly code: number | null;
}

/** How a process ended. */
export type Ending = { readonly code: number } | { readonly signal: number };

/** Signals that mean something, with their numbers; all others are nothing to process 1. */
export const requests = {
  CONT: 18,
  INT: 2,
  TYPED: -2, // an INT that a terminal has sent, as readsignals() tells it
  TERM: 15,
  QUIT: 3,
  PWR: 30,
  USR1: 10, // busybox's halt, where it is used
  USR2: 12, // its poweroff; its reboot sends TERM
  "RTMIN+3": 37, // what images made for systemd have as their stop signal
} as const;

export type Request = keyof typeof requests;

function isRequest(word: string): word is Request {
  return Object.hasOwn(requests, word);
}

/** What lies in /etc/runit, as its owner's execute permission says, and the exit code that somebody
 * has left for the container. */
export interface Marks {
  readonly stopit: boolean;
  readonly ctrlaltdel: boolean;
  /** busybox's halt, poweroff and reboot are in use, which are signals to its init. */
  readonly busybox: boolean;
  readonly code: number | null;
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
  /** `asked` is the exit code that somebody has left for the container. */
  | { readonly kind: "stageEnded"; readonly ending: Ending; readonly asked?: number | null }
  /** It has ended, and nobody knows how: somebody else reaped it, in a fault. */
  | { readonly kind: "stageLost" }
  | { readonly kind: "scriptStarted"; readonly pid: number }
  /** `ending` is null where nobody knows how. */
  | {
      readonly kind: "scriptEnded";
      readonly ending: Ending | null;
      readonly stopit: boolean;
      readonly place: string;
    }
  /** It could not be started. */
  | { readonly kind: "scriptFailed" }
  | { readonly kind: "awaitStarted"; readonly pid: number }
  /** The services are up, or late, or it could not be found out. */
  | { readonly kind: "awaitEnded"; readonly asked?: number | null }
  | { readonly kind: "mainStarted"; readonly pid: number }
  /** It could not be started, and the container ends with this. */
  | { readonly kind: "mainFailed"; readonly code: number }
  /** `ending` is null where nobody knows how. */
  | {
      readonly kind: "mainEnded";
      readonly ending: Ending | null;
      readonly asked?: number | null;
    }
  | { readonly kind: "request"; readonly signal: Request; readonly marks: Marks }
  /** A signal that means nothing to us. */
  | { readonly kind: "forward"; readonly signal: number }
  | { readonly kind: "timeout" };

export type Effect =
  /** `builtIn`: whatever file there is. */
  | { readonly kind: "startStage"; readonly stage: Stage; readonly builtIn: boolean }
  | { readonly kind: "startScript" }
  /** Somebody who ends when the services are up. */
  | { readonly kind: "startAwait" }
  | { readonly kind: "startMain" }
  /** To the process, or with `group` to all of its process group. */
  | {
      readonly kind: "signal";
      readonly pid: number;
      readonly group: boolean;
      readonly kill: boolean;
    }
  /** To the main process, as its command line has rewritten it. */
  | { readonly kind: "tellMain"; readonly pid: number; readonly signal: number }
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

export function newBoot(role: Role, terms: Terms = noTerms): Boot {
  return {
    role,
    terms,
    stage: 1,
    phase: "run",
    pid: 0,
    place: "",
    scriptPid: 0,
    deadline: null,
    limitMs: null,
    isLast: false,
    failures: 0,
    main: { phase: terms.hasMain ? "due" : "none", pid: 0, killAt: null },
    stopSignal: requests.TERM,
    isTold: false,
    isTyped: false,
    code: null,
  };
}

/** STAGE PHASE PID CODE SCRIPTPID MAINPHASE MAINPID SIGNAL: what a successor has to know. */
export function noteOf(boot: Boot): string {
  const { stage, phase, pid, code, scriptPid, main, isTold, stopSignal } = boot;
  const told = isTold ? stopSignal : "-";
  return `${stage} ${phase} ${pid} ${code ?? "-"} ${scriptPid} ${main.phase} ${main.pid} ${told}`;
}

/** The note while these requests were heard and are not answered yet. */
export function notePending(note: string, requests: readonly Request[]): string {
  return [note, ...requests].join(" ");
}

/** The requests that a predecessor left unanswered. */
export function pendingIn(note: string): readonly Request[] {
  return note.split(" ").filter((word): word is Request => isRequest(word));
}

/** The state of the predecessor who left this note, without deadlines; null: it says nothing. */
export function readNote(boot: Boot, note: string): Boot | null {
  const [first = "", second = "", third = "", fourth = "-", fifth = "", ...rest] = note.split(" ");
  const stage = ([1, 2, 3] as const).find((known) => `${known}` === first);
  const phase = phases.find((known) => known === second);
  const pid = Number(third);
  if (stage === undefined || phase === undefined || !(pid >= 0)) return null;
  const code = fourth === "-" ? null : Number(fourth) || 0;
  const mainPhase = mainPhases.find((known) => known === rest[0]) ?? boot.main.phase;
  const main = { ...boot.main, phase: mainPhase, pid: Number(rest[1]) || 0 };
  const told = Number(rest[2]) || 0;
  const how = { isTold: told > 0, stopSignal: told || boot.stopSignal };
  return { ...boot, stage, phase, pid, code, scriptPid: Number(fifth) || 0, main, ...how };
}
