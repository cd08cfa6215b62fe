// JSON for the outside: one line per value, UTF-8 whatever bytes a name has.

export type Json =
  | null
  | boolean
  | number
  | string
  | readonly Json[]
  | { readonly [name: string]: Json };

/** The value as JSON. Strings are byte strings: see characters(). */
export function jsonText(value: Json): string {
  if (typeof value === "string") return `"${characters(value)}"`;
  if (value === null || typeof value !== "object") return `${value}`;
  if (Array.isArray(value)) return `[${value.map(jsonText).join(",")}]`;
  const members = Object.entries(value).map(([name, member]) => `"${name}":${jsonText(member)}`);
  return `{${members.join(",")}}`;
}

/** What starts a sequence of UTF-8: the bytes that follow it, and the range of the first of them,
 * by which no character is written in two ways, and none that Unicode has not. */
function sequenceAt(first: number): readonly [number, number, number] {
  if (first < 0x80) return [0, 0, 0];
  if (first >= 0xc2 && first <= 0xdf) return [1, 0x80, 0xbf];
  if (first === 0xe0) return [2, 0xa0, 0xbf];
  if (first === 0xed) return [2, 0x80, 0x9f];
  if (first >= 0xe1 && first <= 0xef) return [2, 0x80, 0xbf];
  if (first === 0xf0) return [3, 0x90, 0xbf];
  if (first >= 0xf1 && first <= 0xf3) return [3, 0x80, 0xbf];
  if (first === 0xf4) return [3, 0x80, 0x8f];
  return [-1, 0, 0];
}

/** How many bytes from there on are one character of UTF-8; 0 when they are none. */
export function characterAt(bytes: string, at: number): number {
  const [more, low, high] = sequenceAt(bytes.charCodeAt(at));
  for (let i = 1; i <= more; i++) {
    const byte = bytes.charCodeAt(at + i);
    if (!(i === 1 ? byte >= low && byte <= high : byte >= 0x80 && byte <= 0xbf)) return 0;
  }
  return more + 1;
}

/** U+F780 to U+F7FF in UTF-8: they stand for bytes that are none, and so never for themselves. */
function isStandIn(bytes: string, at: number): boolean {
  const second = bytes.charCodeAt(at + 1);
  return bytes[at] === "\xef" && (second === 0x9e || second === 0x9f);
}

function escaped(number: number): string {
  return `\\u${number.toString(16).padStart(4, "0")}`;
}

function isPlain(code: number): boolean {
  return code >= 0x20 && code < 0x7f && code !== 0x22 && code !== 0x5c;
}

/** The inside of a JSON string. UTF-8 stays as it is; a byte HH that is no part of it becomes the
 * character U+F7HH, of those that are free for private use. */
function characters(bytes: string): string {
  let plain = 0; // most are nothing but letters
  while (plain < bytes.length && isPlain(bytes.charCodeAt(plain))) plain++;
  let text = bytes.slice(0, plain);
  for (let at = plain; at < bytes.length; ) {
    const code = bytes.charCodeAt(at);
    const length = isStandIn(bytes, at) ? 0 : characterAt(bytes, at);
    if (length === 0) text += escaped(0xf700 + code);
    else if (code < 0x20 || code === 0x7f) text += escaped(code);
    else if (code === 0x22 || code === 0x5c) text += `\\${bytes[at]}`;
    else text += bytes.slice(at, at + length);
    at += Math.max(1, length);
  }
  return text;
}
