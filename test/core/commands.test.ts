// The table of control letters.
import assert from "node:assert/strict";
import os from "node:os";
import { test } from "node:test";
import { commands, isLetter, signals } from "../../src/core/commands.ts";

test("exactly these bytes are commands", () => {
  const bytes = Array.from({ length: 256 }, (_, byte) => String.fromCharCode(byte));
  assert.equal(bytes.filter(isLetter).sort().join(""), "12acdhikopqtux");
});

test("no name of an object's own is a command", () => {
  for (const name of ["constructor", "toString", "__proto__", ""])
    assert.equal(isLetter(name), false);
});

test("the signals' numbers are the kernel's", () => {
  for (const [name, number] of Object.entries(signals)) {
    assert.equal(number, (os.constants.signals as Record<string, number>)[`SIG${name}`], name);
  }
});

test("a letter says what is wanted or which signal is sent, and every verb is another", () => {
  const all = Object.values(commands);
  for (const { want, signal, verb } of all) assert.ok((want === null) !== (signal === null), verb);
  assert.equal(new Set(all.map(({ verb }) => verb)).size, all.length);
});
