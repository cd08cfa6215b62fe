// A relay: brings what a service and its runsv write to the standard output and error of runsvdir,
// which forks one for each service: see runsvdir-relay.ts. Whole lines is its promise. A line is
// held back until it ends; one of more than a megabyte comes in parts that are lines of their own.
// Up to 4096 bytes, lines are written by one write(2), which nobody else's comes between; longer
// ones stay whole among all relays of a runsvdir, which take turns. A reader that is slow, or a
// disk that is full, holds the services up; one that is gone does not.
import { signals } from "../core/commands.ts";
import { diskRetryMs, relayLineBytes, relayReadBytes } from "../core/limits.ts";
import { errnos, reason, sentence } from "../core/message.ts";
import { type Format, jsonTail, lineHead, unfinished } from "../core/relay.ts";
import { type Outcome, openSignals, readSignals, runTurns } from "../sys/loop.ts";
import { close, complain, SysError } from "../sys/posix.ts";

const newline = 10;
/** Of PIPE_BUF: what a pipe takes in one piece. */
const pieceBytes = 4096;
/** A byte of JSON's text takes six at most. */
const growthMax = 6;

/** Who is relayed, how, and the read ends of the pipes: stdout, stderr. */
export interface RelayOptions {
  readonly name: string;
  readonly format: Format;
  readonly ends: readonly [number, number];
  /** Any open file that no one else has: whoever has locked it writes. */
  readonly lock: number;
}

/** One of the two ways from a service to the outside. */
interface Stream {
  readonly name: "stdout" | "stderr";
  readonly to: number;
  /** The read end; -1 once it has ended. */
  from: number;
  /** The line that has begun; null: none, and no memory is kept for it. */
  held: Uint8Array | null;
  size: number;
  /** What is held goes on with a line, the begin of which is written. */
  continued: boolean;
  /** The errno that was complained of; 0: all is well. */
  trouble: number;
}

interface Relay {
  readonly who: string;
  readonly name: string;
  readonly format: Format;
  readonly lock: number;
  readonly signalFd: number;
  readonly streams: readonly [Stream, Stream];
  /** Told to end once there is nothing to read. */
  isEnding: boolean;
}

/** In the child that runsvdir has forked: until nobody is left who could write. */
export function relay({ name, format, ends, lock }: RelayOptions): Outcome {
  const own = sys.open(`/proc/self/fd/${lock}`, sys.O_RDONLY | sys.O_NONBLOCK, 0);
  close(lock); // that one's lock would be everybody's
  const { HUP, INT, QUIT, TERM, ALRM } = signals;
  const state: Relay = {
    who: `relay ${name}`,
    name,
    format,
    lock: own,
    signalFd: openSignals([HUP, INT, QUIT, TERM, ALRM]),
    streams: [newStream("stdout", 1, ends[0]), newStream("stderr", 2, ends[1])],
    isEnding: false,
  };
  return runTurns({ who: state.who, state, fds: descriptors, deadline: nextDeadline, turn });
}

function newStream(name: Stream["name"], to: number, from: number): Stream {
  return { name, to, from, held: null, size: 0, continued: false, trouble: 0 };
}

function descriptors({ signalFd, streams }: Relay): readonly number[] {
  return [signalFd, ...streams.filter(({ from }) => from >= 0).map(({ from }) => from)];
}

function nextDeadline({ isEnding }: Relay): number | null {
  return isEnding ? sys.monotonic() : null;
}

/** What means the end to others is none for us: a service says most when it is told to end. */
function turn(state: Relay, ready: readonly number[]): number | null {
  const wasEnding = state.isEnding;
  if (readSignals(state.signalFd).includes(signals.ALRM)) state.isEnding = true;
  let isIdle = true;
  for (const stream of state.streams) {
    if (stream.from < 0 || !ready.includes(stream.from)) continue;
    isIdle = false;
    take(state, stream);
  }
  if (wasEnding && isIdle) for (const stream of state.streams) end(state, stream);
  return state.streams.every(({ from }) => from < 0) ? 0 : null;
}

/** Reads once, and writes the lines that are complete by that. */
function take(state: Relay, stream: Stream): void {
  const buffer = roomIn(stream);
  const before = stream.size; // bytes without a newline
  const count = sys.read(stream.from, buffer, before, buffer.length - 1);
  if (count < 0) throw new SysError("read", -count, stream.name);
  if (count === 0) {
    end(state, stream);
    return;
  }
  stream.size += count;
  const last = buffer.subarray(before, stream.size).lastIndexOf(newline);
  if (last >= 0) write(state, stream, before + last + 1);
  else if (stream.size >= relayLineBytes) cutLine(state, stream, buffer);
}

