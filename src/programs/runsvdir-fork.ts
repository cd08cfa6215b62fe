// How runsvdir starts its runsv: a pipe for the log, the relay's pipes, and a fork; or another
// runsvdir's runsv that is there still.
import { forkRetryMs, supervisorRetryMs } from "../core/limits.ts";
import { errnos, reason } from "../core/message.ts";
import type { Millis } from "../core/time.ts";
import type { Outcome } from "../sys/loop.ts";
import { close, isDirectory, reasonOf, setrlimit, setsid } from "../sys/posix.ts";
import { supervise } from "./runsv.ts";
import { adopt, isSupervised, leftRunsv } from "./runsvdir-adopt.ts";
import { honoursEssential } from "./runsvdir-essential.ts";
import { isGone } from "./runsvdir-list.ts";
import { warn, well } from "./runsvdir-log.ts";
import { forkedAtOnce, isRelaying, keptPipe, openOutput, startRelays } from "./runsvdir-relay.ts";
import { type Child, pathOf, type Runsvdir, setDue, setPid } from "./runsvdir-state.ts";

/** What a forked runsv exits with whose name leads to another directory, or nowhere, by then: it
 * says nothing, since that is noticed. No other program of ours has this code. */
export const movedExit = 98;

/** What is said of log pipes. */
export const pipeSubject = "/pipe";

/** Forks a runsv for everyone whose time has come, and relays. All in one call: nothing of the heap
 * that they share is touched between two forks. */
export function startDue(state: Runsvdir, now: Millis): void {
  const due = [...state.due]
    .filter((one) => one.due !== null && one.due <= now)
    .slice(0, forkedAtOnce(state.relays)) // those left have their turn at once
    .filter((one) => !isTaken(state, one, now));
  const outputs = due.map((child) => preparePipes(state, child));
  if (due.length > 0) forkSupervisors(state, due, outputs, now);
  startRelays(state, state.relays, now);
  for (const fd of outputs.flat()) close(fd);
}

function forkSupervisors(
  state: Runsvdir,
  due: readonly Child[],
  outputs: readonly (readonly number[])[],
  now: Millis,
): void {
  for (const child of due) {
    child.startedAt = now;
    child.startedAs = child.name;
  }
  const pids = sys.fork(
    (index) => runChild(state, due[index] as Child, outputs[index] ?? []),
    due.map(({ name }) => ["runsv", name]),
    due.map(({ pipe: fd }, index) => [...(fd < 0 ? [] : [fd]), ...(outputs[index] ?? [])]),
  );
  due.forEach((child, index) => {
    const pid = pids[index] ?? 0;
    setPid(state, child, Math.max(0, pid));
    setDue(state, child, pid < 0 ? now + forkRetryMs : null);
  });
  tellFailures(state, due, pids);
}

/** Once, however many they are: whatever there is no room for is tried again and again. */
function tellFailures(state: Runsvdir, due: readonly Child[], pids: readonly number[]): void {
  const first = pids.findIndex((pid) => pid < 0);
  if (first < 0) well(state, "/fork");
  if (first < 0 || state.said.has("/fork")) return;
  const more = pids.filter((pid) => pid < 0).length - 1;
  const whom = `${due[first]?.name}${more > 0 ? ` and ${more} more` : ""}`;
  warn(state, "/fork", `unable to fork for ${whom}`, reason(-(pids[first] as number)));
}

/** True while the service has a runsv that is not our child: one that a runsvdir before us has left
 * is ours from now on, for any other one's end is waited. */
function isTaken(state: Runsvdir, child: Child, now: Millis): boolean {
  const directory = pathOf(state, child);
  const pid = leftRunsv(directory);
  if (pid > 0) child.adopted = adopt(state.adoption, pid, child.key);
  const subject = `${child.name}/lock`;
  if (child.adopted !== null) {
    child.startedAs = child.name;
    setPid(state, child, child.adopted.pid);
    setDue(state, child, null);
  } else if (isSupervised(directory)) {
    setDue(state, child, now + supervisorRetryMs);
    const what = `unable to lock ${child.name}/supervise/lock`;
    warn(state, subject, what, reason(errnos.EAGAIN));
    return true;
  }
  well(state, subject);
  return child.adopted !== null;
}

/** In the child: it becomes the supervisor. */
function runChild(state: Runsvdir, child: Child, output: readonly number[]): Outcome {
  const { name, pipe: fd } = child;
  if (state.descriptorLimit !== null) setrlimit("nofile", state.descriptorLimit);
  if (state.sessions) setsid();
  output.forEach((end, index) => {
    sys.dup2(end, index + 1);
    close(end);
  });
  let directory = pathOf(state, child);
  if (sys.chdir(directory) === 0) directory = ".";
  if (isElsewhere(child, directory)) return movedExit;
  const logPipe = fd < 0 ? null : fd;
  return supervise({ directory, name, logPipe, honoursEssential: honoursEssential() });
}

/** True when a path leads nowhere, or to another directory than the service's. */
export function isElsewhere({ key }: Child, path: string): boolean {
  const stat = sys.stat(path);
  return typeof stat === "number" ? isGone(-stat) : stat.id !== key;
}

/** The pipe of a service with a log: we keep the read end, runsv and the logger inherit it. One
 * without a log has pipes to its relay: their write ends. */
function preparePipes(state: Runsvdir, child: Child): readonly number[] {
  const log = sys.stat(`${state.directory}/${child.name}/log`);
  const hasLog = typeof log !== "number" && isDirectory(log); // runsv says what is wrong there
  if (hasLog && child.pipe < 0) child.pipe = makeLogPipe(state, child.name);
  const isAlone = (hasLog && child.relay === null) || !isRelaying(state.relays);
  return isAlone ? [] : openOutput(state, state.relays, child);
}

function makeLogPipe(state: Runsvdir, name: string): number {
  try {
    return keptPipe(); // runsv opens it through /proc/self/fd
  } catch (error) {
    const isSaid = state.said.has(pipeSubject); // and the limit is the same for all of them
    if (!isSaid) warn(state, pipeSubject, `unable to create log pipe for ${name}`, reasonOf(error));
    return -1; // runsv makes its own
  }
}
