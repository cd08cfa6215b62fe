// What `trinit entrypoint` is told on the command line: programs/entrypoint.ts reads it, and, where
// there are services, programs/init.ts again. Pure. It takes the letters of tini and dumb-init
// where they mean the same.
import type { Question } from "./args.ts";
import { mainKillMs, mainWaitMs } from "./limits.ts";
import { type Format, logs, stamps } from "./relay.ts";
import { isDigits, signalNumber } from "./signals.ts";
import type { Millis } from "./time.ts";

export interface Entrypoint extends Format {
  /** The main process, with its arguments; [] where there is none. */
  readonly command: readonly string[];
  /** Where services are looked for, before $SVDIR. */
  readonly serviceDirectory: string | null;
  /** Whose files 1, 2 and 3 are run as the stages; null: those built in. */
  readonly stages: string | null;
  /** From being told to stop until anything is done about it: time for load balancers to notice. */
  readonly drainMs: Millis;
  /** What CMD gets between TERM and KILL, where there are services. */
  readonly killAfterMs: Millis;
  /** How long services may take to come up before CMD is started all the same. */
  readonly waitMs: Millis;
  /** What CMD gets in the place of a signal; 0: nothing. */
  readonly rewrites: ReadonlyMap<number, number>;
  /** Exit codes of CMD that mean the same as 0. */
  readonly success: readonly number[];
  /** Services see none of the container's environment but PATH. */
  readonly cleanEnv: boolean;
  /** Signals go to all of CMD's process group. */
  readonly isGroup: boolean;
  /** What we get when our parent ends, and treat as any other signal. */
  readonly parentDeath: number | null;
  readonly isVerbose: boolean;
  /** --help or --version was given: nothing behind it counts, and nothing is run. */
  readonly question: Question | null;
}

export const usage = `usage: trinit entrypoint [options] [--] [command [args]]
  one process or many:
    -e, --success code      this exit code of the command counts as 0
    -g, --group             signals go to all of its process group
    -p, --parent-death sig  the signal to get when the parent ends
    -r, --rewrite from:to   the command gets another signal, or none (0)
    -v, --verbose           tells what is done
    --drain seconds         between being told to stop and doing so (0)
  with services:
    --service-dir dir       where they are, before $SVDIR and /etc/service
    --stages dir            run the files 1, 2 and 3 there, as init does in /etc/runit
    --kill-after seconds    what the command gets between TERM and KILL (7)
    --wait seconds          for services to come up before the command (10)
    --log plain|prefix|json     how lines of services reach stdout (prefix)
    --stamp none|tai|utc|iso    what is in front of these lines (none)
    --clean-env             services see nothing of this environment but PATH
  -h, --help and --version answer, and run nothing`;

type Draft = { -readonly [Key in keyof Entrypoint]: Entrypoint[Key] };

/** A day: poll(2) takes less than 25 of them. */
const secondsMax = 86_400;

const withValue = [
  "service-dir",
  "stages",
  "drain",
  "kill-after",
  "wait",
  "rewrite",
  "success",
  "log",
  "stamp",
  "parent-death",
];
/** What the others are by default; `subreaper` and `single-child` have no other way. */
const flags = ["clean-env", "group", "verbose", "subreaper", "single-child", "help", "version"];

const letters: Readonly<Record<string, string>> = {
  g: "group",
  s: "subreaper", // tini's
  e: "success",
  p: "parent-death",
  r: "rewrite",
  c: "single-child", // dumb-init's
  v: "verbose",
  h: "help",
};

/** What the words behind the program's name mean, or what is wrong with them. */
export function parseEntrypoint(args: readonly string[]): Entrypoint | string {
  const draft: Draft = {
    command: [],
    serviceDirectory: null,
    stages: null,
    drainMs: 0,
    killAfterMs: mainKillMs,
    waitMs: mainWaitMs,
    rewrites: new Map(),
    success: [],
    log: "prefix",
    stamp: "none",
    cleanEnv: false,
    isGroup: false,
    parentDeath: null,
    isVerbose: false,
    question: null,
  };
  let at = 0;
  for (; at < args.length; at++) {
    const word = args[at] ?? "";
    if (word === "--") return checked({ ...draft, command: args.slice(at + 1) });
    if (word[0] !== "-" || word === "-") break;
    const next = args[at + 1];
    const taken = word[1] === "-" ? takeLong(draft, word, next) : takeLetters(draft, word, next);
    if (typeof taken === "string") return taken;
    if (draft.question !== null) return draft;
    at += taken;
  }
  return checked({ ...draft, command: args.slice(at) });
}

