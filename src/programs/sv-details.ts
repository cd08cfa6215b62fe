// What sv shows of a service beyond its status: in a second line on stderr where something is
// amiss, and with -v on stdout.
import { svLogBytes, svLogLines } from "../core/limits.ts";
import { printable, type Status } from "../core/status.ts";
import { endText, isAmiss } from "../core/verbs.ts";
import { complain, isRegular } from "../sys/posix.ts";
import { hasEndedEarly } from "./runsv-files.ts";
import { findSupervisor, readComplaint, readEnds } from "./sv-service.ts";

/** What runsv has complained of last, on stderr: it may be why sv has failed. */
export function showComplaint(name: string, directory: string): void {
  const text = complaintText(directory);
  if (text !== null) complain(`sv: ${name}: ${text}`);
}

function complaintText(directory: string): string | null {
  const found = readComplaint(directory);
  if (found === null) return null;
  const age = Math.max(0, sys.realtime()[0] - found.since.seconds);
  return `last complaint, ${age}s ago: ${found.text}`;
}

function lastEnd(directory: string): string | null {
  const ends = readEnds(directory, findSupervisor(directory));
  return ends && endText(ends, hasEndedEarly(`${directory}/supervise`));
}

/** The last end, where what is to run does not, and the last complaint. */
export function showAmiss(name: string, directory: string, status: Status): void {
  const [seconds, nanoseconds] = sys.realtime();
  const early = hasEndedEarly(`${directory}/supervise`);
  const end = isAmiss(status, early, { seconds, nanoseconds }) ? lastEnd(directory) : null;
  if (end !== null && end !== endText({ exit: null, restarts: 0 }, false)) {
    complain(`sv: ${name}: ${end}`);
  }
  showComplaint(name, directory);
}

/** For -v: the last end with the count of restarts, the last complaint, the last lines of the log;
 * a line each. */
export function details(directory: string): readonly string[] {
  const known = [lastEnd(directory), complaintText(directory)].filter((text) => text !== null);
  return [...known, ...lastLines(`${directory}/log`)].map((line) => `  ${line}`);
}

/** Of the built-in logger's file, or where many have it. */
function lastLines(log: string): readonly string[] {
  for (const path of [`${log}/main/current`, `${log}/current`]) {
    const fd = sys.open(path, sys.O_RDONLY | sys.O_NONBLOCK, 0);
    if (fd < 0) continue;
    const text = tailOf(fd);
    sys.close(fd);
    const lines = text.split("\n").filter((line) => line !== "");
    return lines.slice(-svLogLines).map((line) => `log: ${printable(line)}`);
  }
  return [];
}

/** The last bytes of a file from the first whole line on. */
function tailOf(fd: number): string {
  const stat = sys.fstat(fd);
  if (typeof stat === "number" || !isRegular(stat)) return "";
  const buffer = new Uint8Array(svLogBytes);
  const from = Math.max(0, stat.size - svLogBytes);
  const count = sys.pread(fd, buffer, 0, svLogBytes, from);
  let text = "";
  for (let at = 0; at < count; at++) text += String.fromCharCode(buffer[at] ?? 0);
  return from === 0 ? text : text.slice(text.indexOf("\n") + 1);
}
