import assert from "node:assert/strict";
import { test } from "node:test";
import type { Args } from "../../src/core/args.ts";
import { parseShutdown, type Shutdown } from "../../src/core/shutdown.ts";

function parsed(...argv: string[]): Shutdown {
  const asked = parseShutdown(argv);
  assert.ok(!("valid" in asked), argv.join(" "));
  return asked;
}

function refused(...argv: string[]): Args {
  const asked = parseShutdown(argv);
  assert.ok("valid" in asked && !asked.valid, argv.join(" "));
  return asked;
}

test("the name and -r say whether to reboot, wherever -r stands", () => {
  for (const name of ["halt", "poweroff"]) assert.equal(parsed(name).level, "0");
  assert.equal(parsed("reboot").level, "6");
  assert.equal(parsed("shutdown", "now").level, "0");
  assert.equal(parsed("shutdown", "-r", "now").level, "6");
  assert.equal(parsed("shutdown", "now", "-r").level, "6");
  assert.equal(parsed("shutdown", "-hP", "+0").level, "0");
  assert.equal(parsed("shutdown", "now", "--", "-r").level, "0"); // the message
});

test("-w and -B only write a record, -k does nothing", () => {
  const { level, record } = parsed("reboot", "-w");
  assert.deepEqual([level, record], [null, "end"]);
  const begin = parsed("halt", "-B");
  assert.deepEqual([begin.level, begin.record], [null, "boot"]);
  assert.equal(parsed("shutdown", "-k", "now").record, null);
  assert.equal(parsed("shutdown", "-k").level, null);
});

test("what makes no difference is listed", () => {
  assert.deepEqual(parsed("reboot", "-fn").ignored, ["f", "n"]);
});

test("a delay in minutes, at most a day", () => {
  assert.equal(parsed("shutdown", "+5", "a", "message").delayMs, 300_000);
  for (const time of ["+1441", "+-1", "+", "5", "+1.5", "12:00", "tomorrow"]) {
    assert.equal(refused("shutdown", time).complaint, `not a time: ${time}`);
  }
});

test("shutdown has no time of its own", () => {
  for (const words of [[], ["-h"], ["-r"], ["-P", "--"], [""]]) {
    assert.equal(refused("shutdown", ...words).complaint, "a time is needed");
  }
});

test("a question or an unknown option, wherever it stands, ends nothing", () => {
  for (const name of ["shutdown", "halt", "poweroff", "reboot"]) {
    const words = name === "shutdown" ? ["now"] : [];
    for (const [option, question, complaint] of [
      ["--help", "help", undefined],
      ["--version", "version", undefined],
      ["--no-wall", undefined, "unknown option --no-wall"],
      ["-z", undefined, "illegal option -- z"],
    ] as const) {
      for (const args of [refused(name, option, ...words), refused(name, ...words, option)]) {
        assert.deepEqual([args.question, args.complaint], [question, complaint]);
      }
    }
    if (name !== "shutdown") assert.equal(refused(name, "-h").question, "help");
  }
  assert.equal(refused("halt", "now").complaint, "unknown word now");
});
