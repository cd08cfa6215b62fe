// What a file `config` in a log directory says to svlogd.
import { leadingNumber } from "./args.ts";
import type { Rule } from "./selection.ts";
import type { Millis } from "./time.ts";

export interface Config {
  /** A `current` of this size is rotated; 0: never. */
  readonly sizeMaxBytes: number;
  /** How many old files stay after a rotation; 0: all. */
  readonly keepMax: number;
  /** How many old files stay while the disk is full; keepMax and more: no file makes room. */
  readonly keepMin: number;
  /** A `current` of this age that is not empty is rotated; 0: at any age. */
  readonly ageMaxMs: Millis;
  readonly prefix: string;
  readonly rules: readonly Rule[];
  /** What sh runs for every file that is put aside; "": nothing. */
  readonly processor: string;
  readonly address: Address | null;
}

/** Where lines are sent. */
export interface Address {
  /** 32 bits, the first byte on top. */
  readonly ip: number;
  readonly port: number;
  /** They are not written to the log. */
  readonly only: boolean;
}

export const defaultConfig: Config = {
  sizeMaxBytes: 1000000,
  keepMax: 10,
  keepMin: 10,
  ageMaxMs: 0,
  prefix: "",
  rules: [],
  processor: "",
  address: null,
};

/** A longer prefix would not leave room for the line in svlogd's buffer. */
export const prefixMaxBytes = 1000;
const syslogPort = 514;

export interface ParsedConfig {
  readonly config: Config;
  /** Lines that have no effect, or not quite the one that they seem to have, and why. */
  readonly complaints: readonly string[];
}

/** The settings in the text of a file `config`; `name` is its directory's, for complaints. A line
 * that is not understood may be the one that says how many old files are kept: all are, unless
 * another line says it. */
export function parseConfig(text: string, name: string): ParsedConfig {
  let config = defaultConfig;
  let isSaid = false;
  let isDoubtful = false;
  const complaints: string[] = [];
  for (const line of text.split("\n")) {
    const effect = parseLine(config, line);
    const { change, complaint } = effect;
    if (change !== undefined) config = { ...config, ...change };
    if (change?.keepMax !== undefined) isSaid = true;
    if (effect === unclear) isDoubtful = true;
    if (complaint === undefined) continue;
    complaints.push(complaint.startsWith("unable") ? complaint : `${name}: "${line}" ${complaint}`);
  }
  if (isDoubtful && !isSaid) config = { ...config, keepMax: 0 };
  return { config, complaints };
}

/** What a line changes, and what is wrong with it. */
interface Effect {
  readonly change?: Partial<Config>;
  readonly complaint?: string;
}

const notUnderstood = "in config is not understood";
/** Of a line that may be about the number of old files. */
const unclear: Effect = { complaint: notUnderstood };
/** Of a line about those that go from a full disk: none goes. */
const unclearMin: Effect = { ...unclear, change: { keepMin: Number.POSITIVE_INFINITY } };

const units: Readonly<Record<string, Readonly<Record<string, number>>>> = {
  s: { k: 1024, m: 1024 * 1024 },
  n: {},
  N: {},
  t: { m: 60, h: 3600 },
};

function parseLine(config: Config, line: string): Effect {
  const letter = line[0] ?? "#";
  const value = line.slice(1);
  switch (letter) {
    case "#":
      return {};
    case "s":
    case "n":
    case "N":
    case "t":
      return parseNumber(letter, value);
    case "p":
      if (value.length > prefixMaxBytes)
        return { complaint: `in config is longer than ${prefixMaxBytes} bytes` };
      return value === "" ? {} : { change: { prefix: value } };
    case "!":
      return value === "" ? {} : { change: { processor: value } };
    case "u":
    case "U":
      return parseAddress(value, letter === "U");
    case "+":
    case "-":
    case "e":
    case "E": {
      const pattern = value.split("\0")[0] ?? ""; // as runit's, which has it as a C string
      return { change: { rules: [...config.rules, { kind: letter, pattern }] } };
    }
    default:
      return unclear;
  }
}

function parseNumber(letter: "s" | "n" | "N" | "t", value: string): Effect {
  const number = leadingNumber(value);
  let used = digitsOf(value);
  const factor = units[letter]?.[value[used] ?? ""];
  if (factor !== undefined) used++;
  const rest = value.slice(used).trim();
  // No old file goes by a number with something else in it: `n1O0` may have been meant as n100.
  const isGlued = rest !== "" && rest[0] === value[used];
  if (letter === "n" && (number === null || isGlued)) return unclear;
  if (letter === "N" && (number === null || isGlued)) return unclearMin;
  // runit's takes it as 0, so that a slip makes a log grow for ever.
  if (number === null) return { complaint: notUnderstood };
  const change = numberChange(letter, number * (factor ?? 1));
  if (rest === "") return { change };
  return { change, complaint: `in config is taken as "${letter}${value.slice(0, used)}"` };
}

function digitsOf(text: string): number {
  let digits = 0;
  while (text.charCodeAt(digits) >= 48 && text.charCodeAt(digits) <= 57) digits++;
  return digits;
}

function numberChange(letter: "s" | "n" | "N" | "t", number: number): Partial<Config> {
  switch (letter) {
    case "s":
      return { sizeMaxBytes: number };
    case "n":
      return { keepMax: number };
    case "N":
      return { keepMin: number };
    case "t":
      return { ageMaxMs: number * 1000 };
  }
}

/** `10.1.2.3` or `10.1.2.3:514`; the complaints are runit's. */
function parseAddress(value: string, only: boolean): Effect {
  const complaint = `unable to scan ip address: ${value}`;
  let ip = 0;
  let rest = value;
  for (let i = 0; i < 4; i++) {
    if (i > 0 && rest[0] !== ".") return { complaint };
    if (i > 0) rest = rest.slice(1);
    const number = leadingNumber(rest);
    if (number === null || number > 255) return { complaint };
    ip = ip * 256 + number;
    rest = rest.slice(digitsOf(rest));
  }
  if (rest[0] !== ":") {
    return rest.trim() === ""
      ? { change: { address: { ip, port: syslogPort, only } } }
      : { complaint };
  }
  const port = leadingNumber(rest.slice(1)) ?? 0;
  if (port === 0 || port > 65535)
    return { complaint: `unable to scan port number: ${rest.slice(1)}` };
  return { change: { address: { ip, port, only } } };
}
