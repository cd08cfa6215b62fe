// A tree of services of one's own: an init in namespaces, or a runsvdir without.
import { accessSync, constants, existsSync, readdirSync, realpathSync } from "node:fs";
import { dirname, join } from "node:path";
import type { Readable } from "node:stream";
import { setTimeout as sleep } from "node:timers/promises";
import { openPipes, openTerminal } from "./console.ts";
import { quoted, ServiceError } from "./error.ts";
import {
  enterCommand,
  type Isolation,
  type Launch,
  type Launched,
  launch,
  type TreeExit,
} from "./launch.ts";
import { childrenOf, gone, kill, killTrees } from "./processes.ts";
import { control } from "./service.ts";
import { watch } from "./watch.ts";

export interface TreeOptions {
  /** The path of trinit, with the directory `bin` of its names beside it. */
  readonly executable: string;
  /** The directory that runsvdir scans. */
  readonly services: string;
  /** A directory with the files 1, 2, 3 and ctrlaltdel, as /etc/runit; the built-in stages where
   * there is none. Not used without isolation. */
  readonly stages?: string;
  /**
   * "root": new PID, mount and host name namespaces, which needs root. "user": the same in an
   * unprivileged user namespace. In both, /etc/service, /etc/runit, /run and /dev/console are the
   * tree's own, what it makes in /tmp is seen by it alone, and the programs are in /usr/local/sbin;
   * all else is the host's. "none": a runsvdir
   * among all other processes. "auto", the default: the first of them that the kernel allows.
   */
  readonly isolation?: Isolation | "auto";
  /** A pseudo-terminal, which needs node-pty, or pipes, the default. */
  readonly console?: "pty" | "pipe";
  /** Added to the environment of the first process, which is else PATH, HOME, TERM and LANG. */
  readonly env?: Readonly<Record<string, string>>;
  readonly columns?: number;
  readonly rows?: number;
  /** Kills the tree, and what is on its way to one. */
  readonly signal?: AbortSignal;
}

/** A tree that runs. It ends with the Node.js process that has started it, whatever ends that. */
export interface Tree extends AsyncDisposable {
  /** Of init, or of runsvdir, as seen from here. */
  readonly pid: number;
  readonly isolation: Isolation;
  /** What "auto" tried before in vain, and why. */
  readonly refused: readonly string[];
  /** What it prints, in UTF-8. It has to be read: who prints waits for that. */
  readonly console: Readable;
  /** The command that starts a shell inside, for a person. */
  readonly enter: string;
  readonly exited: Promise<TreeExit>;
  /** Types at the console. */
  write(text: string): Promise<void>;
  /** Gives the terminal another size. */
  resize(columns: number, rows: number): void;
  /** Sends a signal to the first process; false when it has ended. */
  signal(name: NodeJS.Signals): boolean;
  /**
   * Brings every service down: TERM to init, which enters stage 3; HUP to a runsvdir that is
   * alone. What is left after `timeoutMs`, 10 seconds by default, is killed.
   *
   * @throws {ServiceError} timeout when something had to be killed.
   */
  stop(timeoutMs?: number): Promise<TreeExit>;
}

const stopTimeoutMs = 10_000;

/**
 * Starts a tree of services; returns once its namespaces are made and the first process is about
 * to be init.
 *
 * @throws {ServiceError} not-startable when a file is missing; not-isolated when the kernel does
 * not allow the isolation that was asked for; no-terminal without node-pty.
 */
export async function startTree(options: TreeOptions): Promise<Tree> {
  const { isolation = "auto", signal } = options;
  signal?.throwIfAborted();
  checkFiles(options);
  const refused: string[] = [];
  for (const candidate of isolation === "auto" ? candidates() : [isolation]) {
    try {
      return await startIsolated(options, candidate, refused);
    } catch (error) {
      const isLast = candidate === "none" || isolation !== "auto";
      if (isLast || !(error instanceof ServiceError) || error.code !== "not-isolated") throw error;
      refused.push(error.message);
    }
  }
  throw new Error("no candidate"); // the last one has thrown or returned
}

