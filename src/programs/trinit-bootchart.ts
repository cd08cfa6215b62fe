// trinit bootchart: a picture of the boot on stdout, out of what the kernel, stage 1 and the
// supervisors have written down anyway. Whoever cannot read all of it gets what is left.
import { type Boot, chartOf, type Unit } from "../core/bootchart.ts";
import { drawChart } from "../core/bootchart-svg.ts";
import {
  clockStarts,
  type Known,
  momentOf,
  parseBirth,
  parseParts,
  secondsMs,
  ticksMs,
} from "../core/boottimes.ts";
import { chartServicesMax, lineBytes } from "../core/limits.ts";
import { errnos, reason, sentence } from "../core/message.ts";
import { parseRunning, type Running } from "../core/rest.ts";
import { serviceNames } from "../core/scan.ts";
import { decodeEnds, type Ends, type Status } from "../core/status.ts";
import type { Millis } from "../core/time.ts";
import { complain, writeAll } from "../sys/posix.ts";
import { isTrouble, readStatus } from "./sv-service.ts";
import { services as servicesDirectory } from "./trinit-services.ts";
import { timesFile } from "./trinit-stage.ts";

/** What everything is compared with. */
interface Frame {
  readonly boot: string;
  /** What has begun before is of another boot. */
  readonly floor: Millis;
}

/** Something could not be read, and was said. */
let isPartial = false;

function warn(what: string, why = ""): void {
  isPartial = true;
  complain(sentence("trinit", "warning", what, why));
}

/** The file, or "" where there is none. */
function read(path: string): string {
  const text = sys.readfile(path, lineBytes);
  if (typeof text === "string") return text;
  if (text !== -errnos.ENOENT && text !== -errnos.ENOTDIR) {
    warn(`unable to read ${path}`, reason(-text));
  }
  return "";
}

/** /proc's word of a process, or null. */
function processOf(pid: number): Running | null {
  return pid <= 0 ? null : parseRunning(read(`/proc/${pid}/stat`));
}

function startOf(process: Running | null): Millis | null {
  return process === null ? null : ticksMs(process.start);
}

/** Whether process 1 is init, whose title has its stage. */
function isUnderInit(): boolean {
  return read("/proc/1/cmdline").includes("\0[");
}

// --- Services ------------------------------------------------------------------------------

/** A service or a log as it is read; its end needs the clocks of all others. */
interface Seen {
  readonly path: string;
  readonly status: Status | null;
  readonly ends: Ends;
  readonly supervised: Millis | null;
  readonly started: Millis | null;
  /** The pid of its runsv; 0: that has gone. */
  readonly runsv: number;
}

function look(path: string, { boot, floor }: Frame): Seen {
  const supervise = `${path}/supervise`;
  const runsv = sys.living(`${supervise}/runsv.birth`);
  const found = readStatus(path);
  if (isTrouble(found)) warn(path, found.trouble);
  const status = isTrouble(found) ? null : found;
  const birth = (name: string) =>
    status && parseBirth(read(`${supervise}/${name}.birth`), boot, floor);
  const run = birth("run");
  const isOther = status?.state === "run" && status.pid !== run?.pid;
  return {
    path,
    status,
    ends: decodeEnds(status ? read(`${supervise}/exit`) : "") ?? { exit: null, restarts: 0 },
    supervised: birth("runsv")?.at ?? null,
    started: isOther ? null : (run?.at ?? null),
    runsv,
  };
}

/** The stamps of those that run: they were taken when their processes began. */
function knownStamps(seen: readonly Seen[]): readonly Known[] {
  return seen.flatMap(({ status, started }) =>
    status?.state === "run" && started !== null ? [{ stamp: status.since, at: started }] : [],
  );
}

