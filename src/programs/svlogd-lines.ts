// How svlogd's input becomes lines of the logs: stamps and prefixes, the place where a log is full,
// and, where a config has rules or an address, what becomes of each line.
import { complaintMs } from "../core/limits.ts";
import { type Config, prefixMaxBytes } from "../core/logconfig.ts";
import { hardRoom, isFull, softRoom } from "../core/rotate.ts";
import { judge, type Verdict } from "../core/selection.ts";
import { labelText, type Millis, utcText } from "../core/time.ts";
import type { LogDirectory } from "./svlogd-directory.ts";
import { bytesOf, chunkBytes, type Intake } from "./svlogd-intake.ts";
import type { Options } from "./svlogd-options.ts";

const newline = 10;
const stampMaxBytes = 32;
/** A whole chunk without a newline fits behind a stamp, and so does one of short lines. */
const outputBytes = 2 * chunkBytes + stampMaxBytes + prefixMaxBytes;

/** A pipe that can be written to has room for so much. */
const pipeBytes = 4096;

/** What is needed to make lines. */
export interface Lines {
  readonly options: Options;
  readonly intake: Intake;
  /** What has been made. */
  readonly output: Uint8Array;
  /** Where packets are sent from; negative while there is none. */
  socket: number;
}

export function newLines(options: Options, intake: Intake): Lines {
  return { options, intake, output: sys.buffer(outputBytes), socket: -1 };
}

/** Input as it goes into one log. */
export interface Part {
  readonly taken: number;
  /** Bytes in the output buffer. */
  readonly made: number;
  readonly midline: boolean;
  /** The line that has begun is written. */
  readonly selected: boolean;
}

/** The time of now as -t, -tt or -ttt have it, or "". */
export function stampText(kind: number): string {
  if (kind === 0) return "";
  const [seconds, nanoseconds] = sys.realtime();
  const stamp = { seconds, nanoseconds };
  return `${kind === 1 ? labelText(stamp) : utcText(stamp, kind === 2 ? "_" : "T")} `;
}

/** Makes the output for one log of input up to `to`, no further than to where it is full. */
export function makePart(lines: Lines, directory: LogDirectory, stamp: string, to: number): Part {
  const { from, midline } = lines.intake;
  if (isSelective(directory.config)) return makeSelected(lines, directory, stamp, to);
  const part = fill(lines, directory, stamp, { from, to, midline, made: 0 });
  return { ...part, selected: true };
}

/** Where to read, and what the output has already. */
interface Span {
  readonly from: number;
  readonly to: number;
  readonly midline: boolean;
  readonly made: number;
}

/** Makes output of all lines in a span, behind what is there; taken and made are this span's. */
function fill(
  { intake, output, options }: Lines,
  { config, size }: LogDirectory,
  stamp: string,
  { from, to, midline, made }: Span,
): Omit<Part, "selected"> {
  const { buffer } = intake;
  const { lineBytes, table } = options;
  const prefix = stamp + config.prefix;
  const free = made === 0 ? output : output.subarray(made);
  const room = softRoom(config, size + made, lineBytes);
  const soft = room < free.length ? free.subarray(0, room) : free;
  const [taken, bytes, open] = sys.stamplines(buffer, from, to, soft, prefix, midline, table);
  const isAtLimit = bytes === room && bytes > 0; // with no room at all, the next line is due
  if (from + taken === to || isAtLimit || soft === free)
    return { taken, made: bytes, midline: open };
  // The next line is the one that makes it full: all of it, or what the maximum allows. Its stamp
  // and prefix do not count there, so that no line of at most lineBytes is cut.
  const begin = from + taken;
  const fits = Math.max(1, hardRoom(config, size + made) - bytes);
  const end = Math.min(lineEnd(buffer, begin, to), begin + fits);
  const last = sys.stamplines(buffer, begin, end, free.subarray(bytes), prefix, open, table);
  return { taken: taken + last[0], made: bytes + last[1], midline: last[2] };
}

/** The place behind a line's newline, or `to`. */
function lineEnd(buffer: Uint8Array, from: number, to: number): number {
  const at = buffer.indexOf(newline, from);
  return at < 0 || at >= to ? to : at + 1;
}

// --- Rules and addresses ------------------------------------------------------------------------

/** True when not every line goes into the log. */
function isSelective({ rules, address }: Config): boolean {
  return rules.length > 0 || address?.only === true;
}

/** True when lines are to be looked at before they are written. */
export function isJudging({ config }: LogDirectory): boolean {
  return config.rules.length > 0 || config.address !== null;
}

/** True when lines are sent elsewhere, too. */
function isTelling({ config }: LogDirectory): boolean {
  return config.address !== null || config.rules.some(({ kind }) => kind === "e");
}

/** How far the buffer has lines that can be judged: a line that has begun needs as many bytes as
 * patterns are matched with. `last`: no more will come. */
export function judgeable({ options, intake }: Lines, last: boolean): number {
  const { buffer, from, to, midline } = intake;
  const end = buffer.lastIndexOf(newline, to - 1) + 1;
  const begin = Math.max(end, from);
  const isDecided = last || (midline && begin === from) || to - begin >= judgedBytes(options);
  return isDecided ? to : begin;
}

