// Where svlogd's input waits until it is in the logs: stdin -> journal -> buffer.
//
// Nothing that left the pipe is lost or written twice, whenever svlogd is killed, because
//
//   every byte that left the pipe is either counted by the last commit, and then it is in the
//   logs, or it lies in the journal behind `done`; and every byte of a `current` behind the
//   size that the last commit counts can be made again from there.
//
// splice(2) moves bytes from the pipe to the journal's end: what has left is there, and the
// file's size says how much. A commit is one write into one page: it is there or it is not. So
//
//   splice | write to every `current` | commit:  killed before the commit, a new svlogd cuts
//       every `current` to the counted size and does the rest of the journal again.
//   rotate | commit:  a `current` is put aside and a new one begun only while nothing uncommitted
//       is in it, and nothing is written before the commit that counts the new one from 0. Killed
//       between, no `current` is the one that was counted (an inode is not used again before the
//       commit: old files are removed after it), so nothing is cut.
//   cut the journal | commit:  only while all of it is done. `done` behind its end means this.
//
// On a disk with little room the journal is kept small, since `current` needs the room: it takes a
// quarter of it at a time, and gives back the space of what is done.
//
// A svlogd that ends with input in the journal brings all files to the disk and then writes a last
// commit that the next one believes, whatever has happened to the system between them.
//
// What is no pipe is read without all this.
import {
  closedCommit,
  decodeCommit,
  encodeCommit,
  headerBytes,
  type Place,
  type Recovery,
  recover,
} from "../core/journal.ts";
import { errnos, reason } from "../core/message.ts";
import { close, isSame } from "../sys/posix.ts";
import {
  currentPlace,
  cutCurrent,
  demand,
  type LogDirectory,
  openIn,
  Trouble,
  warn,
} from "./svlogd-directory.ts";

/** What is taken at once: as much as a pipe holds. */
export const chunkBytes = 65536;
/** A journal with more in it is cut when all of it is done: four chunks, so that a call per chunk
 * is saved and a quiet log does not keep much. */
const journalMaxBytes = 4 * chunkBytes;
/** The free space is looked at again after this much input, or a quarter of it when that is less:
 * often enough for a disk that fills up, rarely enough where the answer comes over a network. */
const lookBytes = 16 * chunkBytes;
/** What files take of a disk at a time. */
const pageBytes = 4096;
const bootIdFile = "/proc/sys/kernel/random/boot_id";

export interface Intake {
  /** False for input that is no pipe, and where nothing is kept: there is no journal. */
  journaled: boolean;
  fd: number;
  /** The log directory that has the journal. */
  home: string;
  /** "" where none is known. */
  readonly boot: string;
  /** The journal's end, and how far it is done. */
  end: number;
  done: number;
  /** Input that is not in the logs: buffer[from, to). */
  readonly buffer: Uint8Array;
  from: number;
  to: number;
  /** What was taken last does not end with a newline. */
  midline: boolean;
  /** More is wanted before the line that has begun in the buffer can be judged. */
  short: boolean;
  /** So much of what is in the buffer has gone to those who are told of it before the logs. */
  announced: number;
  /** The files are others than the last commit says. */
  stale: boolean;
  /** Bytes that may be taken before the free space is looked at again. */
  budget: number;
  /** A journal of more bytes is emptied as soon as all of it is done. */
  max: number;
  /** The journal's space up to here has been given back. */
  punched: number;
}

export function newIntake(): Intake {
  const boot = sys.readfile(bootIdFile, 36);
  return {
    journaled: true,
    fd: -1,
    home: "",
    boot: typeof boot === "number" ? "" : boot,
    end: headerBytes,
    done: headerBytes,
    buffer: sys.buffer(chunkBytes),
    from: 0,
    to: 0,
    midline: false,
    short: false,
    announced: 0,
    stale: true,
    budget: 0,
    max: 0,
    punched: 0,
  };
}

function journalPath(directory: string): string {
  return `${directory}/pending`;
}

/** Opens the journal: ours, one that is left over, or a new one in the first directory, and takes
 * back what is in the logs without being counted. No `current` is open yet. What is only in a
 * journal that somebody has removed or moved away is taken along; on Trouble it is still there. */
