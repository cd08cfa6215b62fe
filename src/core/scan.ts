// What runsvdir does about a listing of its directory. Pure: it decides, runsvdir.ts acts.
//
// A service is its directory (device and inode), not its name: a link that is renamed is the
// same service, a directory that is removed and made again is another one, and the old one is
// brought down before the new one starts.
import { restartPauseMs, servicesMax, supervisorRetryMs } from "./limits.ts";
import type { Millis } from "./time.ts";

/** Where services are, unless somebody says otherwise. */
export const servicesDirectory = "/etc/service";

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
  /** Names for which there is no more room. */
  readonly refused: readonly string[];
}

/** Byte order, which is also the order in which services start. */
function byName(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

/** The names of a listing that are services: none that starts with a dot. */
export function serviceNames(listing: readonly string[]): readonly string[] {
  return listing.filter((name) => name[0] !== ".").sort(byName);
}

/** Compares what is there with what runs. `found` is in the order of starting. */
export function planScan(known: readonly Known[], found: readonly Found[]): Plan {
  const there = new Set(found.map(({ key }) => key));
  const running = new Set(known.map(({ key }) => key));
  const stop = known.filter((one) => !one.leaving && !there.has(one.key)).map(({ key }) => key);
  const stopping = new Set(stop);
  const taken = new Set<string>();
  for (const one of known) if (one.leaving || stopping.has(one.key)) taken.add(one.name);
  const start: Found[] = [];
  const refused: string[] = [];
  for (const one of found) {
    if (running.has(one.key) || taken.has(one.name)) continue;
    running.add(one.key); // A second link to the same directory is the same service.
    if (known.length + start.length < servicesMax) start.push(one);
    else refused.push(one.name);
  }
  return { start, stop, refused };
}

/** When a runsv that has ended is started again: at once when it was killed after a second of
 * life or more; one that ended by itself has a reason, or was told to, and gets a rest. */
export function restartAt(killed: boolean, startedAt: Millis, now: Millis): Millis {
  if (!killed) return now + supervisorRetryMs;
  return now - startedAt >= restartPauseMs ? now : now + restartPauseMs;
}
