// sv: shows services and tells their runsv what to do. It waits for events, never polls: the
// renaming of supervise/status, the closing of supervise/ok, the end of a check script.

import { type Args, parseArgs, wholeNumber } from "../core/args.ts";
import { signals } from "../core/commands.ts";
import { stdoutMs, svSupervisorsWatched, svWaitMinMs, svWaitSeconds } from "../core/limits.ts";
import { errnos, reason, sentence } from "../core/message.ts";
import { nearest } from "../core/nearest.ts";
import { serviceNames } from "../core/scan.ts";
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
  vocabulary,
} from "../core/verbs.ts";
import { openSignals } from "../sys/loop.ts";
import {
  complain,
  execReason,
  getrlimit,
  isDirectory,
  readdir,
  reasonOf,
  SysError,
} from "../sys/posix.ts";
import { answer } from "./answer.ts";
import { findServices } from "./service-place.ts";
import { details, showAmiss, showComplaint } from "./sv-details.ts";
import { tellAll } from "./sv-json.ts";
import {
  type CheckFailure,
  gone,
  isAbsent,
  isTrouble,
  lookAt,
  type Seen,
  type Trouble,
  tell,
  watchStatus,
} from "./sv-service.ts";
import { newPending, type Pending, waitForGoal } from "./sv-wait.ts";

const pipeBytes = 65_536;
const svLetters = "vVw:";

/** A call of sv, understood. */
interface Call {
  readonly verb: Verb;
  /** null: all that are in the base. */
  readonly names: readonly string[] | null;
  /** `status` for programs. */
  readonly json: boolean;
  readonly base: string;
  /** With -v, `status` shows more. */
  readonly detailed: boolean;
  /** How many descriptors there may be: a half is for watching, the rest for looking. */
  readonly fdMax: number;
  /** The goal that is waited for, or null. */
  readonly goal: Goal | null;
  readonly until: Millis;
}

/** How many services failed: the exit code. */
let failures = 0;

