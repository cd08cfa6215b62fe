// The options that svlogd is called with.
import { parseArgs, type Question, wholeNumber } from "../core/args.ts";
import { replacements } from "../core/selection.ts";

const defaultLineBytes = 1000;
const defaultBufferBytes = 1024;
/** One commit names them all, in one page. */
const directoriesMax = 32;

export interface Options {
  /** How many -t. */
  readonly stamp: number;
  readonly verbose: boolean;
  /** What bytes become; null: they stay. */
  readonly table: Uint8Array | null;
  /** Lines up to this length are not cut by a rotation. */
  readonly lineBytes: number;
  /** Lines that cannot be written are dropped. */
  readonly lossy: boolean;
  /** The log directories; one that goes on by another path has that here. */
  names: readonly string[];
  /** The directories belong to somebody else: see LogDirectory. */
  readonly foreign: boolean;
}

/** The options, or what to say about a wrong call, or a question about the program. */
export function parseOptions(
  argv: readonly string[],
  usage: string,
): Options | string[] | Question {
  const args = parseArgs(argv, "tvVLr:R:l:b:");
  if (args.question !== undefined) return args.question;
  const usageLine = `usage: ${argv[0]} ${usage}\n`;
  let stamp = 0;
  let verbose = false;
  let lossy = false;
  let by: string | null = null;
  let set: string | null = null;
  let lineBytes = 0;
  let bufferBytes = 0;
  for (const { letter, value } of args.options) {
    switch (letter) {
      case "t":
        stamp = Math.min(stamp + 1, 3);
        break;
      case "v":
        verbose = true;
        break;
      case "V":
        return [`trinit ${VERSION}`, usageLine];
      case "L":
        lossy = true;
        break;
      case "r":
        if (value.length !== 1) return [usageLine];
        by = value;
        break;
      case "R":
        set = value;
        break;
      case "l":
        lineBytes = wholeNumber(value) ?? Number.NaN;
        break;
      case "b": // checked as ever, and of no effect: the buffers have one size
        bufferBytes = wholeNumber(value) ?? Number.NaN;
        break;
    }
  }
  if (Number.isNaN(lineBytes + bufferBytes)) return ["svlogd: -l and -b take a number", usageLine];
  lineBytes ||= defaultLineBytes;
  bufferBytes ||= defaultBufferBytes;
  const names = args.operands;
  if (args.complaint !== undefined) return [`svlogd: ${args.complaint}`, usageLine];
  if (names.length === 0 || names.length > directoriesMax) return [usageLine];
  if (bufferBytes <= lineBytes) return [usageLine];
  const table = by === null && set === null ? null : replacements(by ?? "_", set ?? "");
  return { stamp, verbose, table, lineBytes, lossy, names, foreign: false };
}
