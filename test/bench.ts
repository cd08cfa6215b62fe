// What the measurements share.
import { setTimeout as sleep } from "node:timers/promises";
import { withDescendants } from "../src/client/processes.ts";

export function median(numbers: readonly number[]): number {
  return numbers.toSorted((a, b) => a - b)[numbers.length >> 1] ?? Number.NaN;
}

/** Looks every 20 ms; throws after a minute. */
export async function waitUntil(what: string, look: () => boolean): Promise<void> {
  const end = Date.now() + 60_000;
  while (!look()) {
    if (Date.now() > end) throw new Error(`waited for ${what} in vain`);
    await sleep(20);
  }
}

export function descendants(pid: number): number[] {
  return withDescendants([pid]).filter((found) => found !== pid);
}
