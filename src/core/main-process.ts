// CMD, the main process of a container that has services, too: when core/boot.ts starts it, what
// it is told, and what its end means. Pure.
//
//          stage 2 runs            services are up         the end
//     due -------------> awaited -----------------> run ------------> told
//      |                    |                        |                  | ended
//      '--------------------+----- the end, ended ---+------------------'--------> over
import { type Boot, type Effect, type Ending, type Main, requests } from "./boot-state.ts";
import type { Millis } from "./time.ts";

const killSignal = 9;
/** Nobody knows how it ended. */
const lostCode = 111;

interface MainStep {
  readonly main: Main;
  readonly effects: readonly Effect[];
}

/** Stage 2 runs: the services are waited for, but only the first time. */
export function beginMain(main: Main): MainStep {
  if (main.phase !== "due") return { main, effects: [] };
  return { main: { ...main, phase: "awaited" }, effects: [{ kind: "startAwait" }] };
}

/** True while there is a process that a signal can go to. */
export function isAlive({ phase, pid }: Main): boolean {
  return (phase === "run" || phase === "told") && pid !== 0;
}

/** Everything ends: it is told so, once, and never started from now on. */
export function endMain({ main, stopSignal, terms }: Boot, now: Millis): MainStep {
  const { phase, pid } = main;
  if (phase === "due" || phase === "awaited") {
    const kill: Effect = { kind: "signal", pid, group: true, kill: true };
    return { main: { ...main, phase: "over", pid: 0 }, effects: pid === 0 ? [] : [kill] };
  }
  if (phase !== "run" || pid === 0) return { main, effects: [] };
  const told = { ...main, phase: "told", killAt: now + terms.killAfterMs } as const;
  const signals = [stopSignal, requests.CONT]; // a stopped one would not hear it
  return { main: told, effects: signals.map((signal) => ({ kind: "tellMain", pid, signal })) };
}

/** It has not ended in its time. */
export function killMain(main: Main): MainStep {
  const kill: Effect = { kind: "tellMain", pid: main.pid, signal: killSignal };
  return { main: { ...main, killAt: null }, effects: [kill] };
}

/** What the engine is to hear of the end of a process; null: nobody knows how it came. */
function codeOf(ending: Ending | null): number {
  if (ending === null) return lostCode;
  return "code" in ending ? ending.code : 128 + ending.signal;
}

/** The number that somebody has left as the exit code, unless the container was told to end: that
 * came first. */
export function leftFor({ isTold }: Boot, asked: number | null): number | null {
  return isTold ? null : asked;
}

/** The container's exit code once the main process has ended so; `asked` was left for it. */
export function codeAfter(boot: Boot, ending: Ending | null, asked: number | null): number {
  const { code, terms } = boot;
  const first = code ?? leftFor(boot, asked);
  return first ?? (terms.success.includes(codeOf(ending)) ? 0 : codeOf(ending));
}

/** What a container that leaves now exits with; `asked` is what somebody has left for it. A main
 * process that still runs is about to be killed. */
export function exitCodeOf(boot: Boot, asked: number | null): number {
  if (isAlive(boot.main)) return codeAfter(boot, { signal: killSignal }, null);
  return boot.code ?? leftFor(boot, asked) ?? 0;
}
