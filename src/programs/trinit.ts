// trinit: what belongs to no single program: help, version, installation, and what the stages
// need. `trinit NAME ...` for the programs themselves is host.c's, which never comes here.
import { type Applet, allNames, applets } from "../applets.ts";
import { sentence } from "../core/message.ts";
import { baseName } from "../core/verbs.ts";
import {
  close,
  complain,
  fsync,
  isLink,
  lstatIfThere,
  open,
  readlink,
  reasonOf,
  regularMode,
  rename,
  replaceLink,
  SysError,
  tryRead,
  writeAll,
  writeBuffer,
} from "../sys/posix.ts";
import { killall } from "./trinit-killall.ts";
import { servicesDirectory, stage } from "./trinit-stage.ts";

export const usage = `usage: trinit help [name] | info | install [--init] dir | --version
       trinit stage 1|2|3 | killall [-w seconds] | name [args]`;

const self = "/proc/self/exe";
const wrongCall = 100;
const failed = 111;
const copyBytes = 65536;
const typeMask = 0o170000;
const foreign = "something else has that name";

function print(line: string): void {
  writeAll(1, `${line}\n`, "stdout");
}

/** `summary; also: ALIAS, ALIAS`. */
function describe({ summary, aliases }: Applet): string {
  return aliases.length === 0 ? summary : `${summary}; also: ${aliases.join(", ")}`;
}

/** One line per program, or for the one asked for. */
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
  return 0;
}

/** Version, and the paths in force. */
function info(): number {
  print(`version     ${VERSION}`);
  print(`executable  ${readlink(self)}`);
  print(`services    ${servicesDirectory}`);
  print(`SVDIR       ${sys.getenv("SVDIR") ?? "not set"}`);
  return 0;
}

/** Copies this executable beside its place and renames it there: who runs the old one keeps it,
 * and nobody sees half of the new one. */
function copySelf(target: string): void {
  const next = `${target}.new`;
  const from = open(self, sys.O_RDONLY);
  sys.unlink(next); // what an installation that was cut short has left, or somebody's link
  const to = open(next, sys.O_WRONLY | sys.O_CREAT | sys.O_EXCL, 0o755);
  const buffer = new Uint8Array(copyBytes);
  for (let got = tryRead(from, buffer, self); got; got = tryRead(from, buffer, self)) {
    writeBuffer(to, buffer, got, next);
  }
  sys.fchmod(to, 0o755); // whatever the umask is
  fsync(to, next);
  close(to);
  close(from);
  rename(next, target);
}

/** Makes one name; false, and said, when something that is not ours has it. */
function linkName(directory: string, name: string): boolean {
  const path = `${directory}/${name}`;
  const there = lstatIfThere(path);
  if (there !== null && !(isLink(there) && baseName(readlink(path)) === "trinit")) {
    complain(sentence("trinit", "warning", `unable to install ${path}`, foreign));
    return false;
  }
  replaceLink("trinit", path);
  return true;
}

/** The executable and a link per name into a directory; those of init only when they are asked for:
 * beside another init, a `reboot` of ours would do nothing. */
function install(directory: string, withInit: boolean): number {
  const target = `${directory}/trinit`;
  const there = lstatIfThere(target);
  if (there !== null && (there.mode & typeMask) !== regularMode) {
    complain(sentence("trinit", "fatal", `unable to install ${target}`, foreign));
    return failed;
  }
  copySelf(target);
  let code = 0;
  for (const [name, program] of allNames()) {
    const wanted = program !== "trinit" && (withInit || applets[program].family !== "init");
    if (wanted && !linkName(directory, name)) code = failed;
  }
  return code;
}

/** What follows `install`; null: a wrong call. */
function parseInstall(words: readonly string[]): number | null {
  const withInit = words[0] === "--init";
  const [directory, ...more] = withInit ? words.slice(1) : words;
  if (directory === undefined || directory.startsWith("-") || more.length > 0) return null;
  return install(directory, withInit);
}

function run(argv: readonly string[]): number | null {
  const [, verb, operand] = argv;
  switch (verb) {
    case "help":
    case "--help":
      return argv.length <= 3 ? help(operand) : null;
    case "info":
      return argv.length === 2 ? info() : null;
    case "install":
      return parseInstall(argv.slice(2));
    case "stage":
      return stage(argv.slice(1));
    case "killall":
      return killall(argv.slice(1));
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
    return wrongCall;
  } catch (error) {
    const what = error instanceof SysError ? error.what : "fault in the program";
    complain(sentence("trinit", "fatal", what, reasonOf(error)));
    return failed;
  }
}
