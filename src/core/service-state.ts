// What a supervised service, or a logger, is made of, what happens to it, and what is done then.
// core/service.ts decides.
import type { Letter, Signal } from "./commands.ts";
import type { State } from "./status.ts";
import type { Millis } from "./time.ts";

export type Want = "up" | "down" | "exit" | "end";

/** What ./finish is told: exit code or -1, and the low byte of the wait status. */
export interface Exit {
  readonly code: number;
  readonly status: number;
}

/** A control script, and what follows it. */
export interface Script {
  readonly letter: Letter;
  /** The process that the command was meant for: its signals reach no other. */
  readonly pid: number;
  /** Sent unless the script exits 0. */
  readonly signal: Signal | null;
  /** Sent in any case, afterwards. */
  readonly after: Signal | null;
}

export interface Service {
  /** A logger has no control/ and no finish, and ignores `x`: it ends with its input. */
  readonly log: boolean;
  readonly state: State;
  readonly want: Want;
  readonly pid: number;
  /** The process is on its way out, and one more start is owed: `once`, or a logger's last. */
  readonly again: boolean;
  readonly paused: boolean;
  readonly gotTerm: boolean;
  /** It was told to end, by TERM, KILL or the control script in their place. */
  readonly ending: boolean;
  /** The last start of ./run on the monotonic clock; -Infinity before the first. */
  readonly startedAt: Millis;
  readonly due: Millis | null;
  readonly exit: Exit;
  readonly scripts: readonly Script[];
  readonly scriptDue: Millis | null;
}

export type Event =
  | { readonly kind: "begin"; readonly up: boolean }
  | {
      readonly kind: "adopted";
      readonly state: "run" | "finish";
      readonly pid: number;
      readonly want: "up" | "down" | "end";
      readonly paused: boolean;
      readonly gotTerm: boolean;
      readonly ending: boolean;
    }
  | { readonly kind: "command"; readonly letter: Letter }
  | { readonly kind: "timeout" }
  | { readonly kind: "started"; readonly pid: number }
  | {
      readonly kind: "startFailed";
      readonly cause: "fork" | "exec" | "absent";
      readonly essential?: boolean;
    }
  | { readonly kind: "ended"; readonly exit: Exit; readonly essential?: boolean }
  /** The answer to askKillAfter; Infinity: it has for ever; null: nothing is said of it. */
  | { readonly kind: "killAfter"; readonly pid: number; readonly ms: Millis | null }
  | { readonly kind: "scriptEnded"; readonly ok: boolean }
  /** For a logger: its service is gone for good, so it ends when its input does. */
  | { readonly kind: "retire" };

export type Effect =
  | { readonly kind: "startRun" }
  | { readonly kind: "startFinish"; readonly exit: Exit }
  | { readonly kind: "startScript"; readonly letter: Letter }
  /** ./run has ended, and nobody has asked it to. */
  | { readonly kind: "tellEnd"; readonly exit: Exit; readonly livedMs: Millis }
  /** KILL to the script that runs, and to what it has started. */
  | { readonly kind: "killScript"; readonly letter: Letter }
  /** TERM stands for the service's stop signal, whichever that is. */
  | { readonly kind: "signal"; readonly pid: number; readonly signal: Signal }
  /** How long this process, told to end or a finish, has until it is killed. */
  | { readonly kind: "askKillAfter"; readonly pid: number; readonly state: "run" | "finish" }
  /** Write the status; `stamped` with the time of now, otherwise with that of last time. */
  | { readonly kind: "announce"; readonly stamped: boolean }
  | { readonly kind: "leave" };

export interface Step {
  readonly service: Service;
  readonly effects: readonly Effect[];
}

/** A service that nothing has happened to yet. */
export function newService(log: boolean): Service {
  return {
    log,
    state: "down",
    want: "down",
    pid: 0,
    again: false,
    paused: false,
    gotTerm: false,
    ending: false,
    startedAt: Number.NEGATIVE_INFINITY,
    due: null,
    exit: { code: 0, status: 0 },
    scripts: [],
    scriptDue: null,
  };
}

/** True for who is to be supervised no longer than it takes to end it. */
export function isLeaving({ want }: Service): boolean {
  return want === "exit" || want === "end";
}
