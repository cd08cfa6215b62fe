import assert from "node:assert/strict";
import { test } from "node:test";
import {
  closedCommit,
  decodeCommit,
  encodeCommit,
  headerBytes,
  type Place,
  recover,
} from "../../src/core/journal.ts";

const boot = "0d1b2a5e-6cbb-4a51-9b5d-6a5a9f1f0a11";

// --- A model of the file system, and of svlogd's calls on it, one per step ---------------------

interface Disk {
  pipe: string;
  /** The journal's first page and what follows; null: no such file. */
  journal: { header: string; input: string } | null;
  readonly inodes: Map<number, string>;
  /** Per directory: the inode of `current`, or null; `clean` is its x bit. */
  readonly current: ({ ino: number; clean: boolean } | null)[];
  /** Per directory: the old files, in their order. */
  readonly old: number[][];
}

const directories = [0, 1];
const chunkBytes = 7;
const journalMaxBytes = 20;
/** Different, so that the directories rotate at different times. */
const sizeMaxBytes = [11, 16];
const input = Array.from({ length: 14 }, (_, i) => `${i % 3 === 0 ? "same" : i}\n`).join("");

function newDisk(): Disk {
  return {
    pipe: input,
    journal: null,
    inodes: new Map(),
    current: directories.map(() => null),
    old: directories.map(() => []),
  };
}

function create(disk: Disk): number {
  let ino = 1;
  while (disk.inodes.has(ino)) ino++; // the first free one, as ext4 does: inodes are used again
  disk.inodes.set(ino, "");
  return ino;
}

function inoOf(disk: Disk, directory: number): number {
  const current = disk.current[directory];
  assert.ok(current, "svlogd writes to a current that it has opened");
  return current.ino;
}

function textOf(disk: Disk, directory: number): string {
  return disk.inodes.get(inoOf(disk, directory)) ?? "";
}

function place(disk: Disk, directory: number) {
  const current = disk.current[directory];
  if (!current || current.clean) return null; // closed as complete, nothing is undone in it
  return { id: `1:${current.ino}`, size: (disk.inodes.get(current.ino) ?? "").length };
}

/** What one svlogd knows. */
interface Run {
  readonly disk: Disk;
  readonly journal: { header: string; input: string };
  done: number;
}

function commitNow({ disk, journal, done }: Run): void {
  const files = directories.map((directory) => {
    const found = place(disk, directory);
    assert.ok(found);
    return found;
  });
  journal.header = encodeCommit({ boot, done, midline: false, files });
}

/** One svlogd from its start to the end of the input; it may be killed at every yield. */
function* svlogd(disk: Disk): Generator<void, void> {
  disk.journal ??= { header: "", input: "" };
  const run: Run = { disk, journal: disk.journal, done: headerBytes };
  yield;
  yield* openAll(run);
  for (;;) {
    yield* rotateFull(run);
    if (run.done === headerBytes + run.journal.input.length) {
      yield* trim(run);
      if (disk.pipe === "") break;
      run.journal.input += disk.pipe.slice(0, chunkBytes);
      disk.pipe = disk.pipe.slice(chunkBytes);
      yield;
    }
    yield* writeBatch(run);
  }
  for (const directory of directories) {
    disk.current[directory] = { ino: inoOf(disk, directory), clean: true };
    yield;
  }
  disk.journal = null;
}

function* openAll(run: Run): Generator<void, void> {
  const { disk, journal } = run;
  const places = directories.map((directory) => place(disk, directory));
  const bytes = headerBytes + journal.input.length;
  const { fresh, done, cuts } = recover(decodeCommit(journal.header), boot, bytes, places);
  for (const directory of directories) {
    const cut = cuts[directory];
    if (typeof cut !== "number") continue;
    disk.inodes.set(inoOf(disk, directory), textOf(disk, directory).slice(0, cut));
    yield;
  }
  if (fresh) {
    journal.header = "";
    journal.input = "";
    yield;
  }
  run.done = done;
  for (const directory of directories) {
    const current = disk.current[directory];
    if (current && !current.clean && textOf(disk, directory) !== "") {
      disk.old[directory]?.push(current.ino);
      disk.current[directory] = null;
      yield;
    }
    if (!disk.current[directory]) disk.current[directory] = { ino: create(disk), clean: false };
    yield;
    disk.current[directory] = { ino: inoOf(disk, directory), clean: false };
    yield;
  }
  commitNow(run);
  yield;
}

/** Puts aside every current that is full, then counts the new ones. */
function* rotateFull(run: Run): Generator<void, void> {
  const { disk } = run;
  const full = directories.filter(
    (directory) => textOf(disk, directory).length >= (sizeMaxBytes[directory] ?? 0),
  );
  for (const directory of full) {
    const ino = inoOf(disk, directory);
    disk.current[directory] = { ino, clean: true };
    yield;
    disk.old[directory]?.push(ino);
    disk.current[directory] = null;
    yield;
    disk.current[directory] = { ino: create(disk), clean: false };
    yield;
  }
  if (full.length > 0) commitNow(run);
  yield;
}

function* trim(run: Run): Generator<void, void> {
  if (run.journal.input.length <= journalMaxBytes) return;
  run.journal.input = "";
  run.done = headerBytes;
  yield;
  commitNow(run);
  yield;
}

/** Writes what is not done, in two pieces, as a disk may take it. */
function* writeBatch(run: Run): Generator<void, void> {
  const { disk, journal } = run;
  const batch = journal.input.slice(run.done - headerBytes);
  for (const directory of directories) {
    for (const part of [batch.slice(0, 2), batch.slice(2)]) {
      disk.inodes.set(inoOf(disk, directory), textOf(disk, directory) + part);
      yield;
    }
  }
  run.done += batch.length;
  commitNow(run);
  yield;
}

