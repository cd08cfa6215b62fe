// The ends of ./run that nobody asked for: which are told, how often, and in which words.
import assert from "node:assert/strict";
import { test } from "node:test";
import type { Letter } from "../../src/core/commands.ts";
import { afterEnd, endText, isEndSaid, noEndSaid } from "../../src/core/ends.ts";
import { endRepeatMs, endsPerMinute, endWindowMs } from "../../src/core/limits.ts";
import { step } from "../../src/core/service.ts";
import { type Event, newService, type Service } from "../../src/core/service-state.ts";

const later = 5000;
const noScript: Event = { kind: "scriptEnded", ok: false };
const scriptOk: Event = { kind: "scriptEnded", ok: true };
const ended: Event = { kind: "ended", exit: { code: 0, status: 0 } };
const timeout: Event = { kind: "timeout" };
const started: Event = { kind: "started", pid: 7 };

function told(letter: Letter): Event {
  return { kind: "command", letter };
}

function after(service: Service, events: readonly Event[]): Service {
  return events.reduce((next, event) => step(next, event, 0).service, service);
}

const begun: Event = { kind: "begin", up: true };
const idle = after(newService(false), [{ kind: "begin", up: false }]);
const running = after(newService(false), [begun, timeout, noScript, started]);
const logging = after(newService(true), [begun, timeout, started]);

test("an end that nobody asked for is told, and no other", () => {
  const failed: Event = { kind: "ended", exit: { code: 1, status: 0 } };
  const isToldAt = (service: Service, event: Event): boolean =>
    step(service, event, later).effects.some(({ kind }) => kind === "tellEnd");
  const once = after(running, [told("o")]);
  for (const [service, event, isTold] of [
    [running, ended, true],
    [running, failed, true],
    [logging, ended, true],
    [once, failed, true],
    [after(running, [told("h"), noScript]), failed, true],
    [once, ended, false],
    [after(running, [told("d"), noScript]), failed, false],
    [after(running, [told("k"), noScript]), failed, false],
    [after(running, [told("t"), scriptOk]), failed, false],
    [after(running, [told("x")]), failed, false],
    [after(logging, [{ kind: "retire" }]), failed, false],
    [after(running, [ended, { kind: "started", pid: 8 }]), failed, false],
    [running, { ...failed, essential: true } as Event, false],
  ] as const) {
    assert.equal(isToldAt(service, event), isTold);
  }
  const unable = step(idle, { kind: "startFailed", cause: "exec" }, later).effects;
  assert.ok(
    unable.every(({ kind }) => kind !== "tellEnd"),
    "why it failed is said",
  );
});

test("ends are said by a rule that cannot flood", () => {
  let said = noEndSaid;
  const lines: number[] = [];
  for (let second = 0; second < 3600; second++) {
    const outcome = `${second % 3}`; // three ways to fail, one after the other
    if (isEndSaid(said, outcome, second * 1000)) lines.push(second);
    said = afterEnd(said, outcome, second * 1000);
  }
  assert.ok(lines.length <= endsPerMinute * (3_600_000 / endWindowMs), `${lines.length} lines`);
  assert.deepEqual(lines.slice(0, endsPerMinute + 1), [0, 1, 2, 3, 61]);
  let same = noEndSaid;
  const repeated: number[] = [];
  for (let at = 0; at <= 2 * endRepeatMs; at += 1000) {
    if (isEndSaid(same, "1 0", at)) repeated.push(at);
    same = afterEnd(same, "1 0", at);
  }
  assert.deepEqual(repeated, [0, endRepeatMs, 2 * endRepeatMs]);
});

test("how an end is called", () => {
  for (const [code, status, lived, left, unsaid, text] of [
    [1, 0, 304, 0, 0, "exit 1 after 0.3 s"],
    [0, 0, 61_400, 0, 0, "exit 0 after 61 s"],
    [-1, 139, 20_000, 0, 0, "killed by SIGSEGV (core dumped) after 20 s"],
    [-1, 34, 1000, 0, 0, "killed by signal 34 after 1.0 s"],
    [-1, 0, 1000, 0, 0, "ended, nobody knows how, after 1.0 s"],
    [1, 0, 0, 0, 3599, "exit 1 after 0.0 s, 3599 more since the last warning"],
    [
      0,
      0,
      100,
      2,
      0,
      "exit 0 after 0.1 s, and left 2 processes behind: it has to stay in the foreground",
    ],
  ] as const) {
    assert.equal(endText({ code, status }, lived, left, unsaid), text);
  }
});
