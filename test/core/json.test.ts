// What programs read of sv: JSON for every parser, and every byte of a name can be had back.
import assert from "node:assert/strict";
import { test } from "node:test";
import { jsonText } from "../../src/core/json.ts";
import { newRandom } from "../record.ts";

/** What a reader makes of it, who decodes strictly. */
function parsed(bytes: string): unknown {
  const text = new TextDecoder("utf-8", { fatal: true }).decode(Buffer.from(bytes, "latin1"));
  return JSON.parse(text);
}

/** The bytes of a name, as the manual tells how to have them back. */
function bytesOf(name: string): string {
  return [...name]
    .map((character) => {
      const code = character.codePointAt(0) ?? 0;
      const isByte = code >= 0xf780 && code <= 0xf7ff;
      return isByte
        ? String.fromCharCode(code - 0xf700)
        : Buffer.from(character).toString("latin1");
    })
    .join("");
}

test("values of every kind", () => {
  const value = { a: null, b: true, c: -1, d: "x", e: [1, { f: [] }], g: {} };
  assert.equal(jsonText(value), JSON.stringify(value));
});

test("UTF-8 stays, what is none becomes a character for private use", () => {
  for (const [bytes, name] of [
    ["web", "web"],
    ['a"b\\c', 'a"b\\c'],
    ["two\nlines\t\x00\x1f\x7f", "two\nlines\t\x00\x1f\x7f"],
    ["caf\xc3\xa9", "caf\u00e9"],
    ["\xf0\x9f\x98\x80", "\u{1f600}"],
    ["\xf4\x8f\xbf\xbf", "\u{10ffff}"],
    ["caf\xe9", "caf\uf7e9"],
    ["\xc3", "\uf7c3"],
    ["\xc3(", "\uf7c3("],
    ["\xc0\xaf", "\uf7c0\uf7af"],
    ["\xe0\x80\x80", "\uf7e0\uf780\uf780"],
    ["\xed\xa0\x80", "\uf7ed\uf7a0\uf780"],
    ["\xf4\x90\x80\x80", "\uf7f4\uf790\uf780\uf780"],
    ["\xf5\xff\xfe", "\uf7f5\uf7ff\uf7fe"],
    ["\xef\x9f\xa9", "\uf7ef\uf79f\uf7a9"],
    ["\xef\x9e\x80", "\uf7ef\uf79e\uf780"],
    ["\xef\x9d\xbf", "\uf77f"],
  ] as const) {
    assert.equal(parsed(jsonText(bytes)), name);
    assert.equal(bytesOf(name), bytes);
  }
});

test("any bytes: it is JSON, and they can be had back", () => {
  const random = newRandom(11);
  for (let round = 0; round < 20_000; round++) {
    const length = random(8);
    const bytes = Array.from({ length }, () => String.fromCharCode(random(256))).join("");
    const name = parsed(jsonText(bytes));
    assert.equal(bytesOf(String(name)), bytes);
  }
});
