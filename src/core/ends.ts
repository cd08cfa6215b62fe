// The ends of ./run, or of a logger, that nobody asked for, as warnings: what is said, and how
// often. A service that ends each second would fill a log. Pure.
//
// An outcome is said when it is another one than was said last, or when that was an hour ago; and
// no more than a few outcomes a minute are, whatever comes.
import { endRepeatMs, endsPerMinute, endWindowMs } from "./limits.ts";
import type { Exit } from "./service-state.ts";
import { signalName } from "./signals.ts";
import type { Millis } from "./time.ts";

export interface EndsSaid {
  /** The last outcome that was said; "": none was. */
  readonly outcome: string;
  readonly at: Millis;
  /** How many were said since `from`. */
  readonly count: number;
  readonly from: Millis;
  /** Ends that were not said since the last one that was. */
  readonly unsaid: number;
}

const never = Number.NEGATIVE_INFINITY;

export const noEndSaid: EndsSaid = { outcome: "", at: never, count: 0, from: never, unsaid: 0 };

/** True when this outcome is to be said. */
export function isEndSaid(said: EndsSaid, outcome: string, now: Millis): boolean {
  const isNews = outcome !== said.outcome || now - said.at >= endRepeatMs;
  return isNews && (now - said.from >= endWindowMs || said.count < endsPerMinute);
}

/** What is known of warnings after an end with this outcome, said or not. */
export function afterEnd(said: EndsSaid, outcome: string, now: Millis): EndsSaid {
  if (!isEndSaid(said, outcome, now)) return { ...said, unsaid: said.unsaid + 1 };
  const isFirst = now - said.from >= endWindowMs;
  const [count, from] = isFirst ? [1, now] : [said.count + 1, said.from];
  return { outcome, at: now, count, from, unsaid: 0 };
}

/** Ends of one kind have one outcome. `left`: it has left processes behind. */
export function outcomeOf({ code, status }: Exit, left: boolean): string {
  return left ? "left" : `${code} ${status}`;
}

/** `exit 1 after 0.3 s`, with the number of ends before it that were not said, and that of the
 * processes that it has left. */
export function endText(exit: Exit, livedMs: Millis, left: number, unsaid: number): string {
  const seconds = livedMs < 10_000 ? (livedMs / 1000).toFixed(1) : `${Math.round(livedMs / 1000)}`;
  const before = unsaid === 0 ? "" : `, ${unsaid} more since the last warning`;
  const text = `${howEnded(exit)} after ${seconds} s${before}`;
  if (left === 0) return text;
  const processes = left === 1 ? "1 process" : `${left} processes`;
  return `${text}, and left ${processes} behind: it has to stay in the foreground`;
}

function howEnded({ code, status }: Exit): string {
  const signal = status & 0x7f;
  if (code >= 0) return `exit ${code}`;
  if (signal === 0) return "ended, nobody knows how,";
  const core = (status & 0x80) === 0 ? "" : " (core dumped)";
  return `killed by ${signalName(signal)}${core}`;
}
