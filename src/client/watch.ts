// Waiting for a service. Every change of supervise/ is an event, and the status is read after
// it. One thing has no event: the end of a supervisor that was killed. So a look is taken
// every `tickMs` too, which also makes up for an event that the watcher may have dropped.
import { open, stat } from "node:fs/promises";
import { inspect, isDeepStrictEqual } from "node:util";
import { type FSWatcher, watch as watchPath } from "chokidar";
import { quoted, type ServiceDir, ServiceError } from "./error.ts";
import { type ServiceStatus, status } from "./service.ts";

const tickMs = 250;

/** Remembers that something happened until somebody asks. */
class Alarm {
  #rung = false;
  #wake: (() => void) | null = null;

  ring = (): void => {
    this.#rung = true;
    this.#wake?.();
  };

  /** Waits for the next ring, or returns at once when one came since the last wait. */
  async wait(milliseconds: number): Promise<void> {
    if (!this.#rung) {
      const { promise, resolve } = withResolvers();
      const timer = setTimeout(resolve, milliseconds);
      this.#wake = resolve;
      await promise;
      clearTimeout(timer);
      this.#wake = null;
    }
    this.#rung = false;
  }
}

/** Promise.withResolvers, which Node.js 20 has not. */
function withResolvers(): { promise: Promise<void>; resolve: () => void } {
  let resolve = (): void => {};
  const promise = new Promise<void>((settle) => {
    resolve = settle;
  });
  return { promise, resolve };
}

/** The watcher of one directory, not of what is in it, once it is in force. */
async function watchDirectory(path: string, ring: () => void): Promise<FSWatcher> {
  const watcher = watchPath(path, { depth: 0, ignoreInitial: true, ignored: (at) => at !== path });
  const { promise, resolve } = withResolvers();
  // "raw" is one event of inotify: chokidar's own events are throttled, and may leave one out.
  watcher.on("raw", ring).on("error", ring).on("ready", resolve);
  await promise;
  return watcher;
}

/** Which directory supervise/ is: it may be made, removed and made again. */
async function identityOf(path: string): Promise<string> {
  const found = await stat(path).catch(() => null); // for whatever reason: it cannot be watched
  return found === null ? "" : `${found.dev}:${found.ino}`;
}

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
 * come as one. A directory that no runsv has entered yet is waited for.
 *
 * @throws {ServiceError} no-such-service when the directory is not there, or vanishes.
 */
export async function* watch(
  dir: ServiceDir,
  signal?: AbortSignal,
): AsyncGenerator<ServiceStatus, void, void> {
  const alarm = new Alarm();
  signal?.addEventListener("abort", alarm.ring);
  // A name that is not UTF-8 cannot be given to a watcher; a descriptor's can.
  const isText = typeof dir === "string" || Buffer.from(dir.toString()).equals(dir);
  const pin = isText ? null : await open(dir);
  const place = pin === null ? dir.toString() : `/proc/self/fd/${pin.fd}`;
  let watcher: FSWatcher | null = null;
  let watched: string | null = null;
  let last: ServiceStatus | null = null;
  try {
    while (!signal?.aborted) {
      const supervise = `${place}/supervise`;
      const identity = await identityOf(supervise);
      if (identity !== watched) {
        await watcher?.close();
        watcher = await watchDirectory(identity === "" ? place : supervise, alarm.ring);
        watched = identity;
        continue; // it may have changed before the watcher was in force
      }
      const next = await statusIfThere(dir);
      if (next !== null && !isDeepStrictEqual(next, last)) {
        last = next;
        yield next;
        continue;
      }
      await alarm.wait(tickMs);
    }
  } finally {
    signal?.removeEventListener("abort", alarm.ring);
    await watcher?.close();
    await pin?.close();
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
