// entrypoint: what a container starts. With services, or stages of its own, it becomes init; with a
// command alone it stays: forwards signals to it, reaps what is left to us, and ends with its exit
// code. host.c calls it for `trinit entrypoint`, and for process 1 with words that are not ours.
import { isElsewhere, placesOf } from "../core/chpst.ts";
import { signals } from "../core/commands.ts";
import { type Entrypoint, parseEntrypoint, usage } from "../core/entrypoint.ts";
import { type Errno, errnos, reason } from "../core/message.ts";
import { serviceNames, servicesDirectory } from "../core/scan.ts";
import { signalNumber } from "../core/signals.ts";
import {
  exitCode,
  forwarded,
  forwardedSignals,
  isEnd,
  isStop,
  isTerminalStop,
  noServices,
  nothingToRun,
  notStarted,
  othersServices,
  say,
  systemFailed,
  wrongCall,
} from "../core/single.ts";
import type { Millis } from "../core/time.ts";
import { baseName } from "../core/verbs.ts";
import { type Outcome, openSignals, readSignals, runTurns } from "../sys/loop.ts";
import { complain, execReason, isDirectory, isLocked } from "../sys/posix.ts";
import { answer } from "./answer.ts";
import { noStages, stageDirectory } from "./init-files.ts";
import { absolute } from "./shadow-files.ts";

interface Single {
  readonly asked: Entrypoint;
  /** The command's. */
  readonly pid: number;
  readonly signalFd: number;
  readonly isFirst: boolean;
  /** More have ended than one turn reaps. */
  crowded: boolean;
  /** What has told us to end, and when that is handed on; null: nothing has, or it was. */
  drain: { readonly number: number; readonly until: Millis } | null;
  isDrained: boolean;
}

export function main(argv: readonly string[]): Outcome {
  const args = argv.slice(1);
  const asked = parseEntrypoint(args);
  if (typeof asked === "string") {
    complain(`${usage}\n${say("fatal", asked)}`);
    return wrongCall;
  }
  if (asked.question !== null) return answer(asked.question, usage);
  const directory = absolute(asked.serviceDirectory ?? (sys.getenv("SVDIR") || servicesDirectory));
  const listing = sys.readdir(directory);
  if (asked.serviceDirectory !== null && typeof listing === "number") {
    complain(say("fatal", `unable to open directory ${directory}`, reason(-listing)));
    return wrongCall;
  }
  const stages = stagesOf(asked, argv[0] ?? "");
  if (asked.stages !== null && !hasStages(stages)) {
    complain(say("fatal", `no stage in ${stages}`, "it has no file 1, 2 or 3"));
    return wrongCall;
  }
  const services = typeof listing === "number" ? [] : servicesIn(directory, listing);
  const isBeside = sys.getpid() !== 1 && asked.command.length > 0 && asked.stages === null;
  if (isBeside && services.some(isSupervised)) {
    if (asked.serviceDirectory !== null) complain(othersServices(directory));
    return runAlone(asked);
  }
  if (hasStages(stages) || services.length > 0) {
    if (asked.serviceDirectory !== null && stages !== null && isThere(`${stages}/2`)) {
      complain(say("warning", `${stages}/2 is not run`, `${directory} is supervised instead`));
    }
    return becomeInit([stages ?? noStages, ...args], directory);
  }
  if (asked.command.length === 0) {
    complain(nothingToRun(directory, "fatal"));
    return wrongCall;
  }
  if (asked.serviceDirectory !== null) complain(noServices(directory));
  return runAlone(asked);
}

/** Only a directory that was named: what is in /etc/runit boots a machine, mostly. What is called
 * by init's own names is an image's init, and that is its directory. */
function stagesOf({ stages }: Entrypoint, name: string): string | null {
  if (stages !== null) return absolute(stages);
  const called = baseName(name);
  return called === "init" || called.startsWith("runit") ? stageDirectory : null;
}

function hasStages(directory: string | null): boolean {
  return directory !== null && ["1", "2", "3"].some((name) => isThere(`${directory}/${name}`));
}

function isThere(path: string): boolean {
  return typeof sys.stat(path) !== "number";
}

/** Their paths. */
function servicesIn(directory: string, listing: readonly string[]): readonly string[] {
  return serviceNames(listing)
    .map((name) => `${directory}/${name}`)
    .filter((path) => {
      const stat = sys.stat(path);
      return typeof stat !== "number" && isDirectory(stat);
    });
}

/** By somebody else, whose they are to the end. */
function isSupervised(path: string): boolean {
  return isLocked(`${path}/supervise/lock`);
}

/** Returns only when it cannot. `args`: the stages, which run elsewhere than we do, and our own. */
function becomeInit(args: readonly string[], directory: string): number {
  const known = sys.getenv("SVDIR") || servicesDirectory;
  if (directory !== known) sys.setenv("SVDIR", directory);
  const failure = sys.become(["init", "--entrypoint", ...args]);
  complain(say("fatal", "unable to become init", reason(-failure)));
  return systemFailed;
}

// --- One process -----------------------------------------------------------------------------