function unitOf(seen: Seen, starts: readonly Millis[], now: Millis): Unit {
  const { status, ends, supervised, started } = seen;
  const state = status?.state ?? null;
  const isDown = status !== null && state === "down" && started !== null;
  const ended = isDown ? momentOf(status.since, starts, started, now) : null;
  const isOver = status !== null && status.want === "down";
  return { supervised, started, ended, state, isOver, ends };
}

interface SeenService {
  readonly name: string;
  readonly main: Seen;
  readonly log: Seen | null;
}

function readServices(directory: string, frame: Frame): readonly SeenService[] {
  const listing = sys.readdir(directory);
  if (typeof listing === "number") warn(`unable to open directory ${directory}`, reason(-listing));
  const names = serviceNames(typeof listing === "number" ? [] : listing).filter(
    (name) => typeof sys.stat(`${directory}/${name}/.`) !== "number",
  );
  if (names.length > chartServicesMax) {
    warn(`only ${chartServicesMax} services of ${names.length} are drawn`);
  }
  return names.slice(0, chartServicesMax).map((name) => {
    const path = `${directory}/${name}`;
    const hasLog = typeof sys.stat(`${path}/log/supervise`) !== "number";
    return { name, main: look(path, frame), log: hasLog ? look(`${path}/log`, frame) : null };
  });
}

// --- The boot ------------------------------------------------------------------------------

/** The runsvdir that has these services: the parent of a runsv. */
function findRunsvdir(seen: readonly Seen[]): Running | null {
  for (const { runsv } of seen) {
    const parent = processOf(processOf(runsv)?.parent ?? 0);
    if (parent?.name === "runsvdir") return parent;
  }
  return null;
}

function readBoot(now: Known): Boot {
  const isMachine = sys.machine();
  const init = isUnderInit() ? startOf(processOf(1)) : null;
  const floor = isMachine ? 0 : (init ?? 0);
  const frame = { boot: read("/proc/sys/kernel/random/boot_id"), floor };
  const seen = readServices(servicesDirectory(), frame);
  const all = seen.flatMap(({ main, log }) => (log === null ? [main] : [main, log]));
  const starts = clockStarts(now, knownStamps(all));
  const services = seen.map(({ name, main, log }) => ({
    name,
    ...unitOf(main, starts, now.at),
    log: log && unitOf(log, starts, now.at),
    isLeft: main.supervised !== null && main.runsv <= 0,
  }));
  const found = findRunsvdir(all);
  const runsvdir = startOf(found);
  if (init !== null && (found === null || found.parent === 1)) {
    const parts = parseParts(read(timesFile), floor, runsvdir ?? now.at);
    return { kind: isMachine ? "machine" : "container", origin: floor, parts, runsvdir, services };
  }
  const origin = runsvdir ?? firstOf(services);
  return { kind: "tree", origin, parts: [], runsvdir, services };
}

function firstOf(services: readonly Unit[]): Millis {
  const known = services.flatMap(({ supervised }) => supervised ?? []);
  return known.length === 0 ? 0 : Math.min(...known);
}

/** `trinit bootchart`; the exit code. */
export function bootchart(): number {
  const [seconds, nanoseconds] = sys.realtime();
  const at = secondsMs(read("/proc/uptime"));
  if (at === null) {
    complain(sentence("trinit", "fatal", "unable to tell when the system has started: no /proc"));
    return 111;
  }
  const boot = readBoot({ stamp: { seconds, nanoseconds }, at });
  const chart = chartOf(boot);
  const [host, kernel] = ["hostname", "osrelease"].map((name) =>
    read(`/proc/sys/kernel/${name}`).trimEnd(),
  );
  const title = [host, chart.up].filter((word) => word !== "").join(": ");
  const count = boot.services.length;
  const subtitle = [
    ...(chart.login === "" ? [] : [chart.login]),
    ...[`Linux ${kernel}`, `trinit ${VERSION}`, count === 1 ? "1 service" : `${count} services`],
  ];
  writeAll(1, drawChart(chart, title, subtitle.join(", ")), "stdout");
  return isPartial ? 1 : 0;
}
