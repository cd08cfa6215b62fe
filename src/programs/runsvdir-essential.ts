// The end of an essential service, which ends its container: whether that is honoured here, the
// exit code that comes of it, and who else is told.
import { lineBytes } from "../core/limits.ts";
import { decodeEnds, exitCodeOf } from "../core/status.ts";
import { close } from "../sys/posix.ts";

/** Where init in a container takes its exit code from, if there is such a file. */
const exitcodeFile = "/run/runit/exitcode";
const exitcodeVariable = "TRINIT_EXITCODE";

/** A machine does not end with a service; a container does, and whatever says where its exit code
 * is to be written. */
export function honoursEssential(): boolean {
  const isMachine = sys.machine() || (FAULTS && sys.fault("machine"));
  return !isMachine || sys.getenv(exitcodeVariable) !== null;
}

/** True for a service whose end is that of all. */
export function isEssential(directory: string): boolean {
  return honoursEssential() && typeof sys.stat(`${directory}/essential`) !== "number";
}

/** The exit code of a service that has ended, by its supervise/exit. */
export function exitCodeIn(directory: string): number {
  const text = sys.readown(`${directory}/supervise/exit`, lineBytes, true);
  return exitCodeOf(typeof text === "number" ? null : (decodeEnds(text)?.exit ?? null));
}

/** Tells init the exit code, unless it has one; false when there is no such init. It brings all
 * down once its stage 2 has ended. */
export function tellInit(code: number): boolean {
  const path = sys.getenv(exitcodeVariable) ?? exitcodeFile;
  const there = sys.stat(path);
  if (typeof there === "number") return false;
  if (there.size > 0) return true;
  const fd = sys.open(path, sys.O_WRONLY | sys.O_NONBLOCK, 0);
  if (fd >= 0) sys.write(fd, `${code}\n`); // what cannot be told is no reason to stay
  if (fd >= 0) close(fd);
  return true;
}