function candidates(): readonly Isolation[] {
  return process.geteuid?.() === 0 ? ["root", "user", "none"] : ["user", "none"];
}

function checkFiles({ executable, services, stages }: TreeOptions): void {
  const bin = join(dirname(executable), "bin");
  for (const [path, mode] of [
    [executable, constants.X_OK],
    [join(bin, "init"), constants.X_OK],
    [join(bin, "runsvdir"), constants.X_OK],
    [services, constants.R_OK],
    ...(stages === undefined ? [] : [[stages, constants.R_OK] as const]),
  ] as const) {
    try {
      accessSync(path, mode);
    } catch (error) {
      const why = existsSync(path) ? "access denied" : "no such file";
      const message = `unable to start a tree: ${quoted(path)}: ${why}`;
      throw new ServiceError("not-startable", message, error);
    }
  }
}

async function startIsolated(
  options: TreeOptions,
  isolation: Isolation,
  refused: readonly string[],
): Promise<Tree> {
  const { columns = 80, rows = 24, stages, env = {}, signal } = options;
  const console = options.console === "pty" ? await openTerminal(columns, rows) : openPipes();
  const what: Launch = {
    isolation,
    console,
    bin: join(realpathSync(dirname(options.executable)), "bin"),
    services: realpathSync(options.services),
    stages: stages === undefined ? "" : realpathSync(stages),
    env,
    signal,
  };
  try {
    return makeTree(what, await launch(what), refused);
  } catch (error) {
    console.destroy();
    throw error;
  }
}

function makeTree(what: Launch, { pid, exited }: Launched, refused: readonly string[]): Tree {
  const { isolation, console, services, signal } = what;
  const isAlone = isolation === "none";
  let isOver = false;
  /** Without isolation: what would be left when runsvdir is gone. */
  let supervisors: readonly number[] = [];
  const killAll = async (): Promise<void> => {
    if (isAlone) await killTrees([...(isOver ? [] : [pid]), ...supervisors]);
    else send("SIGKILL");
    await exited;
  };
  const hurry = (): void => void killAll();
  const send = (name: NodeJS.Signals): boolean => !isOver && kill(pid, name);
  const stop = async (timeoutMs = stopTimeoutMs): Promise<TreeExit> => {
    if (isAlone && !isOver) supervisors = childrenOf(pid);
    send(isAlone ? "SIGHUP" : "SIGTERM");
    const ended = exited.then(() => (isAlone ? endServices(services, supervisors) : undefined));
    const late = sleep(timeoutMs, null, { ref: false });
    if ((await Promise.race([ended, late])) !== null) return exited;
    await killAll();
    const message = `waited ${timeoutMs} ms for the end of the tree in vain: it was killed`;
    throw new ServiceError("timeout", message);
  };
  signal?.addEventListener("abort", hurry);
  if (signal?.aborted) hurry();
  void exited.then(() => {
    isOver = true;
    if (!isAlone) signal?.removeEventListener("abort", hurry); // else the services may be left
    console.finish();
  });
  return {
    pid,
    isolation,
    refused,
    console: console.output.setEncoding("utf8"),
    enter: enterCommand(what, pid),
    exited,
    write: console.write,
    resize: console.resize,
    signal: send,
    stop,
    [Symbol.asyncDispose]: async () => {
      try {
        await stop();
      } finally {
        console.destroy();
      }
    },
  };
}

/** Waits for the supervisors that a runsvdir has told to exit, and tells those that it has not,
 * since somebody else has ended it. */
async function endServices(services: string, supervisors: readonly number[]): Promise<void> {
  await gone(supervisors);
  const names = readdirSync(services).filter((name) => !name.startsWith("."));
  await Promise.all(names.map((name) => endService(join(services, name))));
}

async function endService(dir: string): Promise<void> {
  try {
    await control(dir, "exit");
    for await (const { supervised } of watch(dir)) if (!supervised) return;
  } catch (error) {
    if (!(error instanceof ServiceError)) throw error; // there is none, or no more
  }
}
