// When something began or ended, in milliseconds since the kernel's start: out of birth records,
// whose clock nobody sets, and of stamps, whose clock may have been set since. Pure:
// programs/trinit-bootchart.ts reads the files.
import { leadingNumber } from "./args.ts";
import { stampLateMs, stampSlackMs } from "./limits.ts";
import type { Millis, Stamp } from "./time.ts";

/** Of proc(5)'s starttime: a hundred ticks a second, on all that this is built for. */
const tickMs = 10;
/** Three thousand years: more is garbage. */
const ticksMax = 1e13;

/** The time in ticks, in digits. */
export function ticksMs(digits: string): Millis | null {
  const ticks = leadingNumber(digits);
  return ticks === null || ticks > ticksMax ? null : ticks * tickMs;
}

/** The first word of /proc/uptime, or of whoever has it from there: seconds. */
export function secondsMs(text: string): Millis | null {
  const ms = Math.round(Number(text.split(" ", 1)[0]) * 1000);
  return leadingNumber(text) !== null && ms < ticksMax ? ms : null;
}

export interface Birth {
  readonly pid: number;
  readonly at: Millis;
}

/** `PID START BOOT`; null where it is none of this boot, or none since `floor`. */
export function parseBirth(record: string, boot: string, floor: Millis): Birth | null {
  const [first = "", second = "", third] = record.split(" ");
  const [pid, at] = [leadingNumber(first), ticksMs(second)];
  if (pid === null || at === null || at < floor || third !== boot.trimEnd()) return null;
  return { pid, at };
}

/** A part of stage 1. */
export interface Part {
  readonly name: string;
  readonly from: Millis;
  readonly to: Millis;
}

/** Lines of `SECONDS NAME`: what began then. Each ends where the next begins, and the last line,
 * which is no part any more, has no name. What is not within the bounds is of another boot. */
export function parseParts(text: string, floor: Millis, latest: Millis): readonly Part[] {
  const lines = text.split("\n").map((line) => {
    const space = line.indexOf(" ");
    return { at: secondsMs(line), name: space < 0 ? "" : line.slice(space + 1) };
  });
  const parts: Part[] = [];
  for (let i = 0; i + 1 < lines.length; i++) {
    const [from, to, name] = [lines[i]?.at, lines[i + 1]?.at, lines[i]?.name ?? ""];
    const isKnown = from != null && to != null && name !== "";
    if (isKnown && from >= floor && to >= from && to <= latest) parts.push({ name, from, to });
  }
  return parts;
}

function stampMs({ seconds, nanoseconds }: Stamp): Millis {
  return seconds * 1000 + nanoseconds / 1e6;
}

/** A stamp that was taken at a moment which is known, or a while after it. */
export interface Known {
  readonly stamp: Stamp;
  readonly at: Millis;
}

function clockStart({ stamp, at }: Known): Millis {
  return stampMs(stamp) - at;
}

/** What the clock has shown at the kernel's start, by `now`, which is exact, and by what differs
 * from it by more than being late: more than one value where the clock was set in between. */
export function clockStarts(now: Known, known: readonly Known[]): readonly Millis[] {
  const starts = [clockStart(now)];
  for (const start of known.map(clockStart).sort((a, b) => a - b)) {
    const isKnown = starts.some(
      (other) => start >= other - stampSlackMs && start <= other + stampLateMs,
    );
    if (!isKnown) starts.push(start);
  }
  return starts;
}

/** The moment of a stamp that was taken within these bounds; null: the clock was set, and there is
 * none, or more than one. */
export function momentOf(
  stamp: Stamp,
  starts: readonly Millis[],
  earliest: Millis,
  latest: Millis,
): Millis | null {
  const moments = starts.map((start) => stampMs(stamp) - start);
  const [first, ...others] = moments.filter(
    (at) => at >= earliest - stampSlackMs && at <= latest + stampSlackMs,
  );
  if (first === undefined || others.length > 0) return null;
  return Math.max(Math.min(Math.floor(first / tickMs) * tickMs, latest), earliest);
}
