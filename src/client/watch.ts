// Waiting for a service. Every change of supervise/ is an event, and the status is read after
// it. One thing has no event: the end of a supervisor that was killed. A look that is taken now
// and then finds that, and makes up for an event that the watcher may have dropped.
import { inspect, isDeepStrictEqual } from "node:util";
import { Changes, placeOf } from "./changes.ts";
import { quoted, type ServiceDir, ServiceError } from "./error.ts";
import { type ServiceStatus, status } from "./service.ts";

/** The status, or null before the first supervisor. */
async function statusIfThere(dir: ServiceDir): Promise<ServiceStatus | null> {
  try {
    return await status(dir);
  } catch (error) {
    if (error instanceof ServiceError && error.code === "not-supervised") return null;
    throw error;
  }
}

/**
 * The status now, and then after every change, until the loop is left or `signal` aborts (which
 * ends the loop; it does not throw). Changes that follow each other faster than they are read
 * come as one; that a service has become steady is one, too. A directory that no runsv has
 * entered yet is waited for.
 *
 * @throws {ServiceError} no-such-service when the directory is not there, or vanishes.
 */
export async function* watch(
  dir: ServiceDir,
  signal?: AbortSignal,
): AsyncGenerator<ServiceStatus, void, void> {
  const place = await placeOf(dir);
  const changes = new Changes(signal);
  let last: ServiceStatus | null = null;
  try {
    while (!signal?.aborted) {
      if (await changes.follow(`${place.path}/supervise`, place.path)) continue;
      const next = await statusIfThere(dir);
      if (next !== null && !isDeepStrictEqual(next, last)) {
        last = next;
        yield next;
        continue;
      }
      await changes.wait();
    }
  } finally {
    await changes.close();
    await place.close();
  }
}

/**
 * The first status that the predicate accepts, from now on.
 *
 * @throws {ServiceError} timeout after `timeoutMs`, with the last status in its message.
 */
export async function until(
  dir: ServiceDir,
  predicate: (status: ServiceStatus) => boolean,
  timeoutMs: number,
): Promise<ServiceStatus> {
  let last: ServiceStatus | null = null;
  for await (const next of watch(dir, AbortSignal.timeout(timeoutMs))) {
    if (predicate(next)) return next;
    last = next;
  }
  const seen = last === null ? "never supervised" : `the last status is ${inspect(last)}`;
  const message = `waited ${timeoutMs} ms for ${quoted(dir)} in vain: ${seen}`;
  throw new ServiceError("timeout", message);
}
