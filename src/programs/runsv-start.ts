// What runsv starts: ./run and ./finish, the logger, control scripts; and how a script is killed.
import { type Letter, signals } from "../core/commands.ts";
import { errnos, reason } from "../core/message.ts";
import type { Event } from "../core/service-state.ts";
import { close, execReason, reasonOf, SysError } from "../sys/posix.ts";
import { listDescendants } from "./parents.ts";
import { birthFile } from "./runsv-files.ts";
import { startBuiltinLogger } from "./runsv-logger.ts";
import { serviceEnvironment } from "./runsv-settings.ts";
import { isEssential, type Supervisor, say, type Unit } from "./runsv-unit.ts";

/** Starts ./run, or the logger. */
export function startRun(supervisor: Supervisor, unit: Unit): Event {
  const { pipe: ends } = supervisor;
  const birth = birthFile(unit.files.path, "run");
  if (!unit.service.log) {
    return started(supervisor, unit, "run", spawn(supervisor, ["./run"], birth));
  }
  if (sys.stat("log/run") === -errnos.ENOENT) {
    const pid = startBuiltinLogger(supervisor.who, ends.read, unit.files);
    const result: Spawned = pid > 0 ? pid : [-pid, "fork"];
    return started(supervisor, unit, "", result);
  }
  const spec = { path: "./run", argv: ["./run"], cwd: "log", fds: [ends.read], birth };
  return started(supervisor, unit, "log/run", sys.spawn(spec));
}

/** Starts ./finish, if it can be read. */
export function startFinish(
  supervisor: Supervisor,
  unit: Unit,
  code: number,
  status: number,
): Event {
  const fd = sys.open("finish", sys.O_RDONLY | sys.O_NONBLOCK, 0);
  if (fd < 0) return { kind: "startFailed", cause: "absent" };
  close(fd);
  const argv = ["./finish", `${code}`, `${status}`] as const;
  const birth = birthFile(unit.files.path, "finish");
  const result = spawn(supervisor, argv, birth);
  return started(supervisor, unit, "finish", result);
}

type Spawned = ReturnType<typeof sys.spawn>;

/** Starts a program of the service's own. Without its variables it is not what it should be, and
 * not started. */
function spawn(
  { pipe: { write } }: Supervisor,
  argv: readonly [string, ...string[]],
  birth: string | null,
): Spawned {
  try {
    const env = serviceEnvironment();
    return sys.spawn({ path: argv[0], argv, cwd: null, fds: [-1, write], birth, env });
  } catch (error) {
    if (!(error instanceof SysError)) throw error;
    const isAnothers = error.errno === errnos.EKEYREJECTED;
    return [error.errno, isAnothers ? error.what : "unable to read env"];
  }
}

/** As the program is called in messages. */
const shownAs: Readonly<Record<string, string>> = {
  run: "./run",
  finish: "./finish",
  "log/run": "log/./run",
  "": "the built-in logger",
};

function started(supervisor: Supervisor, unit: Unit, path: string, result: Spawned): Event {
  if (typeof result === "number") return { kind: "started", pid: result };
  const [errno, call] = result;
  if (call === "fork") {
    say(supervisor, unit, "warning", "unable to fork, sleeping", reason(errno));
    return { kind: "startFailed", cause: "fork" };
  }
  const failed = call.startsWith("unable") ? call : `unable to start ${shownAs[path]}`;
  const why = call === "execve" ? execReason(path, errno) : reason(errno);
  say(supervisor, unit, "fatal", failed, why);
  return { kind: "startFailed", cause: "exec", essential: isEssential(supervisor, unit) };
}

/** control/LETTER, where it is there and its owner may execute it. */
export function startScript(supervisor: Supervisor, unit: Unit, letter: Letter): readonly Event[] {
  const path = `control/${letter}`;
  const there = sys.stat(path);
  if (typeof there === "number" || (there.mode & 0o100) === 0) {
    return [{ kind: "scriptEnded", ok: false }];
  }
  const result = spawn(supervisor, [path], null);
  if (typeof result === "number") {
    unit.scriptPid = result;
    return [];
  }
  const [errno, call] = result;
  const why = call === "execve" ? execReason(path, errno) : reason(errno);
  say(supervisor, unit, "warning", `unable to run ${path}`, why);
  return [{ kind: "scriptEnded", ok: false }];
}

/** With all that it has started: the shell's child is what hangs, and has the pipe of the log. */
export function killScript(supervisor: Supervisor, unit: Unit, letter: Letter): void {
  const pid = unit.scriptPid;
  if (pid === 0) return; // its end is on the way to us
  say(supervisor, unit, "warning", `killing control/${letter}`, "it does not end");
  let started: readonly number[] | null = null;
  try {
    started = listDescendants(pid);
  } catch (error) {
    say(supervisor, unit, "warning", `unable to kill what control/${letter} runs`, reasonOf(error));
  }
  for (const one of [pid, ...(started ?? [])]) sys.kill(one, signals.KILL);
}
