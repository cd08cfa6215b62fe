// One look at a service, and one word to it: supervise/status, supervise/ok and
// supervise/control, as FIFOs and files that any runsv keeps.
import * as fs from "node:fs";
import { stat } from "node:fs/promises";
import { commands, type Letter } from "../core/commands.ts";
import { decodeEnds, decodeStatus, type State } from "../core/status.ts";
import type { Stamp } from "../core/time.ts";
import { unsteadyMs } from "../core/verbs.ts";
import { quoted, type ServiceDir, ServiceError } from "./error.ts";

export interface ServiceStatus {
  readonly state: State;
  /** "down" also stands for a supervisor that was told to exit. */
  readonly want: "up" | "down";
  /** Of ./run or ./finish; null when neither runs. */
  readonly pid: number | null;
  readonly paused: boolean;
  /** TERM was sent, and the process still runs. */
  readonly gotTerm: boolean;
  /** The last start of ./run, or when the service went down. */
  readonly since: Date;
  /** How ./run ended the last time; null when it never did, or runit's runsv does not tell. The
   * code is null after a signal, both are when nobody knows: it ended while no runsv was there. */
  readonly exit: { readonly code: number | null; readonly signal: number | null } | null;
  /** True while ./run runs; for the first second of a process false where the one before it ended
   * by itself within a second of its start. `sv start` and `sv check` wait for the same. */
  readonly steady: boolean;
  /** How often ./run was started again since the supervisor began; 0 where it does not tell. */
  readonly restarts: number;
  /** False when no supervisor is there any more: the rest is what the last one left. */
  readonly supervised: boolean;
}

/** What a service can be told, in the words that `sv` has: "up", "down", "once", ... */
export type Verb = (typeof commands)[Letter]["verb"];

/** A path under a service directory, in bytes where the directory is. */
export function under(dir: ServiceDir, name: string): ServiceDir {
  return typeof dir === "string" ? `${dir}/${name}` : Buffer.concat([dir, Buffer.from(`/${name}`)]);
}

function codeOf(error: unknown): unknown {
  return error instanceof Error && "code" in error ? error.code : undefined;
}

/** What has to be in supervise/. */
function isNode(there: fs.Stats): boolean {
  return there.isFIFO() || there.isFile();
}

/** Uses a descriptor of a FIFO or a file in supervise/, which may be another user's: no link is
 * followed, and no device opened. Nothing of it waits. */
function use<T>(dir: ServiceDir, name: string, flags: number, action: (fd: number) => T): T {
  const file = under(dir, `supervise/${name}`);
  const { O_NONBLOCK, O_NOFOLLOW } = fs.constants;
  const fd = isNode(fs.lstatSync(file)) ? fs.openSync(file, flags | O_NONBLOCK | O_NOFOLLOW) : null;
  try {
    if (fd !== null && isNode(fs.fstatSync(fd))) return action(fd);
    const what = `supervise/${name} in ${quoted(dir)}`;
    throw new ServiceError("no-permission", `${what} is neither a fifo nor a plain file`);
  } finally {
    if (fd !== null) fs.closeSync(fd);
  }
}

/** The error as a ServiceError, where it is one of those. */
async function explained(dir: ServiceDir, action: string, error: unknown): Promise<unknown> {
  const failed = `unable to ${action} ${quoted(dir)}`;
  switch (codeOf(error)) {
    case "ENXIO": // a FIFO without a reader
      return new ServiceError("not-supervised", `${failed}: runsv is not running`, error);
    case "EAGAIN": // a FIFO that is full
      return new ServiceError("not-responding", `${failed}: runsv takes no commands`, error);
    case "EACCES":
    case "EPERM":
      return new ServiceError("no-permission", `${failed}: access denied`, error);
    case "ENOENT":
    case "ENOTDIR":
      return (await isDirectory(dir))
        ? new ServiceError("not-supervised", `${failed}: runsv has never run there`, error)
        : new ServiceError("no-such-service", `${failed}: no such directory`, error);
    default:
      return error;
  }
}

async function isDirectory(path: ServiceDir): Promise<boolean> {
  const found = await stat(path).catch(() => null); // whatever the reason: it cannot be used as one
  return found?.isDirectory() ?? false;
}

