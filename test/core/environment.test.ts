// What the files of an environment directory make of an environment.
import assert from "node:assert/strict";
import { test } from "node:test";
import { changeEnvironment, variableOf } from "../../src/core/environment.ts";

test("a file is a variable: its first line, without the blanks at its end", () => {
  for (const [bytes, variable] of [
    ["v", "A=v"],
    ["v\n", "A=v"],
    [" v \t \nw", "A= v"],
    ["\n", "A="],
    [" ", "A="],
    ["a\0b\0", "A=a\nb\n"],
    ["a \0 \n", "A=a \n"],
    ["", "A"],
    ["\n\n", "A="],
  ] as const) {
    assert.equal(variableOf("A", bytes), variable);
  }
});

test("the environment keeps what is not changed, as it is, in runit's order", () => {
  const environment = ["A=1", "none", "B=1", "A=2", "AB=1", "=C=1"];
  for (const [changes, expected] of [
    [[], "A=1 none B=1 A=2 AB=1 =C=1"],
    [["A=3"], "=C=1 none B=1 AB=1 A=3"],
    [["A"], "=C=1 none B=1 AB=1"],
    [["D"], "A=1 none B=1 A=2 AB=1 =C=1"],
    [["B=2", "B=3"], "A=1 none =C=1 A=2 AB=1 B=3"],
    [["B=2", "B"], "A=1 none =C=1 A=2 AB=1"],
    [["B=x=y"], "A=1 none =C=1 A=2 AB=1 B=x=y"],
    [["none"], "A=1 none B=1 A=2 AB=1 =C=1"],
  ] as const) {
    assert.equal(changeEnvironment(environment, changes).join(" "), expected);
  }
});
