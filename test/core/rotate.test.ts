import assert from "node:assert/strict";
import { test } from "node:test";
import { processorPatienceMs } from "../../src/core/limits.ts";
import { defaultConfig, parseConfig } from "../../src/core/logconfig.ts";
import {
  ageDeadline,
  hardRoom,
  heldUntil,
  isFull,
  labelAfter,
  lastLabel,
  newLabel,
  oldFiles,
  processorPauseMs,
  renewedSince,
  sacrificedFile,
  softRoom,
  surplusFiles,
} from "../../src/core/rotate.ts";
import { labelText } from "../../src/core/time.ts";

function configOf(text: string) {
  return parseConfig(text, "log").config;
}

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
  assert.equal(sacrificedFile(names, configOf("N0")), name(1, "u"));
  assert.equal(sacrificedFile(names.slice(0, 1), configOf("N0")), names[0]);
  assert.equal(sacrificedFile([], configOf("N0")), null);
  assert.equal(sacrificedFile(names, configOf("n0\nN1")), null);
  assert.equal(sacrificedFile(names, configOf("n1\nN1")), null);
});

test("the file that is being processed stays", () => {
  const first = name(1, "u").slice(0, 25);
  assert.deepEqual(surplusFiles(names, 2, first), []);
  assert.deepEqual(surplusFiles(names, 1, first), [name(2)]);
  assert.equal(sacrificedFile(names, configOf("N2"), first), name(2));
});

test("labels ascend, though the clock is set back", () => {
  const now = { seconds: 1000, nanoseconds: 5 };
  const later = { seconds: 4600, nanoseconds: 999_999_999 };
  assert.equal(newLabel(now, ""), labelText(now));
  assert.equal(newLabel(now, labelText({ seconds: 999, nanoseconds: 7 })), labelText(now));
  assert.equal(newLabel(now, labelText(later)), labelText({ seconds: 4601, nanoseconds: 0 }));
  assert.equal(newLabel(now, labelText(now)), labelText({ seconds: 1000, nanoseconds: 6 }));
  assert.equal(labelAfter("@400000006b01b1311f484ef4"), "@400000006b01b1311f484ef5");
});

test("the last label is that of a time, not any name", () => {
  const label = labelText({ seconds: 1000, nanoseconds: 5 });
  const odd = `@${"z".repeat(24)}.s`;
  assert.equal(lastLabel([`${label}.u`, odd, name(7), `@7${"f".repeat(23)}.s`]), label);
  assert.equal(lastLabel(["current", odd]), "");
});

test("a log waits for its processor only when files would go that it has not seen", () => {
  const progress = { failures: 0, since: 1000 };
  const waiting = [name(1, "u"), name(2, "u"), name(3)];
  const until = 1000 + processorPatienceMs;
  assert.equal(heldUntil(waiting, configOf("!cat\nn2"), progress, 2000), until);
  assert.equal(heldUntil(waiting, configOf("!cat\nn2"), progress, until), null);
  assert.equal(heldUntil(waiting, configOf("!cat\nn3"), progress, 2000), null);
  assert.equal(heldUntil(waiting, configOf("!cat\nn0"), progress, 2000), null);
  assert.equal(heldUntil(waiting, configOf("n2"), progress, 2000), null);
});

test("a processor that fails is left alone for longer and longer, up to a minute", () => {
  const pauses = [1, 2, 3, 7, 8, 2000].map(processorPauseMs);
  assert.deepEqual(pauses, [1000, 2000, 4000, 60000, 60000, 60000]);
});
