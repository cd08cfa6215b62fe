// What is in the directory that runsvdir scans: services, and what is to be complained of there.
import { errnos, reason } from "../core/message.ts";
import { type Known, serviceNames } from "../core/scan.ts";
import { isDirectory, isLink, lstatIfThere, readdir, type Stat, SysError } from "../sys/posix.ts";
import { type Log, warn, well } from "./runsvdir-log.ts";
import {
  dropNotes,
  follow,
  followLink,
  type Notes,
  noteAll,
  noteName,
  type Trail,
} from "./runsvdir-watch.ts";

/** A name in the scanned directory. */
export interface Entry {
  /** Of the directory that it is, or leads to; null: it is no service. */
  readonly key: string | null;
  /** What it depends on. */
  readonly notes: Notes;
}

/** A directory, and the services that are known to be in it. */
interface Scanned extends Log {
  readonly directory: string;
  readonly children: ReadonlyMap<string, Known>;
  /** The directory by its path without links. */
  entered: string;
  /** By their names; those of a scan of everything are in the order of starting. */
  entries: Map<string, Entry>;
  /** Entries that lead nowhere, or could not be looked at: they are, after a while. */
  readonly unsure: Set<string>;
}

/** Lists everything; false when the directory cannot be read: then all stays as it is. */
export function listAll(state: Scanned, trail: Trail): boolean {
  try {
    const directory = enter(state, trail);
    const names = listNames(state, trail, directory);
    const entries = new Map<string, Entry>();
    state.unsure.clear();
    for (const name of names) entries.set(name, look(state, trail, directory, name));
    state.entered = directory;
    state.entries = entries;
    well(state, "/");
    forget(state, (name) => !entries.has(name));
    return true;
  } catch (error) {
    if (!(error instanceof SysError)) throw error;
    warn(state, "/", error.what, reason(error.errno));
    return false;
  }
}

/** The names in the directory. One without any can be removed without a word, where it is
 * somebody's working directory, and so its own name is watched. */
function listNames(state: Scanned, trail: Trail, directory: string): readonly string[] {
  const names = serviceNames(readdir(directory, state.directory));
  if (names.length > 0) return names;
  noteName(trail, directory);
  return serviceNames(readdir(directory, state.directory));
}

/** Looks again at entries that may have changed; the keys that they had, or have now. */
export function listAgain(state: Scanned, trail: Trail, names: ReadonlySet<string>): Set<string> {
  const { entered, entries } = state;
  const keys = new Set<string>();
  for (const name of names) {
    const old = entries.get(name);
    if (old !== undefined) dropNotes(trail.watch, name, old.notes);
    state.unsure.delete(name);
    const entry = look(state, trail, entered, name);
    for (const key of [old?.key, entry.key]) if (typeof key === "string") keys.add(key);
    entries.set(name, entry);
    if (entry.key !== null || sys.lstat(`${entered}/${name}`) !== -errnos.ENOENT) continue;
    entries.delete(name);
    state.unsure.delete(name);
  }
  forget(state, (name) => names.has(name) && !entries.has(name));
  return keys;
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
function forget(state: Scanned, isGone: (name: string) => boolean): void {
  if (state.said.size === 0) return;
  const running = new Set([...state.children.values()].map(({ name }) => name));
  for (const subject of state.said.keys()) {
    const name = subject.split("/", 1)[0] as string;
    if (name !== "" && isGone(name) && !running.has(name)) state.said.delete(subject);
  }
}

function look(state: Scanned, trail: Trail, directory: string, name: string): Entry {
  const notes: Notes = [];
  trail.notes = notes;
  const stat = statEntry(state, trail, directory, name);
  if (stat === null || stat === "unknown") state.unsure.add(name);
  if (stat === "unknown") return { key: keyKnown(state, name), notes };
  return { key: stat !== null && isDirectory(stat) ? stat.id : null, notes };
}

/** What an entry leads to, or null: a link to nothing, or a directory we may not look into. */
function statEntry(
  state: Scanned,
  trail: Trail,
  directory: string,
  name: string,
): Stat | "unknown" | null {
  const path = `${directory}/${name}`;
  try {
    const entry = lstatIfThere(path);
    if (entry === null) return null; // removed since it was listed: an event is on its way
    if (isLink(entry)) followLink(trail, directory, path, name);
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
export function isGone(errno: number): boolean {
  return errno === errnos.ENOENT || errno === errnos.ENOTDIR || errno === errnos.ELOOP;
}

/** The service of that name, while its directory cannot be looked at: no reason to stop it. */
function keyKnown({ children }: Scanned, name: string): string | null {
  for (const child of children.values()) {
    if (child.name === name && !child.leaving) return child.key;
  }
  return null;
}