/** True while a runsv reads supervise/ok. */
function isSupervised(dir: ServiceDir): boolean {
  try {
    return use(dir, "ok", fs.constants.O_WRONLY, () => true);
  } catch (error) {
    const code = codeOf(error);
    if (code === "ENXIO" || code === "ENOENT") return false;
    throw error;
  }
}

function read(dir: ServiceDir, name: string): string {
  return use(dir, name, fs.constants.O_RDONLY, (fd) => fs.readFileSync(fd, "latin1"));
}

function readIfThere(dir: ServiceDir, name: string): string {
  try {
    return read(dir, name);
  } catch (error) {
    if (codeOf(error) === "ENOENT") return "";
    throw error;
  }
}

/** What supervise/exit tells; nothing before the first end of ./run. Read at once: a turn of the
 * event loop more would be most of what status() takes. */
function endsOf(dir: ServiceDir): Pick<ServiceStatus, "exit" | "restarts"> {
  const ends = decodeEnds(readIfThere(dir, "exit"));
  if (ends === null || ends.exit === null) return { exit: null, restarts: 0 };
  const { code, status } = ends.exit;
  const signal = status & 0x7f; // without the bit of a core dump
  const exit = { code: code < 0 ? null : code, signal: signal === 0 ? null : signal };
  return { exit, restarts: ends.restarts };
}

/** One look at the files. */
interface Look {
  readonly supervised: boolean;
  readonly ends: Pick<ServiceStatus, "exit" | "restarts">;
  readonly early: boolean;
  readonly bytes: string;
}

function look(dir: ServiceDir): Look {
  const supervised = isSupervised(dir); // first: what a runsv writes last is then read
  const ends = endsOf(dir);
  const bytes = read(dir, "status");
  return { supervised, ends, early: fs.existsSync(under(dir, "supervise/early")), bytes };
}

/** Where nobody was there before the status was read, it may be that of who has come since. */
function lookTwice(dir: ServiceDir): Look {
  const first = look(dir);
  return first.supervised || !isSupervised(dir) ? first : look(dir);
}

async function lookedAt(dir: ServiceDir): Promise<Look> {
  try {
    return lookTwice(dir);
  } catch (error) {
    throw await explained(dir, "read the status of", error);
  }
}

/**
 * The status of the service now.
 *
 * @throws {ServiceError} not-supervised when no runsv ever ran there; after one that is gone,
 * the last status comes with `supervised: false`.
 */
export async function status(dir: ServiceDir): Promise<ServiceStatus> {
  const { bytes, supervised, ends, early } = await lookedAt(dir);
  const record = decodeStatus(bytes);
  if (record === null) {
    const what = `${quoted(dir)}: supervise/status has ${bytes.length} bytes and is no record`;
    throw new ServiceError("bad-status", `unable to read the status of ${what}`);
  }
  const { state, want, pid, paused, gotTerm, since } = record;
  const milliseconds = since.seconds * 1000 + Math.floor(since.nanoseconds / 1e6);
  const isUnsteady = early && unsteadyMs(record, stampOf(Date.now())) > 0;
  return {
    state,
    want,
    pid: pid === 0 ? null : pid,
    paused,
    gotTerm,
    since: new Date(milliseconds),
    steady: state === "run" && pid !== 0 && !isUnsteady,
    ...ends,
    supervised,
  };
}

function stampOf(milliseconds: number): Stamp {
  const seconds = Math.floor(milliseconds / 1000);
  return { seconds, nanoseconds: (milliseconds - seconds * 1000) * 1e6 };
}

function letterOf(verb: Verb): Letter {
  const letters = Object.keys(commands) as Letter[];
  const letter = letters.find((candidate) => commands[candidate].verb === verb);
  if (letter === undefined) throw new TypeError(`unknown verb: ${quoted(verb)}`);
  return letter;
}

/**
 * Tells the service's supervisor; returns once the word is in its FIFO. What comes of it is
 * seen with `status`, `watch` or `until`.
 *
 * @throws {ServiceError} not-supervised when nobody would read it.
 */
export async function control(dir: ServiceDir, verb: Verb): Promise<void> {
  const letter = letterOf(verb);
  try {
    use(dir, "control", fs.constants.O_WRONLY, (fd) => {
      if (fs.fstatSync(fd).isFIFO()) return fs.writeSync(fd, letter);
      throw new ServiceError("no-permission", `supervise/control in ${quoted(dir)} is no fifo`);
    });
  } catch (error) {
    throw await explained(dir, `tell "${verb}" to`, error);
  }
}
