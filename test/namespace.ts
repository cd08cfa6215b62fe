// A private world for process 1: PID, mount, network, host name and IPC namespaces; /etc, /run,
// /tmp and /var/log of its own. Its files are a directory of the test's, so that what is in
// /etc/service there can be watched from outside.
import { spawnSync } from "node:child_process";
import * as fs from "node:fs";
import path from "node:path";
import type { TestContext } from "node:test";
import { execaSync } from "execa";
import { linkedNames } from "../src/applets.ts";
import {
  bin,
  childrenOf,
  commandLine,
  eventually,
  inTime,
  kill,
  type Lines,
  type Output,
  type Program,
  root,
  run,
  serviceDir,
  start,
  tempDir,
  tempParent,
} from "./harness.ts";
import { inOwnPlaces, isRoot } from "./places.ts";

const apart = ["--pid", "--net", "--uts", "--ipc", "--fork", "--kill-child", "--mount-proc"];

/** unshare(1) with a world for this command as process 1, and its arguments. */
export function worldOf(t: TestContext, command: readonly string[]): [string, string[]] {
  return inOwnPlaces(tempDir(t), [tempParent()], command, apart);
}

const nsenterArgs = [
  ...(isRoot ? [] : ["--user", "--preserve-credentials"]),
  ...["--pid", "--mount", "--net", "--uts", "--ipc"],
];

function whyNot(): string | false {
  const { error, stderr, status } = spawnSync("unshare", [
    ...(isRoot ? [] : ["--user", "--map-root-user"]),
    ...["--mount", ...apart, "true"],
  ]);
  if (error === undefined && status === 0) return false;
  if (process.env.CI !== undefined) return false; // there it has to work
  return `no namespaces, type: sudo npm test (${error?.message ?? String(stderr).trim()})`;
}

/** For test(): skips where namespaces cannot be had, but never in CI. */
export const inNamespaces: { readonly skip: string | false } = { skip: whyNot() };

/** As inNamespaces, but for root. */
export const needsRoot: { readonly skip: string | false } = {
  skip: inNamespaces.skip || (isRoot ? false : "wants root"),
};

/** As inNamespaces, but for a build with sanitizers, which want /proc and much memory. */
export const unsanitized: { readonly skip: string | false } = {
  skip: (process.env.TRINIT_BIN ?? "").includes("asan")
    ? "sanitizers want /proc and memory"
    : inNamespaces.skip,
};

export interface NamespaceOptions {
  /** Process 1 and its arguments, as found in PATH there: `["init"]`. */
  readonly pid1: readonly string[];
  /** The files of /etc/runit, named as serviceDir() has it: stageFiles(), or others. */
  readonly runit: Record<string, string>;
  /** The files of each directory in /etc/service. */
  readonly services?: Readonly<Record<string, Record<string, string>>>;
  readonly env?: Readonly<Record<string, string>>;
  /** The executable that every program is a link to: bin("trinit") by default. */
  readonly trinit?: string;
  /** All tools in there are busybox's, and nothing else. */
  readonly isBusybox?: boolean;
  /** Shell commands, as process 1, before it becomes what was asked for. */
  readonly prepare?: string;
  /** A /dev/console of its own, which `console` reads. */
  readonly console?: boolean;
}

/** Process 1 of a namespace, seen from outside: `pid` is the one it has out here, 0 when it had
 * ended before anybody could look; signal() reaches it as an engine's or a kernel's would. */
export interface Namespace extends Program {
  /** The directory that is /etc in there. */
  readonly etc: string;
  /** What is written to /dev/console, where the namespace has its own. */
  readonly console: Lines;
  /** The service directory of that name. */
  service(name: string): string;
  /** Runs a program in there to its end: `run("sv", "status", "web")`. */
  run(...command: readonly string[]): Promise<Output>;
  /** Starts a program in there, which is no child of its process 1. */
  start(...command: readonly string[]): Program;
}

/** The tail of every path that a program of ours is looked for in. */
const searchPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
const setUp = `
  mount --bind "$1/etc" /etc
  mount --bind "$1/sbin" /usr/local/sbin
  if [ -e "$1/console" ]; then
    for node in null zero full random urandom tty; do
      : >"$1/dev/$node"
      mount --bind "/dev/$node" "$1/dev/$node"
    done
    : >"$1/dev/console"
    mount --bind "$1/console" "$1/dev/console"
    mount --rbind "$1/dev" /dev
  fi
  if [ -d "$1/tools" ]; then
    for place in /bin /sbin /usr/bin /usr/sbin; do
      [ -h "$place" ] || "$1/tools/busybox" mount --bind "$1/tools" "$place"
    done
  fi
  eval "$2"
  shift 2
  exec "$@"`;

