import assert from "node:assert/strict";
import { test } from "node:test";
import {
  ageDeadline,
  defaultConfig,
  hardRoom,
  isFull,
  oldFiles,
  parseConfig,
  renewedSince,
  replacements,
  sacrificedFile,
  softRoom,
  surplusFiles,
} from "../../src/core/rotate.ts";

function configOf(text: string) {
  const { config, complaints } = parseConfig(text);
  assert.deepEqual(complaints, []);
  return config;
}

test("an empty config is the default", () => {
  for (const text of ["", "\n\n", "# s1\n#\n"]) assert.deepEqual(configOf(text), defaultConfig);
});

test("a config sets size, numbers, age and prefix", () => {
  assert.deepEqual(configOf("s20000\nn3\nN1\nt60\npweb: "), {
    sizeMaxBytes: 20000,
    keepMax: 3,
    keepMin: 1,
    ageMaxMs: 60000,
    prefix: "web: ",
  });
});

test("sizes and ages have units", () => {
  assert.equal(configOf("s4k").sizeMaxBytes, 4096);
  assert.equal(configOf("s2m\n").sizeMaxBytes, 2097152);
  assert.equal(configOf("t5m").ageMaxMs, 300000);
  assert.equal(configOf("t2h").ageMaxMs, 7200000);
});

test("the last line of a kind counts", () => {
  assert.equal(configOf("n3\nn4\n").keepMax, 4);
});

test("a line that has no effect is complained about by name, and the others count", () => {
  const lines = ["!gzip", "u10.0.0.1", "U10.0.0.1:99", "+*", "-a*", "eb", "Ec"];
  lines.push("sabc", "s", "s5x", "t1d", "n", "hello", ` s5`, `p${"x".repeat(1001)}`);
  for (const line of lines) {
    const { config, complaints } = parseConfig(`n7\n${line}\n`);
    assert.equal(complaints.length, 1, line);
    assert.ok(complaints[0]?.startsWith(`"${line}" in config is `), complaints[0]);
    assert.deepEqual(config, { ...defaultConfig, keepMax: 7 });
  }
});

test("a log is full at the end of a line when another line might not fit", () => {
  const config = configOf("s5000");
  assert.equal(isFull(config, 3999, 1000, false), false);
  assert.equal(isFull(config, 4000, 1000, false), true);
});

test("in the middle of a line a log is full at its maximum", () => {
  const config = configOf("s5000");
  assert.equal(isFull(config, 4999, 1000, true), false);
  assert.equal(isFull(config, 5000, 1000, true), true);
});

test("a maximum below the length of a line counts as it is", () => {
  const config = configOf("s50");
  assert.equal(isFull(config, 49, 1000, false), false);
  assert.equal(isFull(config, 50, 1000, false), true);
});

test("an empty log is never full, one without a maximum neither", () => {
  assert.equal(isFull(configOf("s50"), 0, 1000, false), false);
  assert.equal(isFull(configOf("s0"), 1e15, 1000, false), false);
  assert.equal(isFull(configOf("s0"), 1e15, 1000, true), false);
});

test("the room is what is left to the two limits", () => {
  const config = configOf("s5000");
  assert.equal(softRoom(config, 3000, 1000), 1000);
  assert.equal(softRoom(config, 4500, 1000), 0);
  assert.equal(hardRoom(config, 4500), 500);
  assert.equal(hardRoom(config, 6000), 0);
  assert.equal(softRoom(configOf("s0"), 6000, 1000), Number.POSITIVE_INFINITY);
});

test("only a log that is not empty gets too old", () => {
  const config = configOf("t60");
  assert.equal(ageDeadline(config, 1, 1000), 61000);
  assert.equal(ageDeadline(config, 0, 1000), null);
  assert.equal(ageDeadline(defaultConfig, 1, 1000), null);
});

test("the age of an empty log counts from the last whole period", () => {
  const config = configOf("t60");
  assert.equal(renewedSince(config, 1000, 60999), 1000);
  assert.equal(renewedSince(config, 1000, 61000), 61000);
  assert.equal(renewedSince(config, 1000, 200000), 181000);
  assert.equal(renewedSince(defaultConfig, 1000, 200000), 1000);
});

function name(number: number, ending = "s"): string {
  return `@${number.toString(16).padStart(24, "0")}.${ending}`;
}

const names = [name(3), "current", "lock", name(1, "u"), name(2), name(4, "t"), "@x.s", "config"];

test("old files are sorted by age, finished or not", () => {
  assert.deepEqual(oldFiles(names), [name(1, "u"), name(2), name(3)]);
});

test("after a rotation the oldest go until the maximum is left", () => {
  assert.deepEqual(surplusFiles(names, 2), [name(1, "u")]);
  assert.deepEqual(surplusFiles(names, 1), [name(1, "u"), name(2)]);
  assert.deepEqual(surplusFiles(names, 10), []);
  assert.deepEqual(surplusFiles(names, 0), []);
});

test("a full disk takes the oldest while more than the minimum are left", () => {
  assert.equal(sacrificedFile(names, configOf("N2")), name(1, "u"));
  assert.equal(sacrificedFile(names, configOf("N3")), null);
  assert.equal(sacrificedFile(names, configOf("N0")), null);
  assert.equal(sacrificedFile(names, configOf("n0\nN1")), null);
  assert.equal(sacrificedFile(names, configOf("n1\nN1")), null);
});

test("unprintable bytes are replaced, a newline never", () => {
  const table = replacements("*", "[\n");
  const replaced = [..."a \x00\t\n\x1f~\x7f\x80\xff["].map((c) => table[c.charCodeAt(0)] ?? 0);
  assert.equal(String.fromCharCode(...replaced), "a **\n*~****");
});
