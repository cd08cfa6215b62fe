// Signals by the names and numbers that people write: options of `trinit entrypoint`, and files of
// a service directory. Pure.

/** Linux's numbers, the same on x86_64 and aarch64, in their order from 1 on. */
const names = [
  "HUP INT QUIT ILL TRAP ABRT BUS FPE KILL USR1 SEGV USR2 PIPE ALRM TERM STKFLT CHLD CONT STOP",
  "TSTP TTIN TTOU URG XCPU XFSZ VTALRM PROF WINCH IO PWR SYS",
]
  .join(" ")
  .split(" ");

/** The first real-time signal that libc leaves to programs, as `kill -l` has it, and the last. */
const first = 34;
const last = 64;

/** `15`, `TERM`, `SIGTERM`, `RTMIN+3` or `RTMAX-1` as a number; null: no signal. */
export function signalNumber(text: string): number | null {
  const named = text.startsWith("SIG") ? text.slice(3) : text;
  const place = names.indexOf(named) + 1;
  if (place > 0) return place;
  const base = named.startsWith("RTMIN") ? first : named.startsWith("RTMAX") ? last : 0;
  const rest = base === 0 ? text : named.slice(5);
  const sign = base === first ? "+" : "-";
  if (base !== 0 && rest === "") return base;
  if (base !== 0 && rest[0] !== sign) return null;
  const digits = base === 0 ? rest : rest.slice(1);
  if (!isDigits(digits)) return null;
  const number = base === last ? base - Number(digits) : base + Number(digits);
  return number >= (base === 0 ? 1 : first) && number <= last ? number : null;
}

/** `SIGTERM`; a real-time signal is `signal 34`. */
export function signalName(number: number): string {
  const name = names[number - 1];
  return name === undefined ? `signal ${number}` : `SIG${name}`;
}

/** True for a text of one to three digits and nothing else. */
export function isDigits(text: string): boolean {
  for (const digit of text) if (digit < "0" || digit > "9") return false;
  return text.length > 0 && text.length <= 3;
}
