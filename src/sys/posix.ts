// System calls for the programs: an outcome that is expected is a value, everything else
// throws a SysError that knows the call, the errno and the path.
import type { Resource } from "../core/chpst.ts";
import { complaintMs, execHeadBytes, linksMax, usersFileBytes } from "../core/limits.ts";
import { type Errno, errnos, interpreterReason, reason } from "../core/message.ts";
import { findGroup, findUser, type Group, type User } from "../core/users.ts";

/** A system call that failed in a way its caller did not expect. */
export class SysError extends Error {
  /** `unable to CALL PATH`, as a sentence has it. */
  readonly what: string;
  readonly call: string;
  readonly errno: Errno;
  readonly path: string;

  constructor(call: string, errno: Errno, path: string) {
    const what = `unable to ${call}${path === "" ? "" : ` ${path}`}`;
    super(`${what}: ${reason(errno)}`);
    this.what = what;
    this.call = call;
    this.errno = errno;
    this.path = path;
  }
}

/** What a program will not go on with, though no call has failed. */
export class Refusal extends Error {}

/** The reason in words for anything that was thrown. */
export function reasonOf(error: unknown): string {
  if (error instanceof SysError) return reason(error.errno);
  return error instanceof Error ? `${error.message}\n${error.stack ?? ""}` : String(error);
}

function checked(call: string, result: number, path = ""): number {
  if (result < 0) throw new SysError(call, -result, path);
  return result;
}

/** The result, or null when it is the errno that the caller expects. */
function unless(expected: Errno, call: string, result: number, path = ""): number | null {
  return result === -expected ? null : checked(call, result, path);
}

function expected<T>(call: string, result: T | number, path = ""): T {
  if (typeof result === "number") throw new SysError(call, -result, path);
  return result;
}

export type Stat = SysStat;
const directoryMode = 0o040000;
export const regularMode = 0o100000;

/** True for the st_mode of a directory. */
export function isDirectory(stat: Stat): boolean {
  return (stat.mode & 0o170000) === directoryMode;
}

/** True for the same file, under whatever name. */
export function isSame(one: Stat, other: Stat): boolean {
  return one.id === other.id;
}

/** True for the st_mode of a symbolic link. */
export function isLink(stat: Stat): boolean {
  return (stat.mode & 0o170000) === 0o120000;
}

/** True for the st_mode of a FIFO. */
export function isRegular(stat: Stat): boolean {
  return (stat.mode & 0o170000) === 0o100000;
}

export function isFifo(stat: Stat): boolean {
  return (stat.mode & 0o170000) === 0o010000;
}

export function open(path: string, flags: number, mode = 0o666): number {
  return checked("open", sys.open(path, flags, mode), path);
}

/** Opens a FIFO or a plain file where another user may have put something else in its place: that
 * is neither followed nor opened. */
export function openNode(path: string, flags: number, mode = 0): number {
  return checked("open", sys.opennode(path, flags, mode), path);
}

/** Closes; a descriptor is gone whatever close(2) answers. */
export function close(fd: number): void {
  sys.close(fd);
}

/** The stat of a path, or null when nothing is there. */
export function statIfThere(path: string): Stat | null {
  const result = sys.stat(path);
  return result === -errnos.ENOENT || result === -errnos.ENOTDIR
    ? null
    : expected("stat", result, path);
}

/** As statIfThere, of a link itself. */
export function lstatIfThere(path: string): Stat | null {
  const result = sys.lstat(path);
  return result === -errnos.ENOENT || result === -errnos.ENOTDIR
    ? null
    : expected("lstat", result, path);
}

export function fstat(fd: number): Stat {
  return expected("fstat", sys.fstat(fd));
}

/** The first `max` bytes of a file, or null when it is not there. */
export function readIfThere(path: string, max: number): string | null {
  const result = sys.readfile(path, max);
  return result === -errnos.ENOENT || result === -errnos.ENOTDIR
    ? null
    : expected("read", result, path);
}

/** As readIfThere, but only what root and we alone can change. */
export function readOwnIfThere(path: string, max: number): string | null {
  const result = sys.readown(path, max);
  return result === -errnos.ENOENT ? null : expected("read", result, path);
}

/** The names in a directory, in no order; `shown` is what a complaint calls it. */
export function readdir(path: string, shown = path): string[] {
  return expected("open directory", sys.readdir(path), shown);
}

/** As readdir, but only where root and we alone can change what is there. */
export function readdirOwn(path: string): string[] {
  const fd = open(path, sys.O_RDONLY | sys.O_DIRECTORY);
  try {
    if (!sys.isown(fd)) throw new SysError("read", errnos.EKEYREJECTED, path);
    return expected("read", sys.readdir(fd), path);
  } finally {
    close(fd);
  }
}