function checked(draft: Draft): Entrypoint | string {
  const isLost = draft.log === "plain" && draft.stamp !== "none";
  return isLost ? "--stamp needs --log prefix or json" : draft;
}

/** How many of the following words are its value, or what is wrong. */
function takeLong(draft: Draft, word: string, next: string | undefined): number | string {
  const equals = word.indexOf("=");
  const name = word.slice(2, equals < 0 ? word.length : equals);
  const given = equals < 0 ? undefined : word.slice(equals + 1);
  return take(draft, word.slice(0, name.length + 2), name, given, next);
}

function takeLetters(draft: Draft, word: string, next: string | undefined): number | string {
  for (let at = 1; at < word.length; at++) {
    const letter = word[at] ?? "";
    const name = Object.hasOwn(letters, letter) ? (letters[letter] ?? "") : "";
    const rest = withValue.includes(name) ? word.slice(at + 1) : "";
    const taken = take(draft, `-${letter}`, name, rest === "" ? undefined : rest, next);
    if (typeof taken === "string" || withValue.includes(name)) return taken;
  }
  return 0;
}

function take(
  draft: Draft,
  shown: string,
  name: string,
  given: string | undefined,
  next: string | undefined,
): number | string {
  if (withValue.includes(name)) {
    const value = given ?? next;
    if (value === undefined) return `${shown} needs a value`;
    if (!apply(draft, name, value)) return `${shown}: not ${kindOf(name)}: ${value}`;
    return given === undefined ? 1 : 0;
  }
  if (!flags.includes(name)) return `unknown option: ${shown}`;
  if (given !== undefined) return `${shown} takes no value`;
  if (name === "group") draft.isGroup = true;
  if (name === "verbose") draft.isVerbose = true;
  if (name === "clean-env") draft.cleanEnv = true;
  if (name === "help" || name === "version") draft.question = name;
  return 0;
}

/** False when the value is none for this option. */
function apply(draft: Draft, name: string, value: string): boolean {
  switch (name) {
    case "service-dir":
      draft.serviceDirectory = value;
      return value !== "";
    case "stages":
      draft.stages = value;
      return value !== "";
    case "drain":
    case "kill-after":
    case "wait": {
      const milliseconds = parseSeconds(value);
      if (name === "drain") draft.drainMs = milliseconds;
      else if (name === "wait") draft.waitMs = milliseconds;
      else draft.killAfterMs = milliseconds;
      return milliseconds >= 0;
    }
    case "rewrite":
      return addRewrite(draft, value);
    case "success":
      draft.success = [...draft.success, Number(value)];
      return isDigits(value) && Number(value) <= 255;
    case "log":
      draft.log = value as Draft["log"];
      return logs.includes(value);
    case "stamp":
      draft.stamp = value as Draft["stamp"];
      return stamps.includes(value);
    default:
      draft.parentDeath = signalNumber(value);
      return draft.parentDeath !== null;
  }
}

function addRewrite(draft: Draft, value: string): boolean {
  const colon = value.indexOf(":");
  const from = signalNumber(value.slice(0, Math.max(colon, 0)));
  const to = value.slice(colon + 1) === "0" ? 0 : signalNumber(value.slice(colon + 1));
  if (from === null || to === null) return false;
  draft.rewrites = new Map([...draft.rewrites, [from, to]]);
  return true;
}

/** Milliseconds; -1 for what is no number of seconds, as 5 or 0.5. */
function parseSeconds(text: string): Millis {
  let points = 0;
  for (const byte of text) {
    if (byte === ".") points++;
    else if (byte < "0" || byte > "9") return -1;
  }
  const seconds = points > 1 || text === "" || text === "." ? -1 : Number(text);
  return seconds < 0 || seconds > secondsMax ? -1 : Math.round(seconds * 1000);
}

function kindOf(name: string): string {
  switch (name) {
    case "service-dir":
    case "stages":
      return "a directory";
    case "rewrite":
      return "two signals, as 15:3 or TERM:QUIT";
    case "success":
      return "an exit code";
    case "log":
      return "plain, prefix or json";
    case "stamp":
      return "none, tai, utc or iso";
    case "parent-death":
      return "a signal";
    default:
      return "a number of seconds";
  }
}
