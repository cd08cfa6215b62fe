// sv's words, once: the bytes that each one writes, what is waited for, when that is reached,
// and the sentences. Pure: programs/sv.ts acts.
import { commands, isLetter, type Letter } from "./commands.ts";
import { restartPauseMs, svFailuresMax } from "./limits.ts";
import type { Ends, Exit, Status } from "./status.ts";
import type { Millis, Stamp } from "./time.ts";

/** What is waited for, as reached() tells. */
export type Goal =
  | "sent"
  | "up"
  | "down"
  | "once"
  | "restarted"
  | "running-again"
  | "paused"
  | "continued"
  | "gone"
  | "wanted";

export interface Verb {
  /** Written to supervise/control in one piece; "" writes nothing. */
  readonly bytes: string;
  /** null: only `status`, which shows and waits for nothing. */
  readonly goal: Goal | null;
  /** Waits for the goal without being asked to by -v or -w. */
  readonly waits: boolean;
  /** Sends KILL when the time is up. */
  readonly kills: boolean;
}

const status: Verb = { bytes: "", goal: null, waits: false, kills: false };

/** These are whole words; everything else goes by its first letter. */
const words: Readonly<Record<string, Verb>> = {
  status,
  start: { bytes: "u", goal: "up", waits: true, kills: false },
  stop: { bytes: "d", goal: "down", waits: true, kills: false },
  restart: { bytes: "tcu", goal: "running-again", waits: true, kills: false },
  "try-restart": { bytes: "tc", goal: "restarted", waits: true, kills: false },
  reload: { bytes: "h", goal: "sent", waits: true, kills: false },
  shutdown: { bytes: "x", goal: "gone", waits: true, kills: false },
  check: { bytes: "", goal: "wanted", waits: true, kills: false },
  "force-stop": { bytes: "d", goal: "down", waits: true, kills: true },
  "force-reload": { bytes: "tc", goal: "restarted", waits: true, kills: true },
  "force-restart": { bytes: "tcu", goal: "running-again", waits: true, kills: true },
  "force-shutdown": { bytes: "x", goal: "gone", waits: true, kills: true },
  D: { bytes: "d", goal: "down", waits: true, kills: true },
  T: { bytes: "tc", goal: "restarted", waits: true, kills: true },
  X: { bytes: "x", goal: "gone", waits: true, kills: true },
  E: { bytes: "x", goal: "gone", waits: true, kills: true },
};

/** What -v waits for behind a single letter. */
const goals: Readonly<Record<Letter, Goal>> = {
  u: "up", d: "down", o: "once", x: "gone", t: "restarted", k: "restarted", p: "paused",
  c: "continued", h: "sent", a: "sent", i: "sent", q: "sent", "1": "sent", "2": "sent",
}; // biome-ignore format: a table

/** The verb that a word on the command line stands for, or null. `lsb`: called as an init
 * script, where `status` is spelled out. */
export function verbOf(word: string, lsb: boolean): Verb | null {
  const first = word.slice(0, 1);
  const known = words[Object.hasOwn(words, word) ? word : first];
  if (known !== undefined) return known;
  if (first === "s") return lsb ? null : status;
  const letter = first === "e" ? "x" : first;
  if (!isLetter(letter)) return null;
  return { bytes: letter, goal: goals[letter], waits: false, kills: false };
}

/** Every word that people type, for the manual and the tests. */
export const vocabulary: readonly string[] = [
  ...Object.keys(words),
  ...Object.values(commands).map((command) => command.verb),
];

export type Reached = "yes" | "no" | "if check agrees";

/**
 * Whether a status is what the goal asks for. `before` is the status that was read before the
 * command was written: a stamp that differs from it says that something was started or ended
 * since, whatever the clock does. Where the command changes what is wanted, runsv's having
 * taken it is part of the goal, so that `down` between two restarts is not taken for the end.
 */
