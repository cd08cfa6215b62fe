// A service's supervise/ from the outside: is there a runsv, what does it say, tell it.
// For sv and whatever else looks at a service; runsv's own side of these files is its own.
import { leadingNumber } from "../core/args.ts";
import { lineBytes, statusBytes } from "../core/limits.ts";
import { errnos, reason } from "../core/message.ts";
import {
  type Complaint,
  decodeComplaint,
  decodeEnds,
  decodeStatus,
  type Ends,
  type Status,
} from "../core/status.ts";
import { isFifo } from "../sys/posix.ts";

/** Why nothing can be said or sent: `unable to open supervise/ok: access denied`. */
export interface Trouble {
  readonly trouble: string;
  /** Nothing is there yet: a supervisor may be on its way. */
  readonly absent?: true;
}

/** No process reads what is written to it. */
export const gone = "runsv not running";

export type Seen = Status | Trouble | typeof gone;

export function isTrouble(seen: Seen): seen is Trouble {
  return typeof seen === "object" && "trouble" in seen;
}

function unable(what: string, errno: number): Trouble {
  const trouble = `unable to ${what}: ${reason(errno)}`;
  return errno === errnos.ENOENT ? { trouble, absent: true } : { trouble };
}

/** True where no supervisor is there, or none has written a status: one may be about to. */
export function isAbsent(seen: Seen): seen is Trouble | typeof gone {
  return seen === gone || (isTrouble(seen) && seen.absent === true);
}

/** A descriptor of supervise/ok, for its closing only: poll reports it once runsv has gone. */
export function openOk(directory: string): number | Trouble | typeof gone {
  const fd = sys.opennode(`${directory}/supervise/ok`, sys.O_WRONLY, 0);
  if (fd >= 0) return fd;
  return fd === -errnos.ENXIO ? gone : unable("open supervise/ok", -fd);
}

/** The status of the service in a directory. */
export function lookAt(directory: string): Seen {
  const ok = openOk(directory);
  if (typeof ok !== "number") return ok;
  sys.close(ok);
  return readStatus(directory);
}

/** What the last runsv has written, whether it is still there or not. */
export function readStatus(directory: string): Status | Trouble {
  const bytes = sys.readfile(`${directory}/supervise/status`, statusBytes, true);
  if (typeof bytes === "number") {
    const what = bytes === -errnos.EISDIR ? "read" : "open";
    return unable(`${what} supervise/status`, -bytes);
  }
  return decodeStatus(bytes) ?? { trouble: "unable to read supervise/status: bad format" };
}

export type Supervisor = "running" | "gone" | "unknown";

/** Whether there is a runsv, and whether that is one of ours, which tells in supervise/exit how
 * ./run has ended; runit's does not, and the file may be older than it. */
export interface Found {
  readonly supervisor: Supervisor;
  readonly tells: boolean;
}

/** Also for readers that may not open supervise/ok: then there is a birth record, which is of use
 * in the supervisor's PID namespace only. */
export function findSupervisor(directory: string): Found {
  const record = `${directory}/supervise/runsv.birth`;
  const ok = sys.opennode(`${directory}/supervise/ok`, sys.O_WRONLY, 0);
  if (ok >= 0) {
    const isLocked = sys.flock(ok, sys.LOCK_SH | sys.LOCK_NB) === -errnos.EAGAIN;
    sys.close(ok);
    return { supervisor: "running", tells: isLocked || sys.living(record) > 0 };
  }
  if (sys.living(record) > 0) return { supervisor: "running", tells: true };
  if ([errnos.ENXIO, errnos.ENOENT, errnos.ENOTDIR].some((errno) => ok === -errno)) {
    return { supervisor: "gone", tells: false };
  }
  return { supervisor: supervisorOf(record), tells: false };
}

