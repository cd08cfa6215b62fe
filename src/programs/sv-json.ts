// sv status --json: what is known of services, for programs. The schema is in sv(8).
import { type Json, jsonText } from "../core/json.ts";
import { errnos, reason } from "../core/message.ts";
import type { Exit, Status } from "../core/status.ts";
import { type Stamp, utcText } from "../core/time.ts";
import {
  findSupervisor,
  isTrouble,
  readEnds,
  readStatus,
  type Supervisor,
  type Trouble,
} from "./sv-service.ts";

export interface Told {
  /** A JSON array, with one service per line. */
  readonly text: string;
  /** How many services and logs no runsv is known to look after, or have no status. */
  readonly failures: number;
}

/** Tells of services and their logs: [name, directory] of each. */
export function tellAll(services: readonly (readonly [string, string])[]): Told {
  let failures = 0;
  const tell = (name: string, found: Found, log: Json): Json => {
    if (found.supervisor !== "running" || isTrouble(found.seen)) failures++;
    return members(name, found, log);
  };
  const lines = services.map(([name, directory]) => {
    const found = look(directory);
    const hasLog = found.isThere && sys.stat(`${directory}/log/.`) !== -errnos.ENOENT;
    const log = hasLog ? tell(`${name}/log`, look(`${directory}/log`), null) : null;
    return jsonText(tell(name, found, log));
  });
  return { text: lines.length === 0 ? "[]\n" : `[\n${lines.join(",\n")}\n]\n`, failures };
}

/** A service, seen from outside. */
interface Found {
  readonly directory: string;
  /** One can go there. */
  readonly isThere: boolean;
  readonly supervisor: Supervisor;
  readonly seen: Status | Trouble;
}

function look(directory: string): Found {
  const entered = sys.stat(directory === "" ? "" : `${directory}/.`);
  if (typeof entered !== "number") {
    const supervisor = findSupervisor(directory); // first: what it writes last is then read
    return { directory, isThere: true, supervisor, seen: readStatus(directory) };
  }
  const supervisor = entered === -errnos.EACCES ? "unknown" : "gone";
  const trouble = `unable to change to service directory: ${reason(-entered)}`;
  return { directory, isThere: false, supervisor, seen: { trouble } };
}

/** The state is null unless it is known: what a runsv that is gone has written is `last`. */
function members(name: string, found: Found, log: Json): Json {
  const { directory, isThere, supervisor, seen } = found;
  const status = isTrouble(seen) ? null : stateMembers(seen);
  const isLast = supervisor === "gone";
  const { state, want, pid, since, paused } = (isLast ? null : status) ?? unknown;
  const ends = isThere ? readEnds(directory, supervisor) : null;
  return {
    name,
    state,
    want,
    pid,
    since,
    exit: exitMembers(ends?.exit ?? null),
    restarts: ends?.restarts ?? null,
    paused,
    log,
    supervisor,
    last: isLast ? status : null,
    error: isTrouble(seen) ? seen.trouble : null,
  };
}

const unknown = { state: null, want: null, pid: null, since: null, paused: null };

function stateMembers({ state, want, pid, since, paused }: Status) {
  return { state, want, pid: pid === 0 ? null : pid, since: timeText(since), paused };
}

/** RFC 3339, which ends with the year 9999; null: the status is garbage. */
function timeText(since: Stamp): string | null {
  const { seconds, nanoseconds } = since;
  if (seconds < 0 || seconds >= 253402300800 || nanoseconds >= 1e9) return null;
  return `${utcText(since, "T")}Z`;
}

/** How ./run ended: by an exit code, or by a signal; neither when nobody knows. */
function exitMembers(exit: Exit | null): Json {
  if (exit === null) return null;
  const signal = exit.status & 0x7f; // without the bit of a core dump
  return { code: exit.code < 0 ? null : exit.code, signal: signal === 0 ? null : signal };
}
