// The boot as rows of bars: what began when, what waited for what, what has ended. Pure:
// programs/trinit-bootchart.ts has the times, core/bootchart-svg.ts draws the rows.
import type { Part } from "./boottimes.ts";
import { signals } from "./commands.ts";
import { bootQuietMs } from "./limits.ts";
import type { Ends, State } from "./status.ts";
import type { Millis } from "./time.ts";

/** A service or its log, as its files tell of it. Times are null where they are not known. */
export interface Unit {
  /** When its runsv began. */
  readonly supervised: Millis | null;
  /** The last start of ./run. */
  readonly started: Millis | null;
  /** When it went down, where it is. */
  readonly ended: Millis | null;
  readonly state: State | null;
  /** It is to stay down: it has done what it was started for. */
  readonly isOver: boolean;
  readonly ends: Ends;
}

export interface Service extends Unit {
  readonly name: string;
  readonly log: Unit | null;
  /** Its runsv has gone: the rest is what that has left. */
  readonly isLeft: boolean;
}

/** tree: runsvdir alone, under another init. */
export type Kind = "machine" | "container" | "tree";

export interface Boot {
  readonly kind: Kind;
  /** Times are told from here on: the start of the kernel, of process 1, or of runsvdir. */
  readonly origin: Millis;
  /** In order; none where stage 1 does not write them down. */
  readonly parts: readonly Part[];
  readonly runsvdir: Millis | null;
  readonly services: readonly Service[];
}

/** unsure: it was started again, and nobody knows when first, or its end is not known. */
export type Look =
  | ("kernel" | "stage" | "part")
  | ("wait" | "run" | "done" | "failed" | "unsure" | "log");

export interface Bar {
  readonly look: Look;
  readonly from: Millis;
  /** null: it goes on. */
  readonly to: Millis | null;
}

export interface Row {
  readonly name: string;
  readonly bars: readonly Bar[];
  readonly log: Bar | null;
  /** What is said beside the bars. */
  readonly text: string;
}

export interface Chart {
  readonly rows: readonly Row[];
  readonly origin: Millis;
  /** The end of the boot; what is later is only told. */
  readonly end: Millis;
  /** What was when, in words: when all was up, and when one could log in. */
  readonly up: string;
  readonly login: string;
}

/** `120 ms`, `1.32 s`, `5 min`, `3 h`, `12 d`. */
export function durationText(ms: Millis): string {
  if (ms < 1000) return `${ms} ms`;
  if (ms < 60_000) return `${(ms / 1000).toFixed(2)} s`;
  const minutes = Math.floor(ms / 60_000);
  if (minutes < 120) return `${minutes} min`;
  const hours = Math.floor(minutes / 60);
  return hours < 48 ? `${hours} h` : `${Math.floor(hours / 24)} d`;
}

/** Services stand in the order in which they were begun; those of one moment as they come. */
export function chartOf(boot: Boot): Chart {
  const { origin, services } = boot;
  const rows = services.map((service) => serviceRow(service, origin));
  rows.sort((a, b) => beginOf(a) - beginOf(b));
  const end = endOfBoot(boot);
  const starts = services.filter((service) => isFirst(service) && (service.started ?? 0) <= end);
  starts.sort((a, b) => (a.started ?? 0) - (b.started ?? 0));
  const login = starts.find(({ name }) => name.includes("getty"));
  const after = (what: string, service?: Service): string =>
    service ? `${what} after ${durationText((service.started ?? 0) - origin)}` : "";
  return {
    rows: [...stageRows(boot), ...rows],
    origin,
    end,
    up: after("up", starts.at(-1)),
    login: after(`login (${login?.name})`, login),
  };
}

/** What nothing is known of comes last. */
function beginOf({ bars }: Row): Millis {
  return bars[0]?.from ?? Number.MAX_SAFE_INTEGER;
}

/** The start that is known is the first one. */
function isFirst({ started, ends }: Unit): boolean {
  return started !== null && ends.restarts === 0;
}

// --- Stages --------------------------------------------------------------------------------

function stageRow(look: Look, name: string, from: Millis, to: Millis | null): Row {
  const text = to === null ? "" : to === from ? "< 10 ms" : durationText(to - from);
  return { name, bars: [{ look, from, to }], log: null, text };
}

