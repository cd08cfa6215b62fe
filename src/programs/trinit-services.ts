// All services at once, as the stages of init see them: waited for until they are up (trinit
// await), and brought down at the end (trinit stage 3).
import { leadingNumber } from "../core/args.ts";
import {
  awaitLookMs,
  lineBytes,
  restContainerSeconds,
  restLookMs,
  restWatched,
} from "../core/limits.ts";
import { errnos, reason, sentence } from "../core/message.ts";
import { serviceNames } from "../core/scan.ts";
import type { Status } from "../core/status.ts";
import type { Millis } from "../core/time.ts";
import { waitReady } from "../sys/loop.ts";
import {
  close,
  complain,
  getrlimit,
  isDirectory,
  ownPaths,
  pipe,
  statIfThere,
  tryRead,
} from "../sys/posix.ts";
import { stepUntil } from "./end-limits.ts";
import { listDescendants } from "./parents.ts";
import { findServices } from "./service-place.ts";
import { gone, openOk, readStatus, tell } from "./sv-service.ts";

/** $SVDIR, or where services run. */
export function services(): string {
  return sys.getenv("SVDIR") || findServices();
}

function warn(what: string, why?: string): void {
  complain(sentence("trinit", "warning", what, why));
}

/** The entries of a directory that may be services, as paths that sv takes for such. */
function servicePaths(directory: string): readonly string[] {
  const names = sys.readdir(directory);
  if (typeof names === "number") {
    if (names !== -errnos.ENOENT) warn(`unable to open directory ${directory}`, reason(-names));
    return [];
  }
  const base = directory.startsWith("/") ? directory : `./${directory}`;
  return serviceNames(names).map((name) => `${base}/${name}`);
}

function has(path: string): boolean {
  return typeof sys.stat(path) !== "number";
}

/** True where a runsv is there. */
function isSupervised(path: string): boolean {
  const ok = openOk(path);
  if (typeof ok === "number") close(ok);
  return typeof ok === "number";
}

// --- Up --------------------------------------------------------------------------------------

/** Until every service that is to be up is so, and its check agrees, as sv sees it; those that are
 * late are named, and no reason to wait any longer. */
export function awaitServices(seconds: number): number {
  const until = sys.monotonic() + seconds * 1000;
  const paths = servicePaths(services()).filter((path) => {
    const stat = statIfThere(path);
    return stat !== null && isDirectory(stat) && !has(`${path}/down`);
  });
  // A runsv that has just begun has no status yet, and sv would not wait for it.
  const isMissing = (path: string): boolean => !isSupervised(path) || "trouble" in readStatus(path);
  let missing = paths.filter(isMissing);
  while (missing.length > 0 && sys.monotonic() < until) {
    waitReady([], Math.min(until, sys.monotonic() + awaitLookMs));
    missing = missing.filter(isMissing);
  }
  for (const path of missing) warn(`no runsv in ${path} after ${seconds} seconds, going on`);
  const rest = paths.filter((path) => !missing.includes(path));
  if (rest.length > 0) checkServices(rest, Math.ceil((until - sys.monotonic()) / 1000));
  // The end of an essential one ends the container, and us, once runsvdir has said so.
  const isOver = (path: string): boolean => {
    const status = readStatus(path);
    return has(`${path}/essential`) && "want" in status && status.want === "down";
  };
  while (rest.some(isOver) && sys.monotonic() < until) waitReady([], sys.monotonic() + awaitLookMs);
  return 0;
}

/** sv tells of every service; those that are up are not worth a line. */
function checkServices(paths: readonly string[], seconds: number): void {
  const [output, input] = pipe();
  const argv = ["sv", "-w", `${Math.max(0, seconds)}`, "check", ...paths];
  const sv = { argv, cwd: null, fds: [-1, input, -1], birth: null };
  let started: ReturnType<typeof sys.spawn> = 0;
  for (const path of ownPaths()) {
    started = sys.spawn({ ...sv, path });
    if (typeof started === "number") break;
    warn(`unable to run ${path}`, reason(started[0]));
  }
  close(input);
  for (const line of readLines(output)) if (!line.startsWith("ok: ")) warn("not up", line);
  close(output);
  if (typeof started === "number") sys.waitpid(started, 0);
}

/** All lines, once the other end is closed. */
function readLines(fd: number): readonly string[] {
  const buffer = new Uint8Array(4096);
  let text = "";
  for (let got = tryRead(fd, buffer, "pipe"); got; got = tryRead(fd, buffer, "pipe")) {
    text += String.fromCharCode(...buffer.subarray(0, got));
  }
  return text.split("\n").slice(0, -1);
}

