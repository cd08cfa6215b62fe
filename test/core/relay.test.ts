// The formats of runsvdir -o, and what stands in front of a line.
import assert from "node:assert/strict";
import { test } from "node:test";
import { type Format, lineHead, parseFormat, unfinished } from "../../src/core/relay.ts";

const time = { seconds: 1_795_296_600, nanoseconds: 123_456_789 };
const source = { service: "web", stream: "stdout", continued: false } as const;

for (const [text, format] of [
  ["plain", { log: "plain", stamp: "none" }],
  ["prefix", { log: "prefix", stamp: "none" }],
  ["prefix,tai", { log: "prefix", stamp: "tai" }],
  ["json,utc", { log: "json", stamp: "utc" }],
  ["plain,iso", { log: "plain", stamp: "iso" }],
  ["", null],
  ["Prefix", null],
  ["prefix,", null],
  ["prefix,tai,iso", null],
  ["iso", null],
] as const) {
  test(`"${text}" is ${format === null ? "no format" : "a format"}`, () => {
    assert.deepEqual(parseFormat(text), format);
  });
}

for (const [stamp, expected] of [
  ["none", "web | "],
  ["tai", "web | @400000006b020d62075bcd15 | "],
  ["utc", "web | 2026-11-21_21:30:00.12345 | "],
  ["iso", "web | 2026-11-21T21:30:00.12345 | "],
] as const) {
  test(`a line with the stamp ${stamp}`, () => {
    assert.equal(lineHead({ log: "prefix", stamp }, source, time), expected);
  });
}

test("JSON has the time as everybody reads it, unless another stamp is asked for", () => {
  const head = (stamp: Format["stamp"]): string => lineHead({ log: "json", stamp }, source, time);
  const line = '{"time":"2026-11-21T21:30:00.12345Z","service":"web","stream":"stdout","text":"';
  assert.equal(head("none"), line);
  assert.equal(head("iso"), line);
  assert.ok(head("tai").startsWith('{"time":"@4000'));
});

test("a part of a line that goes on is marked", () => {
  const part = { ...source, continued: true };
  assert.equal(lineHead({ log: "prefix", stamp: "none" }, part, time), "web + ");
  assert.match(lineHead({ log: "json", stamp: "none" }, part, time), /"continued":true,"text":"$/);
});

test("a name with bytes that would break the line does not", () => {
  const named = { ...source, service: 'a\nb"\x7f\xff' };
  assert.equal(lineHead({ log: "prefix", stamp: "none" }, named, time), 'a?b"?\xff | ');
  const json = lineHead({ log: "json", stamp: "none" }, named, time);
  assert.ok(json.includes('"service":"a\\u000ab\\"\\u007f\\uf7ff"'), json);
});

for (const [text, count] of [
  ["plain", 0],
  ["\xc3", 1],
  ["x\xe2\x82", 2],
  ["\xf0\x9f\x98", 3],
  ["\xf0\x9f\x98\x80", 0],
  ["\xc3\xa4", 0],
  ["\x80\x80\x80\x80", 0],
  ["", 0],
] as const) {
  test(`of ${Buffer.from(text, "latin1").toString("hex")} the last ${count} wait`, () => {
    const bytes = Buffer.from(`${text}behind`, "latin1");
    assert.equal(unfinished(bytes, text.length), count);
  });
}
