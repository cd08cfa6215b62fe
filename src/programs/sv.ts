// sv: shows services and tells their runsv what to do. It waits for events, never polls: the
// renaming of supervise/status, the closing of supervise/ok, the end of a check script.

import { leadingNumber, parseArgs } from "../core/args.ts";
import { signals } from "../core/commands.ts";
import { stdoutMs, svWaitMinMs, svWaitSeconds } from "../core/limits.ts";
import { errnos, reason, sentence } from "../core/message.ts";
import type { Status } from "../core/status.ts";
import { helpText, usageOf } from "../core/sv-usage.ts";
import type { Millis } from "../core/time.ts";
import {
  baseName,
  exitCode,
  type Goal,
  serviceDirectory,
  statusText,
  type Verb,
  verbOf,
} from "../core/verbs.ts";
import { openSignals } from "../sys/loop.ts";
import { complain, execReason, isDirectory, readdir, reasonOf, SysError } from "../sys/posix.ts";
import { answer } from "./answer.ts";
import { tellAll } from "./sv-json.ts";
import {
  type CheckFailure,
  gone,
  isTrouble,
  lookAt,
  readComplaint,
  type Seen,
  type Trouble,
  tell,
  watchStatus,
} from "./sv-service.ts";
import { newPending, type Pending, waitForGoal } from "./sv-wait.ts";

const defaultBase = "/etc/service";
const svLetters = "vVw:";

/** A call of sv, understood. */
interface Call {
  readonly verb: Verb;
  /** null: all that are in the base. */
  readonly names: readonly string[] | null;
  /** `status` for programs. */
  readonly json: boolean;
  readonly base: string;
  /** The goal that is waited for, or null. */
  readonly goal: Goal | null;
  readonly until: Millis;
}

/** How many services failed: the exit code. */
let failures = 0;

/** Nobody may be listening, which is not the services' fault; a pipe may be full for now. */
function print(text: string): void {
  let rest = text;
  while (rest !== "") {
    const written = sys.write(1, rest);
    if (written === -errnos.EAGAIN && sys.canwrite(1, stdoutMs)) continue;
    if (written <= 0) return;
    rest = rest.slice(written);
  }
}

function fail(line: string): void {
  failures++;
  print(`${line}\n`);
}

/** What is in the way of a service: counted, and said. */
function failSeen(name: string, directory: string, seen: Trouble | typeof gone): void {
  fail(troubleText(name, seen));
  if (seen === gone) showComplaint(name, directory);
}

/** What runsv has complained of last, on stderr: it may be why sv has failed. */
function showComplaint(name: string, directory: string): void {
  const found = readComplaint(directory);
  if (found === null) return;
  const age = Math.max(0, sys.realtime()[0] - found.since.seconds);
  complain(`sv: ${name}: last complaint, ${age}s ago: ${found.text}`);
}

function troubleText(name: string, seen: Trouble | typeof gone): string {
  return seen === gone ? `fail: ${name}: ${gone}` : `warning: ${name}: ${seen.trouble}`;
}

/** The status in words; where a `down` file cannot be looked for, that is said and nothing else. */
function describe(label: string, name: string, directory: string, status: Status): string {
  const down = sys.stat(`${directory}/down`);
  if (typeof down === "number" && down !== -errnos.ENOENT) {
    complain(`warning: unable to stat ${name}/down: ${reason(-down)}`);
    return "";
  }
  return statusText(label, status, typeof down !== "number", sys.realtime()[0]);
}

// --- status ----------------------------------------------------------------------------

/** Shows a service and its log; what the service is, for the exit code of init scripts. */
function show(name: string, directory: string): Status | "unknown" | null {
  const seen = lookAt(directory);
  if (seen === gone || isTrouble(seen)) {
    failSeen(name, directory, seen);
    return seen === gone ? null : "unknown";
  }
  print(`${describe(name, name, directory, seen)}${logText(name, `${directory}/log`)}\n`);
  return seen;
}

/** `; run: log: (pid 5) 7s`, or nothing for a service without a log. */
function logText(name: string, directory: string): string {
  const entered = sys.stat(`${directory}/.`);
  if (entered === -errnos.ENOENT) return "";
  const logName = `${name}/log`;
  if (typeof entered !== "number") {
    const seen = lookAt(directory);
    if (seen !== gone && !isTrouble(seen)) {
      return `; ${describe("log", logName, directory, seen)}`;
    }
    failures++;
    return `; ${troubleText(logName, seen)}`;
  }
  failures++;
  return `; warning: ${logName}: unable to change directory: ${reason(-entered)}`;
}

// --- Commands --------------------------------------------------------------------------

/** Where the service is; null, and said, when one cannot go there. */
function enter(name: string, base: string): string | null {
  const directory = serviceDirectory(name, base);
  const entered = sys.stat(directory === "" ? "" : `${directory}/.`);
  if (typeof entered !== "number") return directory;
  fail(`fail: ${name}: unable to change to service directory: ${reason(-entered)}`);
  return null;
}

function sayGone(name: string, directory: string, isGoal: boolean): void {
  if (isGoal) print(`ok: ${name}: ${gone}\n`);
  else failSeen(name, directory, gone);
}

/** Writes the command; the service, when there is something to wait for. The watch comes first,
 * so that nothing of what the command brings about is missed. */