/** Stage 1 ends when its last part does, and where that is not known, when stage 2 begins. */
function stageRows({ kind, origin, parts, runsvdir }: Boot): readonly Row[] {
  if (kind === "tree") return [stageRow("stage", "runsvdir", origin, null)];
  const end = parts.at(-1)?.to ?? runsvdir;
  if (end === null) return [];
  const rows: Row[] = [];
  const begin = parts[0]?.from;
  if (kind === "container") rows.push(stageRow("stage", "stage 1", origin, end));
  else if (begin === undefined) rows.push(stageRow("kernel", "kernel, stage 1", origin, end));
  else {
    rows.push(stageRow("kernel", "kernel", origin, begin));
    rows.push(stageRow("stage", "stage 1", begin, end));
  }
  for (const { name, from, to } of parts) rows.push(stageRow("part", name, from, to));
  return [...rows, stageRow("stage", "stage 2: runsvdir", end, null)];
}

// --- Services ------------------------------------------------------------------------------

function serviceRow(service: Service, origin: Millis): Row {
  const { name, log } = service;
  const isShown = log !== null && log.started !== null;
  const bar = isShown ? ({ look: "log", from: log.started, to: log.ended } as Bar) : null;
  return { name, bars: barsOf(service), log: bar, text: textOf(service, origin) };
}

/** What runsv waited before the start, and the run. Of a service that was started again, there is
 * the last start, and nobody knows what was before it. */
function barsOf(unit: Unit): readonly Bar[] {
  const { supervised, started, ended, state, ends } = unit;
  const bars: Bar[] = [];
  if (supervised !== null && supervised <= (started ?? supervised)) {
    const look = ends.restarts > 0 ? "unsure" : "wait";
    bars.push({ look, from: supervised, to: started ?? supervised });
  }
  if (started === null) return bars;
  const look =
    state === "run" ? "run" : ended === null ? "unsure" : hasFailed(ends) ? "failed" : "done";
  return [...bars, { look, from: started, to: ended }];
}

/** By itself: TERM is what it was told to end with. */
function hasFailed({ exit }: Ends): boolean {
  return exit !== null && (exit.code > 0 || ![0, signals.TERM].includes(exit.status & 0x7f));
}

function textOf(service: Service, origin: Millis): string {
  const { supervised, started, ended, state, ends, isLeft } = service;
  const { exit, restarts } = ends;
  const words: string[] = [];
  if (started !== null) {
    words.push(`${restarts > 0 ? "last " : ""}at ${durationText(started - origin)}`);
  } else words.push(state === "down" ? "down" : supervised === null ? "times not known" : "");
  if (started !== null && ended !== null) words.push(`took ${durationText(ended - started)}`);
  else if (state === "down" && started !== null) words.push("has ended");
  if (state === "finish") words.push("./finish runs");
  if (state === "down" && started !== null && hasFailed(ends) && exit !== null) {
    words.push(exit.code < 0 ? `signal ${exit.status & 0x7f}` : `exit ${exit.code}`);
  }
  if (restarts > 0) words.push(`restarted ${restarts === 1 ? "once" : `${restarts} times`}`);
  if (isLeft) words.push("runsv not running");
  return words.filter((word) => word !== "").join(", ");
}

// --- The end of the boot -------------------------------------------------------------------

/** The last moment before nothing happens for a while. That something is started again because it
 * does not stay up is nothing. Before stage 2 all happens in one row, and may take its time. */
function endOfBoot({ origin, runsvdir, parts, services }: Boot): Millis {
  const units = services.flatMap((service) => (service.log ? [service, service.log] : [service]));
  const moments = units.flatMap((unit) => {
    const { supervised, started, ended } = unit;
    return isFirst(unit) || unit.isOver ? [supervised, started, ended] : [supervised];
  });
  let end = Math.max(runsvdir ?? origin, parts.at(-1)?.to ?? origin);
  for (const at of moments.map((known) => known ?? 0).sort((a, b) => a - b)) {
    if (at > end + bootQuietMs) break;
    end = Math.max(end, at);
  }
  return end;
}
