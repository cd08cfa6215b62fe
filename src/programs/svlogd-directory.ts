// One log directory of svlogd: its lock, its config, `current` and the old files.

import type { Place } from "../core/journal.ts";
import { errnos, reason, sentence } from "../core/message.ts";
import {
  ageDeadline,
  type Config,
  defaultConfig,
  isFull,
  parseConfig,
  renewedSince,
  sacrificedFile,
  surplusFiles,
} from "../core/rotate.ts";
import { labelText, type Millis, type Stamp } from "../core/time.ts";
import { close, complain } from "../sys/posix.ts";

export interface LogDirectory {
  readonly name: string;
  /** Messages of what is done. */
  readonly verbose: boolean;
  readonly lock: number;
  readonly config: Config;
  /** `current`; -1 while there is none. */
  fd: number;
  dev: number;
  ino: number;
  /** Bytes of `current` that the last commit counts. */
  size: number;
  /** Bytes that are in it; null: unknown, a write has failed. */
  written: number | null;
  /** When it was begun. */
  since: Millis;
  /** It is to be rotated whatever its size. */
  asked: boolean;
}

/** Something on the disk that has to get better: the input is held until it does. */
export class Trouble extends Error {
  readonly what: string;
  readonly directory: string;
  readonly errno: number;

  constructor(what: string, directory: string, errno: number) {
    super(`unable to ${what}: ${directory}: ${reason(errno)}`);
    this.what = what;
    this.directory = directory;
    this.errno = errno;
  }
}

/** The result of a system call; throws Trouble when it is a failure. */
export function demand(result: number, what: string, directory: string): number {
  if (result < 0) throw new Trouble(what, directory, -result);
  return result;
}

/** As demand, for calls that give an object. */
function demandValue<T>(result: T | number, what: string, directory: string): T {
  if (typeof result === "number") throw new Trouble(what, directory, -result);
  return result;
}

function warn(what: string, why: string): void {
  complain(sentence("svlogd", "warning", what, why));
}

function inform(directory: LogDirectory, what: string): void {
  if (directory.verbose) complain(`svlogd: info: ${what}`);
}

// --- Opening ------------------------------------------------------------------------------

const configMaxBytes = 65536;
const executable = 0o100;

/** Takes a directory's lock and reads its config; null after a warning. */
export function openDirectory(name: string, verbose: boolean): LogDirectory | null {
  const there = sys.open(name, sys.O_RDONLY | sys.O_NONBLOCK, 0);
  if (there < 0) return refused("open log directory", name, -there);
  const stat = sys.fstat(there);
  close(there);
  if (typeof stat === "number" || (stat.mode & 0o170000) !== 0o040000) {
    return refused("change directory", name, errnos.ENOTDIR);
  }
  const lock = sys.open(`${name}/lock`, sys.O_WRONLY | sys.O_NONBLOCK | sys.O_CREAT, 0o600);
  if (lock < 0) return refused("lock directory", name, -lock);
  const locked = sys.flock(lock, sys.LOCK_EX | sys.LOCK_NB);
  if (locked < 0) {
    close(lock);
    return refused("lock directory", name, -locked);
  }
  const config = readConfig(name, verbose);
  const state = { fd: -1, dev: 0, ino: 0, size: 0, written: 0, since: 0, asked: false };
  return { name, verbose, lock, config, ...state };
}

function refused(what: string, name: string, errno: number): null {
  warn(`unable to ${what}: ${name}`, reason(errno));
  return null;
}

function readConfig(name: string, verbose: boolean): Config {
  const text = sys.readfile(`${name}/config`, configMaxBytes);
  if (typeof text === "number") {
    if (text !== -errnos.ENOENT) refused("read config", name, -text);
    return defaultConfig;
  }
  if (verbose) complain(`svlogd: info: read: ${name}/config`);
  const { config, complaints } = parseConfig(text);
  for (const complaint of complaints) warn(name, complaint);
  return config;
}

/** What `current` is now, null where there is none. */
export function currentPlace(directory: LogDirectory): Place | null {
  const stat = sys.stat(`${directory.name}/current`);
  if (stat === -errnos.ENOENT) return null;
  return demandValue(stat, "stat current", directory.name);
}

/** Takes back what a killed svlogd had written after its last commit. */
export function cutCurrent(directory: LogDirectory, size: number): void {
  const { name } = directory;
  const fd = demand(sys.open(`${name}/current`, sys.O_WRONLY, 0), "open current", name);
  const result = sys.ftruncate(fd, size);
  close(fd);
  demand(result, "truncate current", name);
}

/** Opens `current` for appending; one that was not closed cleanly is put aside as `.u`. */
export function openCurrent(directory: LogDirectory, now: Millis): void {
  const { name } = directory;
  const path = `${name}/current`;
  const stat = sys.stat(path);
  const size = typeof stat === "number" ? 0 : stat.size;
  if (typeof stat === "number" && stat !== -errnos.ENOENT)
    throw new Trouble("stat current", name, -stat);
  const unclean = typeof stat !== "number" && size > 0 && (stat.mode & executable) === 0;
  if (unclean) demand(sys.rename(path, freeName(name, ".u")), "rename current", name);
  adoptCurrent(directory, now, "open current");
  inform(directory, `${size > 0 && !unclean ? "append" : "new"}: ${path}`);
}

