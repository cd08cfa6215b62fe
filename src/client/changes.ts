// Noticing that something happened in a directory: every change is an event, and what has no
// event is found by looking again every `tickMs`. Used by watch() and log().
import { open, stat } from "node:fs/promises";
import { type FSWatcher, watch as watchPath } from "chokidar";
import { quoted, type ServiceDir, ServiceError } from "./error.ts";

const tickMs = 250;

/** Promise.withResolvers, which Node.js 20 has not. */
function withResolvers(): { promise: Promise<void>; resolve: () => void } {
  let resolve = (): void => {};
  const promise = new Promise<void>((settle) => {
    resolve = settle;
  });
  return { promise, resolve };
}

/** The watcher of one directory, not of what is in its directories, once it is in force. */
async function watchDirectory(path: string, ring: () => void): Promise<FSWatcher> {
  const watcher = watchPath(path, { depth: 0, ignoreInitial: true, ignored: (at) => at !== path });
  const { promise, resolve } = withResolvers();
  // "raw" is one event of inotify: chokidar's own events are throttled, and may leave one out.
  watcher.on("raw", ring).on("error", ring).on("ready", resolve);
  await promise;
  return watcher;
}

/** Which file or directory a path is: it may be removed and made again. "" where there is none. */
export async function identityOf(path: string): Promise<string> {
  // Whatever the reason of a failure: it cannot be watched.
  const found = await stat(path, { bigint: true }).catch(() => null);
  return found === null ? "" : `${found.dev}:${found.ino}`;
}

/** Remembers that something happened in a directory until somebody asks. */
export class Changes {
  #rung = false;
  #wake: (() => void) | null = null;
  #watcher: FSWatcher | null = null;
  #watched: string | null = null;
  readonly #signal: AbortSignal | undefined;

  /** An abort of the signal counts as a change. */
  constructor(signal?: AbortSignal) {
    this.#signal = signal;
    signal?.addEventListener("abort", this.#ring);
  }

  #ring = (): void => {
    this.#rung = true;
    this.#wake?.();
  };

  /**
   * Watches `path`, or `parent` while that is not there. True when this is a new watch: what was
   * read before it was in force has to be read again.
   */
  async follow(path: string, parent: string): Promise<boolean> {
    const identity = await identityOf(path);
    if (identity === this.#watched) return false;
    await this.#watcher?.close();
    this.#watcher = await watchDirectory(identity === "" ? parent : path, this.#ring);
    this.#watched = identity;
    return true;
  }

  /** Waits for the next change, or returns at once when one came since the last wait. */
  async wait(): Promise<void> {
    if (!this.#rung) {
      const { promise, resolve } = withResolvers();
      const timer = setTimeout(resolve, tickMs);
      this.#wake = resolve;
      await promise;
      clearTimeout(timer);
      this.#wake = null;
    }
    this.#rung = false;
  }

  async close(): Promise<void> {
    this.#signal?.removeEventListener("abort", this.#ring);
    await this.#watcher?.close();
  }
}

/** A directory as text, and what keeps it one. */
export interface Place {
  readonly path: string;
  close(): Promise<void>;
}

/** A name that is not UTF-8 cannot be given to a watcher; a descriptor's can. */
export async function placeOf(dir: ServiceDir): Promise<Place> {
  if (typeof dir === "string" || Buffer.from(dir.toString()).equals(dir)) {
    return { path: dir.toString(), close: async () => {} };
  }
  const pin = await open(dir).catch((error) => {
    const message = `unable to open ${quoted(dir)}: no such directory`;
    throw new ServiceError("no-such-service", message, error);
  });
  return { path: `/proc/self/fd/${pin.fd}`, close: () => pin.close() };
}
