// chpst, and the programs of daemontools that it is by other names: from the words of a call to a
// plan, which programs/chpst.ts carries out from top to bottom. Pure; the rest of the decisions
// are here too: what a file of an environment directory means, and where a program is looked for.
import { type Option, parseArgs, type Question } from "./args.ts";
import { type Errno, errnos } from "./message.ts";

/** Resources by getrlimit(2)'s names. */
export type Resource =
  | "as"
  | "core"
  | "cpu"
  | "data"
  | "fsize"
  | "memlock"
  | "nofile"
  | "nproc"
  | "rss"
  | "stack";

export interface Lock {
  readonly path: string;
  readonly wait: boolean;
}

/** In the order in which it is carried out. */
export interface Plan {
  readonly session: boolean;
  /** Where variables are taken from. */
  readonly directory: string | null;
  readonly root: string | null;
  readonly workingDirectory: string | null;
  /** 0: nice(2) is not called. */
  readonly nice: number;
  /** For $UID and $GID. */
  readonly environmentUser: string | null;
  readonly user: string | null;
  /** Users are names of accounts, without groups and numbers. */
  readonly accounts: boolean;
  readonly lock: Lock | null;
  /** A lock that cannot be had is said, and exit code 111; otherwise silence, and 0. */
  readonly lockMatters: boolean;
  /** Standard descriptors to close. */
  readonly closed: readonly number[];
  /** Soft limits; null is none. */
  readonly limits: Readonly<Partial<Record<Resource, number | null>>>;
  /** A subdirectory of `directory` is an error; otherwise it is skipped, which `verbose` says. */
  readonly strict: boolean;
  readonly verbose: boolean;
  /** The program and what it gets as its argv[0] and more. */
  readonly program: string;
  readonly argv: readonly string[];
}

/** A call that is wrong, or only a question: what to print. */
export interface Misuse {
  readonly lines: readonly string[];
  readonly question?: Question;
}

type Draft = { -readonly [Key in keyof Plan]: Plan[Key] };

const nothing: Plan = {
  session: false,
  directory: null,
  root: null,
  workingDirectory: null,
  nice: 0,
  environmentUser: null,
  user: null,
  accounts: false,
  lock: null,
  lockMatters: true,
  closed: [],
  limits: {},
  strict: false,
  verbose: false,
  program: "",
  argv: [],
};

const usages: Readonly<Record<string, string>> = {
  chpst:
    "[-vVP012] [-u user[:group]] [-U user[:group]] [-b argv0] [-e dir] [-/ root] [-C dir] " +
    "[-n nice] [-l|-L lock] [-m n] [-d n] [-o n] [-p n] [-f n] [-c n] [-r n] [-t n] prog",
  envdir: "dir child",
  envuidgid: "account child",
  pgrphack: "child",
  setlock: "[ -nNxX ] file program [ arg ... ]",
  setuidgid: "account child",
  softlimit:
    "[-a allbytes] [-c corebytes] [-d databytes] [-f filebytes] [-l lockbytes] [-m membytes] " +
    "[-o openfiles] [-p processes] [-r residentbytes] [-s stackbytes] [-t cpusecs] child",
};

/** What these options limit, for chpst and softlimit alike. */
const limited: Readonly<Record<string, readonly Resource[]>> = {
  m: ["data", "stack", "memlock", "as"],
  d: ["data"],
  o: ["nofile"],
  p: ["nproc"],
  f: ["fsize"],
  c: ["core"],
  r: ["rss"],
  t: ["cpu"],
};
/** And these for softlimit alone. */
const softlimited: typeof limited = { ...limited, a: ["as"], l: ["memlock"], s: ["stack"] };

const chpstLetters = "u:U:b:e:m:d:o:p:f:c:r:t:/:C:n:l:L:vP012V";
const softlimitLetters = "a:c:d:f:l:m:o:p:r:s:t:";
const setlockLetters = "nNxX";

/** What a call of the program `name` asks for. */
export function planCall(name: string, argv: readonly string[], version: string): Plan | Misuse {
  const plan: Draft = { ...nothing };
  const usage = `usage: ${name} ${usages[name] ?? usages.chpst}\n`;
  const { operands, question, complaint } = parseArgs(argv, "");
  const words = [...operands];
  switch (name) {
    case "envdir":
      plan.directory = words.shift() ?? null;
      plan.strict = true;
      break;
    case "envuidgid":
      plan.environmentUser = words.shift() ?? null;
      plan.accounts = true;
      break;
    case "setuidgid":
      plan.user = words.shift() ?? null;
      plan.accounts = true;
      break;
    case "pgrphack":
      plan.session = true;
      break;
    case "setlock":
      return planSetlock(plan, name, argv, usage);
    case "softlimit":
      return planOptions(plan, name, argv, softlimitLetters, usage, softlimitOption);
    default:
      return planOptions(plan, name, argv, chpstLetters, usage, (draft, option) =>
        option.letter === "V" ? `trinit ${version}` : chpstOption(draft, option),
      );
  }
  if (question !== undefined || complaint !== undefined) {
    return misuse(usage, question, complaint && `${name}: ${complaint}`);
  }
  return withProgram(plan, words, usage);
}

