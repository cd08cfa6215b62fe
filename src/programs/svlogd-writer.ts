// Writes svlogd's input into its log directories, which it keeps in a state to be written to.
//
// A lossy svlogd does not wait for a disk: a directory in trouble is left out, the lines it misses
// are counted, and it is tried again every few seconds, where a line begins.
import { diskRetryMs } from "../core/limits.ts";
import { errnos } from "../core/message.ts";
import type { Millis } from "../core/time.ts";
import {
  appendBytes,
  appendNotes,
  beginCurrent,
  isRotationDue,
  type LogDirectory,
  makeRoom,
  openCurrent,
  pruneOldFiles,
  putAside,
  renewAge,
  resumeDirectory,
  Trouble,
  undoAppended,
  waitUntil,
  warn,
  warnDropped,
} from "./svlogd-directory.ts";
import {
  chunkBytes,
  commitInput,
  hasInput,
  type Intake,
  isJournalLeft,
  loadInput,
  openJournal,
} from "./svlogd-intake.ts";
import {
  announce,
  isJudging,
  judgeable,
  type Lines,
  makePart,
  type Part,
  stampText,
} from "./svlogd-lines.ts";
import type { Options } from "./svlogd-options.ts";

export interface Writer {
  readonly options: Options;
  readonly intake: Intake;
  readonly lines: Lines;
  directories: LogDirectory[];
  /** The journal has been opened. */
  ready: boolean;
  /** The input has ended. */
  ended: boolean;
  /** Bytes of input that are written at once: less while little is all that can be. */
  partBytes: number;
}

/** Less than this is not written for itself where no more can be: a disk is full then. */
const partMinBytes = 64;

/** A log that may not be rotated until then, and can take no more. */
export class Held extends Trouble {
  readonly until: Millis;

  constructor(directory: string, until: Millis) {
    super("rotate", directory, errnos.EAGAIN);
    this.until = until;
  }
}

/** Brings the logs into the state in which the next byte may be written. */
export function settle(writer: Writer): void {
  const { intake, directories } = writer;
  const now = sys.monotonic();
  const tried = directories.filter((directory) => isTried(intake, directory, now));
  for (const directory of tried) {
    if (directory.lock < 0) attempt(writer, directory, () => resumeDirectory(directory));
  }
  if (!writer.ready) prepareJournal(writer);
  for (const directory of tried) {
    if (directory.lock >= 0) attempt(writer, directory, () => prepare(writer, directory, now));
  }
  if (intake.stale) commitInput(intake, directories, 0, intake.midline);
  for (const directory of directories) {
    if (directory.crowded) pruneOldFiles(directory); // never before the commit
  }
}

/** Takes over what a predecessor has left, also where nothing is kept for a successor. */
function prepareJournal(writer: Writer): void {
  const { intake, directories, options } = writer;
  if (intake.journaled && !isKeeping(writer) && !isJournalLeft(intake, directories)) {
    intake.journaled = false;
  }
  if (intake.journaled) {
    try {
      openJournal(intake, directories);
    } catch (error) {
      if (!options.lossy || !(error instanceof Trouble)) throw error;
      warn(error.message, "");
      intake.journaled = false;
    }
  }
  intake.stale = true;
  writer.ready = true;
}

/** False when nothing is kept for a svlogd after this one: there is a journal only until what was
 * left in it is done. */
export function isKeeping({ options, intake }: Writer): boolean {
  return !options.lossy && intake.boot !== "";
}

/** Opens a log's `current`, puts it aside when that is due, and undoes what was not committed. */
function prepare(writer: Writer, directory: LogDirectory, now: Millis): void {
  const { intake, options } = writer;
  if (directory.fd < 0) {
    intake.stale = true;
    if (directory.begun) beginCurrent(directory, now);
    else openCurrent(directory, now);
  }
  undoAppended(directory);
  renewAge(directory, now);
  if (isRotationDue(directory, options.lineBytes, intake.midline, now)) {
    const until = options.lossy ? null : waitUntil(directory, now);
    if (until !== null) throw new Held(directory.name, until);
    intake.stale = true;
    putAside(directory);
    beginCurrent(directory, now);
  }
  if (directory.notes !== "" && !intake.midline) {
    intake.stale = true;
    appendNotes(directory);
  }
  if (directory.retryAt !== null) rejoin(directory);
}

// --- Directories in trouble -----------------------------------------------------------------

/** When a directory that is left out is tried again: where a line begins; null: not yet. */
export function outDeadline({ midline }: Intake, { retryAt }: LogDirectory): Millis | null {
  return midline ? null : retryAt;
}

/** True for a directory that works, or whose time to be tried again has come. */
function isTried(intake: Intake, directory: LogDirectory, now: Millis): boolean {
  const at = outDeadline(intake, directory);
  return directory.retryAt === null || (at !== null && at <= now);
}

