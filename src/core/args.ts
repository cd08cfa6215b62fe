// getopt(3) for the programs: single letters, `-w 7` or `-w7`, `--` ends them. No program has long
// options of its own by way of this, but each answers two questions: --help (and -h, where that is
// no option) and --version. Any other long option is a wrong call, not an operand.

export interface Option {
  readonly letter: string;
  /** "" for an option without a value. */
  readonly value: string;
}

/** What a call wants to know of the program itself, which then does nothing else. */
export type Question = "help" | "version";

export interface Args {
  readonly options: readonly Option[];
  readonly operands: readonly string[];
  /** False when an option is unknown or a value is missing: print the usage. */
  readonly valid: boolean;
  /** A question is no valid call either: answer() in programs/answer.ts prints what was asked. */
  readonly question?: Question;
  /** Then, the complaint about it: `illegal option -- q`. */
  readonly complaint?: string;
}

/**
 * Splits argv (with the program's name in front). `letters` lists the options, those with a
 * value followed by a colon, as getopt has it. Options end at the first operand.
 */
export function parseArgs(argv: readonly string[], letters: string): Args {
  const options: Option[] = [];
  let at = 1;
  for (; at < argv.length; at++) {
    const word = argv[at] ?? "";
    if (word === "--") return { options, operands: argv.slice(at + 1), valid: true };
    if (word === "--help" || word === "--version") {
      return { ...invalid(options), question: word === "--help" ? "help" : "version" };
    }
    if (word.startsWith("--")) return invalid(options, `unknown option ${word}`);
    if (word[0] !== "-" || word === "-") break;
    for (let i = 1; i < word.length; i++) {
      const letter = word[i] ?? "";
      const place = letter === ":" ? -1 : letters.indexOf(letter);
      if (place < 0 && letter === "h") return { ...invalid(options), question: "help" };
      if (place < 0) return invalid(options, `illegal option -- ${letter}`);
      if (letters[place + 1] !== ":") {
        options.push({ letter, value: "" });
        continue;
      }
      const value = i + 1 < word.length ? word.slice(i + 1) : argv[++at];
      if (value === undefined) {
        return invalid(options, `option requires an argument -- ${letter}`);
      }
      options.push({ letter, value });
      break;
    }
  }
  return { options, operands: argv.slice(at), valid: true };
}

/** argv with its options in front, for programs that end things: what is typed behind an operand is
 * no less meant. None of their options has a value. */
export function optionsFirst(argv: readonly string[]): readonly string[] {
  const end = argv.indexOf("--");
  const words = argv.slice(1, end < 0 ? argv.length : end);
  const isOption = (word: string): boolean => word[0] === "-" && word !== "-";
  const operands = words.filter((word) => !isOption(word));
  const rest = end < 0 ? [] : argv.slice(end + 1);
  return [argv[0] ?? "", ...words.filter(isOption), "--", ...operands, ...rest];
}

/** The question that one of the words is, wherever it stands; null: none is. */
export function questionIn(words: readonly string[]): Question | null {
  if (words.includes("--help") || words.includes("-h")) return "help";
  return words.includes("--version") ? "version" : null;
}

function invalid(options: readonly Option[], complaint?: string): Args {
  const args = { options, operands: [], valid: false };
  return complaint === undefined ? args : { ...args, complaint };
}

/** The number in digits and nothing else; null for any other text. */
export function wholeNumber(text: string): number | null {
  for (const digit of text) if (digit < "0" || digit > "9") return null;
  return text === "" ? null : Number(text);
}

/** The number that the text begins with, as scan_ulong reads it; null when there are no digits. */
export function leadingNumber(text: string): number | null {
  let digits = 0;
  while (digits < text.length && text.charCodeAt(digits) >= 48 && text.charCodeAt(digits) <= 57)
    digits++;
  return digits === 0 ? null : Number(text.slice(0, digits));
}