// --- Down ------------------------------------------------------------------------------------

/** A service whose runsv was told to exit. */
interface Ending {
  readonly path: string;
  /** supervise/ok, while it is among those that are polled: poll tells when runsv has gone. */
  ok: number | null;
  /** When it is killed, and then when it is given up. */
  until: Millis;
  isKilled: boolean;
}

/** Every service down but those that others need to the end, or `withLast` all there are. The
 * supervisors that only wait for a logger are left to `init`, whose stage 3 this is, or else are
 * waited for, too. One that is not process 1 may have found services that are somebody else's. */
export function stopServices(until: Millis, withLast: boolean, init: number | string): void {
  const all = typeof init !== "number";
  const own = all || init === 1 ? null : listDescendants(init);
  const isOwn = (path: string) =>
    own?.includes(sys.living(`${path}/supervise/runsv.birth`)) ?? true;
  const supervised = servicePaths(services()).filter((path) => isSupervised(path) && isOwn(path));
  const paths = withLast ? supervised : supervised.filter((path) => !has(`${path}/last`));
  let left = paths.flatMap((path) => tellToExit(path, until));
  const { soft } = getrlimit("nofile");
  const watchedMax = Math.min(restWatched, Math.floor((soft ?? restWatched * 4) / 4));
  let look: Millis = 0; // nobody tells of those that are not among the first, or are killed late
  while (left.length > 0) {
    const ready = waitReady(holdOks(left.slice(0, watchedMax)), look);
    const isLook = sys.monotonic() >= look;
    left = left.filter((one) => !((isLook || ready.includes(one.ok ?? -1)) && isOver(one)));
    if (!isLook) continue;
    if (!all && left.every(isLogging)) break;
    look = sys.monotonic() + restLookMs;
  }
  for (const one of left) release(one);
}

/** The descriptors to poll. One that is not to be had is looked for again. */
function holdOks(services: readonly Ending[]): readonly number[] {
  for (const one of services) {
    const ok = one.ok === null ? openOk(one.path) : one.ok;
    one.ok = typeof ok === "number" ? ok : null;
  }
  return services.flatMap(({ ok }) => (ok === null ? [] : [ok]));
}

function release(service: Ending): void {
  if (service.ok !== null) close(service.ok);
  service.ok = null;
}

/** False, and said, when it cannot be told. */
function command(path: string, letter: string): boolean {
  const told = tell(path, letter);
  if (told === null || told === gone) return true;
  warn(path, told.trouble);
  return false;
}

/** As sv's exit; a service that says how long it takes is waited for as long, and its runsv kills
 * it. */
function tellToExit(path: string, until: Millis): readonly Ending[] {
  if (!command(path, "x")) return []; // nothing comes of it that could be waited for
  const own = sys.readfile(`${path}/timeout-kill`, lineBytes);
  const ownMs = typeof own === "number" ? null : leadingNumber(own);
  const extraMs = ownMs === 0 ? Number.POSITIVE_INFINITY : (ownMs ?? 0);
  return [{ path, ok: null, until: until + extraMs, isKilled: false }];
}

/** True when its runsv has gone, or is not worth waiting for. */
function isOver(service: Ending): boolean {
  const isLate = sys.monotonic() >= service.until;
  const isGone = !isSupervised(service.path);
  if (!isGone && isLate && !service.isKilled) killLate(service);
  else if (isGone || isLate) {
    release(service);
    return true;
  }
  return false;
}

function statusOf({ path }: Ending): Status | null {
  const status = readStatus(path);
  return "trouble" in status ? null : status;
}

function killLate(service: Ending): void {
  const { path } = service;
  const status = statusOf(service);
  complain(`kill: ${status?.state ?? "run"}: ${path}: (pid ${status?.pid ?? 0})`);
  command(path, "k");
  service.isKilled = true;
  service.until = stepUntil(restContainerSeconds * 1000);
}

/** The service is down, and its runsv waits for the end of the log. */
function isLogging(service: Ending): boolean {
  const status = statusOf(service);
  return status !== null && status.state === "down" && status.pid === 0;
}

/** The processes of loggers that have a runsv. */
export function loggers(): readonly number[] {
  const logs = servicePaths(services()).map((path) => `${path}/log`);
  return logs.flatMap((path) => {
    const status = isSupervised(path) ? readStatus(path) : null;
    return status === null || "trouble" in status || status.pid === 0 ? [] : [status.pid];
  });
}