/** Lets one svlogd take that many steps; true when it came to its end before. */
function runFor(disk: Disk, steps: number): boolean {
  const program = svlogd(disk);
  for (let i = 0; i < steps; i++) if (program.next().done) return true;
  return false;
}

function logOf(disk: Disk, directory: number): string {
  const old = disk.old[directory]?.map((ino) => disk.inodes.get(ino) ?? "") ?? [];
  return old.join("") + textOf(disk, directory);
}

test("killed between any two calls, and once more, svlogd writes every byte once", () => {
  let points = 0;
  for (let first = 0; ; first++) {
    const seen = newDisk();
    if (runFor(seen, first)) break;
    for (let second = 0; ; second++) {
      const disk = newDisk();
      runFor(disk, first);
      const ended = runFor(disk, second);
      if (!ended) runFor(disk, Number.POSITIVE_INFINITY);
      for (const directory of directories) {
        assert.equal(logOf(disk, directory), input, `killed at ${first}, then at ${second}`);
      }
      points++;
      if (ended) break;
    }
  }
  assert.ok(points > 1000, `${points} pairs of crash points`);
});

test("killed again and again at its start, svlogd writes every byte once", () => {
  for (let steps = 1; steps < 40; steps++) {
    const disk = newDisk();
    let starts = 0;
    while (!runFor(disk, steps + (starts++ % 5))) if (starts > 500) break;
    runFor(disk, Number.POSITIVE_INFINITY);
    for (const directory of directories) assert.equal(logOf(disk, directory), input);
  }
});

// --- Records ------------------------------------------------------------------------------

const commit = {
  boot,
  done: headerBytes + 123456789012,
  midline: true,
  files: [
    { id: "2049:9223372036854775810", size: 0 },
    { id: "3:4", size: 999999 },
  ],
};

test("a commit comes back as it was written, whatever is behind it", () => {
  assert.deepEqual(decodeCommit(encodeCommit(commit)), commit);
  assert.deepEqual(decodeCommit(`${encodeCommit(commit)}4:5:6\n\0\0`), commit);
  const none = { ...commit, files: [], midline: false };
  assert.deepEqual(decodeCommit(encodeCommit(none)), none);
});

test("a commit of the most directories fits before the input", () => {
  const worst = { id: `${2n ** 64n - 1n}:${2n ** 64n - 1n}`, size: 2 ** 53 };
  const files = Array.from({ length: 32 }, () => worst);
  assert.ok(encodeCommit({ ...commit, files }).length <= headerBytes);
});

test("what is no commit is none", () => {
  for (const bytes of ["", "\0\0\0", "\n", "a\n", "a b c\n", `${boot} 4096 0`, `${boot} 17 0\n`]) {
    assert.equal(decodeCommit(bytes), null, bytes);
  }
  assert.equal(decodeCommit(`${boot} 4096 0 1:2\n`), null);
});

test("a journal of another boot, or of no known one, is not trusted", () => {
  const files = [{ id: "3:4", size: 1000001 }, null];
  const empty = { done: headerBytes, end: headerBytes };
  const ignored = { fresh: true, ...empty, midline: false, cuts: [null, null] };
  const lost = 1e12 - commit.done;
  assert.deepEqual(recover(commit, "another", 1e12, files), { ...ignored, lost });
  assert.deepEqual(recover({ ...commit, boot: "" }, "", 1e12, files), { ...ignored, lost });
  assert.deepEqual(recover(null, boot, headerBytes + 7, files), { ...ignored, lost: 7 });
  assert.equal(recover(null, boot, 0, []).lost, 0);
  assert.equal(recover(commit, "another", headerBytes, files).lost, 0); // all was done
});

test("a journal that was closed in order is trusted in any boot, and nothing is cut", () => {
  const closed = decodeCommit(encodeCommit(closedCommit(commit.done, true)));
  const files = [{ id: "3:4", size: 1000001 }, null];
  for (const now of [boot, "another", ""]) {
    const { fresh, lost, ...found } = recover(closed, now, 1e12, files);
    assert.deepEqual([fresh, lost], [false, 0]);
    const { done } = commit;
    assert.deepEqual(found, { done, end: 1e12, midline: true, cuts: [null, null] });
  }
});

test("only a current that the commit names, and that has grown since, is cut", () => {
  const cut = (file: Place | null) => recover(commit, boot, 1e12, [file]).cuts[0];
  assert.equal(cut({ id: "3:4", size: 1000001 }), 999999);
  assert.equal(cut({ id: "3:4", size: 999999 }), null);
  assert.equal(cut({ id: "4:4", size: 1000001 }), null);
  assert.equal(cut(null), null);
});

test("a journal that ends before what is done has been emptied", () => {
  assert.equal(recover(commit, boot, headerBytes, []).done, headerBytes);
  assert.equal(recover(commit, boot, commit.done, []).done, commit.done);
  assert.equal(recover(commit, boot, commit.done, []).midline, true);
});

test("a journal that is moved ends where the commit says, another one where the file does", () => {
  const moved = { ...commit, done: headerBytes, end: headerBytes + 50 };
  const decoded = decodeCommit(encodeCommit(moved));
  assert.deepEqual(decoded, moved);
  assert.equal(recover(decoded, boot, headerBytes + 9000, []).end, headerBytes + 50);
  assert.equal(recover({ ...commit, done: headerBytes }, boot, 9000, []).end, 9000);
});