/** Writes all of it; a pipe or a disk may take it in pieces. */
export function writeAll(fd: number, bytes: string, path: string): void {
  let rest = bytes;
  while (rest !== "") rest = rest.slice(checked("write", sys.write(fd, rest), path));
}

/** Replaces a file in one step: a reader sees the old bytes or the new ones. What has the name of
 * the next one goes: half a file, or whatever somebody has put there for us to write to. */
export function replaceFile(path: string, bytes: string, mode: number): void {
  const next = `${path}.new`;
  const flags = sys.O_WRONLY | sys.O_CREAT | sys.O_EXCL;
  let fd = sys.open(next, flags, mode);
  if (fd === -errnos.EEXIST) {
    sys.unlink(next);
    fd = sys.open(next, flags, mode);
  }
  checked("open", fd, next);
  try {
    writeAll(fd, bytes, next);
  } catch (error) {
    sys.unlink(next); // half a file is nobody's
    throw error;
  } finally {
    close(fd);
  }
  const name = next.slice(next.lastIndexOf("/") + 1);
  checked(`rename ${name} to`, sys.rename(next, path), path);
}

/** Makes a directory; false when the name is taken. */
export function mkdir(path: string, mode: number): boolean {
  return unless(errnos.EEXIST, "create", sys.mkdir(path, mode), path) !== null;
}

/** Makes a FIFO; false when the name is taken. */
export function mkfifo(path: string, mode: number): boolean {
  return unless(errnos.EEXIST, "create", sys.mkfifo(path, mode), path) !== null;
}

/** Takes a lock for as long as the descriptor is open; false when somebody else has it. */
export function tryLock(fd: number, path: string): boolean {
  return unless(errnos.EAGAIN, "lock", sys.flock(fd, sys.LOCK_EX | sys.LOCK_NB), path) !== null;
}

/** True while somebody else has the lock of a file, which is not made for that. */
export function isLocked(path: string): boolean {
  const fd = sys.opennode(path, sys.O_WRONLY, 0);
  if (fd < 0) return false;
  const result = sys.flock(fd, sys.LOCK_EX | sys.LOCK_NB);
  close(fd);
  return result === -errnos.EAGAIN;
}

export function rename(from: string, to: string): void {
  checked("rename", sys.rename(from, to), from);
}

export function readlink(path: string): string {
  return expected("read", sys.readlink(path), path);
}

/** Makes a symbolic link, also where another name of ours is: that one is replaced in one step. */
export function replaceLink(target: string, path: string): void {
  const next = `${path}.new`;
  sys.unlink(next);
  checked("create", sys.symlink(target, next), next);
  rename(next, path);
}

/** Returns once the disk has it. */
export function fsync(fd: number, path: string): void {
  checked("sync", sys.fsync(fd), path);
}

/** Writes buffer[0, size); a disk may take it in pieces. */
export function writeBuffer(fd: number, buffer: Uint8Array, size: number, path: string): void {
  for (let at = 0; at < size; ) at += checked("write", sys.write(fd, buffer, at, size), path);
}

/** Removes a name; false when it was not there. */
export function unlink(path: string): boolean {
  return unless(errnos.ENOENT, "remove", sys.unlink(path), path) !== null;
}

export function pipe(): [number, number] {
  return expected("create", sys.pipe(), "pipe");
}

/** A pipe for what services write: one that has given up root opens its own /dev/stdout. */
export function outputPipe(): [number, number] {
  const ends = pipe();
  sys.fchmod(ends[0], 0o622);
  return ends;
}

/** True where the directory that we work in was removed: nothing can be made there any more, and
 * nothing comes back. False where /proc does not tell. */
export function isRemoved(): boolean {
  const path = sys.readlink("/proc/self/cwd");
  return typeof path === "string" && path.endsWith(" (deleted)") && statIfThere(path) === null;
}

/** What this executable can be started by: where there is no /proc, only the path that it was
 * started by itself. */
export function ownPaths(): readonly string[] {
  const self = "/proc/self/exe";
  return sys.stat(self) === -errnos.ENOENT ? [sys.execfn()] : [self, sys.execfn()];
}

/** The path of this executable, which is no link. */
export function executable(): string {
  let path = ownPaths()[0] ?? "";
  for (let links = 0; links < linksMax; links++) {
    const target = sys.readlink(path);
    if (typeof target === "number") return path;
    path = target.startsWith("/") ? target : path.slice(0, path.lastIndexOf("/") + 1) + target;
  }
  return path;
}

/** Why exec(2) has failed, in words: a file that is there is not called one that does not exist. */
export function execReason(path: string, errno: Errno): string {
  const isThere = (path: string): boolean => typeof sys.stat(path) !== "number";
  if (errno !== errnos.ENOENT || !isThere(path)) return reason(errno);
  const head = sys.readfile(path, execHeadBytes);
  return interpreterReason(typeof head === "number" ? null : head, isThere);
}

