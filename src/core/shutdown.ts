// What the command line of shutdown, halt, poweroff and reboot means, in the ways that people know
// from other systems. Pure: programs/shutdown.ts acts.
import { type Args, optionsFirst, parseArgs } from "./args.ts";
import type { Millis } from "./time.ts";

export interface Shutdown {
  /** As for init: "0" powers off, "6" reboots; null: nothing is to be done. */
  readonly level: "0" | "6" | null;
  readonly delayMs: Millis;
  /** To be written down for last(1): that the system has started, or that it ends. */
  readonly record: "boot" | "end" | null;
  /** Options that other systems have, and that make no difference here. */
  readonly ignored: readonly string[];
}

const minuteMs = 60_000;
/** A day: poll(2) takes less than 25 of them. */
const delayMaxMs = 24 * 60 * minuteMs;

/** Without effect: force, no sync, no wall, interfaces down, halt or power off. */
const ignorable = "dfiHnpP";

/** What argv means, with the program's name in front, without a path; or a call that is wrong, or
 * a question. shutdown needs a time, as sysvinit's does: systemd's has one of its own, and a word
 * typed to see what it does ends no system. Its -h means halt; that of the others is a question. */
export function parseShutdown(argv: readonly string[]): Shutdown | Args {
  const [name] = argv;
  const isShutdown = name === "shutdown";
  const args = parseArgs(optionsFirst(argv), `rwkB${ignorable}${isShutdown ? "h" : ""}`);
  const { options, operands, valid } = args;
  if (!valid) return args;
  const given = options.map(({ letter }) => letter);
  const isTimeless = given.some((letter) => "wkB".includes(letter));
  const time = operands[0] ?? (isTimeless ? "now" : "");
  const delayMs = isShutdown ? parseDelay(time) : 0;
  if (delayMs === null || (!isShutdown && operands.length > 0)) {
    const complaint = !isShutdown ? `unknown word ${operands[0]}` : `not a time: ${time}`;
    return { ...args, valid: false, complaint: time === "" ? "a time is needed" : complaint };
  }
  const isReboot = name === "reboot" || given.includes("r");
  const record = given.includes("B") ? "boot" : given.includes("w") ? "end" : null;
  const isIdle = record !== null || given.includes("k"); // only a record, only a warning
  const ignored = given.filter((letter) => "dfin".includes(letter));
  return { level: isIdle ? null : isReboot ? "6" : "0", delayMs, record, ignored };
}

/** `now`, or `+minutes`; null for what is neither. A time of day needs a time zone, which a static
 * executable has not. */
function parseDelay(text: string): Millis | null {
  if (text === "now") return 0;
  const minutes = Number(text.slice(1));
  const known = text[0] === "+" && text.length > 1 && Number.isInteger(minutes) && minutes >= 0;
  return known && minutes * minuteMs <= delayMaxMs ? minutes * minuteMs : null;
}
