// Which lines svlogd writes: the rules of a config, and runit's patterns. A pattern is no regular
// expression: `*` stands for what comes before the next character of the pattern, `+` for one or
// more of it. Nothing goes back to try another way.

const star = 42;
const plus = 43;

/** `+` and `-` select and deselect for the log, `e` and `E` for standard error. */
export interface Rule {
  readonly kind: "+" | "-" | "e" | "E";
  readonly pattern: string;
}

/** What becomes of a line. */
export interface Verdict {
  /** It goes into the log, and to an address. */
  readonly log: boolean;
  /** It goes to standard error. */
  readonly alert: boolean;
}

/** What the rules say about the line in bytes[from, to), which becomes what `table` has, without
 * its newline: the last rule of its kind that matches counts. */
export function judge(
  rules: readonly Rule[],
  bytes: Uint8Array,
  from: number,
  to: number,
  table: Uint8Array | null,
): Verdict {
  let log = true;
  let alert = false;
  for (const { kind, pattern } of rules) {
    if (!matches(pattern, bytes, from, to, table)) continue;
    if (kind === "+" || kind === "-") log = kind === "+";
    else alert = kind === "e";
  }
  return { log, alert };
}

/** True when the pattern matches all of bytes[from, to). */
export function matches(
  pattern: string,
  bytes: Uint8Array,
  from: number,
  to: number,
  table: Uint8Array | null = null,
): boolean {
  let at = from;
  const isHere = (code: number): boolean => {
    const byte = bytes[at] ?? 0;
    return at < to && (table === null ? byte : table[byte]) === code;
  };
  for (let i = 0; i < pattern.length; i++) {
    const code = pattern.charCodeAt(i);
    if (code === star) {
      if (i + 1 === pattern.length) return true;
      const next = pattern.charCodeAt(i + 1); // which is itself, also when it is a star
      while (at < to && !isHere(next)) at++;
      if (at === to) return false;
    } else if (code === plus) {
      const next = pattern.charCodeAt(++i); // NaN, which is nowhere, at the end of the pattern
      if (!isHere(next)) return false;
      while (isHere(next)) at++;
      if (at === to) return true; // whatever follows in the pattern
    } else {
      if (!isHere(code)) return false;
      at++;
    }
  }
  return at === to;
}

// --- Characters ------------------------------------------------------------------------------

/** A table of 256 bytes: what each becomes when `by` replaces
 * the unprintable ones and those in `set`. */
export function replacements(by: string, set: string): Uint8Array {
  const table = new Uint8Array(256);
  const replacement = by.charCodeAt(0);
  for (let byte = 0; byte < 256; byte++) {
    const printable = byte >= 32 && byte < 127 && !set.includes(String.fromCharCode(byte));
    table[byte] = printable || byte === 10 ? byte : replacement;
  }
  return table;
}