function runAlone(asked: Entrypoint): Outcome {
  sys.subreaper(); // where it fails, orphans are those of who started us
  if (asked.parentDeath !== null) sys.parentdeath(asked.parentDeath);
  const mine = [signals.CHLD, signalNumber("TTIN") ?? 0, signalNumber("TTOU") ?? 0];
  const signalFd = openSignals([...forwardedSignals(), ...mine], true);
  const started = startCommand(asked.command);
  if (typeof started !== "number") {
    complain(started.line);
    return started.code;
  }
  tell(asked, `${asked.command[0]} has pid ${started}`);
  const isFirst = sys.getpid() === 1;
  const drain = { drain: null, isDrained: asked.drainMs === 0 };
  const state: Single = { asked, pid: started, signalFd, isFirst, crowded: true, ...drain };
  return runTurns({ who: "trinit", state, fds: descriptors, deadline: nextDeadline, turn });
}

/** Its pid, or what to say and to end with. A file that is there is tried alone: each try is a
 * process. */
export function startCommand(command: readonly string[]): number | ReturnType<typeof notStarted> {
  const [program = ""] = command;
  let failure: readonly [Errno, string] = [errnos.ENOENT, "execve"];
  let words = reason(failure[0]);
  const env = listenEnvironment();
  for (const path of program === "" ? [] : placesOf(program, sys.getenv("PATH"))) {
    const stat = sys.stat(path);
    if (stat === -errnos.ENOENT || stat === -errnos.ENOTDIR) continue;
    const spec = { path, argv: command, cwd: null, fds: [], birth: null, foreground: true };
    const result = sys.spawn({ ...spec, env, tellsPid: env !== null });
    if (typeof result === "number") return result;
    failure = result;
    words = result[1] === "execve" ? execReason(path, result[0]) : reason(result[0]);
    if (result[1] !== "execve" || !isElsewhere(result[0])) break;
  }
  return notStarted(program, failure[0], failure[1], words);
}

/** Sockets that were handed to us, as sd_listen_fds(3) has it, are the command's: it is named as
 * the one that they are for. null: nobody has handed us any. */
function listenEnvironment(): readonly string[] | null {
  if (sys.getenv("LISTEN_PID") !== `${sys.getpid()}`) return null;
  const ours = ["LISTEN_PID=", "LISTEN_PIDFDID="]; // the latter names us in another way
  const others = sys.environ().filter((entry) => !ours.some((start) => entry.startsWith(start)));
  return [...others, "LISTEN_PID=          "];
}

function tell({ isVerbose }: Entrypoint, text: string): void {
  if (isVerbose) complain(`trinit: ${text}`);
}

function descriptors({ signalFd }: Single): readonly number[] {
  return [signalFd];
}

function nextDeadline({ crowded, drain }: Single): Millis | null {
  return crowded ? sys.monotonic() : (drain?.until ?? null);
}

/** Signals are read before anything is reaped: while the command is not, its pid is nobody else's,
 * and what ends in between has its signal still to come. */
function turn(single: Single): number | null {
  for (const number of readSignals(single.signalFd)) hear(single, number);
  if (single.drain !== null && single.drain.until <= sys.monotonic()) endDrain(single);
  const seen = single.isFirst ? null : lookAt(single);
  const [more, , reaped] = sys.reapall([single.pid]);
  single.crowded = more === 1;
  const status = seen ?? reaped;
  if (status === undefined) return null;
  sys.foreground(single.pid, 0); // a shell that started us takes it anyway, a script does not
  tell(single.asked, `${single.pid} has ended with status ${status}`);
  return exitCode(status, single.asked.success);
}

/** A signal that ends us waits for so long as load balancers need to see it; the same again in the
 * meantime, as from an engine that was restarted, changes nothing. */
function hear(single: Single, number: number): void {
  if (single.isDrained || !isEnd(number)) forward(single, number);
  else single.drain ??= { number, until: sys.monotonic() + single.asked.drainMs };
}

function endDrain(single: Single): void {
  const { drain } = single;
  single.drain = null;
  single.isDrained = true;
  if (drain !== null) forward(single, drain.number);
}

function forward({ asked, pid }: Single, number: number): void {
  const signal = forwarded(asked, number);
  if (signal === 0) return;
  if (number === signals.CONT) sys.foreground(0, pid); // `fg` has given it to us
  tell(asked, `signal ${number}: ${signal} to ${asked.isGroup ? "the group of " : ""}${pid}`);
  send(asked, pid, signal);
}

/** To the command, or its process group; it may have ended. */
export function send({ isGroup }: Entrypoint, pid: number, signal: number): void {
  const failure = sys.kill(isGroup ? -pid : pid, signal);
  if (failure === 0 || failure === -errnos.ESRCH) return;
  complain(say("warning", `unable to send signal ${signal} to ${pid}`, reason(-failure)));
}

/** The status of a command that has ended; one that its terminal has stopped stops us, too, or the
 * shell that waits for us would wait for ever. Nobody waits so for process 1. */
function lookAt({ pid }: Single): number | null {
  const seen = sys.waitpid(pid, sys.WNOHANG | sys.WUNTRACED);
  if (seen === null || typeof seen === "number") return null;
  if (isTerminalStop(seen[1])) sys.kill(sys.getpid(), signals.STOP);
  return isStop(seen[1]) ? null : seen[1];
}
