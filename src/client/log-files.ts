// The files of a log directory as one stream of bytes: old ones in the order of their labels,
// then `current`, across every rotation. Used by log().
//
// A file that is open is ours by device and inode, whatever its name is now. `known` has the
// labels of all that were read or are to be skipped, so what is new was rotated since.
import { type FileHandle, open, readdir, stat } from "node:fs/promises";
import { identityOf } from "./changes.ts";
import { labelTime } from "./log-line.ts";

const chunkBytes = 65536;

interface OpenFile {
  readonly handle: FileHandle;
  readonly identity: string;
  /** null: it is `current`, or was when it was opened. */
  readonly label: string | null;
  position: number;
}

/** What comes next: bytes, the beginning of another file, or bytes that came and are gone. A
 * svlogd takes back what its killed predecessor had not committed, puts that file aside, and
 * writes the same again; who empties `current` by hand does not. */
export type Piece =
  | { readonly kind: "bytes"; readonly bytes: Buffer }
  | { readonly kind: "file" }
  | { readonly kind: "takenBack"; readonly count: number; readonly comesAgain: boolean };

interface OldFile {
  readonly name: string;
  readonly label: string;
}

function isMissing(error: unknown): boolean {
  if (!(error instanceof Error) || !("code" in error)) return false;
  return error.code === "ENOENT" || error.code === "ENOTDIR";
}

async function openIfThere(path: string, label: string | null): Promise<OpenFile | null> {
  let handle: FileHandle;
  try {
    handle = await open(path);
  } catch (error) {
    if (isMissing(error)) return null;
    throw error;
  }
  const { dev, ino } = await handle.stat({ bigint: true });
  return { handle, identity: `${dev}:${ino}`, label, position: 0 };
}

export class LogFiles {
  readonly #directory: string;
  #known: Set<string>;
  #file: OpenFile | null = null;
  /** So much shorter than what was read was the file at the last look. */
  #cutBytes = 0;

  private constructor(directory: string) {
    this.#directory = directory;
    this.#known = new Set();
  }

  static fromStart(directory: string): LogFiles {
    return new LogFiles(directory);
  }

  /** All that is there now is skipped, but for a last line that is not complete. */
  static async fromEnd(directory: string): Promise<LogFiles> {
    const files = new LogFiles(directory);
    for (;;) {
      const current = await openIfThere(`${directory}/current`, null);
      const old = await files.#unknown();
      const rotated = current !== null && (await files.#labelOf(old, current)) !== null;
      if (!rotated) {
        for (const { label } of old) files.#known.add(label);
        files.#file = current;
        if (current !== null) current.position = await lastLineOf(current);
        return files;
      }
      await current.handle.close(); // rotated since it was opened: which files are old?
    }
  }

  async close(): Promise<void> {
    await this.#file?.handle.close();
    this.#file = null;
  }

  /** What has come since the last call; null: nothing now. */
  async next(): Promise<Piece | null> {
    for (;;) {
      if (this.#file === null) {
        if (!(await this.#openNext())) return null;
        return { kind: "file" };
      }
      const file = this.#file;
      const done = file.label !== null || !(await this.#isCurrent(file)); // before it is read
      if (this.#cutBytes > 0) {
        const count = this.#cutBytes;
        this.#cutBytes = 0;
        return { kind: "takenBack", count, comesAgain: done };
      }
      const bytes = await readSome(file, file.position);
      file.position += bytes.length;
      if (bytes.length > 0) return { kind: "bytes", bytes };
      const { size } = await file.handle.stat();
      if (size < file.position) {
        this.#cutBytes = file.position - size;
        file.position = size;
        if (done) continue;
        return null; // who has done it? svlogd is about to put it aside
      }
      if (!done) return null;
      const label = file.label ?? (await this.#labelAside(file));
      if (label !== null) this.#known.add(label);
      await this.close();
    }
  }

  /** False once nobody writes to it any more, for it was put aside. */
  async #isCurrent(file: OpenFile): Promise<boolean> {
    const identity = await identityOf(`${this.#directory}/current`);
    if (identity !== "") return identity === file.identity;
    const { nlink } = await file.handle.stat();
    return nlink === 0; // removed by somebody: the logger has it open, as we have
  }

  /** Opens the oldest unread file; false when there is none. */
  async #openNext(): Promise<boolean> {
    // First, so that what is rotated from now on comes behind it.
    const current = await openIfThere(`${this.#directory}/current`, null);
    for (const { name, label } of await this.#unknown()) {
      const old = await openIfThere(`${this.#directory}/${name}`, label);
      if (old !== null && old.identity !== current?.identity) {
        await current?.handle.close();
        this.#file = old;
        return true;
      }
      await old?.handle.close();
      if (old !== null) break; // it is `current` no more, and those behind it come later
      this.#known.add(label); // there are too many, and it was removed
    }
    this.#file = current;
    return current !== null;
  }

  /** Old files that were not read, in their order. */
  async #unknown(): Promise<OldFile[]> {
    const names = await readdir(this.#directory).catch((error) => {
      if (isMissing(error)) return [];
      throw error;
    });
    // While a processor is at work, .u is the log and .s what is made of it: .u wins.
    const old = names.filter((name) => /^@[0-9a-f]{24}\.[su]$/.test(name)).sort();
    const there = new Map(old.map((name) => [name.slice(0, 25), name]));
    this.#known = new Set([...there.keys()].filter((label) => this.#known.has(label)));
    return [...there]
      .filter(([label]) => !this.#known.has(label))
      .map(([label, name]) => ({ label, name }));
  }

  /** The label that the file has now; null when none of these is the file. */
  async #labelOf(candidates: readonly OldFile[], { identity }: OpenFile): Promise<string | null> {
    for (const { name, label } of candidates) {
      if ((await identityOf(`${this.#directory}/${name}`)) === identity) return label;
    }
    return null;
  }

  /** The label under which the file was put aside, that nothing be read twice; null when it has
   * been removed already. */
  async #labelAside(file: OpenFile): Promise<string | null> {
    const candidates = await this.#unknown();
    const label = await this.#labelOf(candidates, file);
    const [oldest] = candidates;
    if (label !== null || oldest === undefined) return label;
    // A processor may have replaced it already, with a file that is younger than its label.
    const found = await stat(`${this.#directory}/${oldest.name}`).catch(() => null);
    return found !== null && found.mtimeMs > labelTime(oldest.label) + 1 ? oldest.label : null;
  }
}

async function readSome({ handle }: OpenFile, position: number): Promise<Buffer> {
  const buffer = Buffer.allocUnsafe(chunkBytes);
  const { bytesRead } = await handle.read(buffer, 0, chunkBytes, position);
  return buffer.subarray(0, bytesRead);
}

/** Where the last line begins that has no end yet. */
async function lastLineOf(file: OpenFile): Promise<number> {
  let end = (await file.handle.stat()).size;
  while (end > 0) {
    const from = Math.max(0, end - chunkBytes);
    const piece = (await readSome(file, from)).subarray(0, end - from);
    const newline = piece.lastIndexOf(10);
    if (newline >= 0) return from + newline + 1;
    end = from;
  }
  return 0;
}
