// The processor of a log: sh runs the command of the config for each file that is put aside.
//
//   @label.u | the command | @label.t, which becomes @label.s
//
// It is started again for as long as the `.u` is there, so a crash at any moment only means that
// it is: every file it writes is made anew, since one that was left behind may still be written to.
import { errnos, reason } from "../core/message.ts";
import { filesOf, labelOf, processorPauseMs } from "../core/rotate.ts";
import type { Millis } from "../core/time.ts";
import { isSuccess } from "../sys/loop.ts";
import { close } from "../sys/posix.ts";
import { demand, inform, type LogDirectory, Trouble, warn } from "./svlogd-directory.ts";

/** Starts the processor with the oldest of the files that wait for it. */
export function startProcessor(directory: LogDirectory, now: Millis): void {
  const { name, config, work } = directory;
  if (work.pid !== 0 || work.startAt === null || work.startAt > now) return;
  const names = config.processor === "" ? [] : sys.readdir(name);
  const file = typeof names === "number" ? undefined : filesOf(names, "u")[0];
  work.startAt = null;
  if (file === undefined) return;
  if (labelOf(file) !== work.label) {
    work.label = labelOf(file);
    work.failures = 0;
  }
  try {
    work.pid = spawnProcessor(directory, file);
  } catch (error) {
    if (!(error instanceof Trouble)) throw error;
    warn(error.message, "");
    fail(directory, now);
  }
}

/** Its process; throws Trouble. */
function spawnProcessor(directory: LogDirectory, file: string): number {
  const { name, config, work } = directory;
  const opened: number[] = [];
  const open = (what: string, path: string, flags: number): number => {
    const mode = sys.O_NONBLOCK | flags;
    const fd = demand(sys.open(`${name}/${path}`, mode, 0o644), `open ${what} for processor`, name);
    opened.push(fd);
    return fd;
  };
  const make = (what: string, path: string): number => {
    sys.unlink(`${name}/${path}`);
    return open(what, path, sys.O_WRONLY | sys.O_CREAT | sys.O_EXCL);
  };
  try {
    const input = open("input", file, sys.O_RDONLY);
    const output = make("output", `${work.label}.t`);
    const state = open("state", "state", sys.O_RDONLY | sys.O_CREAT);
    const newState = make("newstate", "newstate");
    inform(directory, `processing: ${name}/${file}`);
    const pid = sys.spawn({
      path: "/bin/sh",
      argv: ["sh", "-c", config.processor],
      cwd: name,
      fds: [input, output, -1, -1, state, newState],
      birth: null,
    });
    if (typeof pid !== "number") throw new Trouble("run processor", name, pid[0]);
    work.output = output;
    return pid;
  } finally {
    for (const fd of opened) if (fd !== work.output) close(fd);
  }
}

/** Takes over what a processor has made, or tries it again. A death by a signal is a failure, too:
 * what it has written is not all. */
export function onProcessorEnd(directory: LogDirectory, status: number, now: Millis): void {
  const { name, work } = directory;
  const { output } = work;
  work.pid = 0;
  work.output = -1;
  try {
    if (isSuccess(status)) takeOver(directory, output, now);
    else {
      fail(directory, now);
      warn("processor failed, restart", name);
    }
  } catch (error) {
    if (!(error instanceof Trouble)) throw error;
    warn(error.message, "");
    fail(directory, now);
  }
  close(output);
}

/** In this order, it is safe to be killed in between: the `.u` goes last but for the state. */
function takeOver(directory: LogDirectory, output: number, now: Millis): void {
  const { name, work } = directory;
  const path = `${name}/${work.label}`;
  demand(sys.fsync(output), "fsync processed", name);
  demand(sys.fchmod(output, 0o744), "set mode of processed", name);
  demand(sys.rename(`${path}.t`, `${path}.s`), "rename processed", name);
  const gone = sys.unlink(`${path}.u`);
  if (gone < 0 && gone !== -errnos.ENOENT) warn(`unable to unlink: ${path}.u`, reason(-gone));
  const renamed = sys.rename(`${name}/newstate`, `${name}/state`);
  if (renamed < 0) warn(`unable to rename state: ${name}`, reason(-renamed));
  inform(directory, `processed: ${path}.s`);
  work.label = "";
  work.since = now;
  work.startAt = gone < 0 && gone !== -errnos.ENOENT ? retryTime(directory, now) : now;
}

function fail(directory: LogDirectory, now: Millis): void {
  sys.unlink(`${directory.name}/${directory.work.label}.t`);
  directory.work.startAt = retryTime(directory, now);
}

function retryTime({ work }: LogDirectory, now: Millis): Millis {
  work.failures++;
  return now + processorPauseMs(work.failures);
}
