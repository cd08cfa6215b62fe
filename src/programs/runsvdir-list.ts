// What is in the directory that runsvdir scans: services, and what is to be complained of there.
import { errnos, reason } from "../core/message.ts";
import { type Found, type Known, serviceNames } from "../core/scan.ts";
import { isDirectory, isLink, lstatIfThere, readdir, type Stat, SysError } from "../sys/posix.ts";
import { type Log, warn, well } from "./runsvdir-log.ts";
import { follow, noteAll, type Trail } from "./runsvdir-watch.ts";

/** A directory, and the services that are known to be in it. */
interface Scanned extends Log {
  readonly directory: string;
  readonly children: ReadonlyMap<string, Known>;
}

export interface Listing {
  /** In the order of starting; null when the directory cannot be read: everything stays. */
  readonly services: readonly Found[] | null;
  readonly sure: boolean;
}

export function list(state: Scanned, trail: Trail): Listing {
  try {
    const directory = enter(state, trail);
    const names = serviceNames(readdir(directory, state.directory));
    const services: Found[] = [];
    let sure = true;
    for (const name of names) {
      const stat = look(state, trail, directory, name);
      if (stat === "unknown") services.push(...knownAs(state, name));
      else if (stat !== null && isDirectory(stat)) services.push({ name, key: stat.id });
      if (stat === null || stat === "unknown") sure = false;
    }
    well(state, "/");
    forget(state, names);
    return { services, sure };
  } catch (error) {
    if (!(error instanceof SysError)) throw error;
    warn(state, "/", error.what, reason(error.errno));
    return { services: null, sure: false };
  }
}

/** The scanned directory, watched, by a path without links where there is one. */
function enter(state: Scanned, trail: Trail): string {
  const directory = follow(trail, state.directory) ?? state.directory;
  if (!isDirectory(statOf(directory, state.directory))) {
    throw new SysError("change directory to", errnos.ENOTDIR, state.directory);
  }
  const entered = sys.stat(`${directory}/.`);
  if (typeof entered === "number") {
    throw new SysError("change directory to", -entered, state.directory);
  }
  noteAll(trail, directory);
  return directory;
}

function statOf(path: string, shown: string): Stat {
  const stat = sys.stat(path);
  if (typeof stat === "number") throw new SysError("stat", -stat, shown);
  return stat;
}

/** Complaints about what is no longer there would stand for ever. */
function forget(state: Scanned, names: readonly string[]): void {
  if (state.said.size === 0) return;
  const there = new Set(names);
  for (const { name } of state.children.values()) there.add(name);
  for (const subject of state.said.keys()) {
    const name = subject.split("/", 1)[0] as string;
    if (name !== "" && !there.has(name)) state.said.delete(subject);
  }
}

/** What an entry leads to, or null: a link to nothing, or a directory we may not look into. */
function look(
  state: Scanned,
  trail: Trail,
  directory: string,
  name: string,
): Stat | "unknown" | null {
  const path = `${directory}/${name}`;
  try {
    const entry = lstatIfThere(path);
    if (entry === null) return null; // removed since it was listed: an event is on its way
    if (isLink(entry)) follow(trail, path);
    const stat = isLink(entry) ? statOf(path, name) : entry;
    well(state, name);
    return stat;
  } catch (error) {
    if (!(error instanceof SysError)) throw error;
    if (sys.lstat(path) === -errnos.ENOENT) return null; // a link that was removed just now
    warn(state, name, `unable to stat ${name}`, reason(error.errno));
    return isGone(error.errno) ? null : "unknown";
  }
}

/** Where a path leads nowhere; any other errno says nothing about what is there. */
function isGone(errno: number): boolean {
  return errno === errnos.ENOENT || errno === errnos.ENOTDIR || errno === errnos.ELOOP;
}

/** The service of that name, while its directory cannot be looked at: no reason to stop it. */
function knownAs({ children }: Scanned, name: string): readonly Found[] {
  return [...children.values()].filter((child) => child.name === name && !child.leaving);
}