function send(name: string, directory: string, call: Call): Pending | null {
  const { goal } = call;
  const { bytes } = call.verb;
  const blind = goal !== null && goal !== "gone" && !watchStatus(directory);
  const seen = lookAt(directory);
  const told =
    seen === gone || isTrouble(seen) ? seen : bytes === "" ? null : tell(directory, bytes);
  if (told === gone) sayGone(name, directory, bytes === "x");
  else if (told !== null) failSeen(name, directory, told);
  if (told !== null || goal === null || seen === gone || isTrouble(seen)) return null;
  return newPending(name, directory, seen, blind);
}

/** Says what became of a service that was waited for. */
function report(service: Pending, seen: Seen, inTime: boolean, call: Call): void {
  const { name, directory } = service;
  const { kills } = call.verb;
  const known = seen !== gone && !isTrouble(seen);
  if (!inTime) {
    const text = known ? describe(name, name, directory, seen) : troubleText(name, seen);
    fail(`${kills ? "kill" : "timeout"}: ${text}`);
    if (kills) tell(directory, "k");
    showComplaint(name, directory);
  } else if (seen === gone) sayGone(name, directory, call.goal === "gone");
  else if (isTrouble(seen)) failSeen(name, directory, seen);
  else print(`ok: ${describe(name, name, directory, seen)}\n`);
}

/** A check script that cannot be asked; on stderr, as it would have complained itself. */
function reportCheck(service: Pending, check: CheckFailure): void {
  const why = execReason(`${service.directory}/check`, check.errno);
  complain(`warning: ${check.kind} ${service.name}/check: ${why}`);
}

// --- The call --------------------------------------------------------------------------

/** The seconds of -w and SVWAIT: what is no number is 0. */
function secondsOf(text: string): number {
  return leadingNumber(text) ?? 0;
}

/** What the arguments ask for, or null: a wrong call. */
function understand(argv: readonly string[], script: string | null): Call | null {
  const { options, operands, valid, complaint } = parseArgs(argv, svLetters);
  let verbose = false;
  let seconds = secondsOf(sys.getenv("SVWAIT") ?? `${svWaitSeconds}`);
  for (const { letter, value } of options) {
    switch (letter) {
      case "v":
        verbose = true;
        break;
      case "w":
        verbose = true;
        seconds = secondsOf(value);
        break;
      case "V":
        complain(`trinit ${VERSION}`);
        return null;
    }
  }
  if (complaint !== undefined) complain(`${script ?? "sv"}: ${complaint}`);
  const verb = valid ? verbOf(operands[0] ?? "", script !== null) : null;
  if (verb === null) return null;
  const isStatus = verb.goal === null && script === null;
  const json = isStatus && operands[1] === "--json";
  const names = script === null ? operands.slice(json ? 2 : 1) : [script];
  if (names.length === 0 && !isStatus) return null;
  return {
    verb,
    names: names.length === 0 ? null : names,
    json,
    base: sys.getenv("SVDIR") ?? defaultBase,
    goal: verb.waits || verbose ? verb.goal : null,
    until: sys.monotonic() + Math.max(seconds * 1000, svWaitMinMs),
  };
}

/** Every service in a directory: all that runsvdir would start a runsv for, and dead links. */
function listServices(base: string): readonly string[] {
  const names = readdir(base).filter((name) => {
    const found = name[0] === "." ? null : sys.stat(`${base}/${name}`);
    return typeof found === "number" || (found !== null && isDirectory(found));
  });
  return names.sort();
}

/** Does what was asked; what `status` has shown, for the exit code. */
function perform(call: Call): Status | "unknown" | null {
  const { goal, base } = call;
  const names = call.names ?? listServices(base);
  if (call.json) {
    const told = tellAll(names.map((name) => [name, serviceDirectory(name, base)]));
    print(told.text);
    failures = told.failures;
    return null;
  }
  const signalFd = goal === null ? -1 : openSignals([signals.IO, signals.CHLD]);
  const pending: Pending[] = [];
  let shown: Status | "unknown" | null = null;
  for (const name of names) {
    const directory = enter(name, base);
    if (directory === null) continue;
    if (call.verb.goal === null) {
      shown = show(name, directory);
      continue;
    }
    const service = send(name, directory, call);
    if (service !== null) pending.push(service);
  }
  if (goal === null) return shown;
  waitForGoal(pending, {
    goal,
    until: call.until,
    signalFd,
    report: (service, seen, inTime) => report(service, seen, inTime, call),
    reportCheck,
  });
  return shown;
}

/** sv; or, called by another name, the init script of the service of that name. */
export function main(argv: readonly string[]): number {
  const called = baseName(argv[0] ?? "sv");
  const script = called === "sv" ? null : called;
  const usage = usageOf(script);
  const { question } = parseArgs(argv, svLetters);
  if (question !== undefined) return answer(question, helpText(usage));
  const call = understand(argv, script);
  if (call === null) {
    complain(`${usage.line}\n`);
    return usage.code;
  }
  try {
    const shown = perform(call);
    return exitCode({ failures, shown }, script !== null);
  } catch (error) {
    const what = error instanceof SysError ? error.message : reasonOf(error);
    complain(sentence(called, "fatal", what));
    return usage.fatal;
  }
}
