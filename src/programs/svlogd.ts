// svlogd: writes its input into log directories, rotates them and stamps the lines. What a config
// means is decided in core/logconfig.ts and core/selection.ts, when to rotate in core/rotate.ts;
// how nothing is lost when svlogd is killed is told in svlogd-intake.ts.
import { signals } from "../core/commands.ts";
import { diskRetryMs, processorPatienceMs } from "../core/limits.ts";
import { errnos, sentence } from "../core/message.ts";
import type { Millis } from "../core/time.ts";
import { type Outcome, openSignals, readSignals, reap, runTurns } from "../sys/loop.ts";
import { close, complain, isRemoved } from "../sys/posix.ts";
import { answer } from "./answer.ts";
import {
  abandonDirectory,
  closeDirectory,
  isGone,
  type LogDirectory,
  makeRoom,
  openDirectory,
  placeOf,
  retryConfig,
  rotationDeadline,
  Trouble,
  undoAppended,
  warn,
  writing,
} from "./svlogd-directory.ts";
import {
  chunkBytes,
  dropJournal,
  emptyJournal,
  endJournal,
  hasInput,
  newIntake,
  takeInput,
  trimJournal,
} from "./svlogd-intake.ts";
import { newLines } from "./svlogd-lines.ts";
import { type Options, parseOptions } from "./svlogd-options.ts";
import { onProcessorEnd, startProcessor } from "./svlogd-processor.ts";
import {
  endLine,
  Held,
  isKeeping,
  isPartHalved,
  outDeadline,
  settle,
  type Writer,
  writePart,
} from "./svlogd-writer.ts";

export const usage = "[-ttv] [-L] [-r c] [-R abc] [-l len] [-b buflen] dir ...";

const who = "svlogd";

interface Logger extends Writer {
  readonly signalFd: number;
  /** Directories that could not be opened again, whose processors still run. */
  lost: readonly LogDirectory[];
  /** Something is wrong with a disk, or a processor is behind: when to try again. */
  retryAt: Millis | null;
  /** Told to end, at the end of the line. */
  ending: boolean;
  /** All that was closed is on the disk as the commit of that time says. */
  inOrder: boolean;
  /** All is written: until when processors may take to end; null: it is not. */
  leaveAt: Millis | null;
}

/** `foreign`: the built-in logger in a directory whose owner we could not become. */
export function main(argv: readonly string[], foreign = false): Outcome {
  const options = parseOptions(argv, usage);
  if (typeof options === "string") return answer(options, `usage: ${argv[0]} ${usage}`);
  if ("lineBytes" in options) return startLogger({ ...options, foreign });
  for (const line of options) complain(line);
  return 111;
}

function startLogger(options: Options): Outcome {
  const signalFd = openSignals([signals.TERM, signals.HUP, signals.ALRM, signals.CHLD]);
  const intake = newIntake();
  const logger: Logger = {
    ...{ options, signalFd, intake, lines: newLines(options, intake) },
    directories: openDirectories(options, []),
    lost: [],
    ...{ ready: false, retryAt: null, ending: false, ended: false, leaveAt: null },
    ...{ inOrder: true, partBytes: chunkBytes },
  };
  return runTurns({ who, state: logger, fds: descriptors, deadline: nextDeadline, turn });
}

/** The input is held back while a directory cannot be written. */
function descriptors({ signalFd, retryAt, leaveAt }: Logger): readonly number[] {
  return retryAt === null && leaveAt === null ? [signalFd, 0] : [signalFd];
}

function openDirectories(options: Options, before: readonly LogDirectory[]): LogDirectory[] {
  const opened: LogDirectory[] = [];
  for (const name of options.names) {
    const old = before.find((directory) => directory.name === name);
    const directory = openOrWarn(name, options, old);
    if (directory !== null) opened.push(directory);
  }
  if (opened.length === 0) complain(sentence(who, "fatal", "no functional log directories."));
  return opened;
}

function openOrWarn(
  name: string,
  options: Options,
  old: LogDirectory | undefined,
): LogDirectory | null {
  try {
    return openDirectory(name, options, old);
  } catch (error) {
    if (!(error instanceof Trouble)) throw error;
    warn(error.message, "");
    return null;
  }
}

// --- Turns ------------------------------------------------------------------------------

