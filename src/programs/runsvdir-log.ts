// Where complaints go, those of runsvdir and of everything below it that does not redirect its
// stderr: where runsvdir's own went before, into a file (-L), or into the process title, where ps
// shows them, as runit has it. The title is a pipe that nobody waits for: whoever writes while it
// is full loses that.
import type { Args } from "../core/args.ts";
import { reason, sentence } from "../core/message.ts";
import {
  close,
  complain,
  isFifo,
  open,
  pipe,
  reopenNonblocking,
  SysError,
  statIfThere,
  tryRead,
} from "../sys/posix.ts";

/** Of the `log` operand: what stands before the part that scrolls. */
const titleHead = 5;
/** A log shorter than this is none. */
const titleMin = 7;
/** What is taken from the pipe in one turn: nobody's stderr may keep runsvdir from its work. */
const turnBytes = 4096;

/** The log in the process title: the last that was said, as long as the operand of the call. */
interface Title {
  /** The read end of everybody's stderr. */
  readonly fd: number;
  /** Where the part that scrolls begins in the command line. */
  readonly at: number;
  text: string;
  readonly buffer: Uint8Array;
}

/** What runsvdir says, and where. */
export interface Log {
  /** For messages: `runsvdir /etc/service`. */
  readonly who: string;
  /** The complaint that stands, by subject: each is said once. Subjects are the name of a
   * service, or begin with it and a slash; those of the whole begin with a slash. */
  readonly said: Map<string, string>;
  /** What is said is shown there; null: it goes to stderr. */
  title: Title | null;
}

/** Says it once per subject until all is well with that again. */
export function warn(log: Log, subject: string, what: string, why = ""): void {
  const text = sentence(log.who, "warning", what, why);
  if (log.said.get(subject) === text) return;
  log.said.set(subject, text);
  if (log.title === null) complain(text);
  else scroll(log.title, `${text}\n`); // not by the pipe, which we read ourselves
}

export function well(log: Log, subject: string): void {
  log.said.delete(subject);
}

/** Turns stderr to where the call wants it; where that cannot be, it stays as it is. */
export function openLog(log: Log, argv: readonly string[], { options, operands }: Args): void {
  const file = options.findLast(({ letter }) => letter === "L");
  const title = operands[1];
  try {
    if (file !== undefined) redirectToFile(file.value);
    else if (title === undefined) return;
    else if (title.length >= titleMin)
      log.title = redirectToTitle(argv, argv.length - operands.length + 1);
    else {
      warn(log, "/log", "log must have at least seven characters.");
      warn(log, "/log", "log service disabled.");
    }
  } catch (error) {
    if (!(error instanceof SysError)) throw error;
    warn(log, "/log", error.what, reason(error.errno));
  }
}

/** Makes a file the stderr of this process. A FIFO needs no reader, and holds nobody up. */
function redirectToFile(path: string): void {
  const there = statIfThere(path);
  if (there === null || !isFifo(there)) {
    redirectTo(open(path, sys.O_WRONLY | sys.O_APPEND | sys.O_CREAT, 0o644));
    return;
  }
  open(path, sys.O_RDWR | sys.O_NONBLOCK); // ours for life: services shall write there, not read
  redirectTo(open(path, sys.O_WRONLY | sys.O_NONBLOCK));
}

function redirectTo(fd: number): void {
  const result = sys.dup2(fd, 2);
  close(fd);
  if (result < 0) throw new SysError("redirect", -result, "stderr");
}

/** Makes the pipe behind argv[index] the stderr of this process. */
function redirectToTitle(argv: readonly string[], index: number): Title {
  const log = argv[index] ?? "";
  const at = argv.slice(0, index).reduce((sum, word) => sum + word.length + 1, titleHead);
  const [fd, end] = pipe();
  redirectTo(reopenNonblocking(end));
  const title = { fd, at, text: log.slice(titleHead), buffer: new Uint8Array(turnBytes) };
  scroll(title, "."); // as runit does
  return title;
}

/** Shows what came, behind what is there: NULs would end the title, and are left out. */
function scroll(title: Title, bytes: string): void {
  const { at, text } = title;
  title.text = (text + bytes.split("\0").join("")).slice(-text.length);
  sys.retitle(at, title.text);
}

/** Shows what was written to stderr. */
export function readTitle(title: Title): void {
  const { fd, buffer } = title;
  const count = tryRead(fd, buffer, "log") ?? 0;
  if (count > 0) scroll(title, String.fromCharCode(...buffer.subarray(0, count)));
}
