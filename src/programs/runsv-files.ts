// The files in supervise/ of a service or of its log: what other programs see of it.

import { lineBytes, statusBytes } from "../core/limits.ts";
import { errnos } from "../core/message.ts";
import type { Event, Service } from "../core/service-state.ts";
import {
  decodeEnds,
  decodeStat,
  decodeStatus,
  type Ends,
  encodeEnds,
  encodeStatus,
  type State,
  type Status,
  statText,
} from "../core/status.ts";
import type { Stamp } from "../core/time.ts";
import {
  fstat,
  isFifo,
  isLink,
  isSame,
  lstatIfThere,
  mkdir,
  mkfifo,
  openNode,
  Refusal,
  replaceFile,
  SysError,
  tryLock,
  unlink,
} from "../sys/posix.ts";
import { parentCalled } from "./parents.ts";

/** What is written to the files in supervise/, by their names. */
type Written = Record<"pid" | "stat" | "exit" | "early" | "complaint" | "status", string>;

interface Files {
  /** "supervise" or "log/supervise", from the service directory. */
  readonly path: string;
  /** What the files hold, by name: one that would not change is not written. */
  readonly written: Written;
}

export interface SuperviseFiles extends Files {
  /** Open for as long as we supervise: nobody else may. */
  readonly lock: number;
  /** The read end of the commands; not waited for by opening it. */
  readonly control: number;
}

/** The lock of a service; its logger's is another one. */
export const lockFile = "supervise/lock";

/** What supervise/early holds: that it is there is what it says. */
const earlyText = "ended within a second of its start\n";

/** Nothing is known of what the files hold. */
export function nothingWritten(): Written {
  return { pid: "-", stat: "-", exit: "-", early: "-", complaint: "-", status: "-" };
}

/** Makes what is missing in supervise/ and takes the lock; throws a SysError otherwise. */
export function openSuperviseFiles(directory: string): SuperviseFiles {
  const path = `${directory}supervise`;
  makeDirectory(directory, path);
  const lockPath = `${path}/lock`;
  const lock = openNode(lockPath, sys.O_WRONLY | sys.O_CREAT | sys.O_APPEND, 0o600);
  if (!tryLock(lock, lockPath)) throw new SysError("lock", errnos.EAGAIN, lockPath);
  writeBirth(path);
  const control = openFifo(`${path}/control`, sys.O_RDWR); // never ends: we are a writer, too
  // Held open for life: who opens it for writing sees that we are there; and by the lock, in any
  // PID namespace, that we are no runsv of runit's, and keep the files that it has not.
  sys.flock(openFifo(`${path}/ok`, sys.O_RDONLY), sys.LOCK_EX | sys.LOCK_NB);
  return { path, lock, control, written: nothingWritten() };
}

/** For who comes after runsvdir, and who may not open ok. */
function writeBirth(path: string): void {
  sys.birth(`${path}/runsv.birth`, 0);
}

/** The records once more, which a full disk did not take: our own, and that of a child. */
export function writeBirths(path: string, state: State, child: number): void {
  writeBirth(path);
  if (child > 0 && state !== "down") sys.birth(birthFile(path, state), child);
}

/** supervise may be a link to a directory that a reboot has taken away. */
function makeDirectory(directory: string, path: string): void {
  const there = lstatIfThere(path);
  if (there === null) {
    mkdir(path, 0o700);
  } else if (isLink(there)) {
    const target = sys.readlink(path);
    if (typeof target === "number") throw new SysError("readlink", -target, path);
    sys.mkdir(target[0] === "/" ? target : directory + target, 0o700); // opening lock tells
  }
}

function openFifo(path: string, flags: number): number {
  mkfifo(path, 0o600);
  const fd = sys.opennode(path, flags, 0);
  if (fd < 0 && fd !== -errnos.EISDIR) throw new SysError("open", -fd, path);
  if (fd < 0 || !isFifo(fstat(fd))) throw new Refusal(`${path} exists but is not a fifo`);
  return fd;
}

/** What is told of a service. */
export interface News {
  readonly status: Status;
  readonly told: Pick<Service, "want" | "ending">;
  readonly ends: Ends;
  readonly early: boolean;
  /** The line of the last complaint; "": there is none, or it is over. */
  readonly complaint: string;
}

