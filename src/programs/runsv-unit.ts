// What runsv keeps of a service and of its logger, and what it tells of them in supervise/.
import { type EndsSaid, noEndSaid } from "../core/ends.ts";
import { commandsPerTurn, diskRetryMs } from "../core/limits.ts";
import { errnos, type Level, sentence } from "../core/message.ts";
import { endedEarly } from "../core/service.ts";
import {
  type Effect,
  type Event,
  type Exit,
  newService,
  type Service,
} from "../core/service-state.ts";
import { encodeComplaint } from "../core/status.ts";
import type { Millis, Stamp } from "../core/time.ts";
import type { Ended } from "../sys/loop.ts";
import { complain, isRemoved, reasonOf, SysError } from "../sys/posix.ts";
import {
  leaveComplaint,
  type News,
  type SuperviseFiles,
  writeBirths,
  writeStatusFiles,
} from "./runsv-files.ts";

/** The service, or its logger. */
export interface Unit {
  readonly files: SuperviseFiles;
  service: Service;
  /** The stamp in the status. */
  since: Stamp;
  /** The control script that runs; 0: none. */
  scriptPid: number;
  /** Set while the process is not our child but was taken over from a killed runsv. */
  adopted: { readonly state: "run" | "finish"; readonly pidfd: number | null } | null;
  /** When a status that could not be written (disk full, read-only) is tried again. */
  unwrittenUntil: Millis | null;
  /** Starts of ./run after the first; -1 before that. */
  restarts: number;
  /** The last end of ./run. */
  exit: Exit | null;
  /** That end came within a second of the start, unasked. */
  early: boolean;
  /** What was said of ends that nobody has asked for. */
  said: EndsSaid;
  /** What stands in supervise/complaint. */
  complaint: string;
}

/** What happened and is to be decided on, or what was decided and is to be done. */
export type Task = Event | Effect;

interface Owed {
  readonly unit: Unit;
  readonly task: Task;
  attempts: number;
}

export interface Supervisor {
  /** For messages: `runsv web`. */
  readonly who: string;
  readonly main: Unit;
  readonly log: Unit | null;
  /** From the service to its logger: read end, write end; -1 once closed. */
  readonly pipe: { read: number; write: number };
  readonly signalFd: number;
  readonly buffer: Uint8Array;
  /** Children that were reaped, not handled yet. */
  readonly ends: Ended[];
  /** What has come and nobody has handled yet, and what follows from it. */
  readonly owed: Owed[];
  /** The end of a service with a file `essential` is ours, too. */
  readonly honoursEssential: boolean;
  /** Once the logger is retired: when we leave without it, if an essential service has ended. */
  leaveAt: Millis | null;
  /** What ./run leaves behind becomes ours. */
  isSubreaper: boolean;
  /** That the service directory was removed is said. */
  isRemovalSaid: boolean;
}

export function newUnit(isLog: boolean, files: SuperviseFiles): Unit {
  return {
    files,
    service: newService(isLog),
    since: now(),
    scriptPid: 0,
    adopted: null,
    unwrittenUntil: null,
    restarts: -1,
    exit: null,
    early: false,
    said: noEndSaid,
    complaint: "",
  };
}

export function newSupervisor(
  who: string,
  main: Unit,
  log: Unit | null,
  ends: Supervisor["pipe"],
  signalFd: number,
  honoursEssential: boolean,
): Supervisor {
  return {
    who,
    main,
    log,
    pipe: ends,
    signalFd,
    buffer: new Uint8Array(commandsPerTurn),
    ends: [],
    owed: [],
    honoursEssential,
    leaveAt: null,
    isRemovalSaid: false,
    isSubreaper: false,
  };
}

export function now(): Stamp {
  const [seconds, nanoseconds] = sys.realtime();
  return { seconds, nanoseconds };
}

/** Keeps what supervise/exit tells, and forgets a complaint once ./run has been started. */
export function count(unit: Unit, before: Service): void {
  const { state, startedAt, exit } = unit.service;
  if (startedAt !== before.startedAt) unit.restarts++;
  if (exit !== before.exit) {
    unit.exit = exit;
    unit.early = endedEarly(before, unit.service, unit.early, sys.monotonic());
  }
  if (state === "run" && before.state === "down") unit.complaint = "";
}

/** Says it, and leaves it for sv. */
export function say(
  supervisor: Supervisor,
  unit: Unit,
  level: Level,
  what: string,
  why = "",
): void {
  const text = sentence(supervisor.who, level, what, why);
  complain(text);
  unit.complaint = encodeComplaint({ since: now(), text });
  leaveComplaint(unit.files, unit.complaint);
}

/** True when the end of ./run is to be the end of all, as its directory says. */
export function isEssential({ honoursEssential }: Supervisor, { service }: Unit): boolean {
  return honoursEssential && !service.log && typeof sys.stat("essential") !== "number";
}

/** What is to be written of a service. That it was told to end without TERM, runit does not say: it
 * is said where who comes after us needs it, for `timeout-kill` and `essential`. */
export function newsOf(supervisor: Supervisor, unit: Unit): News {
  const { service, since, complaint } = unit;
  const { state, want, pid, paused, gotTerm, due } = service;
  const wanted = want === "up" ? "up" : "down";
  const status = { state, want: wanted, pid, paused, gotTerm, since } as const;
  const ending = service.ending && (due !== null || isEssential(supervisor, unit));
  return { status, told: { want, ending }, ends: unit, early: unit.early, complaint };
}

/** A status that cannot be written (disk full, read-only) never stops the service. */
export function announce(supervisor: Supervisor, unit: Unit, stamped: boolean): void {
  if (stamped) unit.since = now();
  if (unit.unwrittenUntil !== null) {
    unit.complaint = ""; // it was about this, and is over or not
    writeBirths(unit.files.path, unit.service.state, unit.service.pid);
  }
  try {
    writeStatusFiles(unit.files, newsOf(supervisor, unit));
    unit.unwrittenUntil = null;
  } catch (error) {
    if (!(error instanceof SysError)) throw error;
    if (error.errno === errnos.ENOENT && isRemoved()) {
      tellRemoved(supervisor);
      unit.unwrittenUntil = null;
      return;
    }
    say(supervisor, unit, "warning", error.what, reasonOf(error));
    unit.unwrittenUntil = sys.monotonic() + diskRetryMs;
  }
}

/** Nobody will read a status there again. */
function tellRemoved(supervisor: Supervisor): void {
  if (supervisor.isRemovalSaid) return;
  supervisor.isRemovalSaid = true;
  complain(sentence(supervisor.who, "warning", "the service directory was removed"));
}