/** A line longer than the buffer is judged by what fits. */
function judgedBytes({ lineBytes }: Options): number {
  return Math.min(lineBytes, chunkBytes);
}

function judgeLine({ options, intake }: Lines, config: Config, at: number, end: number): Verdict {
  const { buffer } = intake;
  const text = buffer[end - 1] === newline ? end - 1 : end;
  const to = Math.min(text, at + judgedBytes(options));
  return judge(config.rules, buffer, at, to, options.table);
}

function makeSelected(lines: Lines, directory: LogDirectory, stamp: string, to: number): Part {
  const { intake, options } = lines;
  const { config, size } = directory;
  let { from: at, midline } = intake;
  let { selected } = directory;
  let made = 0;
  while (at < to) {
    const run = nextRun(lines, config, { from: at, to, midline, selected });
    if (run.selected && made > 0 && isFull(config, size + made, options.lineBytes, midline)) break;
    selected = run.selected;
    if (!selected) {
      at = run.to;
      midline = intake.buffer[at - 1] !== newline;
      continue;
    }
    const part = fill(lines, directory, stamp, { from: at, to: run.to, midline, made });
    at += part.taken;
    made += part.made;
    midline = part.midline;
    if (at < run.to) break;
  }
  return { taken: at - intake.from, made, midline, selected };
}

/** Lines that are all written, or all not; `selected` says so of one that has begun before. */
interface Run {
  readonly from: number;
  readonly to: number;
  readonly midline: boolean;
  readonly selected: boolean;
}

/** The lines at the begin of the span that have the same fate. One that the span cuts, because it
 * makes another log full, is judged as a whole. */
function nextRun(lines: Lines, config: Config, span: Run): Run {
  const { buffer, to: known } = lines.intake;
  const isOnlySent = config.address?.only === true;
  let { from: to, selected } = span;
  while (to < span.to) {
    const end = lineEnd(buffer, to, known);
    const isBegun = span.midline && to === span.from;
    const verdict = isBegun ? selected : !isOnlySent && judgeLine(lines, config, to, end).log;
    if (to > span.from && verdict !== selected) break;
    selected = verdict;
    to = Math.min(end, span.to);
  }
  return { ...span, to, selected };
}

/** Sends the lines that begin before `to` where a config has them sent, each once, however often
 * writing the log is tried. */
export function announce(
  lines: Lines,
  directories: readonly LogDirectory[],
  stamp: string,
  to: number,
): void {
  const { intake } = lines;
  const { buffer, from } = intake;
  const telling = directories.filter(isTelling);
  if (telling.length === 0) return;
  let at = from + intake.announced;
  if (at === from && intake.midline) at = lineEnd(buffer, from, to);
  while (at < to) {
    const end = lineEnd(buffer, at, to);
    for (const directory of telling) announceLine(lines, directory, stamp, at, end);
    at = end;
  }
  intake.announced = to - from;
}

function announceLine(
  lines: Lines,
  directory: LogDirectory,
  stamp: string,
  at: number,
  end: number,
): void {
  const { address } = directory.config;
  const { log, alert } = judgeLine(lines, directory.config, at, end);
  if (!alert && (!log || address === null)) return;
  const { output, options } = lines;
  const size = makeAlert(lines, stamp + directory.config.prefix, at, end);
  if (alert) alertOnce(output, size, options.lossy ? 0 : complaintMs);
  if (!log || address === null) return;
  if (lines.socket < 0) lines.socket = sys.udpsocket();
  const sent =
    lines.socket < 0
      ? lines.socket
      : sys.sendto(lines.socket, output, 0, size, address.ip, address.port);
  if (sent >= 0 || directory.retryAt !== null) return;
  const what = lines.socket < 0 ? "no udp socket available" : "failure sending through udp";
  directory.notes += `warning: ${what}: ${bytesOf(output, 0, size)}`;
}

/** Writes a message to standard error, or so much of it as can be within a time. */
function alertOnce(message: Uint8Array, size: number, waitMs: Millis): void {
  for (let at = 0; at < size && sys.canwrite(2, waitMs); ) {
    const end = Math.min(size, at + pipeBytes);
    if (sys.write(2, message, at, end) < 0) return;
    at = end;
  }
}

/** Makes the message about a line: no more of it than patterns see. Its size. */
function makeAlert(
  { intake, output, options }: Lines,
  prefix: string,
  at: number,
  end: number,
): number {
  const { buffer } = intake;
  const text = buffer[end - 1] === newline ? end - 1 : end;
  const to = Math.min(text, at + judgedBytes(options));
  let size = sys.stamplines(buffer, at, to, output, prefix, false, options.table)[1];
  if (at === to) size = sys.stamplines(lineBreak, 0, 1, output, prefix, false, null)[1] - 1;
  if (to - at === judgedBytes(options)) for (let i = 0; i < 3; i++) output[size++] = 46;
  output[size++] = newline;
  return size;
}

const lineBreak = new Uint8Array([newline]);
