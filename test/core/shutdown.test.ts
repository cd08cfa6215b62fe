import assert from "node:assert/strict";
import { test } from "node:test";
import { parseShutdown } from "../../src/core/shutdown.ts";

function level(...argv: string[]): string | null | undefined {
  return parseShutdown(argv)?.level;
}

test("the name and -r say whether to reboot", () => {
  for (const name of ["shutdown", "halt", "poweroff"]) assert.equal(level(name), "0");
  assert.equal(level("reboot"), "6");
  assert.equal(level("shutdown", "-r", "now"), "6");
  assert.equal(level("shutdown", "-hP", "+0"), "0");
});

test("-w and -B only write a record, -k does nothing", () => {
  assert.deepEqual([level("reboot", "-w"), parseShutdown(["reboot", "-w"])?.record], [null, "end"]);
  assert.deepEqual([level("halt", "-B"), parseShutdown(["halt", "-B"])?.record], [null, "boot"]);
  assert.equal(parseShutdown(["shutdown", "-k", "now"])?.record, null);
  assert.equal(level("shutdown", "-k", "now"), null);
});

test("what makes no difference is listed", () => {
  assert.deepEqual(parseShutdown(["reboot", "-fn"])?.ignored, ["f", "n"]);
});

test("a delay in minutes, at most a day", () => {
  assert.equal(parseShutdown(["shutdown", "+5", "a", "message"])?.delayMs, 300_000);
  for (const time of ["+1441", "+-1", "+", "5", "+1.5", "12:00", ""]) {
    assert.equal(parseShutdown(["shutdown", time]), null, time);
  }
});