export function reached(goal: Goal, now: Status, before: Status): Reached {
  const running = now.state === "run" && now.pid !== 0;
  const down = now.state === "down" && now.pid === 0;
  const again = !sameStamp(now.since, before.since) && running && !now.gotTerm;
  switch (goal) {
    case "sent":
      return "yes";
    case "up":
      return running && now.want === "up" ? "if check agrees" : "no";
    case "down":
      return yes(down && now.want === "down");
    case "once":
      return yes(now.want === "down" && (now.pid !== 0 || !sameStamp(now.since, before.since)));
    case "restarted": // Nothing is started for a service that shall be down.
      if (now.pid === 0 && now.want === "down") return "yes";
      return again ? "if check agrees" : "no";
    case "running-again":
      return again ? "if check agrees" : "no";
    case "paused":
      return yes(now.pid === 0 || now.paused);
    case "continued":
      return yes(now.pid === 0 || !now.paused);
    case "gone": // The end of runsv is not in the status.
      return "no";
    case "wanted":
      if (now.want === "down") return yes(down);
      return running ? "if check agrees" : "no";
  }
}

function yes(condition: boolean): Reached {
  return condition ? "yes" : "no";
}

function sameStamp(a: Stamp, b: Stamp): boolean {
  return a.seconds === b.seconds && a.nanoseconds === b.nanoseconds;
}

/** How long until ./run has run for a second, in milliseconds; none when the clock was set. */
export function unsteadyMs({ since }: Status, now: Stamp): Millis {
  const age = (now.seconds - since.seconds) * 1000 + (now.nanoseconds - since.nanoseconds) / 1e6;
  return age < 0 ? restartPauseMs : Math.max(0, restartPauseMs - age);
}

/** True while nothing was started or ended between the two. */
export function sameLife(a: Status, b: Status): boolean {
  return a.pid === b.pid && a.state === b.state && sameStamp(a.since, b.since);
}

/** `exit 1`, or `signal 9`; as wait(2) has it, and -1 as the code after a signal. */
export function exitText({ code, status }: Exit): string {
  if (code >= 0) return `exit ${code}`;
  const signal = status & 0x7f; // without the bit of a core dump
  return signal === 0 ? "unknown, no supervisor was there" : `signal ${signal}`;
}

/** For people: `last end: exit 1, within a second of its start; 3 restarts`. */
export function endText({ exit, restarts }: Ends, early: boolean): string {
  if (exit === null) return "last end: none";
  const soon = early ? ", within a second of its start" : "";
  return `last end: ${exitText(exit)}${soon}; ${restarts} restart${restarts === 1 ? "" : "s"}`;
}

/** True where people are to be shown more than the status: what is to run does not, or has not yet
 * proven that it stays. */
export function isAmiss(status: Status, early: boolean, now: Stamp): boolean {
  if (status.want === "up" && status.state !== "run") return true;
  return early && status.state === "run" && unsteadyMs(status, now) > 0;
}

/** `run: web: (pid 5) 7s, normally down`. `seconds` is the time of now, since 1970;
 * `downFile`, whether there is a file named down. */
export function statusText(name: string, now: Status, downFile: boolean, seconds: number): string {
  const alive = now.pid !== 0;
  let text = `${now.state}: ${name}: `;
  if (now.state !== "down") text += `(pid ${now.pid}) `;
  text += `${Math.max(0, seconds - now.since.seconds)}s`;
  if (alive && downFile) text += ", normally down";
  if (!alive && !downFile) text += ", normally up";
  if (alive && now.paused) text += ", paused";
  if (!alive && now.want === "up") text += ", want up";
  if (alive && now.want === "down") text += ", want down";
  if (alive && now.gotTerm) text += ", got TERM";
  return text;
}

/** What became of the services of one call. */
export interface Tally {
  readonly failures: number;
  /** What `status` showed; null: nothing, or another verb. */
  readonly shown: Status | "unknown" | null;
}

/** The exit code; LSB has its own for `status`: 0 runs, 3 does not, 4 unknown. */
export function exitCode(tally: Tally, lsb: boolean): number {
  if (!lsb) return Math.min(tally.failures, svFailuresMax);
  if (tally.shown === "unknown") return 4;
  if (tally.shown === null) return tally.failures > 0 ? 1 : 0;
  return tally.shown.state === "down" ? 3 : 0;
}

/** Where a service is: below `base` unless its name says otherwise. */
export function serviceDirectory(name: string, base: string): string {
  const asTyped = name.startsWith(".") || name.startsWith("/") || name.endsWith("/");
  // An empty path names nothing; joined to another one it would.
  if (asTyped) return name;
  return name === "" || base === "" ? "" : `${base}/${name}`;
}

/** The last part of a path. */
export function baseName(path: string): string {
  return path.slice(path.lastIndexOf("/") + 1);
}