export function openJournal(intake: Intake, directories: readonly LogDirectory[]): void {
  const isNamed = hasName(intake);
  const isUsed = directories.some(({ name }) => name === intake.home);
  // A directory that is not used any more keeps a journal only if something is in it.
  if (isNamed && !isUsed && !hasInput(intake)) removeJournal(intake);
  const rest = isNamed ? "" : undoneInput(intake);
  const home = isNamed && isUsed ? intake.home : newHome(directories);
  const foreign = isAnyForeign(directories);
  const flags = sys.O_RDWR | sys.O_CREAT | sys.O_NONBLOCK;
  const opened = openIn({ name: home, foreign }, "pending", flags, 0o600);
  const fd = demand(opened, "open pending", home);
  try {
    takeOver(intake, { fd, home }, directories, rest);
  } catch (error) {
    close(fd);
    throw error;
  }
  if (!isNamed && intake.fd >= 0) sys.ftruncate(intake.fd, 0); // should it come back, it is old
  closeJournal(intake);
  Object.assign(intake, { fd, home, from: 0, to: 0, short: false, budget: 0, punched: 0 });
  for (const directory of directories) {
    if (directory.name !== home) removeIfDone(directory, intake.boot);
  }
}

type Journal = Pick<Intake, "fd" | "home">;

/** Does what a journal says, and puts the input behind it that only another one has. */
function takeOver(
  intake: Intake,
  journal: Journal,
  directories: readonly LogDirectory[],
  rest: string,
): void {
  const { fd, home } = journal;
  const { fresh, lost, done, end, midline, cuts, size } = readJournal(
    { name: home, foreign: isAnyForeign(directories) },
    intake.boot,
    directories.map(currentPlace),
  );
  directories.forEach((directory, index) => {
    const cut = cuts[index];
    if (typeof cut === "number") cutCurrent(directory, cut);
  });
  if (fresh || end < size) demand(sys.ftruncate(fd, fresh ? 0 : end), "truncate pending", home);
  warnLost(home, lost);
  const known = { boot: intake.boot, done, midline: fresh ? intake.midline : midline, files: [] };
  if (rest !== "") {
    putText(journal, encodeCommit({ ...known, end }), 0); // half of the rest counts as nothing
    putText(journal, rest, end);
    putText(journal, encodeCommit(known), 0);
  }
  intake.end = end + rest.length;
  intake.done = done;
  intake.midline = known.midline;
}

function isAnyForeign(directories: readonly LogDirectory[]): boolean {
  return directories.some(({ foreign }) => foreign);
}

/** What there is to be done for a directory's journal, and its size. */
function readJournal(
  { name: home, foreign }: Pick<LogDirectory, "name" | "foreign">,
  boot: string,
  places: readonly (Place | null)[],
): Recovery & { readonly size: number } {
  const path = journalPath(home);
  const header = sys.readfile(path, headerBytes, foreign);
  const stat = foreign ? sys.lstat(path) : sys.stat(path);
  if (typeof header === "number") throw new Trouble("read pending", home, -header);
  if (typeof stat === "number") throw new Trouble("stat pending", home, -stat);
  return { ...recover(decodeCommit(header), boot, stat.size, places), size: stat.size };
}

/** The directory that has a journal, or the first one. */
function newHome(directories: readonly LogDirectory[]): string {
  const leftover = directories.find(({ name }) => hasJournal(name));
  return (leftover ?? directories[0])?.name ?? "";
}

/** Removes a journal that is not used, unless there is input in it for a later svlogd. */
function removeIfDone(directory: LogDirectory, boot: string): void {
  const { name: home } = directory;
  if (!hasJournal(home)) return;
  const { lost, done, end } = readJournal(directory, boot, []);
  if (done >= end && sys.unlink(journalPath(home)) >= 0) warnLost(home, lost);
}

/** True when a predecessor has left a journal in one of the directories. */
export function isJournalLeft({ fd }: Intake, directories: readonly LogDirectory[]): boolean {
  return fd >= 0 || directories.some(({ name }) => hasJournal(name));
}

function hasJournal(home: string): boolean {
  return typeof sys.lstat(journalPath(home)) !== "number";
}

/** Input that nobody can write any more is said with its size. */
function warnLost(home: string, bytes: number): void {
  if (bytes === 0) return;
  const why = "svlogd or the system did not end in order before the system was started again";
  warn(`dropped ${bytes} bytes in pending: ${home}`, why);
}

