// svlogd: writes its input into log directories, rotates them and stamps the lines. What a config
// means and when to rotate is decided in core/rotate.ts; how nothing is lost when svlogd is killed
// is told in svlogd-intake.ts.
import { signals } from "../core/commands.ts";
import { diskRetryMs } from "../core/limits.ts";
import { errnos, sentence } from "../core/message.ts";
import { hardRoom, prefixMaxBytes, softRoom } from "../core/rotate.ts";
import { labelText, type Millis, utcText } from "../core/time.ts";
import { type Outcome, openSignals, readSignals, runTurns } from "../sys/loop.ts";
import { complain } from "../sys/posix.ts";
import {
  appendBytes,
  beginCurrent,
  closeDirectory,
  isRotationDue,
  type LogDirectory,
  makeRoom,
  openCurrent,
  openDirectory,
  pruneOldFiles,
  putAside,
  renewAge,
  rotationDeadline,
  Trouble,
  undoAppended,
} from "./svlogd-directory.ts";
import {
  chunkBytes,
  closeJournal,
  commitInput,
  emptyJournal,
  hasInput,
  type Intake,
  loadInput,
  newIntake,
  openJournal,
  removeJournal,
  takeInput,
  trimJournal,
} from "./svlogd-intake.ts";
import { type Options, parseOptions } from "./svlogd-options.ts";

export const usage = "[-ttv] [-r c] [-R abc] [-l len] [-b buflen] dir ...";

const who = "svlogd";
const stampMaxBytes = 32;
/** A whole chunk without a newline fits behind a stamp, and so does one of short lines. */
const outputBytes = 2 * chunkBytes + stampMaxBytes + prefixMaxBytes;

interface Logger {
  readonly options: Options;
  readonly signalFd: number;
  readonly intake: Intake;
  readonly output: Uint8Array;
  directories: LogDirectory[];
  /** Every `current` has been opened. */
  ready: boolean;
  /** Something is wrong with a disk: when to try again. */
  retryAt: Millis | null;
  /** Told to end, at the end of the line. */
  ending: boolean;
  /** The input has ended. */
  ended: boolean;
}

export function main(argv: readonly string[]): Outcome {
  const options = parseOptions(argv);
  if (options === null) {
    complain(`usage: ${argv[0]} ${usage}\n`);
    return 111;
  }
  const numbers = [signals.TERM, signals.HUP, signals.ALRM];
  const logger: Logger = {
    options,
    signalFd: openSignals(numbers),
    intake: newIntake(),
    output: sys.buffer(outputBytes),
    directories: openDirectories(options),
    ready: false,
    retryAt: null,
    ending: false,
    ended: false,
  };
  return runTurns({ who, state: logger, fds: descriptors, deadline: nextDeadline, turn });
}

/** The input is held back while a directory cannot be written. */
function descriptors({ signalFd, retryAt }: Logger): readonly number[] {
  return retryAt === null ? [signalFd, 0] : [signalFd];
}

function openDirectories(options: Options): LogDirectory[] {
  const opened = options.names.map((name) => openDirectory(name, options.verbose));
  const directories = opened.filter((directory) => directory !== null);
  if (directories.length === 0) {
    complain(sentence(who, "fatal", "no functional log directories."));
  }
  return directories;
}

// --- Turns ------------------------------------------------------------------------------

function nextDeadline(logger: Logger): Millis | null {
  if (logger.retryAt !== null) return logger.retryAt;
  let first: Millis | null = null;
  for (const directory of logger.directories) {
    const at = rotationDeadline(directory);
    if (at !== null && (first === null || at < first)) first = at;
  }
  return first;
}

function turn(logger: Logger, ready: readonly number[]): number | null {
  const inputReady = ready.includes(0);
  for (const number of readSignals(logger.signalFd)) onSignal(logger, number);
  if (logger.directories.length === 0) return 111;
  if (logger.retryAt !== null) {
    // What is in the journal is safe there: a full disk is no reason to hold up whoever ends us.
    if (logger.ending && logger.intake.journaled) return leave(logger, false);
    if (sys.monotonic() < logger.retryAt) return null;
    logger.retryAt = null;
  }
  for (;;) {
    try {
      return pump(logger, inputReady) ? leave(logger, true) : null;
    } catch (error) {
      if (!(error instanceof Trouble)) throw error;
      if (!isRoomMade(logger, error)) {
        complain(`${who}: pausing: ${error.message}`);
        logger.retryAt = sys.monotonic() + diskRetryMs;
        return null;
      }
    }
  }
}

function isRoomMade(logger: Logger, { errno, directory }: Trouble): boolean {
  if (errno !== errnos.ENOSPC && errno !== errnos.EDQUOT) return false;
  if (emptyJournal(logger.intake, logger.directories)) return true;
  const full = logger.directories.find(({ name }) => name === directory);
  return full !== undefined && makeRoom(full);
}

function onSignal(logger: Logger, number: number): void {
  const { directories, options } = logger;
  const inform = (name: string): void => {
    if (options.verbose) complain(`${who}: info: ${name} received.`);
  };
  switch (number) {
    case signals.TERM:
      inform("sigterm");
      logger.ending = true;
      break;
    case signals.ALRM:
      inform("sigalarm");
      for (const directory of directories) directory.asked = true;
      break;
    case signals.HUP:
      inform("sighangup");
      for (const directory of directories) closeDirectory(directory);
      logger.directories = openDirectories(options);
      logger.ready = false;
      logger.retryAt = null;
      break;
  }
}

