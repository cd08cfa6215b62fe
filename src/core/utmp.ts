// The records of utmp(5) and wtmp(5), as glibc lays them out: 384 bytes on x86_64, where sessions
// and times have 32 bits so that old programs may read them, and 400 on aarch64. Pure.

/** [at, size] of a field. */
type Field = readonly [number, number];

const line: Field = [8, 32];
const id: Field = [40, 4];
const user: Field = [44, 32];
const host: Field = [76, 256];
const runLevel = "\x01\0";
const bootTime = "\x02\0";
const deadProcess = "\x08\0";

function fieldOf(record: string, [at, size]: Field): string {
  const field = record.slice(at, at + size);
  const end = field.indexOf("\0");
  return end < 0 ? field : field.slice(0, end);
}

/** The record with a field that begins with this, and NULs behind it. */
function withField(record: string, [at, size]: Field, bytes: string): string {
  return record.slice(0, at) + bytes.padEnd(size, "\0") + record.slice(at + size);
}

function withTime(record: string, seconds: number): string {
  const field: Field = record.length === 384 ? [340, 4] : [344, 8];
  let bytes = "";
  for (let rest = seconds; bytes.length < 4; rest = Math.floor(rest / 256)) {
    bytes += String.fromCharCode(rest % 256);
  }
  return withField(record, field, bytes);
}

/** True for the record of somebody who is logged in on this line. */
export function isOn(record: string, name: string): boolean {
  return fieldOf(record, user) !== "" && fieldOf(record, line) === name;
}

/** The record once that user has logged out: the line, the process and its id stay. */
export function loggedOut(record: string, seconds: number): string {
  const anonymous = withField(withField(record, user, ""), host, "");
  return withTime(deadProcess + anonymous.slice(deadProcess.length), seconds);
}

/** What wtmp has of that: a record with nothing but the line and the time. */
export function logoutOf(name: string, seconds: number, size: number): string {
  return loggedOut(withField("\0".repeat(size), line, name), seconds);
}

/** That the system has started or ended, as last(1) knows it: a user who is logged in meanwhile. */
export function systemRecord(
  what: "boot" | "end",
  release: string,
  seconds: number,
  size: number,
): string {
  const [type, name, on] =
    what === "boot" ? [bootTime, "reboot", "~"] : [runLevel, "shutdown", "~~"];
  const empty = type + "\0".repeat(size - type.length);
  const named = withField(withField(withField(empty, line, on), id, "~~"), user, name);
  return withTime(withField(named, host, release.slice(0, host[1])), seconds);
}
