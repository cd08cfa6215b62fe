// getopt's rules: tables of command lines.
import assert from "node:assert/strict";
import { test } from "node:test";
import { leadingNumber, parseArgs } from "../../src/core/args.ts";

/** line, options as LETTER=VALUE, operands; null: it is not valid */
const cases = [
  ["", "", ""],
  ["web", "", "web"],
  ["-v web", "v=", "web"],
  ["-vt web", "v= t=", "web"],
  ["-ttt web", "t= t= t=", "web"],
  ["-w 7 web", "w=7", "web"],
  ["-w7 web", "w=7", "web"],
  ["-vw7 web", "v= w=7", "web"],
  ["-vw 7 web", "v= w=7", "web"],
  ["-w -v web", "w=-v", "web"],
  ["-v -- -w", "v=", "-w"],
  ["-- web", "", "web"],
  ["web -v", "", "web -v"],
  ["- -v", "", "- -v"],
  ["-v -", "v=", "-"],
  ["-x web", null, ""],
  ["-vx web", null, ""],
  ["-w", null, ""],
  ["-vw", null, ""],
  ["-: web", null, ""],
  ["--vw web", null, ""],
  ["-v --w 7", null, ""],
  ["--help", null, ""],
  ["-h", null, ""],
  ["web --help -h --x", "", "web --help -h --x"],
  ["-w --help", "w=--help", ""],
] as const;

for (const [line, expected, operands] of cases) {
  test(`prog ${line}`, () => {
    const argv = ["prog", ...line.split(" ").filter((word) => word !== "")];
    const args = parseArgs(argv, "vw:t");
    assert.equal(args.valid, expected !== null);
    if (expected === null) return;
    const options = args.options.map(({ letter, value }) => `${letter}=${value}`).join(" ");
    assert.deepEqual([options, args.operands.join(" ")], [expected, operands]);
  });
}

test("an invalid call is complained about in getopt's words", () => {
  for (const [line, complaint] of [
    ["-x web", "illegal option -- x"],
    ["-vx web", "illegal option -- x"],
    ["-v- web", "illegal option -- -"],
    ["-: web", "illegal option -- :"],
    ["-w", "option requires an argument -- w"],
    ["-vw", "option requires an argument -- w"],
    ["--x web", "unknown option --x"],
    ["-v --help=x", "unknown option --help=x"],
    ["-v web", undefined],
  ] as const) {
    assert.equal(parseArgs(["prog", ...line.split(" ")], "vw:t").complaint, complaint);
  }
});

test("questions, wherever options may be; -h is one where it is no option", () => {
  for (const [line, letters, question] of [
    ["--help", "v", "help"],
    ["-h web", "v", "help"],
    ["-vh", "v", "help"],
    ["-v --version", "v", "version"],
    ["-h", "hv", undefined],
    ["-h --help", "hv", "help"],
    ["web --help", "v", undefined],
    ["-- --help", "v", undefined],
    ["--he", "v", undefined],
  ] as const) {
    const args = parseArgs(["prog", ...line.split(" ")], letters);
    assert.equal(args.question, question, line);
    if (question !== undefined) assert.deepEqual([args.valid, args.operands], [false, []]);
  }
});

test("an empty argument is an operand, and an empty value a value", () => {
  assert.deepEqual(parseArgs(["prog", ""], "w:").operands, [""]);
  assert.deepEqual(parseArgs(["prog", "-w", ""], "w:").options, [{ letter: "w", value: "" }]);
});

test("a number is what stands in front", () => {
  for (const [text, number] of [
    ["7", 7],
    ["007x", 7],
    ["12 34", 12],
    ["", null],
    ["x7", null],
    ["-7", null],
    [" 7", null],
  ] as const) {
    assert.equal(leadingNumber(text), number);
  }
});