/** A FIFO in place of a terminal: whoever opens it for both ways does not wait. */
function openConsole(t: TestContext, base: string): Lines {
  const fifo = path.join(base, "console");
  fs.mkdirSync(path.join(base, "dev"));
  execaSync("mkfifo", [fifo]);
  return start(t, "/bin/cat", { args: [fifo] }).stdout;
}

/** The files of a directory of this repository, named as serviceDir() has it; links as what they
 * lead to. */
export function filesOf(directory: string): Record<string, string> {
  const base = path.join(root, directory);
  const names = fs.readdirSync(base, { recursive: true, encoding: "utf8" });
  const files = names.filter((name) => fs.statSync(path.join(base, name)).isFile());
  return Object.fromEntries(
    files.map((name) => {
      const isExecutable = (fs.statSync(path.join(base, name)).mode & 0o100) !== 0;
      const text = fs.readFileSync(path.join(base, name), "latin1");
      return [isExecutable ? `${name}!` : name, text];
    }),
  );
}

export function stageFiles(): Record<string, string> {
  return filesOf("stages");
}

/** A directory with busybox and a link for each of its tools. */
function makeTools(directory: string): void {
  fs.mkdirSync(directory);
  const busybox = path.join(directory, "busybox");
  fs.copyFileSync("/bin/busybox", busybox);
  const { stdout } = spawnSync(busybox, ["--list"], { encoding: "utf8" });
  for (const name of stdout.split("\n").filter((name) => name !== "" && name !== "busybox")) {
    fs.symlinkSync("busybox", path.join(directory, name));
  }
}

/** The files of a namespace: etc, run, and sbin with a link per program. */
function makeFiles(base: string, options: NamespaceOptions): void {
  for (const name of ["etc/service", "run", "sbin"]) {
    fs.mkdirSync(path.join(base, name), { recursive: true });
  }
  const trinit = fs.realpathSync(options.trinit ?? bin("trinit"));
  for (const [name] of linkedNames()) fs.symlinkSync(trinit, path.join(base, "sbin", name));
  const etc = path.join(base, "etc");
  for (const name of ["passwd", "group"]) {
    fs.copyFileSync(path.join("/etc", name), path.join(etc, name));
  }
  serviceDir(etc, "runit", options.runit);
  if (options.isBusybox) makeTools(path.join(base, "tools"));
  for (const [name, files] of Object.entries(options.services ?? {})) {
    serviceDir(path.join(etc, "service"), name, files);
  }
}

/** The pid of process 1, once it is what was asked for; null when it has ended already. */
async function firstProcess(unshare: Program): Promise<number | null> {
  const { pid } = await eventually("process 1", async () => {
    if ((await Promise.race([unshare.exited, null])) !== null) return { pid: null };
    const [first] = childrenOf(unshare.pid);
    const title = first === undefined ? "" : commandLine(first);
    return first !== undefined && title !== "" && !title.includes("mount --bind") && { pid: first };
  });
  return pid;
}

/** Starts a namespace with this process 1; it ends with the test, and all that is in it. */
export async function startNamespace(
  t: TestContext,
  options: NamespaceOptions,
): Promise<Namespace> {
  const base = tempDir(t);
  const etc = path.join(base, "etc");
  makeFiles(base, options);
  const ownConsole = options.console === true ? openConsole(t, base) : null;
  const env = { PATH: searchPath, ...options.env };
  const prepare = options.prepare ?? "";
  const command = ["/bin/sh", "-ec", setUp, "sh", base, prepare, ...options.pid1];
  const [unshared, args] = inOwnPlaces(base, [tempParent()], command, apart);
  const unshare = start(t, unshared, {
    args,
    endSignal: "SIGKILL", // which its child gets, too
    env,
  });
  const pid = (await firstProcess(unshare)) ?? 0;
  const enter = (command: readonly string[]): string[] => [
    ...["--target", `${pid}`, ...nsenterArgs, "--"],
    ...command,
  ];
  let over = false;
  void unshare.exited.then(() => {
    over = true;
  });
  return {
    ...unshare,
    name: `process 1, ${options.pid1.join(" ")}`,
    pid,
    etc,
    console: ownConsole ?? unshare.stdout,
    waitForExit: async () => {
      const exit = await unshare.waitForExit();
      const said = Promise.all([unshare.stdout.closed, unshare.stderr.closed]);
      await inTime(said, "its last words", () => "somebody has its output still");
      return exit;
    },
    signal: (signal) => {
      if (!over && pid !== 0) kill(pid, signal);
    },
    service: (name) => path.join(etc, "service", name),
    run: (...command) => run(t, "/usr/bin/nsenter", enter(command), { env }),
    start: (...command) => {
      const endSignal = "SIGCONT"; // nothing: it ends when its child does, with the namespace
      return start(t, "/usr/bin/nsenter", { args: enter(command), env, endSignal });
    },
  };
}
