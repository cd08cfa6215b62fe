// What runsvdir knows: its services, and what is to be done about them.
import type { Found } from "../core/scan.ts";
import type { Millis } from "../core/time.ts";
import type { Limit } from "../sys/posix.ts";
import type { Adopted, Adoption } from "./runsvdir-adopt.ts";
import type { Ending } from "./runsvdir-end.ts";
import type { Entry } from "./runsvdir-list.ts";
import type { Log } from "./runsvdir-log.ts";
import type { Relay, Relays } from "./runsvdir-relay.ts";
import type { Changes, Watch } from "./runsvdir-watch.ts";

/** A service directory and its runsv. */
export interface Child extends Found {
  /** Of a link to it that is there: another one once this one is renamed or removed. */
  name: string;
  /** 0 while there is none. */
  pid: number;
  startedAt: Millis;
  /** The name that its last runsv has. */
  startedAs: string;
  /** When a runsv is to be forked; null: it runs, or leaves. By setDue() only. */
  due: Millis | null;
  leaving: boolean;
  /** Its runsv, when that is another runsvdir's, which has gone. */
  adopted: Adopted | null;
  /** The read end of the log pipe; -1: there is no log. */
  pipe: number;
  /** Who brings its output out; null: nobody has to. */
  relay: Relay | null;
}

export interface Runsvdir extends Log {
  readonly directory: string;
  /** -P: every runsv gets a session, and so a process group, of its own. */
  readonly sessions: boolean;
  readonly children: Map<string, Child>;
  /** Those that have a runsv, by its pid. */
  readonly running: Map<number, Child>;
  /** Those whose runsv is to be forked. */
  readonly due: Set<Child>;
  readonly adoption: Adoption;
  readonly relays: Relays;
  readonly watch: Watch;
  /** See runsvdir-list.ts. */
  entered: string;
  entries: Map<string, Entry>;
  readonly unsure: Set<string>;
  /** What the next scan looks at, besides what it could not look at before. */
  changes: Changes;
  /** Names that something else has until a runsv has ended. */
  readonly waiting: Set<string>;
  readonly signalFd: number;
  /** The limit on descriptors that services shall see, not the one we gave ourselves. */
  readonly descriptorLimit: Limit | null;
  /** What forked supervisors share: see samples(). */
  readonly samples: unknown;
  scanDue: Millis | null;
  /** Told to end, as PID 1, or by the end of an essential service: every runsv is waited for. */
  ending: Ending | null;
  /** ALRM came: say so once the scan is done. */
  rescanTold: boolean;
}

/** Its directory, by its name. */
export function pathOf({ directory }: Runsvdir, { name }: Child): string {
  return `${directory}/${name}`;
}

export function setPid({ running }: Runsvdir, child: Child, pid: number): void {
  running.delete(child.pid);
  child.pid = pid;
  if (pid > 0) running.set(pid, child);
}

export function setDue({ due }: Runsvdir, child: Child, at: Millis | null): void {
  child.due = at;
  if (at === null) due.delete(child);
  else due.add(child);
}

/** An entry has to be looked at. */
export function noteChange(state: Runsvdir, name: string): void {
  state.changes.names.add(name);
  state.scanDue = sys.monotonic();
}
