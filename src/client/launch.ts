// Starts the first process of a tree, in namespaces or not, and hears from it who it is.
import { spawn } from "node:child_process";
import { join } from "node:path";
import { type Console, spawnWith } from "./console.ts";
import { ServiceError } from "./error.ts";

/** What separates a tree from all other processes; see TreeOptions. */
export type Isolation = "root" | "user" | "none";

/** How the first process ended. */
export interface TreeExit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

export interface Launch {
  readonly isolation: Isolation;
  readonly console: Console;
  /** The directory of the programs. */
  readonly bin: string;
  readonly services: string;
  /** "" for the built-in ones. */
  readonly stages: string;
  readonly env: Readonly<Record<string, string>>;
  readonly signal: AbortSignal | undefined;
}

export interface Launched {
  /** Of init, or of runsvdir. */
  readonly pid: number;
  readonly exited: Promise<TreeExit>;
}

/** In namespaces, everything dies with init, and init with unshare. */
const unshare = ["unshare", "--pid", "--mount", "--uts", "--fork", "--kill-child"];
const runsvdir = 'echo "init is $$" >&2; exec "$1" -P "$2" 2>&1';

/** The command that becomes the first process. It ends with us: killed, or told to hang up. */
function commandOf({ isolation, bin, services, stages, console }: Launch): readonly string[] {
  if (isolation === "none") {
    const shell = ["sh", "-c", runsvdir, "sh", join(bin, "runsvdir"), services];
    return ["setpriv", "--pdeathsig", "HUP", ...shell];
  }
  const user = isolation === "user" ? ["--user", "--map-root-user"] : [];
  const script = join(import.meta.dirname, "namespace.sh");
  const shell = ["sh", script, bin, services, stages, console.terminal];
  return ["setpriv", "--pdeathsig", "KILL", ...unshare, ...user, ...shell];
}

function environmentOf({ bin, env }: Launch): Record<string, string> {
  const { PATH = "/usr/sbin:/usr/bin:/sbin:/bin", HOME, TERM, LANG } = process.env;
  const own = { PATH: `${bin}:${PATH}`, HOME, TERM, LANG };
  const there = Object.entries(own).filter((entry): entry is [string, string] => !!entry[1]);
  return { ...Object.fromEntries(there), ...env };
}

/**
 * Starts the first process.
 *
 * @throws {ServiceError} not-isolated, with what the kernel or a program said against it;
 * not-startable without isolation.
 */
export async function launch(what: Launch): Promise<Launched> {
  const { isolation, console, signal } = what;
  const [file = "", ...args] = commandOf(what);
  const options = {
    cwd: "/",
    env: environmentOf(what),
    detached: true, // a session of its own: a Ctrl-C is ours to handle
  };
  const child = spawnWith(console, (stdio) => spawn(file, args, { ...options, stdio }));
  const { stderr } = child;
  if (stderr === null) throw new Error("no pipe"); // as the types have it: there is one
  const exited = new Promise<TreeExit>((resolve) => {
    child.once("exit", (code, name) => resolve({ code, signal: name }));
  });
  const abort = (): void => void child.kill("SIGKILL");
  signal?.addEventListener("abort", abort);
  console.connect(child.stdin, child.stdout);
  let said = "";
  stderr.setEncoding("utf8").on("data", (text: string) => {
    said += text;
  });
  const pid = await new Promise<number | null>((resolve) => {
    stderr.on("data", () => {
      const found = /^init is (\d+)$/m.exec(said);
      if (found !== null) resolve(Number(found[1]));
    });
    child.once("error", (error) => {
      said = error.message;
      resolve(null);
    });
    child.once("close", () => resolve(null));
  });
  signal?.removeEventListener("abort", abort);
  if (pid === null) {
    signal?.throwIfAborted();
    throw refusal(isolation, said);
  }
  return { pid, exited };
}

function refusal(isolation: Isolation, said: string): ServiceError {
  const why = said.trim().split("\n")[0] ?? "";
  if (isolation === "none") {
    return new ServiceError("not-startable", `unable to start runsvdir: ${why}`);
  }
  const whose = isolation === "root" ? "root's" : "a user's";
  return new ServiceError("not-isolated", `unable to make ${whose} namespaces: ${why}`);
}

/** As a shell reads it. */
export function word(text: string): string {
  return /^[\w/.:@-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
}

/** The command that starts a shell inside the tree. */
export function enterCommand({ isolation, bin, services }: Launch, pid: number): string {
  const path = `PATH=${word(bin)}:"$PATH"`;
  if (isolation === "none") return `env SVDIR=${word(services)} ${path} sh`;
  const user = isolation === "user" ? " --user --preserve-credentials" : "";
  return `nsenter --target ${pid}${user} --mount --pid --uts env ${path} sh`;
}