/** Closes everything; `done`: nothing is left in the journal. */
function leave(logger: Logger, done: boolean): number {
  for (const directory of logger.directories) closeDirectory(directory);
  if (done) removeJournal(logger.intake);
  else closeJournal(logger.intake);
  return 0;
}

/** Moves what there is into the logs; true when this was the last. */
function pump(logger: Logger, inputReady: boolean): boolean {
  const { intake, directories } = logger;
  settle(logger);
  trimJournal(intake, directories);
  if (inputReady && !logger.ended && !hasInput(intake) && !isLineEnded(logger)) {
    // What comes after the line that we wait for is for the svlogd after us.
    logger.ended = !takeInput(intake, logger.ending ? 1 : chunkBytes);
  }
  if (hasInput(intake)) {
    while (hasInput(intake)) writePart(logger);
    settle(logger); // a log that has become full is put aside now, not with the next line
  }
  if (logger.ended && intake.midline) endLine(logger);
  return logger.ended || isLineEnded(logger);
}

function isLineEnded({ ending, intake }: Logger): boolean {
  return ending && !intake.midline;
}

// --- Writing ------------------------------------------------------------------------------

/** Brings the logs into the state in which the next byte may be written. */
function settle(logger: Logger): void {
  const { intake, directories, options } = logger;
  const now = sys.monotonic();
  if (!logger.ready) openAll(logger, now);
  const rotated: LogDirectory[] = [];
  for (const directory of directories) {
    if (directory.fd < 0) beginCurrent(directory, now);
    undoAppended(directory);
    renewAge(directory, now);
    if (!isRotationDue(directory, options.lineBytes, intake.midline, now)) continue;
    intake.stale = true;
    putAside(directory);
    beginCurrent(directory, now);
    rotated.push(directory);
  }
  if (intake.stale) commitInput(intake, directories, 0, intake.midline);
  for (const directory of rotated) pruneOldFiles(directory); // never before the commit
}

function openAll(logger: Logger, now: Millis): void {
  const { intake, directories } = logger;
  if (intake.journaled) openJournal(intake, directories);
  intake.stale = true;
  for (const directory of directories) if (directory.fd < 0) openCurrent(directory, now);
  logger.ready = true;
}

/** Input as it goes into one log. */
interface Part {
  readonly taken: number;
  /** Bytes in the output buffer. */
  readonly made: number;
  readonly midline: boolean;
}

/** Writes input up to where the first of the logs has to be rotated, and commits it. */
function writePart(logger: Logger): void {
  const { intake, directories } = logger;
  settle(logger);
  loadInput(intake);
  const stamp = stampText(logger.options.stamp);
  let part: Part | null = null;
  let to = intake.to;
  for (let i = directories.length - 1; i >= 0; i--) {
    const directory = directories[i];
    if (directory === undefined) continue;
    part = makePart(logger, directory, stamp, to);
    to = intake.from + part.taken;
  }
  if (part === null) return;
  directories.forEach((directory, index) => {
    if (index > 0) part = makePart(logger, directory, stamp, to);
    if (part !== null) appendBytes(directory, logger.output, part.made);
  });
  commitInput(intake, directories, part.taken, part.midline);
}

function stampText(kind: number): string {
  if (kind === 0) return "";
  const [seconds, nanoseconds] = sys.realtime();
  const stamp = { seconds, nanoseconds };
  return `${kind === 1 ? labelText(stamp) : utcText(stamp, kind === 2 ? "_" : "T")} `;
}

/** Makes the output for one log of input up to `to`, no further than to where it is full. */
function makePart(logger: Logger, directory: LogDirectory, stamp: string, to: number): Part {
  const { intake, output, options } = logger;
  const { buffer, from, midline } = intake;
  const prefix = stamp + directory.config.prefix;
  const room = softRoom(directory.config, directory.size, options.lineBytes);
  const soft = room < output.length ? output.subarray(0, room) : output;
  const lines = sys.stamplines(buffer, from, to, soft, prefix, midline, options.table);
  const [taken, made, open] = lines;
  if (from + taken === to || (made === room && !open) || soft === output)
    return { taken, made, midline: open };
  // The next line, or the rest of this one, makes it full: all of it, or what the maximum allows.
  // Stamp and prefix do not count there, so that no line of at most lineBytes is cut.
  const begin = from + taken;
  const newline = buffer.indexOf(10, begin);
  const fits = Math.max(1, hardRoom(directory.config, directory.size) - made);
  const end = Math.min(newline < 0 ? to : newline + 1, to, begin + fits);
  const rest = output.subarray(made);
  const last = sys.stamplines(buffer, begin, end, rest, prefix, open, options.table);
  return { taken: taken + last[0], made: made + last[1], midline: last[2] };
}

/** Ends the last line of an input that has ended without doing so. */
function endLine({ intake, directories, output }: Logger): void {
  output[0] = 10;
  for (const directory of directories) appendBytes(directory, output, 1);
  commitInput(intake, directories, 0, false);
}