/** False when somebody has removed the journal, or its directory. */
function hasName({ fd, home }: Intake): boolean {
  const ours = sys.fstat(fd);
  const named = sys.stat(journalPath(home));
  if (typeof ours === "number" || typeof named === "number") return false;
  return isSame(ours, named);
}

/** What the journal has that is not in the logs. */
function undoneInput(intake: Intake): string {
  let text = "";
  if (intake.fd < 0) return text;
  intake.from = 0;
  intake.to = 0;
  for (let at = intake.done; at < intake.end; at = intake.done + text.length) {
    text += bytesOf(intake.buffer, 0, readAt(intake, at));
  }
  return text;
}

/** Puts all of a text into a journal. */
function putText({ fd, home }: Journal, text: string, offset: number): void {
  const size = demand(sys.pwrite(fd, text, offset), "write to pending", home);
  if (size >= text.length) return;
  throw new Trouble("write to pending", home, errnos.ENOSPC);
}

/** bytes[from, to) as a string. */
export function bytesOf(bytes: Uint8Array, from: number, to: number): string {
  let text = "";
  for (let i = from; i < to; i++) text += String.fromCharCode(bytes[i] ?? 0);
  return text;
}

/** Leaves the journal as it is for the next svlogd. */
function closeJournal(intake: Intake): void {
  if (intake.fd >= 0) close(intake.fd);
  intake.fd = -1;
}

/** The end of a svlogd that has closed its directories, and with `inOrder` has brought them to the
 * disk as the last commit counts them: leaves what is not done, if anything, for the next one. */
export function endJournal(intake: Intake, inOrder: boolean): void {
  const { fd, home, done, end, midline } = intake;
  if (fd < 0 || !hasInput(intake)) {
    removeJournal(intake);
    return;
  }
  if (!hasName(intake)) {
    warn(`dropped ${end - done} bytes in pending: ${home}`, "it was removed or replaced");
  } else if (inOrder && sys.fsync(fd) >= 0) {
    // In this order: what the commit promises is there before it is.
    sys.pwrite(fd, encodeCommit(closedCommit(done, midline)), 0);
    sys.fsync(fd);
  }
  closeJournal(intake);
}

/** Removes the journal, which has nothing in it that is not done. */
function removeJournal(intake: Intake): void {
  if (intake.fd >= 0) sys.unlink(journalPath(intake.home));
  closeJournal(intake);
}

/** True while input is here that is not in the logs. */
export function hasInput(intake: Intake): boolean {
  return intake.from < intake.to || intake.done < intake.end;
}

/** Takes at most `size` bytes from stdin, which is ready, behind what is in the buffer; false at
 * its end. */
export function takeInput(intake: Intake, size: number): boolean {
  const room = Math.min(size, intake.buffer.length - (intake.to - intake.from));
  intake.short = false;
  if (!intake.journaled) return readInput(intake, room);
  const moved = sys.splice(0, intake.fd, intake.end, Math.min(room, allowance(intake)));
  if (moved >= 0) {
    intake.end += moved;
    intake.budget -= moved;
    intake.from = 0; // all of it comes from the journal
    intake.to = 0;
    return moved > 0;
  }
  if (moved === -errnos.EAGAIN || moved === -errnos.EINTR) return true;
  if (!spliceErrors.includes(-moved)) throw new Trouble("write to pending", intake.home, -moved);
  dropJournal(intake); // stdin is no pipe, or the file system cannot do it
  return readInput(intake, room);
}

/** What the journal may take at once: as much as the disk has room for, and in any case what fits
 * into the page that it ends in. */
function allowance({ budget, end }: Intake): number {
  return Math.max(budget, pageBytes - (end % pageBytes));
}

/** Goes on without a journal; what is in it that is not done fits into the buffer. */
export function dropJournal(intake: Intake): void {
  loadInput(intake);
  removeJournal(intake);
  intake.journaled = false;
  intake.done = headerBytes;
  intake.end = headerBytes;
}

/** All others are of the disk, which may get better. */
const spliceErrors: readonly number[] = [errnos.EINVAL, errnos.ENOSYS, errnos.EPERM, errnos.EBADF];

