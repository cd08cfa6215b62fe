// svlogd's journal: the record of what is in the logs, and what a new svlogd has to undo and to
// do again after the last one was killed. Pure; programs/svlogd-intake.ts says how it is used.
//
// The file `pending` begins with one commit record. From headerBytes on it holds input as it came:
// all of it before `done` is in the logs, all of it behind is not, as soon as every `current` that
// the record names is cut to the size it had then.

/** Where the input begins. The record before it lies in one page, so that one write replaces it
 * whole or not at all, whenever the process is killed; the rest of that page takes input, so that
 * a disk with one free page is enough for a journal. 32 places of 59 bytes fit. */
export const headerBytes = 2048;

/** What stands for the boot id after an orderly end: the journal and all that it says is in the
 * logs are on the disk, and nothing is in them besides. */
const closedBoot = "closed";

/** A `current`, and how much of it counts. */
export interface Place {
  /** Which file it is: `DEVICE:INODE`. */
  readonly id: string;
  readonly size: number;
}

export interface Commit {
  /** The kernel's boot id: what was not on the disk at a power cut is not in this file either. */
  readonly boot: string;
  /** Input before this offset is in the logs. */
  readonly done: number;
  /** Where the journal ends, whatever its size: while what is left of it is moved to its begin. */
  readonly end?: number;
  /** The input before it does not end with a newline. */
  readonly midline: boolean;
  readonly files: readonly Place[];
}

/** The last commit of a svlogd that ends, with input that is for the next one. */
export function closedCommit(done: number, midline: boolean): Commit {
  return { boot: closedBoot, done, midline, files: [] };
}

/** One line of text. */
export function encodeCommit(commit: Commit): string {
  const end = commit.end === undefined ? "" : `:${commit.end}`;
  let line = `${commit.boot} ${commit.done}${end} ${commit.midline ? 1 : 0}`;
  for (const { id, size } of commit.files) line += ` ${id}:${size}`;
  return `${line}\n`;
}

/** The commit that a journal begins with, or null when there is none. */
export function decodeCommit(bytes: string): Commit | null {
  const newline = bytes.indexOf("\n");
  const [boot, extent, midline, ...places] = bytes.slice(0, Math.max(newline, 0)).split(" ");
  if (boot === undefined || extent === undefined || midline === undefined) return null;
  const [done = "", end] = extent.split(":");
  const files = places.map(decodePlace).filter((place) => place !== null);
  const valid = Number(done) >= headerBytes && files.length === places.length;
  const moved = end === undefined ? {} : { end: Number(end) };
  return valid ? { boot, done: Number(done), ...moved, midline: midline === "1", files } : null;
}

function decodePlace(text: string): Place | null {
  const colon = text.lastIndexOf(":");
  const [id, size] = [text.slice(0, colon), Number(text.slice(colon + 1))];
  return id.includes(":") ? { id, size } : null;
}

export interface Recovery {
  /** The journal holds nothing to be trusted: empty it before it is used. */
  readonly fresh: boolean;
  /** Bytes of input in it that are lost with it. */
  readonly lost: number;
  /** Input from here to the journal's end is to be written. */
  readonly done: number;
  /** The journal's end: it is cut to this. */
  readonly end: number;
  readonly midline: boolean;
  /** Per `current`: the size to cut it to, null where nothing is to be undone. */
  readonly cuts: readonly (number | null)[];
}

/** What the last commit means for the files as they are now. `files` may be null: not there. */
export function recover(
  commit: Commit | null,
  boot: string,
  journalBytes: number,
  files: readonly (Place | null)[],
): Recovery {
  const bytes = Math.max(journalBytes, headerBytes);
  const end = Math.min(commit?.end ?? bytes, bytes);
  // A journal is only cut when all of it is done, and committed again right after.
  const done = Math.min(commit?.done ?? headerBytes, end);
  if (commit === null || !isTrusted(commit, boot)) {
    const cuts = files.map(() => null);
    const empty = { done: headerBytes, end: headerBytes, midline: false, cuts };
    return { fresh: true, lost: end - done, ...empty };
  }
  const cuts = files.map((file) => {
    const known = commit.files.find(({ id }) => id === file?.id);
    return file === null || known === undefined || file.size <= known.size ? null : known.size;
  });
  return { fresh: false, lost: 0, done, end, midline: commit.midline, cuts };
}

/** What was not on the disk when the system went down is not in the journal either, or not in the
 * logs, and nobody can tell. */
function isTrusted(commit: Commit, boot: string): boolean {
  return commit.boot === closedBoot || (boot !== "" && commit.boot === boot);
}