/** The write end of a pipe whose read end we have; null where there is no /proc. */
export function reopenForWriting(readEnd: number): number | null {
  const fd = sys.open(`/proc/self/fd/${readEnd}`, sys.O_WRONLY, 0);
  return fd < 0 ? null : fd;
}

/** Another descriptor of a write end, which never waits; itself where there is no /proc. Closes the
 * one given, unless that is the result. */
export function reopenNonblocking(writeEnd: number): number {
  const fd = sys.open(`/proc/self/fd/${writeEnd}`, sys.O_WRONLY | sys.O_NONBLOCK, 0);
  if (fd < 0) return writeEnd;
  close(writeEnd);
  return fd;
}

/** Sends a signal to a process that may be no child of ours, and is held by a pidfd then, where the
 * kernel has such: its number may be another's by now. 0 or -errno. */
export function signalHeld(pid: number, pidfd: number | null, signal: number): number {
  if (pidfd === null) return sys.kill(pid, signal);
  const sent = sys.pidfd_send_signal(pidfd, signal);
  if (sent !== -errnos.ENOSYS && sent !== -errnos.EPERM) return sent;
  const ended = sys.poll([pidfd], 0); // an old kernel or a filter of calls; or a right is missing
  return typeof ended !== "number" && ended.length > 0 ? -errnos.ESRCH : sys.kill(pid, signal);
}

/** Sends a signal; false when the process is gone. */
export function kill(pid: number, signal: number, pidfd: number | null = null): boolean {
  const sent = signalHeld(pid, pidfd, signal);
  return unless(errnos.ESRCH, "send a signal to", sent, `${pid}`) !== null;
}

/** Bytes read, 0 at the end, null when there is nothing to read now. */
export function tryRead(fd: number, buffer: Uint8Array, path: string): number | null {
  return unless(errnos.EAGAIN, "read", sys.read(fd, buffer, 0, buffer.length), path);
}

/** False when a line was dropped: the next one does not wait. */
let isRead = true;

/** A line on stderr. It may be closed, or a pipe that is full and not read: then there is nobody to
 * tell, and the line is dropped. Process 1 does not wait for that at all, others once. */
export function complain(line: string): void {
  isRead = sys.canwrite(2, isRead && sys.getpid() !== 1 ? complaintMs : 0);
  if (isRead) sys.write(2, `${line}\n`);
}

// --- Names and results as the npm package posix has them -------------------------------------

/** A user by name or number, from /etc/passwd; refuses one that is unknown. */
export function getpwnam(who: string | number): User {
  const user = findUser(readUsersFile("/etc/passwd"), who);
  if (user === null) throw new Refusal(`unknown user: ${who}`);
  return user;
}

/** A group by name or number, from /etc/group; refuses one that is unknown. */
export function getgrnam(who: string | number): Group {
  const group = findGroup(readUsersFile("/etc/group"), who);
  if (group === null) throw new Refusal(`unknown group: ${who}`);
  return group;
}

function readUsersFile(path: string): string {
  return expected("read", sys.readfile(path, usersFileBytes), path);
}

/** The number of what getrlimit(2) limits. */
function numberOf(resource: Resource): number {
  return sys[`RLIMIT_${resource.toUpperCase() as Uppercase<Resource>}`];
}

/** A limit of resources; null is none. */
export interface Limit {
  readonly soft: number | null;
  readonly hard: number | null;
}

export function getrlimit(resource: Resource): Limit {
  const [soft, hard] = expected("getrlimit", sys.getrlimit(numberOf(resource)), resource);
  return { soft: soft < 0 ? null : soft, hard: hard < 0 ? null : hard };
}

/** Sets a limit; what is left out stays as it is. */
export function setrlimit(resource: Resource, limit: Partial<Limit>): void {
  const [soft, hard] = [limit.soft, limit.hard].map((value) => (value === null ? -1 : value));
  checked("setrlimit", sys.setrlimit(numberOf(resource), soft, hard), resource);
}

/** Begins a session; its number. */
export function setsid(): number {
  return checked("setsid", sys.setsid());
}

/** Changes the root directory, and to it. */
export function chroot(path: string): void {
  checked(`change directory: ${path}`, sys.chdir(path));
  checked("change root directory", sys.chroot("."));
}

/** Becomes a program, under soft limits; what failed as [errno, call] when it cannot. */
export function exec(
  path: string,
  argv: readonly string[],
  environment: readonly string[],
  limits: Readonly<Partial<Record<Resource, number | null>>>,
): readonly [Errno, string] {
  const pairs = Object.entries(limits).flatMap(([resource, soft]) => [
    numberOf(resource as Resource),
    soft ?? -1,
  ]);
  return sys.execve(path, argv, environment, pairs);
}
