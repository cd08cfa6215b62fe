// svlogd's decisions: when a log is rotated, which old files go, what the processor does next.
import { processorPatienceMs, processorRetryMaxMs, processorRetryMs } from "./limits.ts";
import type { Config } from "./logconfig.ts";
import { decodeTai64n, labelText, type Millis, type Stamp } from "./time.ts";

// --- When to rotate ------------------------------------------------------------------------------

/** The size from which the end of a line is the place to rotate, so that a line of at most
 * `lineBytes` is not cut at the maximum. */
function softMax(config: Config, lineBytes: number): number {
  if (config.sizeMaxBytes === 0) return Number.POSITIVE_INFINITY;
  return config.sizeMaxBytes >= lineBytes ? config.sizeMaxBytes - lineBytes : config.sizeMaxBytes;
}

/** Bytes that fit before the end of a line is the place to rotate. */
export function softRoom(config: Config, size: number, lineBytes: number): number {
  return Math.max(0, softMax(config, lineBytes) - size);
}

/** Bytes that fit at all. */
export function hardRoom(config: Config, size: number): number {
  return config.sizeMaxBytes === 0
    ? Number.POSITIVE_INFINITY
    : Math.max(0, config.sizeMaxBytes - size);
}

/** True when a `current` is as big as it may become; in the middle of a line that is later. */
export function isFull(config: Config, size: number, lineBytes: number, midline: boolean): boolean {
  if (size === 0) return false;
  return midline ? hardRoom(config, size) === 0 : softRoom(config, size, lineBytes) === 0;
}

/** When a `current` that was begun at `since` is too old; null: it never is. */
export function ageDeadline(config: Config, size: number, since: Millis): Millis | null {
  return config.ageMaxMs === 0 || size === 0 ? null : since + config.ageMaxMs;
}

/** An empty `current` does not age past its limit: its age counts from the last whole period,
 * so that the first line after a quiet time is not rotated away at once. */
export function renewedSince(config: Config, since: Millis, now: Millis): Millis {
  if (config.ageMaxMs === 0 || now < since) return since;
  return since + Math.floor((now - since) / config.ageMaxMs) * config.ageMaxMs;
}

// --- Old files ------------------------------------------------------------------------------

const labelLength = 25; // "@" and 24 digits

/** The files with such an ending among the names of a directory, the oldest first. */
export function filesOf(names: readonly string[], endings: string): string[] {
  return names.filter((name) => isOldFile(name, endings)).sort();
}

function isOldFile(name: string, endings: string): boolean {
  const isNamed = name.length === labelLength + 2 && name[0] === "@" && name[labelLength] === ".";
  return isNamed && endings.includes(name[labelLength + 1] ?? "?");
}

/** Old logs, the oldest first: finished, and not yet so. */
export function oldFiles(names: readonly string[]): string[] {
  return filesOf(names, "su");
}

/** What a file is called without its ending. */
export function labelOf(name: string): string {
  return name.slice(0, labelLength);
}

/** The last of the labels in use; "" when there is none. */
export function lastLabel(names: readonly string[]): string {
  return filesOf(names, "sut").map(labelOf).filter(isLabel).pop() ?? "";
}

/** True for a label of a second before the year 2106. */
function isLabel(label: string): boolean {
  if (!label.startsWith("@40000000")) return false;
  for (let i = 1; i < label.length; i++) {
    if (!"0123456789abcdef".includes(label[i] ?? "")) return false;
  }
  return true;
}

/** The label of now, or the one behind the last when the clock has been set back: names tell the
 * order of the files before they tell the time, or the youngest would be the first to go. */
export function newLabel(now: Stamp, last: string): string {
  const label = labelText(now);
  return label > last ? label : labelAfter(last);
}

/** The label a nanosecond later. */
export function labelAfter(label: string): string {
  let bytes = "";
  for (let i = 1; i < label.length; i += 2) {
    bytes += String.fromCharCode(Number.parseInt(label.slice(i, i + 2), 16));
  }
  const { seconds, nanoseconds } = decodeTai64n(bytes);
  return nanoseconds < 999_999_999
    ? labelText({ seconds, nanoseconds: nanoseconds + 1 })
    : labelText({ seconds: seconds + 1, nanoseconds: 0 });
}

/** Those that go after a rotation; the one that is being processed stays. */
export function surplusFiles(names: readonly string[], keepMax: number, processed = ""): string[] {
  const old = oldFiles(names);
  if (keepMax === 0) return [];
  const surplus = old.slice(0, Math.max(0, old.length - keepMax));
  return surplus.filter((name) => labelOf(name) !== processed);
}

/** The one that makes room on a full disk, or null: too few are left, or all are to be kept. */
export function sacrificedFile(
  names: readonly string[],
  config: Config,
  processed = "",
): string | null {
  const { keepMin, keepMax } = config;
  const old = oldFiles(names);
  if (keepMin >= keepMax || old.length <= keepMin) return null;
  return old.find((name) => labelOf(name) !== processed) ?? null;
}

// --- The processor ------------------------------------------------------------------------------
//
// Files that are to be processed wait as `.u`, so that a log is rotated while the processor runs.
// It gets one at a time, the oldest first, because each finds the state that the last one left.
//
// What the processor has not seen does not go for the sake of `n`: when one more would be too
// many, the log waits, and so does its input. Not for ever: with no file done for a while, the
// processor counts as stuck, and the log goes on without it.

/** How far the processor of a log is. */
export interface Progress {
  /** How often it has failed with the file that is next. */
  readonly failures: number;
  /** When a file was last done, or the first one came. */
  readonly since: Millis;
}

/** Until when a log has to wait before its `current` may be put aside; null: it need not. */
export function heldUntil(
  names: readonly string[],
  config: Config,
  progress: Progress,
  now: Millis,
): Millis | null {
  if (config.processor === "" || config.keepMax === 0) return null;
  if (filesOf(names, "u").length < config.keepMax) return null;
  const until = progress.since + processorPatienceMs;
  return now < until ? until : null;
}

/** How long a processor that has failed so often is left alone. */
export function processorPauseMs(failures: number): Millis {
  return Math.min(processorRetryMs * 2 ** (failures - 1), processorRetryMaxMs);
}
