// runsvchdir: switches the link that runsvdir scans, by renames alone: it is there at every moment,
// and leads to the old directory or to the new one.
import { parseArgs } from "../core/args.ts";
import { errnos, reason, sentence } from "../core/message.ts";
import { complain, isDirectory, isSame, Refusal, SysError } from "../sys/posix.ts";
import { answer } from "./answer.ts";

export const usage = "dir";

const defaultHome = "/etc/runit/runsvdir";

export function main(argv: readonly string[]): number {
  const [program = "runsvchdir"] = argv;
  const { operands, complaint, question } = parseArgs(argv, "");
  if (question !== undefined) return answer(question, `usage: ${program} ${usage}`);
  const [directory] = operands;
  if (complaint !== undefined) complain(`runsvchdir: ${complaint}`);
  if (directory === undefined) {
    complain(`usage: ${program} ${usage}\n`);
    return 1;
  }
  try {
    const isNew = change(directory);
    sys.write(1, `runsvchdir: ${directory}: ${isNew ? "now " : ""}current.\n`);
    return 0;
  } catch (error) {
    if (error instanceof Refusal) complain(sentence(program, "fatal", error.message));
    else if (error instanceof SysError)
      complain(sentence(program, "fatal", error.what, reason(error.errno)));
    else throw error;
    return 111;
  }
}

/** False when it is current already. */
function change(directory: string): boolean {
  if (directory[0] === ".") throw new Refusal(`${directory}: must not start with a dot.`);
  const home = sys.getenv("RUNSVDIR") ?? defaultHome;
  must(`chdir: ${home}`, sys.chdir(home));
  const wanted = sys.stat(directory);
  if (typeof wanted === "number") throw new Refusal(`${directory}: ${reason(-wanted)}`);
  if (!isDirectory(wanted)) throw new Refusal(`${directory}: not a directory.`);
  const current = sys.stat("current");
  if (typeof current === "number") throw new SysError("stat: current", -current, "");
  if (isSame(wanted, current)) return false;
  make(directory, "current.new");
  keepCurrent();
  must("move: current.new to current", sys.rename("current.new", "current"));
  return true;
}

function must(what: string, result: number): void {
  if (result < 0) throw new SysError(what, -result, "");
}

/** A link that replaces what a call that was cut short has left. */
function make(target: string, path: string): void {
  const removed = sys.unlink(path);
  if (removed !== -errnos.ENOENT) must(`unlink: ${path}`, removed);
  must(`create: ${path} -> ${target}`, sys.symlink(target, path));
}

/** `previous` becomes what `current` is, which stays; no link is not copied, but renamed. */
function keepCurrent(): void {
  const target = sys.readlink("current");
  let from = "current";
  if (typeof target !== "number") {
    from = "previous.new";
    make(target, from);
  }
  const renamed = sys.rename(from, "previous");
  if (renamed < 0) sys.unlink("previous.new");
  if (renamed === -errnos.EISDIR) must("unlink: previous", renamed);
  must("copy: current to previous", renamed);
}