function nextDeadline({ directories, intake, retryAt, leaveAt }: Logger): Millis | null {
  if (leaveAt !== null) return leaveAt;
  let first = retryAt;
  for (const directory of directories) {
    const { work } = directory;
    first = earlier(first, directory.configAt);
    if (work.pid === 0) first = earlier(first, work.startAt);
    if (directory.retryAt !== null) first = earlier(first, outDeadline(intake, directory));
    else if (retryAt === null && !intake.midline) {
      first = earlier(first, rotationDeadline(directory));
    }
  }
  return first;
}

function earlier(a: Millis | null, b: Millis | null): Millis | null {
  if (a === null || b === null) return a ?? b;
  return Math.min(a, b);
}

function turn(logger: Logger, ready: readonly number[]): number | null {
  for (const number of readSignals(logger.signalFd)) onSignal(logger, number);
  if (logger.directories.length === 0) return leave(logger, 111);
  const now = sys.monotonic();
  for (const directory of logger.directories) retryConfig(directory, now);
  startProcessors(logger, now);
  if (logger.leaveAt === null) {
    if (!isWritten(logger, ready.includes(0), now)) {
      return logger.directories.length === 0 ? leave(logger, 111) : null;
    }
    logger.leaveAt = now + processorPatienceMs;
    startProcessors(logger, sys.monotonic()); // with what was put aside just now
  }
  const isProcessing = logger.directories.some(({ work }) => work.pid !== 0);
  return isProcessing && now < logger.leaveAt ? null : leave(logger, 0);
}

function startProcessors({ directories }: Logger, now: Millis): void {
  for (const directory of directories) startProcessor(directory, now);
}

/** Writes what there is; true when this was the last. */
function isWritten(logger: Logger, inputReady: boolean, now: Millis): boolean {
  if (logger.retryAt !== null) {
    // What is in the journal is safe there: a full disk is no reason to hold up whoever ends us.
    if (logger.ending && logger.intake.journaled && isKeeping(logger)) return true;
    if (now < logger.retryAt) return false;
    logger.retryAt = null;
  }
  for (;;) {
    try {
      return pump(logger, inputReady);
    } catch (error) {
      if (!(error instanceof Trouble)) throw error;
      if (isRoomMade(logger, error)) continue;
      if (isForGood(logger, error)) {
        giveUp(logger, error);
        if (logger.directories.length > 0) continue;
        return false;
      }
      if (!(error instanceof Held)) complain(`${who}: pausing: ${error.message}`);
      logger.retryAt = error instanceof Held ? error.until : sys.monotonic() + diskRetryMs;
      return false;
    }
  }
}

/** A log directory that was removed together with the one that we stand in, as `rm -r` of a service
 * directory does: nothing of that name can come back. */
function isForGood({ directories }: Logger, { errno, directory }: Trouble): boolean {
  if (errno !== errnos.ENOENT) return false;
  const isOurs = directories.some(({ name, place }) => name === directory && name === place);
  return (isOurs || !directory.startsWith("/")) && isRemoved();
}

/** Goes on by its whole path in a log directory whose name went with the one that we stand in, as
 * `rm -r` of a service directory removes a link `log/main`, but not what it points to; false when
 * the log directory was removed too. */
function isFollowed({ options, intake }: Logger, directory: LogDirectory): boolean {
  const { name } = directory;
  const place = placeOf(directory);
  if (name.startsWith("/") || place === "" || !isRemoved()) return false;
  if (typeof sys.stat(place) === "number") return false;
  Object.assign(directory, { name: place, place });
  options.names = options.names.map((other) => (other === name ? place : other));
  if (intake.home === name) intake.home = place;
  warn(`${name} was removed`, `its log goes on in ${place}`);
  return true;
}

/** The other logs go on; without any, what was taken and not written is lost. */
function giveUp(logger: Logger, { directory, message }: Trouble): void {
  const found = logger.directories.find(({ name }) => name === directory);
  if (found !== undefined && isFollowed(logger, found)) return;
  logger.directories = logger.directories.filter(({ name }) => name !== directory);
  logger.ready = false;
  const { journaled, done, end, from, to } = logger.intake;
  const bytes = journaled ? end - done : to - from;
  const isLost = logger.directories.length === 0;
  const why = isLost ? `${bytes} bytes are lost, and all input that is not read yet` : "";
  complain(sentence(who, "warning", `${message}, nor will it be again`, why));
}

