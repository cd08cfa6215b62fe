// supervise/status, both ways: the 20 bytes that runit's tools read and write.
//
//   0-11 TAI64N of the last change   12-15 pid, little endian   16 paused   17 want: u or d
//   18 TERM was sent and it still runs   19 state: 0 down, 1 run, 2 finish
//
// daemontools' tools read the first 18 of them. Beside it lie supervise/exit and
// supervise/complaint, one line each.
import { leadingNumber } from "./args.ts";
import type { Exit, Service } from "./service-state.ts";
import { decodeTai64n, encodeTai64n, labelText, type Stamp } from "./time.ts";

export type State = "down" | "run" | "finish";

const states: readonly State[] = ["down", "run", "finish"];

export type { Exit };

export interface Status {
  readonly state: State;
  /** "down" also stands for a supervisor that was told to exit. */
  readonly want: "up" | "down";
  /** 0 when no process runs. */
  readonly pid: number;
  readonly paused: boolean;
  readonly gotTerm: boolean;
  /** The last start of `run`, or when it went down. */
  readonly since: Stamp;
}

/** The record's 20 bytes. */
export function encodeStatus(status: Status): string {
  const { pid } = status;
  return (
    encodeTai64n(status.since) +
    String.fromCharCode(pid & 255, (pid >> 8) & 255, (pid >> 16) & 255, (pid >> 24) & 255) +
    String.fromCharCode(status.paused ? 1 : 0, status.want === "up" ? 0x75 : 0x64) +
    String.fromCharCode(status.gotTerm ? 1 : 0, states.indexOf(status.state))
  );
}

/** The status in a record, or null when it is no record: too short, or a state unknown. */
export function decodeStatus(bytes: string): Status | null {
  const state = states[bytes.charCodeAt(19)];
  if (bytes.length !== 20 || state === undefined) return null;
  let pid = 0;
  for (let i = 15; i >= 12; i--) pid = pid * 256 + bytes.charCodeAt(i);
  return {
    state,
    want: bytes.charCodeAt(17) === 0x75 ? "up" : "down",
    pid,
    paused: bytes.charCodeAt(16) !== 0,
    gotTerm: bytes.charCodeAt(18) !== 0,
    since: decodeTai64n(bytes),
  };
}

type Told = Pick<Service, "want" | "ending">;

/** supervise/stat: the same in one line, for people, and what the record has no room for. */
export function statText({ state, paused, gotTerm }: Status, { want, ending }: Told): string {
  let text: string = state;
  if (paused) text += ", paused";
  if (gotTerm) text += ", got TERM";
  else if (ending && state === "run") text += toldText;
  if (want === "end" || (want !== "up" && state !== "down")) text += `, want ${want}`;
  return `${text}\n`;
}

const toldText = ", told to end";

/** What a supervisor that comes after another one, or a runsvdir, takes from supervise/stat. */
export function decodeStat(text: string): { isEnd: boolean; ending: boolean } {
  return { isEnd: text.endsWith(", want end\n"), ending: text.includes(toldText) };
}

/** What supervise/exit tells of ./run. */
export interface Ends {
  /** The last end; null: it never ended. */
  readonly exit: Exit | null;
  /** How often it was started again. */
  readonly restarts: number;
}

/** `CODE STATUS RESTARTS`, or nothing before the first end. */
export function encodeEnds({ exit, restarts }: Ends): string {
  return exit === null ? "" : `${exit.code} ${exit.status} ${restarts}\n`;
}

/** The numbers of supervise/exit, or null when it has not three of them. */
export function decodeEnds(text: string): Ends | null {
  const words = text.trimEnd().split(" ");
  const [code, status, restarts] = words.map((word) => (word === "-1" ? -1 : plainNumber(word)));
  if (words.length !== 3 || code == null || status == null || restarts == null) return null;
  return { exit: { code, status }, restarts };
}

/** The exit code of a container that ends with this service: 128 and the signal after a signal, 111
 * where how it ended cannot be known. */
export function exitCodeOf(exit: Exit | null): number {
  if (exit === null) return 111;
  if (exit.code >= 0) return exit.code & 0xff;
  const signal = exit.status & 0x7f;
  return signal === 0 ? 111 : 128 + signal;
}

/** The number as it is written by us; null for anything else. */
function plainNumber(word: string): number | null {
  const number = leadingNumber(word);
  return number !== null && `${number}` === word ? number : null;
}

export interface Complaint {
  readonly since: Stamp;
  /** One line. */
  readonly text: string;
}

/** `@LABEL SENTENCE`, in one line whatever the sentence has in it. */
export function encodeComplaint({ since, text }: Complaint): string {
  return `${labelText(since)} ${text.split("\n").join(" ")}\n`;
}

/** The complaint in a line, or null when it is none. */
export function decodeComplaint(line: string): Complaint | null {
  if (line[0] !== "@" || line[25] !== " ") return null;
  let label = "";
  for (let i = 1; i < 25; i += 2)
    label += String.fromCharCode(Number.parseInt(line.slice(i, i + 2), 16));
  return { since: decodeTai64n(label), text: printable(line.slice(26).split("\n", 1)[0] ?? "") };
}

/** What may be shown on a terminal: the file is written in a directory that may be anybody's. */
export function printable(text: string): string {
  let shown = "";
  for (const byte of text) shown += byte < " " || byte === "\x7f" ? "?" : byte;
  return shown;
}
