// The one loop of every program that stays: it waits in poll(2) and nowhere else, and a fault
// in a turn is a complaint and a pause, never an end.

import { faultPauseMs } from "../core/limits.ts";
import { errnos, sentence } from "../core/message.ts";
import type { Millis } from "../core/time.ts";
import { complain, reasonOf, SysError } from "./posix.ts";

/** What a program that stays returns from main: how it waits, and what it does then. No function
 * here closes over anything, so that forked supervisors share all of them. */
export interface Turns<State> {
  /** For messages: `runsv web`. */
  readonly who: string;
  readonly state: State;
  /** The descriptors to wait for. */
  fds(state: State): readonly number[];
  /** When to take a turn though nothing came; null: never. */
  deadline(state: State): Millis | null;
  /** One turn; an exit code ends the program, null goes on. Asked again after every wait, however
   * it ended, so a turn finds out by itself what there is to do. */
  turn(state: State, ready: readonly number[]): number | null;
}

/** An exit code, or turns to take: what main returns. */
export type Outcome = number | Loop;

/** Turns as wait.c takes them. */
interface Loop {
  take(ready: readonly number[]): number | readonly number[];
}

/** The ready descriptors; waits until `until`, for ever when that is null. */
export function waitReady(fds: readonly number[], until: Millis | null): readonly number[] {
  const ready = sys.poll(fds, until === null ? -1 : restOf(until));
  if (typeof ready !== "number") return ready;
  if (ready === -errnos.EINTR) return [];
  throw new SysError("poll", -ready, "");
}

/** The loop of a program: wait.c calls `take` after every wait, until it gets an exit code. */
export function runTurns<State>(turns: Turns<State>): Outcome {
  const { who, state, fds, deadline, turn } = turns;
  return { who, state, fds, deadline, turn, take: takeTurn } as Loop;
}

/** One turn, and [milliseconds, ...descriptors] to wait for before the next. */
function takeTurn(this: Turns<unknown>, ready: readonly number[]): number | readonly number[] {
  try {
    const code = this.turn(this.state, ready);
    if (code !== null) return code;
    const until = this.deadline(this.state);
    return [until === null ? -1 : restOf(until), ...this.fds(this.state)];
  } catch (error) {
    const what = "fault in the program, going on";
    complain(sentence(this.who, "warning", what, reasonOf(error)));
    return [faultPauseMs];
  }
}

/** Milliseconds from now until then, for poll(2): never before it. */
function restOf(until: Millis): number {
  return Math.max(0, Math.min(Math.ceil(until - sys.monotonic()), 0x7fffffff));
}

/** A descriptor that signals come from, as numbers; with `keeps`, what was ignored or blocked
 * before us is so for programs that are started later. */
export function openSignals(numbers: readonly number[], keeps = false): number {
  const fd = sys.signalfd(numbers, keeps);
  if (fd < 0) throw new SysError("signalfd", -fd, "");
  return fd;
}

/** The signals that came since the last call; with `typed`, an INT of the terminal's is -INT. */
export function readSignals(fd: number, typed = false): readonly number[] {
  const numbers = sys.readsignals(fd, typed);
  if (typeof numbers === "number") throw new SysError("read", -numbers, "signals");
  return numbers;
}

export interface Ended {
  readonly pid: number;
  /** As wait(2) has it. */
  readonly status: number;
}

/** The next child that has ended, or null. */
export function reap(): Ended | null {
  const ended = sys.waitpid(-1, sys.WNOHANG);
  if (ended === null) return null;
  if (typeof ended === "number") throw new SysError("waitpid", -ended, "");
  return { pid: ended[0], status: ended[1] };
}

/** True for a wait status of exit code 0: a death by a signal is no success. */
export function isSuccess(status: number): boolean {
  return status === 0;
}