function misuse(usage: string, question?: Question, complaint = ""): Misuse {
  const lines = complaint === "" ? [usage] : [complaint, usage];
  return question === undefined ? { lines } : { lines, question };
}

/** The plan with what is to be run; without, the call is wrong. */
function withProgram(plan: Draft, words: readonly string[], usage: string): Plan | Misuse {
  const [program] = words;
  if (program === undefined) return misuse(usage);
  const argv0 = plan.argv[0] ?? program; // -b, or its own name
  return { ...plan, program, argv: [argv0, ...words.slice(1)] };
}

/** Applies the options one after the other. `apply` answers null when all is well, otherwise what
 * to print before the usage, or "". */
function planOptions(
  plan: Draft,
  name: string,
  argv: readonly string[],
  letters: string,
  usage: string,
  apply: (plan: Draft, option: Option) => string | null,
): Plan | Misuse {
  const { options, operands, complaint, question } = parseArgs(argv, letters);
  if (question !== undefined) return misuse(usage, question);
  for (const option of options) {
    const said = apply(plan, option);
    if (said !== null) return misuse(usage, question, said);
  }
  if (complaint !== undefined) return misuse(usage, question, `${name}: ${complaint}`);
  return withProgram(plan, operands, usage);
}

function planSetlock(
  plan: Draft,
  name: string,
  argv: readonly string[],
  usage: string,
): Plan | Misuse {
  let wait = true;
  const planned = planOptions(plan, name, argv, setlockLetters, usage, (draft, { letter }) => {
    if (letter === "n" || letter === "N") wait = letter === "N";
    else draft.lockMatters = letter === "X";
    return null;
  });
  if ("lines" in planned) return planned;
  const lock = { path: planned.program, wait };
  return withProgram({ ...planned, argv: [], lock }, planned.argv.slice(1), usage);
}

function softlimitOption(plan: Draft, { letter, value }: Option): string | null {
  const limit = value === "=" ? null : limitOf(value);
  if (limit === undefined) return "";
  setLimits(plan, softlimited[letter], limit);
  return null;
}

function setLimits(plan: Draft, of: readonly Resource[] = [], limit: number | null): void {
  for (const resource of of) plan.limits = { ...plan.limits, [resource]: limit };
}

function chpstOption(plan: Draft, { letter, value }: Option): string | null {
  switch (letter) {
    case "u":
      plan.user = value;
      return null;
    case "U":
      plan.environmentUser = value;
      return null;
    case "b":
      plan.argv = [value];
      return null;
    case "e":
      plan.directory = value;
      return null;
    case "/":
      plan.root = value;
      return null;
    case "C":
      plan.workingDirectory = value;
      return null;
    case "n": {
      const nice = niceOf(value);
      plan.nice = nice ?? 0;
      return nice === null ? "" : null;
    }
    case "l":
    case "L":
      if (plan.lock !== null) return "";
      plan.lock = { path: value, wait: letter === "l" };
      return null;
    case "v":
      plan.verbose = true;
      return null;
    case "P":
      plan.session = true;
      return null;
    case "0":
    case "1":
    case "2":
      plan.closed = [...plan.closed.filter((fd) => fd !== Number(letter)), Number(letter)];
      return null;
    default: {
      const limit = limitOf(value);
      if (limit === undefined) return "";
      setLimits(plan, limited[letter], limit);
      return null;
    }
  }
}

/** Digits alone, of which there may be none; undefined for anything else. What is more than a
 * limit can be is no limit. */
function limitOf(text: string): number | null | undefined {
  for (const digit of text) if (digit < "0" || digit > "9") return undefined;
  const limit = Number(text);
  return limit < 2 ** 64 ? limit : null;
}

/** Digits with a sign or without; more than the whole range of levels makes no difference. */
function niceOf(text: string): number | null {
  const signed = text[0] === "+" || text[0] === "-";
  const level = limitOf(signed ? text.slice(1) : text);
  if (level === undefined) return null;
  const increment = Math.min(level ?? 40, 40);
  return text[0] === "-" ? -increment : increment;
}

/** The files that a program's name may mean, the first one first. */
export function placesOf(program: string, path: string | null): readonly string[] {
  if (program.indexOf("/") >= 0) return [program];
  const directories = (path ?? "/bin:/usr/bin").split(":");
  return directories.map((directory) => `${directory === "" ? "." : directory}/${program}`);
}

/** True when exec's failure in one place leaves hope for the next. */
export function isElsewhere(errno: Errno): boolean {
  switch (errno) {
    case errnos.ENOENT:
    case errnos.EACCES:
    case errnos.EPERM:
    case errnos.EISDIR:
    case errnos.ENOTDIR:
      return true;
    default:
      return false;
  }
}
