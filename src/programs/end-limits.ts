// How long the steps of an end may take. A machine's take what each of them is given. A container's
// share what its engine gives it, ten seconds mostly: a step that comes late has less. For the end
// as init's stage 3 has it, with its helpers, and as runsvdir has it as process 1.
import { leadingNumber } from "../core/args.ts";
import { endContainerMs, endGrantedMs, endStepMs, stopContainerSeconds } from "../core/limits.ts";
import type { Millis } from "../core/time.ts";

/** When stage 3 of a container began, as its init has it; null on a machine. */
export function endBegan(): Millis | null {
  return leadingNumber(sys.getenv("TRINIT_BEGAN") ?? "");
}

/** For init: stage 3 of a container begins, or goes on in another way. */
export function beginEnd(isMachine: boolean): void {
  if (isMachine) sys.setenv("TRINIT_BEGAN", null);
  else if (endBegan() === null) sys.setenv("TRINIT_BEGAN", `${Math.floor(sys.monotonic())}`);
}

/** Seconds that services have that say nothing of it themselves. */
export function stopSecondsOr(otherwise: number): number {
  return leadingNumber(sys.getenv("SVWAIT") ?? "") ?? otherwise;
}

/** When a step is over that may take so long: earlier where the container has to be over, but never
 * at once. An engine that has not killed all of it long after that has granted more time. */
export function stepUntil(ms: Millis, began: Millis | null = endBegan()): Millis {
  const now = sys.monotonic();
  if (began === null) return now + ms;
  const left = began + stopSecondsOr(stopContainerSeconds) * 1000 + endContainerMs - now;
  return now + (left < -endGrantedMs ? ms : Math.min(ms, Math.max(left, endStepMs)));
}
