// What a machine's console shows, as it comes: whoever waits for something there is told at once.
import { EventEmitter, once } from "node:events";

/** As many characters of the end as an error tells. */
const endLength = 600;
/** What a line editor or a pager does to a terminal. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: escape sequences begin with one
const escapes = /\x1b(\[[0-9;?]*[A-Za-z]|[()][A-Z0-9]|[=>78c])|\r/g;
/** The beginning of one, the rest of which comes with what is read next. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: escape sequences begin with one
const unfinished = /\x1b(\[[0-9;?]*|[()])?$/;

export class Transcript extends EventEmitter<{ change: [] }> {
  #text = "";
  #rest = "";
  /** What was waited for, and came, is behind this. */
  #seen = 0;
  #isOver = false;

  /** Without carriage returns and what steers a terminal. */
  get text(): string {
    return this.#text;
  }

  /** Its end. */
  get last(): string {
    return this.#text.slice(-endLength);
  }

  add(text: string): void {
    const all = this.#rest + text;
    const whole = all.replace(unfinished, "");
    this.#rest = all.slice(whole.length);
    this.#text += whole.replace(escapes, "");
    this.emit("change");
  }

  end(): void {
    this.#isOver = true;
    this.emit("change");
  }

  /** The first match after the last one; waits until it is there. Throws at the end of the machine,
   * and after `timeoutMs`. */
  async waitFor(pattern: RegExp, timeoutMs: number): Promise<RegExpExecArray> {
    const timeout = AbortSignal.timeout(timeoutMs);
    for (;;) {
      const match = pattern.exec(this.#text.slice(this.#seen));
      if (match !== null) {
        this.#seen += match.index + match[0].length;
        return match;
      }
      if (this.#isOver || timeout.aborted) {
        const why = this.#isOver ? "the machine has ended" : `not within ${timeoutMs} ms`;
        throw new Error(`the console did not show ${pattern}: ${why}; it shows: ${this.last}`);
      }
      await once(this, "change", { signal: timeout }).catch(() => {}); // looked at once more
    }
  }
}