function readInput(intake: Intake, size: number): boolean {
  const { buffer, from, to } = intake;
  const begun = to - from;
  if (from > 0) buffer.copyWithin(0, from, to);
  intake.from = 0;
  intake.to = begun;
  const got = sys.read(0, buffer, begun, begun + size);
  if (got === -errnos.EAGAIN || got === -errnos.EINTR) return true;
  if (got < 0) {
    warn("unable to read standard input", reason(-got));
    return false;
  }
  intake.to += got;
  return got > 0;
}

/** Fills the empty buffer from the journal. */
export function loadInput(intake: Intake): void {
  if (intake.from < intake.to || intake.done >= intake.end) return;
  const got = readAt(intake, intake.done);
  intake.from = 0;
  intake.to = got;
}

/** Reads input at a place of the journal into the buffer; how much. */
function readAt({ fd, buffer, end, home }: Intake, at: number): number {
  const size = Math.min(buffer.length, end - at);
  const got = demand(sys.pread(fd, buffer, 0, size, at), "read pending", home);
  if (got === 0) throw new Trouble("read pending", home, errnos.EIO);
  return got;
}

/** Counts what is in the logs now, after `taken` more bytes of the input. */
export function commitInput(
  intake: Intake,
  directories: readonly LogDirectory[],
  taken: number,
  midline: boolean,
): void {
  if (intake.journaled) {
    writeCommit(intake, directories, intake.done + taken, midline);
    intake.done += taken;
  }
  intake.from += taken;
  intake.announced = Math.max(0, intake.announced - taken);
  intake.midline = midline;
  intake.stale = false;
  for (const directory of directories) directory.size = directory.written ?? directory.size;
}

function writeCommit(
  intake: Intake,
  directories: readonly LogDirectory[],
  done: number,
  midline: boolean,
  end?: number,
): void {
  const { boot, fd, home } = intake;
  const files = directories.map(({ id, written, size }) => ({ id, size: written ?? size }));
  const extent = end === undefined ? { done } : { done, end };
  putText({ fd, home }, encodeCommit({ boot, ...extent, midline, files }), 0);
}

/** Gives back the space of a journal that has grown: beyond what the disk has room for, too. */
export function trimJournal(intake: Intake, directories: readonly LogDirectory[]): void {
  if (!intake.journaled) return;
  if (intake.budget <= 0) {
    const free = sys.freespace(intake.fd);
    intake.budget = free < 0 ? lookBytes : Math.min(lookBytes, Math.floor(free / 4));
    intake.max = headerBytes + Math.min(journalMaxBytes, intake.budget);
  }
  if (intake.end > intake.max) emptyJournal(intake, directories);
}

/** Gives back the space of what is done in a journal; false when there is none that could be.
 * Nothing uncommitted may be in the logs. On a full disk what is done becomes a hole, where a file
 * can have some. */
export function emptyJournal(
  intake: Intake,
  directories: readonly LogDirectory[],
  isDiskFull = false,
): boolean {
  const { fd, done, end, home, midline, buffer } = intake;
  if (!intake.journaled || done === headerBytes) return false;
  const rest = end - done;
  if (rest > 0) {
    if ((isDiskFull || intake.punched > 0) && punchJournal(intake)) return true;
    if (intake.punched > 0) return false; // to fill a hole would take space
    if (rest > Math.min(done - headerBytes, buffer.length)) return false;
    moveInput(intake, directories);
  }
  intake.stale = true; // until the commit has it, nothing may be added
  demand(sys.ftruncate(fd, headerBytes + rest), "truncate pending", home);
  intake.done = headerBytes;
  intake.end = headerBytes + rest;
  intake.punched = 0;
  commitInput(intake, directories, 0, midline);
  return true;
}

/** Makes a hole of the whole pages that are done; false when there are no new ones. */
function punchJournal(intake: Intake): boolean {
  const { fd, done, punched } = intake;
  const to = done - (done % pageBytes);
  if (to <= Math.max(punched, pageBytes) || sys.punch(fd, headerBytes, to) < 0) return false;
  intake.punched = to;
  return true;
}

/** Moves what is not done to the begin of the journal, which has room for it there. Killed before
 * the commit, a new svlogd finds the journal as it was; after it, it cuts the journal. */
function moveInput(intake: Intake, directories: readonly LogDirectory[]): void {
  loadInput(intake);
  const { buffer, from, to, midline } = intake;
  putText(intake, bytesOf(buffer, from, to), headerBytes);
  writeCommit(intake, directories, headerBytes, midline, headerBytes + to - from);
}