/** Writes what there is of a line that is too long, but no part of a character. */
function cutLine(state: Relay, stream: Stream, buffer: Uint8Array): void {
  const rest = buffer.slice(stream.size - unfinished(buffer, stream.size), stream.size);
  stream.size -= rest.length;
  endLine(state, stream);
  stream.continued = true;
  if (rest.length === 0) return;
  roomIn(stream).set(rest);
  stream.size = rest.length;
}

/** A buffer with what is held, and room for more, and for a newline behind that. */
function roomIn(stream: Stream): Uint8Array {
  const { held, size } = stream;
  if (held !== null && held.length > size + 1) return held;
  const next = sys.buffer(Math.min(size + relayReadBytes, relayLineBytes) + 1);
  if (held !== null) next.set(held);
  stream.held = next;
  return next;
}

/** Nobody is left who could write, or is waited for. */
function end(state: Relay, stream: Stream): void {
  if (stream.from < 0) return;
  if (stream.size > 0) endLine(state, stream);
  close(stream.from);
  stream.from = -1;
  stream.held = null;
}

/** Ends the line that has begun, and writes it. */
function endLine(state: Relay, stream: Stream): void {
  if (stream.held !== null) stream.held[stream.size++] = newline;
  write(state, stream, stream.size);
}

/** Writes held[0, to), which are whole lines; what is behind them is the begin of the next. */
function write(state: Relay, stream: Stream, to: number): void {
  const { held } = stream;
  if (held === null) return;
  const output = sys.buffer(growthMax * to + relayReadBytes);
  sys.flock(state.lock, sys.LOCK_EX); // where that cannot be had, long lines may mix
  try {
    for (let at = 0; at < to; ) {
      const [taken, made] = format(state, stream, held, at, to, output);
      writeLines(state, stream, output, made);
      at += taken;
    }
  } finally {
    sys.flock(state.lock, sys.LOCK_UN);
  }
  held.copyWithin(0, to, stream.size);
  stream.size -= to;
  if (stream.size === 0) stream.held = null;
}

/** Makes lines of held[from, to): how much was taken, how much was made. */
function format(
  state: Relay,
  stream: Stream,
  held: Uint8Array,
  from: number,
  to: number,
  output: Uint8Array,
): readonly [number, number] {
  const [seconds, nanoseconds] = sys.realtime();
  const { continued } = stream;
  const source = { service: state.name, stream: stream.name, continued };
  const head = lineHead(state.format, source, { seconds, nanoseconds });
  // Only the first line can be one that goes on.
  const until = continued ? held.indexOf(newline, from) + 1 : to;
  stream.continued = false;
  if (state.format.log === "json") {
    return sys.jsonlines(held, from, until, output, head, jsonTail);
  }
  const [taken, made] = sys.stamplines(held, from, until, output, head, false);
  return [taken, made];
}

/** In pieces of whole lines that a pipe takes at once; a line that is longer is one by itself. */
function writeLines(state: Relay, stream: Stream, output: Uint8Array, size: number): void {
  for (let at = 0; at < size; ) {
    const last = Math.min(size, at + pieceBytes) - 1;
    const before = output.lastIndexOf(newline, last) + 1;
    const next = before > at ? before : output.indexOf(newline, at) + 1;
    if (!writePiece(state, stream, output, at, next)) return;
    at = next;
  }
}

/** False when there is nobody who would read it, or nothing that takes it. */
function writePiece(
  state: Relay,
  stream: Stream,
  output: Uint8Array,
  from: number,
  to: number,
): boolean {
  for (let at = from; at < to; ) {
    const result = sys.write(stream.to, output, at, to);
    if (result >= 0) at += result;
    else if (result === -errnos.EAGAIN) sys.canwrite(stream.to, -1);
    else if (result !== -errnos.EINTR && !isLasting(state, stream, -result)) return false;
  }
  stream.trouble = 0;
  return true;
}

/** Says what is wrong, on the other way out; a full disk is waited for. */
function isLasting(state: Relay, stream: Stream, errno: number): boolean {
  const isFull = errno === errnos.ENOSPC || errno === errnos.EDQUOT;
  if (stream.trouble !== errno) {
    const what = `unable to write to ${stream.name}, ${isFull ? "waiting" : "dropping lines"}`;
    const line = sentence(state.who, "warning", what, reason(errno));
    if (stream.to === 1) complain(line);
    else if (sys.canwrite(1, 0)) sys.write(1, `${line}\n`);
  }
  stream.trouble = errno;
  if (isFull) sys.poll([], diskRetryMs);
  return isFull;
}