/** Nobody may be listening, which is not the services' fault; a pipe may be full for now. */
function print(text: string): void {
  for (let at = 0; at < text.length; ) {
    const written = sys.write(1, text.slice(at, at + pipeBytes)); // as much as a pipe takes
    if (written === -errnos.EAGAIN && sys.canwrite(1, stdoutMs)) continue;
    if (written <= 0) return;
    at += written;
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
function show(name: string, directory: string, detailed: boolean): Status | "unknown" | null {
  const seen = lookAt(directory);
  if (seen === gone || isTrouble(seen)) {
    failSeen(name, directory, seen);
    return seen === gone ? null : "unknown";
  }
  const log = `${directory}/log`;
  print(`${describe(name, name, directory, seen)}${logText(name, log)}\n`);
  if (detailed) for (const line of details(directory)) print(`${line}\n`);
  else {
    showAmiss(name, directory, seen);
    const ofLog = lookAt(log);
    if (ofLog !== gone && !isTrouble(ofLog)) showAmiss(`${name}/log`, log, ofLog);
  }
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
  const isMissing = entered === -errnos.ENOENT && sys.lstat(directory) === entered;
  if (isMissing && directory !== "") complain(placeText(name, directory, base));
  return null;
}

/** Where a service was looked for, and what is there that was perhaps meant. */
function placeText(name: string, directory: string, base: string): string {
  const there = sys.readdir(base);
  const meant = typeof there === "number" ? null : nearest(name, serviceNames(there));
  const hint = meant === null ? "" : `; did you mean ${meant}?`;
  return `sv: ${name}: looked for in ${directory}${hint}`;
}

function sayGone(name: string, directory: string, isGoal: boolean): void {
  if (isGoal) print(`ok: ${name}: ${gone}\n`);
  else failSeen(name, directory, gone);
}

/** Goals of commands that are about what runs: no supervisor is waited for. */
const ifRunning: readonly Goal[] = ["down", "sent", "restarted"];

/** Writes the command; the service, when there is something to wait for. The watch comes first,
 * so that nothing of what the command brings about is missed. */
function send(name: string, directory: string, call: Call): Pending | null {
  const { goal } = call;
  const { bytes } = call.verb;
  const isWatched = goal !== null && goal !== "gone";
  const blind = isWatched && !watchStatus(directory, call.fdMax / 2);
  const seen = lookAt(directory);
  if (isAbsent(seen) && isWatched && !ifRunning.includes(goal)) {
    return newPending(name, directory, null, true); // one may be on its way
  }
  const told =
    seen === gone || isTrouble(seen) ? seen : bytes === "" ? null : tell(directory, bytes);
  if (told === gone) sayGone(name, directory, bytes === "x");
  else if (told !== null) failSeen(name, directory, told);
  if (told !== null || goal === null || seen === gone || isTrouble(seen)) return null;
  return newPending(name, directory, seen, blind);
}

/** Writes the command to the supervisor of a service that had none when it was called for: the
 * status before that, or why it is not written. */
function deliver(service: Pending, { verb }: Call): Seen {
  // A link farm counts once something runs in it.
  if (sys.getenv("SVDIR") === null) {
    service.directory = serviceDirectory(service.name, findServices());
  }
  const seen = lookAt(service.directory);
  if (seen === gone || isTrouble(seen) || verb.bytes === "") return seen;
  return tell(service.directory, verb.bytes) ?? seen;
}

/** Says what became of a service that was waited for. */
function report(service: Pending, seen: Seen, inTime: boolean, call: Call): void {
  const { name, directory } = service;
  const { kills } = call.verb;
  const known = seen !== gone && !isTrouble(seen);
  if (!inTime && service.before === null && !known) failSeen(name, directory, seen);
  else if (!inTime) {
    const text = known ? describe(name, name, directory, seen) : troubleText(name, seen);
    const answered = service.answer === null ? "" : `, ${service.answer}`;
    fail(`${kills ? "kill" : "timeout"}: ${text}${answered}`);
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

/** The seconds of SVWAIT; where it has no number, that is said. */
function defaultSeconds(): number {
  const text = sys.getenv("SVWAIT");
  const seconds = text === null ? svWaitSeconds : wholeNumber(text);
  if (seconds === null) complain(sentence("sv", "warning", "SVWAIT is no number", `${text}`));
  return seconds ?? svWaitSeconds;
}

/** What -v and -w say; null: a wrong call, or -V, and said. */
function waitOf(args: Args, called: string): { verbose: boolean; seconds: number } | null {
  let verbose = false;
  let seconds: number | null = null;
  for (const { letter, value } of args.options) {
    if (letter === "V") complain(`trinit ${VERSION}`);
    if (letter === "V") return null;
    verbose = true;
    if (letter !== "w") continue;
    seconds = wholeNumber(value);
    if (seconds === null) complain(`${called}: -w takes a number of seconds, not ${value}`);
    if (seconds === null) return null;
  }
  if (args.complaint !== undefined) complain(`${called}: ${args.complaint}`);
  return args.valid ? { verbose, seconds: seconds ?? defaultSeconds() } : null;
}

/** The word's verb; null, and said, for an unknown one. */
function verbIn(operands: readonly string[], called: string, isScript: boolean): Verb | null {
  const [word] = operands;
  const verb = verbOf(word ?? "", isScript);
  if (verb !== null || word === undefined) return verb;
  const meant = nearest(word, vocabulary);
  const words = vocabulary.filter((known) => known.length > 1).join(" ");
  const hint = meant === null ? `; there are ${words}` : `; did you mean ${meant}?`;
  complain(`${called}: unknown command ${word}${hint}`);
  return null;
}

/** What the arguments ask for, or null: a wrong call. */
function understand(args: Args, script: string | null): Call | null {
  const { operands } = args;
  const called = script ?? "sv";
  const wait = waitOf(args, called);
  const verb = wait && verbIn(operands, called, script !== null);
  if (wait === null || verb === null) return null;
  const { verbose, seconds } = wait;
  const isStatus = verb.goal === null && script === null;
  const json = isStatus && operands[1] === "--json";
  const names = script === null ? operands.slice(json ? 2 : 1) : [script];
  if (names.length === 0 && !isStatus) return null;
  const base = sys.getenv("SVDIR") ?? findServices();
  const option = names.find((name) => name[0] === "-" && !isService(name, base));
  if (option !== undefined) {
    complain(`${called}: options come before the command: ${option}`);
    return null;
  }
  return {
    verb,
    names: names.length === 0 ? null : names,
    json,
    base,
    detailed: args.options.some(({ letter }) => letter === "v"),
    fdMax: getrlimit("nofile").soft ?? Number.POSITIVE_INFINITY,
    goal: verb.waits || verbose ? verb.goal : null,
    until: sys.monotonic() + Math.max(seconds * 1000, svWaitMinMs),
  };
}

function isService(name: string, base: string): boolean {
  const found = sys.stat(serviceDirectory(name, base));
  return typeof found !== "number" && isDirectory(found);
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
      shown = show(name, directory, call.detailed);
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
    watchedMax: Math.min(svSupervisorsWatched, Math.floor(call.fdMax / 4)),
    deliver: (service) => deliver(service, call),
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
  const args = parseArgs(argv, svLetters);
  const { question = args.operands.includes("--help") ? "help" : undefined } = args;
  if (question !== undefined) return answer(question, helpText(usage));
  const call = understand(args, script);
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