/** Opens `current`, which may be there. */
function adoptCurrent(directory: LogDirectory, now: Millis, what: string): void {
  const { name } = directory;
  const flags = sys.O_WRONLY | sys.O_APPEND | sys.O_CREAT | sys.O_NONBLOCK;
  const fd = demand(sys.open(`${name}/current`, flags, 0o644), what, name);
  const stat = sys.fstat(fd);
  const changed = typeof stat === "number" ? stat : sys.fchmod(fd, 0o644);
  if (typeof stat === "number" || changed < 0) {
    close(fd);
    throw new Trouble("set mode of current", name, -changed);
  }
  directory.fd = fd;
  directory.dev = stat.dev;
  directory.ino = stat.ino;
  directory.size = stat.size;
  directory.written = stat.size;
  directory.since = now;
}

// --- Writing ------------------------------------------------------------------------------

/** Appends bytes[0, size); on Trouble an unknown part of them is there. */
export function appendBytes(directory: LogDirectory, bytes: Uint8Array, size: number): void {
  const before = directory.written;
  directory.written = null;
  for (let at = 0; at < size; ) {
    at += demand(sys.write(directory.fd, bytes, at, size), "write to current", directory.name);
  }
  directory.written = (before ?? 0) + size;
}

/** Takes back what was written since the last commit. */
export function undoAppended(directory: LogDirectory): void {
  if (directory.written === directory.size) return;
  demand(sys.ftruncate(directory.fd, directory.size), "truncate current", directory.name);
  directory.written = directory.size;
}

// --- Rotating ------------------------------------------------------------------------------

/** True when `current` has to be rotated before anything else is written to it. */
export function isRotationDue(
  directory: LogDirectory,
  lineBytes: number,
  midline: boolean,
  now: Millis,
): boolean {
  const { config, size, asked } = directory;
  const until = ageDeadline(config, size, directory.since);
  if (asked && size > 0) return true;
  return isFull(config, size, lineBytes, midline) || (until !== null && until <= now);
}

/** When the age of `current` alone makes a rotation due; null: never. */
export function rotationDeadline(directory: LogDirectory): Millis | null {
  return ageDeadline(directory.config, directory.size, directory.since);
}

/** Counts the age of an empty `current` from the last whole period. */
export function renewAge(directory: LogDirectory, now: Millis): void {
  if (directory.size === 0) directory.since = renewedSince(directory.config, directory.since, now);
}

/** Puts `current` aside; there is none afterwards. Nothing uncommitted may be in it. */
export function putAside(directory: LogDirectory): void {
  const { name, fd, size } = directory;
  const path = `${name}/current`;
  demand(sys.fsync(fd), "fsync current logfile", name);
  demand(sys.fchmod(fd, 0o744), "set mode of current", name);
  const target = freeName(name, ".s");
  inform(directory, `rename: ${path} ${target.slice(name.length + 1)} ${size}`);
  demand(sys.rename(path, target), "rename current", name);
  directory.fd = -1;
  directory.asked = false;
  close(fd);
}

/** Begins a `current` after putAside(). */
export function beginCurrent(directory: LogDirectory, now: Millis): void {
  adoptCurrent(directory, now, "create new current");
}

/** A name of now that no file has, nor had before a processor or we gave it another ending. */
function freeName(name: string, ending: string): string {
  const [seconds, nanoseconds] = sys.realtime();
  for (let stamp: Stamp = { seconds, nanoseconds }; ; stamp = after(stamp)) {
    const label = `${name}/${labelText(stamp)}`;
    if (!isThere(`${label}.s`) && !isThere(`${label}.u`)) return `${label}${ending}`;
  }
}

function isThere(path: string): boolean {
  return sys.lstat(path) !== -errnos.ENOENT;
}

function after({ seconds, nanoseconds }: Stamp): Stamp {
  return nanoseconds === 999999999
    ? { seconds: seconds + 1, nanoseconds: 0 }
    : { seconds, nanoseconds: nanoseconds + 1 };
}

/** Removes the old files that are too many. */
export function pruneOldFiles(directory: LogDirectory): void {
  const names = sys.readdir(directory.name);
  if (typeof names === "number") return void refused("read directory", directory.name, -names);
  for (const old of surplusFiles(names, directory.config.keepMax)) {
    inform(directory, `delete: ${directory.name}/${old}`);
    const result = sys.unlink(`${directory.name}/${old}`);
    if (result < 0) refused("unlink oldest logfile", `${directory.name}/${old}`, -result);
  }
}

/** Removes the oldest file from a full disk; false when none may go. */
export function makeRoom(directory: LogDirectory): boolean {
  const names = sys.readdir(directory.name);
  const old = typeof names === "number" ? null : sacrificedFile(names, directory.config);
  if (old === null) return false;
  warn("out of disk space, delete", `${directory.name}/${old}`);
  return sys.unlink(`${directory.name}/${old}`) === 0;
}

// --- Closing ------------------------------------------------------------------------------

/** Closes `current` as complete, and gives up the lock. */
export function closeDirectory(directory: LogDirectory): void {
  const { name, fd } = directory;
  inform(directory, `close: ${name}`);
  if (fd >= 0) {
    const cut = directory.written === directory.size ? 0 : sys.ftruncate(fd, directory.size);
    const synced = sys.fsync(fd);
    if (synced < 0) refused("fsync current logfile", name, -synced);
    const changed = cut < 0 ? cut : sys.fchmod(fd, 0o744);
    if (changed < 0) refused("set mode of current", name, -changed);
    close(fd);
  }
  directory.fd = -1;
  close(directory.lock);
}
