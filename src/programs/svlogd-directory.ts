// One log directory of svlogd: its lock, its config, `current` and the old files.

import type { Place } from "../core/journal.ts";
import { diskRetryMs } from "../core/limits.ts";
import { type Config, defaultConfig, parseConfig } from "../core/logconfig.ts";
import { errnos, reason, sentence } from "../core/message.ts";
import {
  ageDeadline,
  filesOf,
  heldUntil,
  isFull,
  labelAfter,
  labelOf,
  lastLabel,
  newLabel,
  type Progress,
  renewedSince,
  sacrificedFile,
  surplusFiles,
} from "../core/rotate.ts";
import type { Millis } from "../core/time.ts";
import { close, complain } from "../sys/posix.ts";

export interface LogDirectory {
  name: string;
  /** The whole path of where it was when it was abandoned, or goes on by; else "". */
  place: string;
  /** Messages of what is done. */
  readonly verbose: boolean;
  /** Its owner has less rights than we: none of his links is followed, none of his commands run. */
  readonly foreign: boolean;
  lock: number;
  /** Which file the lock is. */
  lockId: string;
  config: Config;
  /** The config could not be read: when it is tried again; else null. */
  configAt: Millis | null;
  /** `current`; -1 while there is none. */
  fd: number;
  /** Which file that is. */
  id: string;
  /** Bytes of `current` that the last commit counts. */
  size: number;
  /** Bytes that are in it; null: unknown, a write has failed. */
  written: number | null;
  /** When it was begun. */
  since: Millis;
  /** It is to be rotated whatever its size. */
  asked: boolean;
  /** It cannot become any larger: it is to be rotated even within a line. */
  full: boolean;
  /** A `current` has been opened, so that one that is not there has been put aside. */
  begun: boolean;
  /** The last label of a file; "": none is known. */
  label: string;
  /** A file has been put aside: old ones may be too many. */
  crowded: boolean;
  readonly work: Work;
  /** The line that has begun is written. */
  selected: boolean;
  /** Complaints that go into the log itself, before the next line. */
  notes: string;
  /** Of a lossy svlogd, while the disk is in trouble: when it is tried again; else null. */
  retryAt: Millis | null;
  /** Lines that were not written since then. */
  dropped: number;
}

