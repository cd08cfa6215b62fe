// The one loop of every program that stays: it waits in poll(2) and nowhere else, and a fault
// in a turn is a complaint and a pause, never an end.

import { faultPauseMs } from "../core/limits.ts";
import { errnos, sentence } from "../core/message.ts";
import type { Millis } from "../core/time.ts";
import { complain, reasonOf, SysError } from "./posix.ts";

/** What a program gives the loop: what to wait for, and what to do then. */
export interface Turns {
  /** For messages: `runsv web`. */
  readonly who: string;
  /** The descriptors to wait for. */
  fds(): readonly number[];
  /** When to take a turn though nothing came; null: never. */
  deadline(): Millis | null;
  /** One turn; an exit code ends the loop, null goes on. Asked again after every wait, however
   * it ended, so a turn finds out by itself what there is to do. */
  turn(ready: readonly number[]): number | null;
}

/** The ready descriptors; waits until `until`, for ever when that is null. */
export function waitReady(fds: readonly number[], until: Millis | null): readonly number[] {
  const rest = until === null ? -1 : Math.max(0, Math.ceil(until - sys.monotonic()));
  const ready = sys.poll(fds, Math.min(rest, 0x7fffffff));
  if (typeof ready !== "number") return ready;
  if (ready === -errnos.EINTR) return [];
  throw new SysError("poll", -ready, "");
}

/** Takes turns until one of them says that this was the last. */
export function runTurns(turns: Turns): number {
  let ready: readonly number[] = [];
  for (;;) {
    try {
      const code = turns.turn(ready);
      if (code !== null) return code;
      ready = waitReady(turns.fds(), turns.deadline());
    } catch (error) {
      ready = [];
      complain(sentence(turns.who, "warning", "fault in the program, going on", reasonOf(error)));
      waitReady([], sys.monotonic() + faultPauseMs);
    }
  }
}

/** A descriptor that signals come from, as numbers. */
export function openSignals(numbers: readonly number[]): number {
  const fd = sys.signalfd(numbers);
  if (fd < 0) throw new SysError("signalfd", -fd, "");
  return fd;
}

/** The signals that came since the last call. */
export function readSignals(fd: number): readonly number[] {
  const numbers = sys.readsignals(fd);
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
