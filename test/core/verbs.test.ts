// sv's table of words, and when what it waits for is reached.
import assert from "node:assert/strict";
import { test } from "node:test";
import type { Status } from "../../src/core/status.ts";
import { helpText, usageOf, verbTexts } from "../../src/core/sv-usage.ts";
import {
  exitCode,
  type Goal,
  reached,
  sameLife,
  serviceDirectory,
  statusText,
  verbOf,
  vocabulary,
} from "../../src/core/verbs.ts";

const early = { seconds: 1000, nanoseconds: 5 };
const late = { seconds: 1000, nanoseconds: 6 };
const up: Status = {
  state: "run",
  want: "up",
  pid: 7,
  paused: false,
  gotTerm: false,
  since: early,
};
const down: Status = { ...up, state: "down", want: "down", pid: 0 };
const finishing: Status = { ...up, state: "finish" };

/** word, bytes, goal, waits by itself, kills in the end */
const table = [
  ["status", "", null, false, false],
  ["s", "", null, false, false],
  ["star", "", null, false, false],
  ["up", "u", "up", false, false],
  ["upward", "u", "up", false, false],
  ["down", "d", "down", false, false],
  ["once", "o", "once", false, false],
  ["pause", "p", "paused", false, false],
  ["cont", "c", "continued", false, false],
  ["chec", "c", "continued", false, false],
  ["hup", "h", "sent", false, false],
  ["alarm", "a", "sent", false, false],
  ["interrupt", "i", "sent", false, false],
  ["quit", "q", "sent", false, false],
  ["1", "1", "sent", false, false],
  ["2", "2", "sent", false, false],
  ["term", "t", "restarted", false, false],
  ["kill", "k", "restarted", false, false],
  ["exit", "x", "gone", false, false],
  ["x", "x", "gone", false, false],
  ["start", "u", "up", true, false],
  ["stop", "d", "down", true, false],
  ["restart", "tcu", "running-again", true, false],
  ["try-restart", "tc", "restarted", true, false],
  ["reload", "h", "sent", true, false],
  ["shutdown", "x", "gone", true, false],
  ["check", "", "wanted", true, false],
  ["force-stop", "d", "down", true, true],
  ["force-reload", "tc", "restarted", true, true],
  ["force-restart", "tcu", "running-again", true, true],
  ["force-shutdown", "x", "gone", true, true],
  ["D", "d", "down", true, true],
  ["Down", "d", "down", true, true],
  ["T", "tc", "restarted", true, true],
  ["X", "x", "gone", true, true],
  ["E", "x", "gone", true, true],
] as const;

for (const [word, bytes, goal, waits, kills] of table) {
  test(`verbOf(): ${word} writes "${bytes}"`, () => {
    assert.deepEqual(verbOf(word, false), { bytes, goal, waits, kills });
  });
}

test("verbOf() knows no other word", () => {
  for (const word of ["", "r", "res", "f", "force", "force-x", "K", "w", "v", "z", "3", "-"]) {
    assert.equal(verbOf(word, false), null, word);
  }
});

test("verbOf() of an init script wants status spelled out", () => {
  assert.equal(verbOf("st", true), null);
  assert.notEqual(verbOf("status", true), null);
  assert.notEqual(verbOf("start", true), null);
});

test("the help has every word, with what it does", () => {
  const lines = helpText(usageOf(null)).split("\n");
  for (const word of vocabulary) {
    const line = lines.find((line) => line.startsWith(`  ${word} `));
    assert.equal(line?.slice(word.length + 2).trim(), verbTexts[word]);
  }
});

test("every word of the vocabulary is a verb", () => {
  for (const word of vocabulary) assert.notEqual(verbOf(word, false), null, word);
});

