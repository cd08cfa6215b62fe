// svlogd's journal: the record of what is in the logs, and what a new svlogd has to undo and to
// do again after the last one was killed. Pure; programs/svlogd-intake.ts says how it is used.
//
// The file `pending` has one commit record in its first page. From headerBytes on it holds input
// as it came: all of it before `done` is in the logs, all of it behind is not, as soon as every
// `current` that the record names is cut to the size it had then.

/** Where the input begins. The record before it fits one page, so that one write replaces it
 * whole or not at all, whenever the process is killed. */
export const headerBytes = 4096;

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
  if (commit === null || boot === "" || commit.boot !== boot) {
    const cuts = files.map(() => null);
    return { fresh: true, done: headerBytes, end: headerBytes, midline: false, cuts };
  }
  const end = commit.end ?? Math.max(journalBytes, headerBytes);
  // A journal is only cut when all of it is done, and committed again right after.
  const done = commit.done > journalBytes ? headerBytes : commit.done;
  const cuts = files.map((file) => {
    const known = commit.files.find(({ id }) => id === file?.id);
    return file === null || known === undefined || file.size <= known.size ? null : known.size;
  });
  return { fresh: false, done, end, midline: commit.midline, cuts };
}