/** What the processor of a log does. */
export interface Work extends Progress {
  /** Its process; 0 while none runs. */
  pid: number;
  /** The label of the file that it has. */
  label: string;
  /** Where it writes to. */
  output: number;
  failures: number;
  since: Millis;
  /** When it may be started; null: there is nothing for it to do. */
  startAt: Millis | null;
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

export function warn(what: string, why: string): void {
  complain(sentence("svlogd", "warning", what, why));
}

export function inform(directory: LogDirectory, what: string): void {
  if (directory.verbose) complain(`svlogd: info: ${what}`);
}

// --- Opening ------------------------------------------------------------------------------

const configMaxBytes = 65536;
const executable = 0o100;

/** Takes a directory's lock and reads its config. What it was before it was closed, as `old`, has
 * the processor that still works for it and the config that is in force until a new one is. */
export function openDirectory(
  name: string,
  { verbose, foreign }: Trust,
  old?: LogDirectory,
): LogDirectory {
  const now = sys.monotonic();
  return {
    ...takeDirectory({ name, verbose, foreign }, old?.config),
    ...{ name, verbose, foreign, fd: -1, id: "", size: 0, written: 0, since: 0 },
    ...{ asked: false, full: false, crowded: false, selected: old?.selected ?? true, notes: "" },
    work: old?.work ?? { pid: 0, label: "", output: -1, failures: 0, since: now, startAt: now },
    ...{ retryAt: null, dropped: 0, place: old?.place ?? "" },
  };
}

type Taken = Pick<LogDirectory, "lock" | "lockId" | "config" | "configAt" | "label" | "begun">;

type Trust = Pick<LogDirectory, "verbose" | "foreign">;
type Named = Trust & Pick<LogDirectory, "name">;

function takeDirectory(named: Named, before?: Config): Taken {
  const { name } = named;
  const opened = sys.open(name, sys.O_RDONLY | sys.O_NONBLOCK, 0);
  const there = demand(opened, "open log directory", name);
  const stat = sys.fstat(there);
  close(there);
  if (typeof stat === "number" || (stat.mode & 0o170000) !== 0o040000) {
    throw new Trouble("change directory", name, errnos.ENOTDIR);
  }
  const flags = sys.O_WRONLY | sys.O_NONBLOCK | sys.O_CREAT;
  const lock = demand(openIn(named, "lock", flags, 0o600), "lock directory", name);
  const locked = sys.flock(lock, sys.LOCK_EX | sys.LOCK_NB);
  if (locked < 0) close(lock);
  demand(locked, "lock directory", name);
  const made = sys.fstat(lock);
  const lockId = typeof made === "number" ? "" : made.id;
  const names = sys.readdir(name);
  const label = typeof names === "number" ? "" : lastLabel(names);
  const config = readConfig(named);
  const configAt = config === null ? sys.monotonic() + diskRetryMs : null;
  return { lock, lockId, config: config ?? keepingConfig(before), configAt, label, begun: false };
}

/** True when `current`, or the lock while there is none, is not the file any more that has its
 * name: somebody has removed or replaced it, or the directory. */
export function isGone({ name, lock, lockId, fd, id }: LogDirectory): boolean {
  if (lock < 0) return false;
  const stat = sys.stat(`${name}/${fd < 0 ? "lock" : "current"}`);
  if (typeof stat === "number") return stat === -errnos.ENOENT || stat === -errnos.ENOTDIR;
  return stat.id !== (fd < 0 ? lockId : id);
}

/** The whole path of the directory that our lock is in, whatever has become of the name that it was
 * opened by; "" when it was removed, or where /proc does not tell. */
export function placeOf({ lock, lockId, place }: LogDirectory): string {
  if (lock < 0) return place;
  const path = sys.readlink(`/proc/self/fd/${lock}`);
  if (typeof path === "number" || !path.endsWith("/lock")) return "";
  const stat = sys.lstat(path);
  return typeof stat !== "number" && stat.id === lockId ? path.slice(0, -"/lock".length) : "";
}

/** Lets go of a directory whose files are not what they were. */
export function abandonDirectory(directory: LogDirectory): void {
  const { name, fd, place } = directory;
  if (name !== place) directory.place = placeOf(directory);
  warn(`${fd < 0 ? "lock" : "current"} was removed or replaced`, name);
  if (fd >= 0) close(fd);
  directory.fd = -1;
  giveUpLock(directory);
}

/** Takes a directory again that was abandoned. */
export function resumeDirectory(directory: LogDirectory): void {
  Object.assign(directory, takeDirectory(directory, directory.config));
  directory.work.startAt ??= 0;
  directory.notes = "";
}

function refused(what: string, name: string, errno: number): void {
  warn(`unable to ${what}: ${name}`, reason(errno));
}

/** As sys.open, of a file in a log directory. */
export function openIn(
  { name, foreign }: Pick<LogDirectory, "name" | "foreign">,
  file: string,
  flags: number,
  mode: number,
): number {
  const path = `${name}/${file}`;
  return foreign ? sys.opennode(path, flags, mode) : sys.open(path, flags, mode);
}

/** What is in force while the config cannot be read: what was before, and no old file goes. */
function keepingConfig(before: Config | undefined): Config {
  return { ...(before ?? { ...defaultConfig, sizeMaxBytes: 0 }), keepMax: 0 };
}

/** Reads a config again that could not be read. */
export function retryConfig(directory: LogDirectory, now: Millis): void {
  const { name, configAt, work } = directory;
  if (configAt === null || configAt > now) return;
  const config = readConfig(directory, true);
  directory.configAt = config === null ? now + diskRetryMs : null;
  if (config === null) return;
  directory.config = config;
  directory.crowded = true;
  work.startAt ??= now;
  warn("config can be read again", name);
}

/** The config; null when there is one that cannot be read, which is said unless it was before. */
function readConfig({ name, verbose, foreign }: Named, isKnown = false): Config | null {
  const path = `${name}/config`;
  const fail = (why: string): null => {
    if (!isKnown) warn(`unable to read config: ${name}`, why);
    return null;
  };
  const stat = foreign ? sys.lstat(path) : sys.stat(path);
  if (stat === -errnos.ENOENT && sys.lstat(path) === -errnos.ENOENT) return defaultConfig;
  if (typeof stat === "number") return fail(reason(-stat));
  const type = stat.mode & 0o170000; // a FIFO reads as empty where nobody writes
  if (type === 0o040000) return fail(reason(errnos.EISDIR));
  if (type !== 0o100000) return fail("not a regular file");
  const broken = FAULTS && sys.fault("config");
  const text = broken ? -errnos.EIO : sys.readfile(path, configMaxBytes + 1, foreign);
  if (typeof text === "number") return fail(reason(-text));
  if (text.length > configMaxBytes) return fail(`it has more than ${configMaxBytes} bytes`);
  if (verbose && text !== "") complain(`svlogd: info: read: ${path}`);
  const { config, complaints } = parseConfig(text, name);
  for (const complaint of complaints) warn(complaint, "");
  return foreign ? { ...config, processor: "" } : config;
}

/** What `current` is now, null where there is none. */
export function currentPlace(directory: LogDirectory): Place | null {
  const stat = sys.stat(`${directory.name}/current`);
  if (stat === -errnos.ENOENT) return null;
  const place = demandValue(stat, "stat current", directory.name);
  // One that was closed as complete has nothing to be undone, whatever an old journal says.
  return (place.mode & executable) === 0 ? place : null;
}

/** Takes back what a killed svlogd had written after its last commit. */
export function cutCurrent(directory: LogDirectory, size: number): void {
  const { name } = directory;
  const fd = demand(openIn(directory, "current", sys.O_WRONLY, 0), "open current", name);
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
  if (size === 0 && stat !== -errnos.ENOENT) demandValue(stat, "stat current", name);
  const unclean = typeof stat !== "number" && size > 0 && (stat.mode & executable) === 0;
  if (unclean) {
    demand(sys.rename(path, freeName(directory, ".u")), "rename current", name);
    directory.work.startAt ??= now;
    directory.crowded = true;
  }
  adoptCurrent(directory, now, "open current");
  directory.begun = true;
  const isNew = typeof stat === "number" || unclean;
  inform(directory, `${isNew ? "new" : "append"}: ${path}`);
}

/** Opens `current`, which may be there. */
function adoptCurrent(directory: LogDirectory, now: Millis, what: string): void {
  const { name } = directory;
  const flags = sys.O_WRONLY | sys.O_APPEND | sys.O_CREAT | sys.O_NONBLOCK;
  const fd = demand(openIn(directory, "current", flags, 0o644), what, name);
  const stat = sys.fstat(fd);
  const isSet = typeof stat !== "number" && (stat.mode & 0o7777) === 0o644;
  const changed = typeof stat === "number" ? stat : isSet ? 0 : sys.fchmod(fd, 0o644);
  if (typeof stat === "number" || changed < 0) {
    close(fd);
    throw new Trouble("set mode of current", name, -changed);
  }
  directory.fd = fd;
  directory.id = stat.id;
  directory.size = stat.size;
  directory.written = stat.size;
  directory.since = now;
}

// --- Writing ------------------------------------------------------------------------------

/** What Trouble says of a log that takes no more. */
export const writing = "write to current";

/** Appends bytes[0, size); on Trouble an unknown part of them is there. */
export function appendBytes(directory: LogDirectory, bytes: Uint8Array, size: number): void {
  const before = directory.written;
  directory.written = null;
  for (let at = 0; at < size; ) {
    at += demand(sys.write(directory.fd, bytes, at, size), writing, directory.name);
  }
  directory.written = (before ?? 0) + size;
}

/** Appends the complaints that are to be in the log; the same about Trouble. */
export function appendNotes(directory: LogDirectory): void {
  const before = directory.written;
  directory.written = null;
  for (let rest = directory.notes; rest !== ""; ) {
    rest = rest.slice(demand(sys.write(directory.fd, rest), writing, directory.name));
  }
  directory.written = (before ?? 0) + directory.notes.length;
  directory.notes = "";
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
  const { config, size, asked, full } = directory;
  if ((full && size > 0) || isFull(config, size, lineBytes, midline)) return true;
  if (midline) return false; // a line is cut for the maximum alone
  const until = ageDeadline(config, size, directory.since);
  return (asked && size > 0) || (until !== null && until <= now);
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
  const { name, fd, size, config, work } = directory;
  const path = `${name}/current`;
  demand(sys.fsync(fd), "fsync current logfile", name);
  demand(sys.fchmod(fd, 0o744), "set mode of current", name);
  const target = freeName(directory, config.processor === "" ? ".s" : ".u");
  inform(directory, `rename: ${path} ${target.slice(name.length + 1)} ${size}`);
  demand(sys.rename(path, target), "rename current", name);
  directory.fd = -1;
  directory.asked = false;
  directory.full = false;
  directory.crowded = true;
  close(fd);
  if (config.processor === "") return;
  const now = sys.monotonic();
  if (work.pid === 0 && work.startAt === null) work.since = now;
  work.startAt ??= now;
}

/** Begins a `current` after putAside(). */
export function beginCurrent(directory: LogDirectory, now: Millis): void {
  adoptCurrent(directory, now, "create new current");
}

/** A name that no file has, nor had before a processor or we gave it another ending. */
function freeName(directory: LogDirectory, ending: string): string {
  const { name } = directory;
  // Unlisted, the old files might be younger than the name of a new one says.
  if (directory.label === "") directory.label = lastLabel(listOf(name));
  const [seconds, nanoseconds] = sys.realtime();
  let label = newLabel({ seconds, nanoseconds }, directory.label);
  while (isThere(`${name}/${label}.s`) || isThere(`${name}/${label}.u`)) label = labelAfter(label);
  directory.label = label;
  return `${name}/${label}${ending}`;
}

/** The names in a log directory. */
function listOf(name: string): string[] {
  return demandValue(sys.readdir(name), "read directory", name);
}

function isThere(path: string): boolean {
  return sys.lstat(path) !== -errnos.ENOENT;
}

/** Until when `current` may not be put aside: the processor is behind. null: it may. */
export function waitUntil(directory: LogDirectory, now: Millis): Millis | null {
  const { config, name, work } = directory;
  if (config.processor === "" || (FAULTS && sys.fault("impatient"))) return null;
  const names = sys.readdir(name);
  return typeof names === "number" ? null : heldUntil(names, config, work, now);
}

/** Removes the old files that are too many, and what processors have left. */
export function pruneOldFiles(directory: LogDirectory): void {
  directory.crowded = false;
  const { name, config, work } = directory;
  const names = sys.readdir(name);
  if (typeof names === "number") return void refused("read directory", name, -names);
  const processed = work.pid === 0 ? "" : work.label;
  for (const file of filesOf(names, "t")) {
    if (labelOf(file) === processed) continue;
    const result = sys.unlink(`${name}/${file}`);
    if (result < 0) refused("unlink processor leftover", file, -result);
  }
  for (const old of surplusFiles(names, config.keepMax, processed)) {
    if (config.processor !== "" && old.endsWith("u")) {
      warn("processor is stuck, delete unprocessed", `${name}/${old}`);
    } else inform(directory, `delete: ${name}/${old}`);
    const result = sys.unlink(`${name}/${old}`);
    if (result < 0) refused("unlink oldest logfile", name, -result);
  }
}

/** Removes the oldest file from a full disk; false when none may go. */
export function makeRoom({ name, config, work }: LogDirectory): boolean {
  const names = sys.readdir(name);
  const processed = work.pid === 0 ? "" : work.label;
  const old = typeof names === "number" ? null : sacrificedFile(names, config, processed);
  if (old === null) return false;
  warn("out of disk space, delete", `${name}/${old}`);
  const result = sys.unlink(`${name}/${old}`);
  if (result < 0) refused("unlink oldest logfile", name, -result);
  return result >= 0;
}

// --- Closing ------------------------------------------------------------------------------

/** Closes `current` as complete, and gives up the lock; false when something else than the last
 * commit says may be in it, or on the disk. */
export function closeDirectory(directory: LogDirectory): boolean {
  const { name, fd } = directory;
  inform(directory, `close: ${name}`);
  if (directory.dropped > 0) warnDropped(directory);
  directory.dropped = 0;
  let isKept = true;
  if (fd >= 0) {
    const cut = directory.written === directory.size ? 0 : sys.ftruncate(fd, directory.size);
    if (cut < 0) refused("truncate current", name, -cut);
    const synced = sys.fsync(fd);
    if (synced < 0) refused("fsync current logfile", name, -synced);
    const changed = cut < 0 ? 0 : sys.fchmod(fd, 0o744);
    if (changed < 0) refused("set mode of current", name, -changed);
    close(fd);
    isKept = cut >= 0 && synced >= 0;
  }
  directory.fd = -1;
  giveUpLock(directory);
  return isKept;
}

/** Says how many lines a lossy svlogd has not written since it left a directory out. */
export function warnDropped({ dropped, name }: LogDirectory): void {
  warn(`${dropped} ${dropped === 1 ? "line was" : "lines were"} dropped: ${name}`, "");
}

/** Not by closing it alone: a processor that has just been started has it until its exec. */
function giveUpLock(directory: LogDirectory): void {
  const { lock } = directory;
  if (lock < 0) return;
  sys.flock(lock, sys.LOCK_UN);
  close(lock);
  directory.lock = -1;
}
