// svlogd's decisions: what a config says, when a log is rotated, which old files go.
import { leadingNumber } from "./args.ts";
import type { Millis } from "./time.ts";

export interface Config {
  /** A `current` of this size is rotated; 0: never. */
  readonly sizeMaxBytes: number;
  /** How many old files stay after a rotation; 0: all. */
  readonly keepMax: number;
  /** How many old files stay while the disk is full; 0, or keepMax and more: no file makes room. */
  readonly keepMin: number;
  /** A `current` of this age that is not empty is rotated; 0: at any age. */
  readonly ageMaxMs: Millis;
  readonly prefix: string;
}

export const defaultConfig: Config = {
  sizeMaxBytes: 1000000,
  keepMax: 10,
  keepMin: 10,
  ageMaxMs: 0,
  prefix: "",
};

/** A longer prefix would not leave room for the line in svlogd's buffer. */
export const prefixMaxBytes = 1000;

export interface ParsedConfig {
  readonly config: Config;
  /** Lines that have no effect, and why. */
  readonly complaints: readonly string[];
}

/** The settings in the text of a file `config`. */
export function parseConfig(text: string): ParsedConfig {
  let config = defaultConfig;
  const complaints: string[] = [];
  for (const line of text.split("\n")) {
    const outcome = parseLine(config, line);
    if (typeof outcome === "string") complaints.push(`"${line}" in config is ${outcome}`);
    else config = outcome;
  }
  return { config, complaints };
}

const units: Readonly<Record<string, Readonly<Record<string, number>>>> = {
  s: { "": 1, k: 1024, m: 1024 * 1024 },
  n: { "": 1 },
  N: { "": 1 },
  t: { "": 1, m: 60, h: 3600 },
};

/** The config with this line in force, or what is wrong with it. */
function parseLine(config: Config, line: string): Config | string {
  const letter = line[0] ?? "#";
  const value = line.slice(1);
  switch (letter) {
    case "#":
      return config;
    case "s":
    case "n":
    case "N":
    case "t": {
      const number = scaled(value, units[letter] ?? {});
      return number === null ? "not understood" : withNumber(config, letter, number);
    }
    case "p":
      return value.length > prefixMaxBytes
        ? `longer than ${prefixMaxBytes} bytes`
        : { ...config, prefix: value };
    case "!":
      return "not supported yet: no processor is run";
    case "u":
    case "U":
      return "not supported yet: nothing is sent";
    case "+":
    case "-":
    case "e":
    case "E":
      return "not supported yet: every line is written to the log, none to stderr";
    default:
      return "not understood";
  }
}

function scaled(text: string, factors: Readonly<Record<string, number>>): number | null {
  const number = leadingNumber(text);
  if (number === null) return null;
  let digits = 0;
  while (digits < text.length && leadingNumber(text.slice(digits)) !== null) digits++;
  const factor = factors[text.slice(digits)];
  return factor === undefined ? null : number * factor;
}

function withNumber(config: Config, letter: "s" | "n" | "N" | "t", number: number): Config {
  switch (letter) {
    case "s":
      return { ...config, sizeMaxBytes: number };
    case "n":
      return { ...config, keepMax: number };
    case "N":
      return { ...config, keepMin: number };
    case "t":
      return { ...config, ageMaxMs: number * 1000 };
  }
}

// --- When to rotate ------------------------------------------------------------------------------

/** The size from which the end of a line is the place to rotate, so that a line of at most
 * `lineBytes` is not cut at the maximum. */
function softMax(config: Config, lineBytes: number): number {
  if (config.sizeMaxBytes === 0) return Number.POSITIVE_INFINITY;
  return config.sizeMaxBytes > lineBytes ? config.sizeMaxBytes - lineBytes : config.sizeMaxBytes;
}

/** Bytes that fit before the end of a line is the place to rotate. */
export function softRoom(config: Config, size: number, lineBytes: number): number {
  return Math.max(0, softMax(config, lineBytes) - size);
}

/** Bytes that fit at all. */
export function hardRoom(config: Config, size: number): number {
  return config.sizeMaxBytes === 0
    ? Number.POSITIVE_INFINITY
    : Math.max(0, config.sizeMaxBytes - size);
}

/** True when a `current` is as big as it may become; in the middle of a line that is later. */
export function isFull(config: Config, size: number, lineBytes: number, midline: boolean): boolean {
  if (size === 0) return false;
  return midline ? hardRoom(config, size) === 0 : softRoom(config, size, lineBytes) === 0;
}

/** When a `current` that was begun at `since` is too old; null: it never is. */
export function ageDeadline(config: Config, size: number, since: Millis): Millis | null {
  return config.ageMaxMs === 0 || size === 0 ? null : since + config.ageMaxMs;
}

/** An empty `current` does not age past its limit: its age counts from the last whole period,
 * so that the first line after a quiet time is not rotated away at once. */
export function renewedSince(config: Config, since: Millis, now: Millis): Millis {
  if (config.ageMaxMs === 0 || now < since) return since;
  return since + Math.floor((now - since) / config.ageMaxMs) * config.ageMaxMs;
}

// --- Old files ------------------------------------------------------------------------------

/** Old logs among the names of a directory, the oldest first. */
export function oldFiles(names: readonly string[]): string[] {
  return names.filter(isOldFile).sort();
}

function isOldFile(name: string): boolean {
  return name.length === 27 && name[0] === "@" && (name.endsWith(".s") || name.endsWith(".u"));
}

/** Those that go after a rotation. */
export function surplusFiles(names: readonly string[], keepMax: number): string[] {
  const old = oldFiles(names);
  return keepMax === 0 ? [] : old.slice(0, Math.max(0, old.length - keepMax));
}

/** The one that makes room on a full disk, or null: too few are left, or all are to be kept. */
export function sacrificedFile(names: readonly string[], config: Config): string | null {
  const { keepMin, keepMax } = config;
  const old = oldFiles(names);
  return keepMin > 0 && keepMin < keepMax && old.length > keepMin ? (old[0] ?? null) : null;
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
