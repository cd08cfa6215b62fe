// The ends of ./run that nobody asked for: the warning, and the processes that it has left behind.
import { afterEnd, endText, isEndSaid, outcomeOf } from "../core/ends.ts";
import { childrenBytes } from "../core/limits.ts";
import { sentence } from "../core/message.ts";
import type { Exit } from "../core/service-state.ts";
import type { Millis } from "../core/time.ts";
import { complain } from "../sys/posix.ts";
import { listAll, runningOf } from "./parents.ts";
import { type Supervisor, say, type Unit } from "./runsv-unit.ts";

/** Warns of the end of ./run, or of the logger, unless that was said lately. */
export function tellEnd(supervisor: Supervisor, unit: Unit, exit: Exit, livedMs: Millis): void {
  const now = sys.monotonic();
  const { said, service } = unit;
  const wasLeft = said.outcome === outcomeOf(exit, true) && !isEndSaid(said, said.outcome, now);
  const left = wasLeft || service.log || exit.code !== 0 ? 0 : countLeft(supervisor);
  const outcome = outcomeOf(exit, exit.code === 0 && (wasLeft || left > 0));
  unit.said = afterEnd(said, outcome, now);
  if (!isEndSaid(said, outcome, now)) return;
  const text = endText(exit, livedMs, left, said.unsaid);
  const what = `${service.log ? "./log/run" : "./run"}: ${text}`;
  if (left > 0) say(supervisor, unit, "warning", what);
  else complain(sentence(supervisor.who, "warning", what));
}

/** What ./run has left running, from the second time on: after the first, orphans become ours. */
function countLeft(supervisor: Supervisor): number {
  if (!supervisor.isSubreaper) {
    supervisor.isSubreaper = sys.subreaper() >= 0;
    return 0;
  }
  const { main, log } = supervisor;
  const own = [main, log].flatMap((unit) =>
    unit === null ? [] : [unit.service.pid, unit.scriptPid],
  );
  return children().filter((pid) => !own.includes(pid) && runningOf(pid) !== null).length;
}

function children(): readonly number[] {
  const self = sys.getpid();
  const text = sys.readfile(`/proc/self/task/${self}/children`, childrenBytes);
  if (typeof text === "string") return text.trim().split(" ").map(Number);
  const all = listAll().filter(({ parent }) => parent === self); // a kernel without such a list
  return all.map(({ pid }) => pid);
}