/** Does something to a directory; false when that is Trouble for a lossy svlogd, which leaves the
 * directory out from now on. For any other one it is thrown. */
function attempt(writer: Writer, directory: LogDirectory, action: () => void): boolean {
  for (;;) {
    try {
      action();
      return true;
    } catch (error) {
      if (!writer.options.lossy || !(error instanceof Trouble)) throw error;
      const isFull = error.errno === errnos.ENOSPC || error.errno === errnos.EDQUOT;
      if (isFull && directory.retryAt === null && makeRoom(directory)) continue;
      leaveOut(writer, directory, error);
      return false;
    }
  }
}

function leaveOut({ intake }: Writer, directory: LogDirectory, { message }: Trouble): void {
  if (directory.retryAt === null) {
    warn(`${message}, dropping lines`, "");
    directory.dropped = 0;
    if (intake.midline && directory.selected) directory.notes = `\n${directory.notes}`;
  }
  directory.retryAt = sys.monotonic() + diskRetryMs;
}

function rejoin(directory: LogDirectory): void {
  directory.retryAt = null;
  warnDropped(directory);
  directory.dropped = 0;
}

// --- Writing ------------------------------------------------------------------------------

/** Writes input up to where the first of the logs has to be rotated, and commits it; false when
 * there is none left that can be written. */
export function writePart(writer: Writer): boolean {
  const { intake, lines, directories } = writer;
  settle(writer);
  loadInput(intake);
  if (intake.from === intake.to) return false;
  const stamp = stampText(writer.options.stamp);
  let to = intake.to;
  if (directories.some(isJudging)) {
    to = judgeable(lines, writer.ended);
    intake.short = to === intake.from;
    if (intake.short) return false;
    announce(lines, directories, stamp, to);
    if (directories.some(({ notes }) => notes !== "")) settle(writer);
  }
  const working = directories.filter(({ retryAt, lock }) => retryAt === null && lock >= 0);
  let part: Part = lostPart(intake, Math.min(to, partEnd(writer)));
  for (let i = working.length - 1; i >= 0; i--) {
    const directory = working[i];
    if (directory === undefined) continue;
    part = makePart(lines, directory, stamp, intake.from + part.taken);
  }
  const end = intake.from + part.taken;
  const selected = working.map((directory, index) => {
    if (index > 0) part = makePart(lines, directory, stamp, end);
    attempt(writer, directory, () => append(lines, directory, part.made));
    return part.selected;
  });
  countDropped(writer, end);
  commitInput(intake, directories, end - intake.from, part.midline);
  working.forEach((directory, index) => {
    directory.selected = selected[index] ?? true;
  });
  writer.partBytes = Math.min(2 * writer.partBytes, chunkBytes);
  return hasInput(intake);
}

/** Where a part ends that is not to be larger: behind a line, if there is one. */
function partEnd({ intake, partBytes }: Writer): number {
  const { buffer, from, to } = intake;
  if (to - from <= partBytes) return to;
  const line = buffer.lastIndexOf(10, from + partBytes - 1) + 1;
  return line > from ? line : from + partBytes;
}

/** Sees to it that less is tried at once; false when it is as little as it can be, and then all is
 * tried the next time. */
export function isPartHalved(writer: Writer): boolean {
  const { intake, partBytes } = writer;
  const half = Math.floor(Math.min(partBytes, intake.to - intake.from) / 2);
  writer.partBytes = half < partMinBytes ? chunkBytes : half;
  return half >= partMinBytes;
}

/** The part of a writer that has no log to write to. */
function lostPart({ buffer, from }: Intake, to: number): Part {
  return { taken: to - from, made: 0, midline: buffer[to - 1] !== 10, selected: true };
}

/** Once more from the begin where it has failed before. */
function append({ output }: Lines, directory: LogDirectory, size: number): void {
  undoAppended(directory);
  appendBytes(directory, output, size);
}

/** Counts the lines that end before `end` for the directories that are left out. */
function countDropped({ intake, directories }: Writer, end: number): void {
  const out = directories.filter(({ retryAt }) => retryAt !== null);
  if (out.length === 0) return;
  let count = 0;
  for (let at = intake.from; at < end; at++) if (intake.buffer[at] === 10) count++;
  for (const directory of out) directory.dropped += count;
}

/** Ends the last line of an input that has ended without doing so. */
export function endLine(writer: Writer): void {
  const { intake, lines, directories } = writer;
  lines.output[0] = 10;
  for (const directory of directories) {
    if (directory.selected && directory.retryAt === null) {
      attempt(writer, directory, () => appendBytes(directory, lines.output, 1));
    }
  }
  commitInput(intake, directories, 0, false);
}
