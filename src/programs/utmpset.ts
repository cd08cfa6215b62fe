// utmpset: says in utmp, and with -w in wtmp, too, that the user on a line has logged out. For the
// ./finish of a getty, whose init is not the one that would do it.
import { parseArgs } from "../core/args.ts";
import { type Level, reason, sentence } from "../core/message.ts";
import { isOn, loggedOut, logoutOf } from "../core/utmp.ts";
import { complain, SysError } from "../sys/posix.ts";
import { answer } from "./answer.ts";
import { appendRecord, openLocked, utmp, wtmp } from "./utmp-files.ts";

export const usage = "[-w] line";

export function main(argv: readonly string[]): number {
  const { options, operands, complaint, question } = parseArgs(argv, "wV");
  if (question !== undefined) return answer(question, `usage: ${argv[0]} ${usage}`);
  const [line] = operands;
  const isVersion = options.some(({ letter }) => letter === "V");
  if (complaint !== undefined) complain(`utmpset: ${complaint}`);
  else if (isVersion) complain(`trinit ${VERSION}`);
  if (complaint !== undefined || isVersion || line === undefined) {
    complain(`usage: ${argv[0]} ${usage}\n`);
    return 1;
  }
  try {
    const [seconds] = sys.realtime();
    return logOut(line, seconds) && (options.length === 0 || append(line, seconds)) ? 0 : 111;
  } catch (error) {
    if (!(error instanceof SysError)) throw error;
    say("fatal", error.what, reason(error.errno));
    return 111;
  }
}

function say(level: Level, what: string, why: string): void {
  complain(sentence("utmpset", level, what, why));
}

/** False with a complaint when nobody is on the line. */
function logOut(line: string, seconds: number): boolean {
  const fd = openLocked("utmpset", utmp, sys.O_RDWR);
  const buffer = new Uint8Array(sys.UTMP_BYTES);
  for (let at = 0; ; at += buffer.length) {
    const count = sys.pread(fd, buffer, 0, buffer.length, at);
    const record = String.fromCharCode(...buffer);
    if (count >= 0 && count < buffer.length) return refuse(line, "utmp", "no such entry");
    if (count < 0) return refuse(line, "utmp", reason(-count));
    if (!isOn(record, line)) continue;
    const written = sys.pwrite(fd, loggedOut(record, seconds), at);
    return written < 0 ? refuse(line, "utmp", reason(-written)) : true;
  }
}

function append(line: string, seconds: number): boolean {
  try {
    appendRecord("utmpset", wtmp, sys.O_CREAT, logoutOf(line, seconds, sys.UTMP_BYTES));
    return true;
  } catch (error) {
    if (!(error instanceof SysError) || error.call === "open") throw error;
    return refuse(line, "wtmp", reason(error.errno));
  }
}

function refuse(line: string, file: string, why: string): false {
  say("warning", `unable to logout line ${line} in ${file}`, why);
  return false;
}
