// trinit: what belongs to no single program: help, version, installation, and what the stages
// need. `trinit NAME ...` for the programs themselves is host.c's, which never comes here.
import { type Applet, allNames, applets, forms, subcommands } from "../applets.ts";
import { questionIn, wholeNumber } from "../core/args.ts";
import { sentence } from "../core/message.ts";
import { isSuccess } from "../sys/loop.ts";
import { complain, executable, ownPaths, reasonOf, SysError, writeAll } from "../sys/posix.ts";
import { answer } from "./answer.ts";
import { findServices } from "./service-place.ts";
import { serviceTree } from "./shadow-files.ts";
import { bootchart } from "./trinit-bootchart.ts";
import { install } from "./trinit-install.ts";
import { killall } from "./trinit-killall.ts";
import { awaitServices } from "./trinit-services.ts";
import { down, stage } from "./trinit-stage.ts";

export const usage = `usage: trinit help [name] | info | --version | name [args]
       trinit install [--init] [--share dir] dir | stage 1|2|3 | await seconds
       trinit down [-l] | killall [-w seconds] | bootchart | shadow dir`;

const wrongCall = 100;
const failed = 111;

function print(line: string): void {
  writeAll(1, `${line}\n`, "stdout");
}

/** `summary; also: ALIAS, ALIAS`. */
function describe({ summary, aliases }: Applet): string {
  return aliases.length === 0 ? summary : `${summary}; also: ${aliases.join(", ")}`;
}

/** One line per program; or that of one, and its own help. */
function help(name: string | undefined): number {
  if (name === undefined) {
    print(usage);
    const width = Math.max(...Object.keys(applets).map((known) => known.length));
    for (const [known, applet] of Object.entries(applets)) {
      print(`  ${known.padEnd(width)}  ${describe(applet)}`);
    }
    return 0;
  }
  const program = allNames().find(([known]) => known === name)?.[1];
  if (program === undefined) {
    complain(`trinit: there is no program ${name}`);
    return wrongCall;
  }
  print(`${program}: ${describe(applets[program])}`);
  return name === "trinit" ? help(undefined) : helpOf(name ?? program);
}

/** What the program itself says; the exit code. */
function helpOf(name: string): number {
  const spec = { argv: [name, "--help"], cwd: null, fds: [], birth: null };
  let started: ReturnType<typeof sys.spawn> = 0;
  for (const path of ownPaths()) {
    started = sys.spawn({ ...spec, path });
    if (typeof started === "number") break;
  }
  if (typeof started !== "number") throw new SysError(`run ${name}`, started[0], "");
  const ended = sys.waitpid(started, 0);
  return typeof ended === "object" && ended !== null && isSuccess(ended[1]) ? 0 : failed;
}

/** Version, and the paths in force. */
function info(): number {
  print(`version     ${VERSION}`);
  print(`executable  ${executable()}`);
  print(`services    ${findServices()}`);
  print(`SVDIR       ${sys.getenv("SVDIR") ?? "not set"}`);
  return 0;
}

/** The directory that can be scanned in place of one that cannot be written. */
function shadow(directory: string): number {
  const tree = serviceTree(directory);
  if (typeof tree === "string") {
    print(tree);
    return 0;
  }
  complain(sentence("trinit", "fatal", tree.message));
  return failed;
}

/** --help of a word of ours. */
function helpOn(verb: string): string {
  const what = Object.hasOwn(subcommands, verb)
    ? subcommands[verb as keyof typeof subcommands]
    : "";
  return `usage: trinit ${verb} ${forms[verb]}`.trimEnd().concat(`\n${what}`);
}

/** `trinit await SECONDS`; null: a wrong call. */
function awaited([text, ...others]: readonly string[]): number | null {
  const seconds = wholeNumber(text ?? "");
  return seconds === null || others.length > 0 ? null : awaitServices(seconds);
}

function run(argv: readonly string[]): number | null {
  const [, verb = "", operand] = argv;
  const question = Object.hasOwn(forms, verb) ? questionIn(argv.slice(2)) : null;
  if (question !== null) return answer(question, helpOn(verb)); // nothing else is done
  switch (verb) {
    case "help":
    case "--help":
    case "-h":
      return argv.length <= 3 ? help(operand) : null;
    case "info":
      return argv.length === 2 ? info() : null;
    case "install":
      return install(argv.slice(2));
    case "stage":
      return stage(argv.slice(1));
    case "await":
      return awaited(argv.slice(2));
    case "down":
      return down(argv.slice(2));
    case "killall":
      return killall(argv.slice(1));
    case "bootchart":
      return argv.length === 2 ? bootchart() : null;
    case "shadow":
      return operand === undefined || operand.startsWith("-") || argv.length > 3
        ? null
        : shadow(operand);
    case "--version":
      if (argv.length !== 2) return null;
      print(`trinit ${VERSION}`);
      return 0;
    default:
      return null;
  }
}

export function main(argv: readonly string[]): number {
  try {
    const code = run(argv);
    if (code !== null) return code;
    complain(usage);
    const [, word] = argv;
    if (word?.startsWith("-")) complain(`trinit: unknown option ${word}`);
    else if (word !== undefined && !Object.hasOwn(subcommands, word)) {
      complain(`trinit: there is no program ${word}; a command: trinit entrypoint ${word}`);
    }
    return wrongCall;
  } catch (error) {
    const what = error instanceof SysError ? error.what : "fault in the program";
    complain(sentence("trinit", "fatal", what, reasonOf(error)));
    return failed;
  }
}