/** For a reader who may not ask, from the record of a process that is not seen to live. */
function supervisorOf(record: string): Supervisor {
  const pid = leadingNumber(readLine(record));
  if (pid === null) return "unknown";
  // What is in /proc may be hidden from us (hidepid); that there is no such process is not.
  const isSeen = typeof sys.stat(`/proc/${pid}/stat`) !== "number";
  return isSeen || sys.kill(pid, 0) === -errnos.ESRCH ? "gone" : "unknown";
}

/** A file of one line in supervise/, or "". */
function readLine(path: string): string {
  const line = sys.readfile(path, lineBytes, true);
  return typeof line === "number" ? "" : line;
}

/** How ./run has ended and was started again; null where the runsv that is there does not tell,
 * being runit's, and what one of ours has left is old. */
export function readEnds(directory: string, { supervisor, tells }: Found): Ends | null {
  if (supervisor === "running" && !tells) return null;
  const ends = decodeEnds(readLine(`${directory}/supervise/exit`));
  return ends ?? (tells ? { exit: null, restarts: 0 } : null);
}

/** What runsv has complained of last, as long as that is not over. */
export function readComplaint(directory: string): Complaint | null {
  return decodeComplaint(readLine(`${directory}/supervise/complaint`));
}

/** Writes commands to runsv in one piece; null when that went well. */
export function tell(directory: string, bytes: string): null | Trouble | typeof gone {
  const fd = sys.opennode(`${directory}/supervise/control`, sys.O_WRONLY, 0);
  if (fd === -errnos.ENXIO) return gone;
  if (fd < 0) return unable("open supervise/control", -fd);
  const stat = sys.fstat(fd);
  const isHeard = typeof stat !== "number" && isFifo(stat);
  const written = isHeard ? sys.write(fd, bytes) : 0;
  sys.close(fd);
  if (!isHeard) return { trouble: "supervise/control exists but is not a fifo" };
  return written < 0 ? unable("write to supervise/control", -written) : null;
}

// --- Being told of changes ---------------------------------------------------------------

/** Asks for SIGIO when there is a new status; false where that cannot be had, or takes a descriptor
 * beyond `fdMax`: others are needed. Not inotify: its descriptor takes the kernel over 10 ms to
 * close, which would be most of what sv takes. */
export function watchStatus(directory: string, fdMax: number): boolean {
  const flags = sys.O_RDONLY | sys.O_NONBLOCK; // not a FIFO in its place
  const fd = sys.open(`${directory}/supervise`, flags, 0); // open for as long as sv runs
  if (fd >= 0 && fd < fdMax && sys.dnotify(fd) === 0) return true;
  if (fd >= 0) sys.close(fd);
  return false;
}

// --- ./check -----------------------------------------------------------------------------

/** Why ./check was not started: it is no program, or it cannot be known for now. */
export interface CheckFailure {
  readonly kind: "unable to run" | "unable to stat" | "unable to fork for";
  readonly errno: number;
}

export type CheckStart =
  | { readonly kind: "started"; readonly pid: number }
  | { readonly kind: "absent" }
  | CheckFailure;

/** Starts ./check of a service. */
export function startCheck(directory: string): CheckStart {
  const found = sys.stat(`${directory}/check`);
  if (found === -errnos.ENOENT) return { kind: "absent" };
  if (typeof found === "number") return { kind: "unable to stat", errno: -found };
  // Its output is nobody's. Without /dev the number is at least not free for another file.
  const sink = sys.open("/dev/null", sys.O_WRONLY | sys.O_NONBLOCK, 0);
  const output = sink >= 0 ? sink : sys.open("/", sys.O_RDONLY, 0);
  const fds = [-1, output];
  const pid = sys.spawn({ path: "check", argv: ["./check"], cwd: directory, fds, birth: null });
  sys.close(output);
  if (typeof pid === "number") return { kind: "started", pid };
  const [errno, call] = pid;
  return { kind: call === "fork" ? "unable to fork for" : "unable to run", errno };
}
