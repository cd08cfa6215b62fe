// One process and nothing else, as `trinit entrypoint` runs it where there are no services: which
// signals reach it, and what its end means. Pure: programs/entrypoint.ts acts.
import type { Entrypoint } from "./entrypoint.ts";
import { type Errno, errnos, type Level, sentence } from "./message.ts";
import { signalNumber } from "./signals.ts";

/** What somebody sends to us is meant for the command, but for these: what cannot be caught, what
 * the kernel tells us alone, and the faults of a processor. */
const ownSignals = "KILL STOP CHLD TTIN TTOU ILL TRAP BUS FPE SEGV".split(" ").map(signalNumber);

const terminalStops = "TSTP TTIN TTOU".split(" ").map(signalNumber);

/** What engines and people send to end a container. */
const ends = "TERM INT QUIT PWR RTMIN+3".split(" ").map(signalNumber);

export function isEnd(number: number): boolean {
  return ends.includes(number);
}

const signalMax = 64;

/** Every signal that is forwarded. */
export function forwardedSignals(): number[] {
  const numbers = Array.from({ length: signalMax }, (_, at) => at + 1);
  return numbers.filter((number) => !ownSignals.includes(number));
}

/** What the command gets for a signal that came; 0: nothing. */
export function forwarded({ rewrites }: Entrypoint, number: number): number {
  return ownSignals.includes(number) ? 0 : (rewrites.get(number) ?? number);
}

/** Exit codes of ours, where the command has none. */
export const wrongCall = 100;
export const systemFailed = 111;
const notExecutable = 126;
const notFound = 127;

/** Our exit code for a wait status. */
export function exitCode(status: number, success: readonly number[]): number {
  const signal = status & 0x7f;
  const code = signal === 0 ? (status >> 8) & 0xff : 128 + signal;
  return success.includes(code) ? 0 : code;
}

/** True for the wait status of a process that is stopped, and has not ended. */
export function isStop(status: number): boolean {
  return (status & 0xff) === 0x7f;
}

/** True where its terminal has stopped it: Ctrl-Z, or reading in the background. STOP is sent by
 * debuggers, who wake it alone. */
export function isTerminalStop(status: number): boolean {
  return isStop(status) && terminalStops.includes(status >> 8);
}

/** What to say, and the exit code, of a command that `call` has failed to start, as `words` say. */
export function notStarted(
  command: string,
  errno: Errno,
  call: string,
  words: string,
): { readonly line: string; readonly code: number } {
  const isMissing = errno === errnos.ENOENT;
  const isScript = errno === errnos.ENOEXEC; // mostly
  const why = isScript ? `${words}, it may lack a line with #!` : words;
  const code = call !== "execve" ? systemFailed : isMissing ? notFound : notExecutable;
  return { line: say("fatal", `unable to run ${command}`, why), code };
}

/** Two lines for who has nothing to run. */
export function nothingToRun(directory: string, level: Level): string {
  const what = say(level, `nothing to run: no command, no service in ${directory}`);
  const help = "give a command (CMD), or put service directories there, or name theirs";
  return `${what}\ntrinit: ${help} (--service-dir DIR, or SVDIR)`;
}

/** `--service-dir` was given, and in vain. */
export function noServices(directory: string): string {
  return say("warning", `no service in ${directory}, running the command alone`);
}

/** `--service-dir` was given, and somebody else has them. */
export function othersServices(directory: string): string {
  const what = `services in ${directory} are supervised by somebody else`;
  return say("warning", `${what}, running the command alone`);
}

export function say(level: Level, what: string, why = ""): string {
  return sentence("trinit", level, what, why);
}
