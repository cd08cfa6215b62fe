// How init starts what it runs as a stage: the files of /etc/runit, or what is built in.
// programs/init.ts calls this.
import { isReplaced, parseLimit } from "../core/boot.ts";
import { type Event, noteOf, type Stage } from "../core/boot-state.ts";
import { restKillMs, stage3LimitMs } from "../core/limits.ts";
import { isAlive } from "../core/main-process.ts";
import { errnos } from "../core/message.ts";
import type { Millis } from "../core/time.ts";
import { execReason, ownPaths } from "../sys/posix.ts";
import { beginEnd } from "./end-limits.ts";
import { cleanEnvironment, prepareServices, unsupervised } from "./init-container.ts";
import { announce, type Init, openConsole, remember, say } from "./init-state.ts";
import { runningOf } from "./parents.ts";

/** The file of the stage; where that is missing or cannot be executed, the built-in stage. */
export function startStage(init: Init, stage: Stage, builtIn: boolean): Event {
  sys.settitle([init.name, `[${stage}]`]);
  if (init.lacksConsole && stage > 1) openConsole(init);
  if (stage === 2 && init.boot.role === "container" && !init.isPrepared) {
    if (!prepareServices(init.options, init.stages)) return unsupervised;
    init.isPrepared = true;
  }
  if (stage === 3) {
    sys.setenv("TRINIT_MAIN", mainToWaitFor(init));
    beginEnd(init.boot.role === "machine");
  }
  const file = builtIn ? null : fileOf(init, stage);
  if (file !== null && sys.stat(file) !== -errnos.ENOENT) {
    const started = startAs(init, stage, file, file, [file]);
    if (started === null) return { kind: "stageFailed" };
    if (typeof started !== "string") return started;
  }
  const place = `built-in stage ${stage}`;
  const argv = ["trinit", "stage", `${stage}`, ...stageOptions(init, stage)];
  for (const path of ownPaths()) {
    const started = startAs(init, stage, place, path, argv);
    if (started !== null && typeof started !== "string") return started;
  }
  return { kind: "stageFailed" };
}

/** A stage 2 of one's own may supervise anything; a directory that was named is supervised. */
function fileOf({ stages, options }: Init, stage: Stage): string | null {
  const isOwn = stage === 2 && options.serviceDirectory !== null;
  return stages === null || isOwn ? null : `${stages}/${stage}`;
}

/** PID START MILLISECONDS of a main process that runs: it has been killed by then. */
function mainToWaitFor({ boot: { main } }: Init): string | null {
  const start = isAlive(main) ? runningOf(main.pid)?.start : undefined;
  if (start === undefined) return null;
  const now = sys.monotonic();
  return `${main.pid} ${start} ${Math.max(0, (main.killAt ?? now) - now) + restKillMs}`;
}

/** How lines of a container's services reach its stdout. */
function stageOptions({ boot, options }: Init, stage: Stage): readonly string[] {
  if (stage !== 2 || boot.role === "machine" || options.log === "plain") return [];
  return ["-o", options.stamp === "none" ? options.log : `${options.log},${options.stamp}`];
}

/** The event of its start; null where it is to be tried again, "no" where something else is. */
function startAs(
  init: Init,
  stage: Stage,
  place: string,
  path: string,
  argv: readonly string[],
): Event | null | "no" {
  announce(init, null, `enter stage: ${place}`);
  const limitMs = stage === 3 ? stage3Limit(init) : null;
  const result = spawnStage(init, stage, path, argv);
  if (typeof result === "number") {
    // A successor must not start it again.
    remember(init, noteOf({ ...init.boot, phase: "run", pid: result }));
    return { kind: "stageStarted", pid: result, place, limitMs };
  }
  const [errno, call] = result;
  say("fatal", `unable to start child: ${path}: ${execReason(path, errno)}`);
  return isReplaced(init.boot, errno, call) ? "no" : null;
}

/** As the leader of a session, and so of a process group that can be killed. What has to come to an
 * end does not write where nobody reads; what a main process reads is nothing for others. */
function spawnStage(
  { boot, options }: Init,
  stage: Stage | null,
  path: string,
  argv: readonly string[],
): number | [number, string] {
  const isMachine = boot.role === "machine";
  const isDeaf = stage === 3 && !sys.canwrite(2, 0);
  const hasMain = stage !== 1 && boot.main.phase !== "none";
  const nowhere = isDeaf || hasMain ? sys.open("/dev/null", sys.O_RDWR, 0) : -1;
  const output = isDeaf && nowhere >= 0 ? [nowhere, nowhere] : [1, 2];
  const fds = [hasMain && nowhere >= 0 ? nowhere : 0, ...output];
  const tty = stage !== 1 ? null : isMachine ? "take" : "free";
  const env = stage === 2 && options.cleanEnv && !isMachine ? cleanEnvironment() : null;
  const spec = { path, argv, cwd: "/", fds, birth: null, env, session: true, tty } as const;
  const result = sys.spawn(spec);
  if (nowhere >= 0) sys.close(nowhere);
  return result;
}

/** Milliseconds out of timeout-3, where that is there. */
export function stage3Limit({ stages }: Init): Millis | null {
  const text = stages === null ? 0 : sys.readfile(`${stages}/timeout-3`, 32);
  if (typeof text === "number") return stage3LimitMs;
  const limit = parseLimit(text);
  if (limit !== undefined) return limit;
  say("warning", `${stages}/timeout-3: not a number of milliseconds`);
  return stage3LimitMs;
}

/** What runs when somebody presses the keys. */
export function ctrlAltDel({ stages }: Init): string {
  return `${stages}/ctrlaltdel`;
}

export function startScript(init: Init): Event {
  const script = ctrlAltDel(init);
  announce(init, null, `enter stage: ${script}`);
  const result = spawnStage(init, null, script, [script]);
  if (typeof result === "number") {
    remember(init, noteOf({ ...init.boot, scriptPid: result }));
    return { kind: "scriptStarted", pid: result };
  }
  say("fatal", `unable to start child: ${script}: ${execReason(script, result[0])}`);
  return { kind: "scriptFailed" };
}