/** Writes the files, each in one step; status, which tells the others, comes last. */
export function writeStatusFiles(files: SuperviseFiles, news: News): void {
  const { status, early, complaint } = news;
  const bytes = {
    pid: status.pid === 0 ? "" : `${status.pid}\n`,
    stat: statText(status, news.told),
    exit: encodeEnds(news.ends),
    early: early ? earlyText : "",
    complaint,
    status: encodeStatus(status),
  };
  let failure: unknown = null;
  for (const name of ["pid", "stat", "early", "exit", "complaint", "status"] as const) {
    try {
      writeFile(files, name, bytes[name]);
    } catch (error) {
      failure ??= error; // and yet the others may be written
    }
  }
  if (failure !== null) throw failure;
}

function writeFile(files: Files, name: keyof Written, bytes: string): void {
  const { path, written } = files;
  if (written[name] === bytes) return;
  written[name] = "-"; // when it fails it is tried again next time
  if (bytes === "" && name !== "pid") unlink(`${path}/${name}`);
  else replaceFile(`${path}/${name}`, bytes, 0o644);
  written[name] = bytes;
}

/** Leaves a complaint for sv. Where that cannot be written (disk full), the next status tries. */
export function leaveComplaint(files: Files, line: string): void {
  try {
    writeFile(files, "complaint", line);
  } catch (error) {
    if (!(error instanceof SysError)) throw error;
  }
}

/** A process that a killed predecessor of ours has left running. */
export interface Orphan extends Omit<Extract<Event, { kind: "adopted" }>, "kind"> {
  readonly since: Stamp;
  readonly ends: Ends;
}

/** Where a child writes down who it is before it becomes ./run or ./finish. */
export function birthFile(path: string, state: "run" | "finish"): string {
  return `${path}/${state}.birth`;
}

/** The orphan in this service, if there is one: its birth record names a process that lives. What
 * else is told of it counts where nobody else can have written that. */
export function findOrphan(path: string, fallback: Stamp, isEssential: boolean): Orphan | null {
  for (const state of ["run", "finish"] as const) {
    const pid = leftOver(path, state);
    if (pid === 0) continue;
    const status = decodeStatus(readOwn(path, "status", statusBytes + 1));
    const { since = fallback } = status ?? {};
    const isIts = status?.pid === pid;
    const { paused, gotTerm } = isIts ? status : { paused: false, gotTerm: false };
    const told = readStat(path);
    const isEnd = told.isEnd && isEssential && state === "finish";
    const want = isEnd ? "end" : (status?.want ?? "up");
    const ending = gotTerm || (isIts && told.ending);
    return { state, pid, want, paused, gotTerm, ending, since, ends: readEnds(path) };
  }
  return null;
}

/** The process that a runsv has left in this service; 0: there is none. */
export function leftOver(path: string, state: "run" | "finish"): number {
  const pid = sys.living(birthFile(path, state));
  return pid > 0 && !isAnothers(pid) ? pid : 0;
}

/** True while the runsv of another directory waits for it: the record came with a copy of that. A
 * runsv that is about to be gone is in this one, or in none. */
function isAnothers(pid: number): boolean {
  const runsv = parentCalled("runsv", pid);
  const [theirs, ours] = [sys.stat(`/proc/${runsv}/cwd`), sys.stat(".")];
  if (typeof theirs === "number" || typeof ours === "number") return false;
  return !isSame(theirs, ours);
}

/** What supervise/stat tells; `path` is that of supervise. */
export function readStat(path: string): ReturnType<typeof decodeStat> {
  return decodeStat(readOwn(path, "stat", lineBytes));
}

/** What the last runsv knew of the last end; `path` is that of supervise. */
export function hasEndedEarly(path: string): boolean {
  return typeof sys.stat(`${path}/early`) !== "number";
}

function readEnds(path: string): Ends {
  return decodeEnds(readOwn(path, "exit", lineBytes)) ?? { exit: null, restarts: 0 };
}

/** What root or we have written there; "" where that is nothing, or another's. */
function readOwn(path: string, name: keyof Written, max: number): string {
  const text = sys.readown(`${path}/${name}`, max, true);
  return typeof text === "number" ? "" : text;
}

/** Tells the end of a process that is not our child: true while it lives. */
export function isAlive(path: string, state: "run" | "finish"): boolean {
  return sys.living(birthFile(path, state)) > 0;
}
