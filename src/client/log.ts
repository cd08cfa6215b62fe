// Reading a service's log as it is written.
import { resolve } from "node:path";
import { Changes, identityOf, placeOf } from "./changes.ts";
import { quoted, type ServiceDir, ServiceError } from "./error.ts";
import { LogFiles } from "./log-files.ts";
import { LineSplitter, type LogLine } from "./log-line.ts";

/** What is read at most after the abort: a logger may be quicker than we are. */
const drainMaxBytes = 1024 * 1024;

export interface LogOptions {
  /** "start", the default: all that is there, the oldest file first. "end": what is written from
   * the first next() on. */
  readonly from?: "start" | "end";
  /** The directory that svlogd or multilog writes to, from the service directory on; "log/main"
   * by default, "." when `dir` itself is one. */
  readonly directory?: string;
  /** Ends the loop after what is there now; it does not throw. */
  readonly signal?: AbortSignal;
}

/**
 * The lines of a service's log, and those that are written from now on, until the loop is left or
 * `signal` aborts: then what is there is given, and the loop ends. Rotations are followed, also
 * several at once, as long as the old files are there. A log that nobody has begun yet is waited
 * for. A line is given once, when it is complete or when `signal` aborts.
 *
 * @throws {ServiceError} no-such-service when the service directory is not there, or vanishes;
 * no-permission when the log cannot be read.
 */
export async function* log(
  dir: ServiceDir,
  options: LogOptions = {},
): AsyncGenerator<LogLine, void, void> {
  const { from = "start", directory = "log/main", signal } = options;
  const place = await placeOf(dir);
  const path = resolve(place.path, directory);
  const changes = new Changes(signal);
  const splitter = new LineSplitter();
  let files: LogFiles | null = null;
  try {
    for (let left = drainMaxBytes; left > 0; ) {
      if ((await identityOf(place.path)) === "") throw missing(dir);
      if (await changes.follow(path, place.path)) continue;
      files ??= from === "end" ? await LogFiles.fromEnd(path) : LogFiles.fromStart(path);
      const piece = await files.next();
      if (piece === null) {
        if (signal?.aborted) break;
        await changes.wait();
      } else if (piece.kind === "file") splitter.startFile();
      else if (piece.kind === "takenBack") splitter.takeBack(piece.count, piece.comesAgain);
      else {
        if (signal?.aborted) left -= piece.bytes.length;
        yield* splitter.push(piece.bytes);
      }
    }
    yield* splitter.end();
  } catch (error) {
    throw explained(dir, error);
  } finally {
    await files?.close();
    await changes.close();
    await place.close();
  }
}

function missing(dir: ServiceDir): ServiceError {
  const message = `unable to read the log of ${quoted(dir)}: no such directory`;
  return new ServiceError("no-such-service", message);
}

function explained(dir: ServiceDir, error: unknown): unknown {
  const denied = error instanceof Error && "code" in error && error.code === "EACCES";
  if (!denied) return error;
  const message = `unable to read the log of ${quoted(dir)}: access denied`;
  return new ServiceError("no-permission", message, error);
}
