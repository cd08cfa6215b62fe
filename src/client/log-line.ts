// The lines of a log, out of the bytes of its files; and their stamps, in the three forms that
// svlogd and multilog write.
import { TAI64 } from "tai64";

/** A line of a log. */
export interface LogLine {
  /** When it was written; null where the line has no stamp. */
  readonly stamp: Date | null;
  /** The line behind its stamp; bytes that are not UTF-8 are U+FFFD. */
  readonly text: string;
}

const label = /^@([0-9a-f]{16})([0-9a-f]{8}) /;
const utc = /^(\d{4}-\d\d-\d\d)[_T](\d\d:\d\d:\d\d\.\d{3})\d\d /;

/** The label of 1970-01-01 UTC, as runit, daemontools and s6 count: the package's own toUnix()
 * takes leap seconds off, which those have never added. */
const unixEpoch = 2n ** 62n + 10n;

/** The time that the 16 digits of a TAI64 label and the 8 of its nanoseconds say. */
function timeOfLabel(seconds: string, nanoseconds: string): number {
  try {
    const count = BigInt(`0x${TAI64.fromHexString(seconds).toHexString()}`);
    return Number(count - unixEpoch) * 1000 + Math.floor(Number.parseInt(nanoseconds, 16) / 1e6);
  } catch (error) {
    if (error instanceof RangeError) return Number.NaN; // 2^63 and more are no labels
    throw error;
  }
}

/** The time of a file or line with such a label in front; NaN where there is none. */
export function labelTime(text: string): number {
  const found = label.exec(`${text.slice(0, 25)} `);
  return found === null ? Number.NaN : timeOfLabel(found[1] ?? "", found[2] ?? "");
}

function lineOf(bytes: Buffer): LogLine {
  const whole = bytes.toString();
  const [stamp, first, second] = label.exec(whole) ?? utc.exec(whole) ?? [];
  if (stamp === undefined || first === undefined || second === undefined) {
    return { stamp: null, text: whole };
  }
  const time = stamp[0] === "@" ? timeOfLabel(first, second) : Date.parse(`${first}T${second}Z`);
  const date = new Date(time);
  if (Number.isNaN(date.getTime())) return { stamp: null, text: whole };
  return { stamp: date, text: whole.slice(stamp.length) };
}

const newline = 10;

/** What svlogd may take back at most, twice over: it commits as much as a pipe holds. */
const recentMaxBytes = 2 * 65536;

/** Puts the lines together from pieces of files. */
export class LineSplitter {
  #held: Buffer = Buffer.alloc(0);
  /** Where in `#held` a new file began; 0: nowhere. */
  #seam = 0;
  /** The last lines of this file with their newlines, and their size. */
  #recent: Buffer[] = [];
  #recentBytes = 0;
  /** Texts that were given, taken back from the file, and are about to be written again. */
  #expected: string[] = [];

  /** The lines that are complete now. */
  push(bytes: Buffer): LogLine[] {
    const lines: LogLine[] = [];
    let from = 0;
    for (let at = bytes.indexOf(newline); at >= 0; at = bytes.indexOf(newline, from)) {
      const line = Buffer.concat([this.#held, bytes.subarray(from, at + 1)]);
      this.#held = Buffer.alloc(0);
      this.#remember(line);
      lines.push(...this.#finish(line.subarray(0, -1)));
      from = at + 1;
    }
    this.#held = Buffer.concat([this.#held, bytes.subarray(from)]);
    return lines;
  }

  /** Another file begins: it goes on with the line that is held, or with a new one. */
  startFile(): void {
    this.#seam = this.#held.length;
    this.#recent = [];
    this.#recentBytes = 0;
  }

  /** So many bytes were taken back from the end of the file. Lines among them that were given
   * are not given again, if they will come again. */
  takeBack(count: number, comesAgain: boolean): void {
    let left = count - this.#held.length;
    this.#held = this.#held.subarray(0, Math.max(0, -left));
    while (left > 0) {
      const line = this.#recent.pop();
      if (line === undefined) return;
      this.#recentBytes -= line.length;
      if (comesAgain) this.#expected.unshift(lineOf(line.subarray(0, -1)).text);
      this.#held = line.subarray(0, Math.max(0, line.length - left));
      left -= line.length;
    }
  }

  /** What is held, as the last line. */
  end(): LogLine[] {
    return this.#held.length === 0 ? [] : this.#finish(this.#held);
  }

  #remember(line: Buffer): void {
    this.#recent.push(line);
    this.#recentBytes += line.length;
    while (this.#recentBytes > recentMaxBytes) {
      this.#recentBytes -= this.#recent.shift()?.length ?? 0;
    }
  }

  /** One line; or two where a logger was killed within a line, and the next file has a stamp. */
  #finish(line: Buffer): LogLine[] {
    const seam = this.#seam;
    this.#seam = 0;
    const whole = lineOf(line);
    const isCut = seam > 0 && seam < line.length;
    const second = isCut ? lineOf(line.subarray(seam)) : null;
    const lines = second?.stamp ? [lineOf(line.subarray(0, seam)), second] : [whole];
    return lines.filter(({ text }) => !this.#wasGiven(text));
  }

  #wasGiven(text: string): boolean {
    if (this.#expected[0] === text) {
      this.#expected.shift();
      return true;
    }
    this.#expected = []; // it does not come again: what comes is new
    return false;
  }
}
