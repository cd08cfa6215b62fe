// What runsvdir does about a listing of its directory. Pure: it decides, runsvdir.ts acts.
//
// A service is its directory (device and inode), not its name: a link that is renamed is the
// same service, a directory that is removed and made again is another one, and the old one is
// brought down before the new one starts.
import { restartPauseMs, supervisorRetryMs } from "./limits.ts";
import type { Millis } from "./time.ts";

/** Where services are, unless somebody says otherwise. */
export const servicesDirectory = "/etc/service";
/** Where other systems have them: Void, Artix, daemontools. Where the first is missing, the next
 * one is meant. */
export const servicesPlaces = [
  servicesDirectory,
  "/var/service",
  "/run/runit/service",
  "/service",
] as const;

/** A directory in the listing. */
export interface Found {
  readonly name: string;
  /** Device and inode: what makes it itself. */
  readonly key: string;
}

/** A service that has, or is about to get, a runsv. */
export interface Known extends Found {
  /** Its directory is gone: its runsv was told to exit. */
  readonly leaving: boolean;
}

export interface Plan {
  readonly start: readonly Found[];
  readonly stop: readonly string[];
  /** Names that have to be looked at again once a service that leaves is gone. */
  readonly waiting: readonly string[];
}

/** Byte order, which is also the order in which services start. */
function byName(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

/** The names of a listing that are services: none that starts with a dot. */
export function serviceNames(listing: readonly string[]): readonly string[] {
  return listing.filter((name) => name[0] !== ".").sort(byName);
}

/** Compares what is there with what runs, or the part of both that has changed: services that are
 * told to end, and whatever has a name or a directory in common with what has changed. `found` is
 * in the order of starting. */
export function planScan(known: readonly Known[], found: readonly Found[]): Plan {
  const there = new Set(found.map(({ key }) => key));
  const running = new Set(known.map(({ key }) => key));
  const stop = known.filter((one) => !one.leaving && !there.has(one.key)).map(({ key }) => key);
  const ending = new Set(stop);
  for (const one of known) if (one.leaving) ending.add(one.key);
  const taken = new Set<string>();
  for (const one of known) if (ending.has(one.key)) taken.add(one.name);
  const start: Found[] = [];
  const waiting: string[] = [];
  for (const one of found) {
    if (ending.has(one.key) || (taken.has(one.name) && !running.has(one.key))) {
      waiting.push(one.name);
    } else if (!running.has(one.key)) {
      running.add(one.key); // A second link to the same directory is the same service.
      start.push(one);
    }
  }
  return { start, stop, waiting };
}

/** Entries that were looked at again. */
export interface Change {
  readonly names: ReadonlySet<string>;
  /** The directories that they were, or led to, and those of now. */
  readonly keys: ReadonlySet<string>;
}

/** The part of what runs, and of the directory's entries, that a change concerns; null: all. */
export function partOf<One extends Known>(
  known: Iterable<One>,
  entries: Iterable<readonly [name: string, entry: { readonly key: string | null }]>,
  change: Change | null,
): { readonly known: readonly One[]; readonly found: readonly Found[] } {
  const keys = new Set(change?.keys);
  const part: One[] = [];
  for (const one of known) {
    const isConcerned =
      change === null || one.leaving || keys.has(one.key) || change.names.has(one.name);
    if (!isConcerned) continue;
    part.push(one);
    keys.add(one.key);
  }
  const found: Found[] = [];
  for (const [name, { key }] of entries) {
    if (key !== null && (change === null || keys.has(key))) found.push({ name, key });
  }
  return { known: part, found: found.sort((a, b) => byName(a.name, b.name)) };
}

/** When a runsv that has ended is started again: at once when it was killed after a second of
 * life or more; one that ended by itself has a reason, or was told to, and gets a rest. */
export function restartAt(killed: boolean, startedAt: Millis, now: Millis): Millis {
  if (!killed) return now + supervisorRetryMs;
  return now - startedAt >= restartPauseMs ? now : now + restartPauseMs;
}
