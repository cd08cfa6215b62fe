// init in a container: where its services are, the exit code that is left for it, its main process,
// and the end of what descends from it where it is not process 1. programs/init.ts calls this.
import { leadingNumber } from "../core/args.ts";
import type { Event } from "../core/boot-state.ts";
import { signals } from "../core/commands.ts";
import type { Entrypoint } from "../core/entrypoint.ts";
import { lineBytes, restKillMs } from "../core/limits.ts";
import { reason, sentence } from "../core/message.ts";
import { serviceNames } from "../core/scan.ts";
import { forwarded, nothingToRun } from "../core/single.ts";
import { waitReady } from "../sys/loop.ts";
import { complain, ownPaths, Refusal } from "../sys/posix.ts";
import { send, startCommand } from "./entrypoint.ts";
import { listDescendants } from "./parents.ts";
import { serviceTree } from "./shadow-files.ts";
import { services } from "./trinit-services.ts";

const failed = 111;

function warn(what: string, why?: string): void {
  complain(sentence("trinit", "warning", what, why));
}

// --- Before stage 2 --------------------------------------------------------------------------

/** Where services are supervised, and where an exit code may be left, into the environment; false
 * where services can be supervised nowhere. */
export function prepareServices(options: Entrypoint, stages: string | null): boolean {
  const given = services();
  const listing = sys.readdir(given);
  const count = typeof listing === "number" ? 0 : serviceNames(listing).length;
  if (options.command.length === 0 && count === 0) warnOfNothing(given, stages);
  warnOfLimit(count, options);
  const tree = serviceTree(given);
  if (tree instanceof Refusal) {
    complain(sentence("trinit", "fatal", tree.message));
    return false;
  }
  if (tree !== given) {
    complain(`trinit: services are supervised in ${tree}, which ${given} does not allow`);
    sys.setenv("SVDIR", tree);
  }
  makeCodeFile(tree);
  return true;
}

function warnOfNothing(directory: string, stages: string | null): void {
  const hasStage = stages !== null && typeof sys.stat(`${stages}/2`) !== "number";
  if (!hasStage) complain(nothingToRun(directory, "warning"));
}

/** A supervisor, its service, and who brings its lines out: root has no such limit. */
function warnOfLimit(count: number, { log }: Entrypoint): void {
  const limit = sys.getrlimit(sys.RLIMIT_NPROC);
  if (sys.geteuid() === 0 || typeof limit === "number") return;
  const needed = count * (log === "plain" ? 2 : 3);
  if (limit[0] < 0 || limit[0] >= needed) return;
  const what = `${count} services need ${needed} processes, and the limit is ${limit[0]}`;
  warn(what, "raise it (--ulimit nproc=N, ulimit -u)");
}

/** An empty file, for whoever brings the container down and has an exit code for it. */
function makeCodeFile(tree: string): void {
  const own = sys.getpid() === 1 ? "" : `.${sys.getpid()}`;
  sys.mkdir("/run/runit", 0o755); // there already, or it cannot be: then the file tells
  let result = 0;
  for (const path of [`/run/runit/exitcode${own}`, `${tree}/.exitcode`]) {
    sys.unlink(path); // what a predecessor has left, mostly nothing
    result = sys.open(path, sys.O_WRONLY | sys.O_CREAT | sys.O_EXCL, 0o644);
    if (result < 0) continue;
    sys.close(result);
    sys.setenv("TRINIT_EXITCODE", path);
    return;
  }
  warn("unable to create /run/runit/exitcode", reason(-result));
}

/** The exit code that somebody has left, or null. */
export function readCode(): number | null {
  const text = sys.readfile(sys.getenv("TRINIT_EXITCODE") ?? "", lineBytes);
  const code = typeof text === "number" ? null : leadingNumber(text);
  return code === null || code > 255 ? null : code;
}

/** Whoever is not process 1 leaves nothing behind. */
export function removeCodeFile(): void {
  const path = sys.getenv("TRINIT_EXITCODE");
  if (path) for (const file of [path, `${path}.stopit`, `${path}.reboot`]) sys.unlink(file);
}

/** What services see where they are to see nothing of the container's: how to find programs, and
 * what is ours. */
export function cleanEnvironment(): readonly string[] {
  const kept = ["PATH=", "SVDIR=", "TRINIT_"];
  return sys.environ().filter((entry) => kept.some((start) => entry.startsWith(start)));
}

// --- The main process ------------------------------------------------------------------------

/** Who ends when the services are up: as the leader of a session, which can be killed. */
export function startAwait({ waitMs }: Entrypoint): Event {
  const argv = ["trinit", "await", `${Math.ceil(waitMs / 1000)}`];
  for (const path of waitMs === 0 ? [] : ownPaths()) {
    const pid = sys.spawn({ path, argv, cwd: null, fds: [0, 1, 2], birth: null, session: true });
    if (typeof pid === "number") return { kind: "awaitStarted", pid };
    warn(`unable to run ${path}`, reason(pid[0]));
  }
  return { kind: "awaitEnded" };
}

/** In a process group of its own, with our terminal, directory and environment. */
export function startMain({ command }: Entrypoint): Event {
  const started = startCommand(command);
  if (typeof started === "number") return { kind: "mainStarted", pid: started };
  complain(started.line);
  return { kind: "mainFailed", code: started.code };
}

/** A signal for the main process, as its command line wants to have it. */
export function tellMain(options: Entrypoint, pid: number, signal: number): void {
  const sent = signal === signals.KILL ? signal : forwarded(options, signal);
  if (sent !== 0) send(options, pid, sent);
}

// --- Not as process 1 ------------------------------------------------------------------------

/** To everything that descends from us, and so to nobody else's. */
export function tellDescendants(signal: number): number {
  const pids = listDescendants(sys.getpid());
  if (pids === null) warn("unable to find the processes to end", "/proc is not there");
  for (const pid of pids ?? []) sys.kill(pid, signal);
  return pids?.length ?? 0;
}

/** KILL, until nothing is left. What a disk holds up is left behind. */
export function killDescendants(): void {
  sys.reapall([]);
  const until = sys.monotonic() + restKillMs;
  while (tellDescendants(signals.KILL) > 0 && sys.monotonic() < until) {
    sys.reapall([]);
    waitReady([], sys.monotonic() + 1); // nothing of them runs any more
  }
}

/** Who cannot be supervised ends the container so. */
export const unsupervised: Event = { kind: "stageEnded", ending: { code: 0 }, asked: failed };
