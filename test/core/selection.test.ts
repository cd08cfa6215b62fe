import assert from "node:assert/strict";
import { test } from "node:test";
import { judge, matches, type Rule, replacements } from "../../src/core/selection.ts";

function isMatch(pattern: string, line: string): boolean {
  const bytes = Buffer.from(`<${line}>`, "latin1");
  return matches(pattern, bytes, 1, bytes.length - 1);
}

test("patterns match as runit's do", () => {
  // Each as Debian's svlogd was seen to do it.
  const rows: [string, string, boolean][] = [
    ["", "", true],
    ["", "a", false],
    ["a", "a", true],
    ["a", "ab", false],
    ["a*", "ab", true],
    ["*", "", true],
    ["*b", "aab", true],
    ["*b", "aabb", false],
    ["+a", "aaa", true],
    ["+a", "", false],
    ["+a", "b", false],
    ["+ab", "aab", true],
    ["+a*", "aab", true],
    ["*a+b", "xab", true],
    ["+", "+", false],
    ["**", "a*", true],
    ["**", "ab", false],
    ["***", "a*b", true],
    ["*+a", "xx+a", false],
    ["*+a", "xxa", false],
    ["++", "++", true],
    ["+*", "***", true],
    ["+*a", "***a", true],
    ["*pid*", "tcp pid 1", false],
    ["+ab", "aaa", true],
    ["a+", "a+", false],
    ["ab+c", "ab", false],
    ["ab+c", "abccc", true],
    ["*: *: pid *", "tcpsvd: info: pid 1977 from 10.4.1.14", true],
  ];
  for (const [pattern, line, expected] of rows) {
    assert.equal(isMatch(pattern, line), expected, `${pattern} ${line}`);
  }
});

test("the last rule of its kind that matches counts", () => {
  const rules: Rule[] = [
    { kind: "-", pattern: "*" },
    { kind: "+", pattern: "a*" },
    { kind: "e", pattern: "ab*" },
    { kind: "E", pattern: "abc" },
  ];
  const judged = (line: string) => judge(rules, Buffer.from(line), 0, line.length, null);
  assert.deepEqual(judged("b"), { log: false, alert: false });
  assert.deepEqual(judged("a"), { log: true, alert: false });
  assert.deepEqual(judged("abd"), { log: true, alert: true });
  assert.deepEqual(judged("abc"), { log: true, alert: false });
  assert.deepEqual(judge([], Buffer.from("a"), 0, 1, null), { log: true, alert: false });
});

test("patterns see characters that have been replaced", () => {
  const table = replacements("_", "x");
  assert.equal(matches("a__", Buffer.from("ax\0"), 0, 3, table), true);
  assert.equal(matches("ax*", Buffer.from("ax\0"), 0, 3, table), false);
});

test("unprintable bytes are replaced, a newline never", () => {
  const table = replacements("*", "[\n");
  const replaced = [..."a \x00\t\n\x1f~\x7f\x80\xff["].map((c) => table[c.charCodeAt(0)] ?? 0);
  assert.equal(String.fromCharCode(...replaced), "a **\n*~****");
});
