// sv status --json: what is known of services, for programs. The schema is in sv(8).
import { jsonText } from "../core/json.ts";
import { errnos, reason } from "../core/message.ts";
import type { Exit, Status } from "../core/status.ts";
import { type Stamp, utcText } from "../core/time.ts";
import {
  type Found,
  findSupervisor,
  isTrouble,
  readEnds,
  readStatus,
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
  const tell = (name: string, found: Looked, log: string): string => {
    if (found.supervisor !== "running" || isTrouble(found.seen)) failures++;
    return members(name, found, log);
  };
  const lines = services.map(([name, directory]) => {
    const found = look(directory);
    const hasLog = found.isThere && sys.stat(`${directory}/log/.`) !== -errnos.ENOENT;
    const log = hasLog ? tell(`${name}/log`, look(`${directory}/log`), "null") : "null";
    return tell(name, found, log);
  });
  return { text: lines.length === 0 ? "[]\n" : `[\n${lines.join(",\n")}\n]\n`, failures };
}

/** A service, seen from outside. */
interface Looked extends Found {
  readonly directory: string;
  /** One can go there. */
  readonly isThere: boolean;
  readonly seen: Status | Trouble;
}

function look(directory: string): Looked {
  const entered = sys.stat(directory === "" ? "" : `${directory}/.`);
  if (typeof entered !== "number") {
    const found = findSupervisor(directory); // first: what it writes last is then read
    return { ...found, directory, isThere: true, seen: readStatus(directory) };
  }
  const supervisor = entered === -errnos.EACCES ? "unknown" : "gone";
  const trouble = `unable to change to service directory: ${reason(-entered)}`;
  return { directory, isThere: false, supervisor, tells: false, seen: { trouble } };
}

/** The state is null unless it is known: what a runsv that is gone has written is `last`. Put
 * together by hand: of thousands of services, a general encoder would take most of the time. */
function members(name: string, found: Looked, log: string): string {
  const { directory, isThere, supervisor, seen } = found;
  const status = isTrouble(seen) ? null : stateMembers(seen);
  const isLast = supervisor === "gone";
  const { head, paused } = (isLast ? null : status) ?? unknown;
  const ends = isThere ? readEnds(directory, found) : null;
  const last = isLast && status ? `{${status.head},"paused":${status.paused}}` : "null";
  const error = isTrouble(seen) ? jsonText(seen.trouble) : "null";
  return (
    `{"name":${jsonText(name)},${head},"exit":${exitText(ends?.exit ?? null)},` +
    `"restarts":${ends?.restarts ?? null},"paused":${paused},"log":${log},` +
    `"supervisor":"${supervisor}","last":${last},"error":${error}}`
  );
}

const unknown = { head: '"state":null,"want":null,"pid":null,"since":null', paused: "null" };

function stateMembers({ state, want, pid, since, paused }: Status): typeof unknown {
  const at = timeText(since);
  const head = `"state":"${state}","want":"${want}","pid":${pid === 0 ? null : pid},"since":${at}`;
  return { head, paused: `${paused}` };
}

/** RFC 3339, which ends with the year 9999; null: the status is garbage. */
function timeText(since: Stamp): string {
  const { seconds, nanoseconds } = since;
  if (seconds < 0 || seconds >= 253402300800 || nanoseconds >= 1e9) return "null";
  return `"${utcText(since, "T")}Z"`;
}

/** How ./run ended: by an exit code, or by a signal; neither when nobody knows. */
function exitText(exit: Exit | null): string {
  if (exit === null) return "null";
  const signal = exit.status & 0x7f; // without the bit of a core dump
  return `{"code":${exit.code < 0 ? null : exit.code},"signal":${signal === 0 ? null : signal}}`;
}