/** Makes room where something is full, or sees to it that less is needed: what is done in the
 * journal goes first, then old files where the config allows it. */
function isRoomMade(logger: Logger, { errno, directory, what }: Trouble): boolean {
  const isTooBig = errno === errnos.EFBIG;
  if (!isTooBig && errno !== errnos.ENOSPC && errno !== errnos.EDQUOT) return false;
  if (isJournalEmptied(logger)) return true;
  const full = logger.directories.find(({ name }) => name === directory);
  if (full === undefined) return false;
  if (!isTooBig && makeRoom(full)) return true;
  if (what !== writing) return false;
  if (isPartHalved(logger)) return true;
  full.full = isTooBig && full.size > 0;
  return full.full;
}

/** The journal may be what fills the disk. */
function isJournalEmptied({ intake, directories }: Logger): boolean {
  try {
    for (const directory of directories) if (directory.fd >= 0) undoAppended(directory);
    return emptyJournal(intake, directories, true);
  } catch (error) {
    if (error instanceof Trouble) return false;
    throw error;
  }
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
    case signals.CHLD:
      inform("sigchild");
      reapProcessors(logger);
      break;
    case signals.HUP:
      inform("sighangup");
      if (logger.leaveAt !== null) break;
      for (const directory of directories) if (isGone(directory)) isFollowed(logger, directory);
      closeAll(logger);
      reopen(logger);
      logger.ready = false;
      logger.retryAt = null;
      break;
  }
}

function reopen(logger: Logger): void {
  const before = [...logger.directories, ...logger.lost];
  logger.directories = openDirectories(logger.options, before);
  const works = logger.directories.map(({ work }) => work);
  logger.lost = before.filter(({ work }) => work.pid !== 0 && !works.includes(work));
}

/** What such a processor has made is made again, should its directory come back. */
function reapLost({ lost }: Logger, pid: number): void {
  for (const { work } of lost) {
    if (work.pid !== pid) continue;
    close(work.output);
    work.pid = 0;
    work.startAt = 0;
  }
}

function reapProcessors(logger: Logger): void {
  const now = sys.monotonic();
  for (let ended = reap(); ended !== null; ended = reap()) {
    const { pid, status } = ended;
    const directory = logger.directories.find(({ work }) => work.pid === pid);
    if (directory === undefined) {
      reapLost(logger, pid);
      continue;
    }
    onProcessorEnd(directory, status, now);
    if (logger.retryAt !== null) logger.retryAt = now; // a log may have waited for this
    if (logger.leaveAt !== null) logger.leaveAt = now + processorPatienceMs;
  }
}

/** Closes everything; what is left in the journal is for the next svlogd. */
function leave(logger: Logger, code: number): number {
  closeAll(logger);
  endJournal(logger.intake, logger.inOrder);
  return code;
}

function closeAll(logger: Logger): void {
  for (const directory of logger.directories) {
    if (!closeDirectory(directory)) logger.inOrder = false;
  }
}

/** Moves what there is into the logs; true when this was the last. */
function pump(logger: Logger, inputReady: boolean): boolean {
  const { intake, directories } = logger;
  lookAfter(logger);
  settle(logger);
  trimJournal(intake, directories);
  if (intake.journaled && !hasInput(intake) && !isKeeping(logger)) dropJournal(intake);
  const isWanted = !hasInput(intake) || intake.short;
  if (inputReady && !logger.ended && isWanted && !isLineEnded(logger)) {
    // What comes after the line that we wait for is for the svlogd after us.
    logger.ended = !takeInput(intake, logger.ending ? 1 : chunkBytes);
  }
  if (hasInput(intake)) {
    while (writePart(logger)) {}
    settle(logger); // a log that has become full is put aside now, not with the next line
  }
  if (logger.ended && intake.midline) {
    endLine(logger);
    settle(logger);
  }
  for (const directory of directories) if (directory.size === 0) directory.asked = false;
  return logger.ended || isLineEnded(logger);
}

function isLineEnded({ ending, intake }: Logger): boolean {
  return ending && !intake.midline && !hasInput(intake);
}

/** Sees to it that no line goes into a file that somebody has removed. */
function lookAfter(logger: Logger): void {
  for (const directory of logger.directories) {
    if (!isGone(directory) || isFollowed(logger, directory)) continue;
    abandonDirectory(directory);
    logger.ready = false;
  }
}