/** goal, the status now, whether it is reached; before it was: up since `early` */
const goals: readonly (readonly [Goal, Status, ReturnType<typeof reached>])[] = [
  ["sent", up, "yes"],
  ["up", up, "if check agrees"],
  ["up", { ...up, want: "down" }, "no"],
  ["up", finishing, "no"],
  ["up", { ...down, want: "up" }, "no"],
  ["down", down, "yes"],
  ["down", { ...down, want: "up" }, "no"],
  ["down", { ...finishing, want: "down" }, "no"],
  ["down", { ...finishing, want: "down", pid: 0 }, "no"],
  ["once", { ...up, want: "down" }, "yes"],
  ["once", up, "no"],
  ["once", down, "no"],
  ["once", { ...down, since: late }, "yes"],
  ["restarted", up, "no"],
  ["restarted", { ...up, since: late }, "if check agrees"],
  ["restarted", { ...up, since: late, gotTerm: true }, "no"],
  ["restarted", { ...finishing, since: late }, "no"],
  ["restarted", down, "yes"],
  ["restarted", { ...down, want: "up" }, "no"],
  ["running-again", up, "no"],
  ["running-again", down, "no"],
  ["running-again", { ...up, since: late }, "if check agrees"],
  ["paused", up, "no"],
  ["paused", { ...up, paused: true }, "yes"],
  ["paused", down, "yes"],
  ["continued", up, "yes"],
  ["continued", { ...up, paused: true }, "no"],
  ["gone", down, "no"],
  ["wanted", up, "if check agrees"],
  ["wanted", { ...down, want: "up" }, "no"],
  ["wanted", down, "yes"],
  ["wanted", { ...up, want: "down" }, "no"],
  ["wanted", finishing, "no"],
];

for (const [goal, now, expected] of goals) {
  const shown = statusText("web", now, false, 1000);
  test(`reached(): "${goal}" with ${shown} since ${now.since.nanoseconds}: ${expected}`, () => {
    assert.equal(reached(goal, now, up), expected);
  });
}

test("sameLife() is the same process, or the same rest", () => {
  assert.ok(sameLife(up, { ...up, paused: true, want: "down" }));
  assert.ok(!sameLife(up, { ...up, since: late }));
  assert.ok(!sameLife(up, { ...up, pid: 8 }));
});

test("statusText() says what differs from the usual, in runit's order", () => {
  const all: Status = { ...up, paused: true, want: "down", gotTerm: true };
  assert.equal(statusText("web", up, false, 1007), "run: web: (pid 7) 7s");
  assert.equal(
    statusText("web", all, true, 1000),
    "run: web: (pid 7) 0s, normally down, paused, want down, got TERM",
  );
  assert.equal(
    statusText("web", { ...down, want: "up" }, false, 1001),
    "down: web: 1s, normally up, want up",
  );
  const unseen: Status = { ...down, paused: true, gotTerm: true };
  assert.equal(statusText("web", unseen, false, 1001), "down: web: 1s, normally up");
  assert.equal(statusText("web", down, true, 999), "down: web: 0s"); // the clock was set back
  assert.equal(statusText("w\xe9b\n", finishing, false, 1000), "finish: w\xe9b\n: (pid 7) 0s");
});

test("exitCode() counts failures up to 99", () => {
  assert.equal(exitCode({ failures: 0, shown: null }, false), 0);
  assert.equal(exitCode({ failures: 3, shown: up }, false), 3);
  assert.equal(exitCode({ failures: 120, shown: null }, false), 99);
});

test("exitCode() of an init script is LSB's", () => {
  assert.equal(exitCode({ failures: 0, shown: up }, true), 0);
  assert.equal(exitCode({ failures: 0, shown: finishing }, true), 0);
  assert.equal(exitCode({ failures: 1, shown: down }, true), 3);
  assert.equal(exitCode({ failures: 1, shown: "unknown" }, true), 4);
  assert.equal(exitCode({ failures: 1, shown: null }, true), 1);
  assert.deepEqual(usageOf("web"), {
    line: "usage: web [-w sec] command",
    code: 2,
    fatal: 151,
  });
});

test("serviceDirectory() is below the base unless the name is a path", () => {
  assert.equal(serviceDirectory("web", "/etc/service"), "/etc/service/web");
  assert.equal(serviceDirectory("web/log", "/etc/service"), "/etc/service/web/log");
  for (const path of ["./web", "/x/web", "web/", ".", "..", ".web"]) {
    assert.equal(serviceDirectory(path, "/etc/service"), path);
  }
  assert.equal(serviceDirectory("", "/etc/service"), "");
  assert.equal(serviceDirectory("web", ""), "");
});
