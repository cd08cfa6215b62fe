// Process 1's decisions, one by one; boot-walk.test.ts has all of them together.
import assert from "node:assert/strict";
import { test } from "node:test";
import { isReplaced, parseLimit, step } from "../../src/core/boot.ts";
import {
  type Boot,
  type Event,
  newBoot,
  noteOf,
  notePending,
  pendingIn,
  type Role,
} from "../../src/core/boot-state.ts";
import { stage3LimitMs, stageRetryMs, stageStopMs } from "../../src/core/limits.ts";
import { errnos } from "../../src/core/message.ts";

const none = { stopit: false, ctrlaltdel: false, busybox: false, code: null };
const begin: Event = { kind: "begin" };
const timeout: Event = { kind: "timeout" };

function started(pid: number, limitMs: number | null = null): Event {
  return { kind: "stageStarted", pid, place: `/etc/runit/${pid}`, limitMs };
}

function exited(code: number): Event {
  return { kind: "stageEnded", ending: { code } };
}

const crashed: Event = { kind: "stageEnded", ending: { signal: 9 } };

function request(signal: "CONT" | "INT" | "PWR" | "TERM" | "USR1" | "USR2", marks = none): Event {
  return { kind: "request", signal, marks };
}

/** The state after the events, and the effects of the last one, as words. */
function after(role: Role, events: readonly Event[], now = 0): { boot: Boot; effects: string[] } {
  let boot = newBoot(role);
  let effects: string[] = [];
  for (const event of events) {
    const next = step(boot, event, now);
    boot = next.boot;
    effects = next.effects.map((effect) => {
      const which = effect.kind === "startStage" && effect.builtIn ? "built-in " : "";
      if (effect.kind === "startStage") return `start ${which}${effect.stage}`;
      if (effect.kind === "say") return `${effect.level ?? "say"}: ${effect.text}`;
      if (effect.kind === "endAll") return `${effect.kill ? "KILL" : "TERM"} all`;
      if (effect.kind === "take" || effect.kind === "give") return `${effect.kind} ${effect.mark}`;
      if (effect.kind !== "signal") return effect.kind;
      return `${effect.kill ? "KILL" : "TERM"} ${effect.group ? "group " : ""}${effect.pid}`;
    });
  }
  return { boot, effects: effects.filter((effect) => effect !== "remember") };
}

const inTwo = [begin, started(1), exited(0), started(2)];
const inThree = [...inTwo, exited(0), started(3, stage3LimitMs)];

test("the stages follow each other, and then it is over", () => {
  assert.deepEqual(after("machine", [begin]).effects, ["start 1"]);
  assert.deepEqual(after("machine", [begin, started(1), exited(0)]).effects, [
    "say: leave stage: /etc/runit/1",
    "start 2",
  ]);
  assert.deepEqual(after("machine", [...inTwo, exited(0)]).effects, [
    "say: leave stage: /etc/runit/2",
    "start 3",
  ]);
  const over = after("machine", [...inThree, exited(0)]);
  assert.deepEqual(over.effects, ["say: leave stage: /etc/runit/3", "leave"]);
  assert.equal(over.boot.phase, "over");
});

test("stage 1: 100 and a crash skip stage 2, and are a container's exit code", () => {
  const hundred = after("container", [begin, started(1), exited(100)]);
  assert.deepEqual(hundred.effects, [
    "warning: child failed: /etc/runit/1",
    "say: leave stage: /etc/runit/1",
    "warning: skipping stage 2...",
    "start 3",
  ]);
  assert.equal(hundred.boot.code, 100);
  const crash = after("container", [begin, started(1), crashed]);
  assert.equal(crash.effects[0], "warning: child crashed: /etc/runit/1");
  assert.deepEqual([crash.effects.at(-1), crash.boot.code], ["start 3", 111]);
  assert.equal(after("machine", [begin, started(1), exited(99)]).effects.at(-1), "start 2");
});

test("stage 2: 111 and a crash start it again after a pause, whatever is left of it killed", () => {
  for (const ending of [exited(111), crashed]) {
    const paused = after("machine", [...inTwo, ending], 70);
    assert.deepEqual(paused.effects.slice(1), [
      "warning: killing all processes in stage 2...",
      "KILL group 2",
    ]);
    assert.equal(paused.boot.deadline, 70 + stageRetryMs);
    const again = after("machine", [...inTwo, ending, timeout]);
    assert.deepEqual(again.effects, ["warning: restarting.", "start 2"]);
  }
  assert.equal(after("machine", [...inTwo, exited(1)]).effects.at(-1), "start 3");
});

test("CONT stops when stopit says so, but in stage 3", () => {
  const stopit = request("CONT", { ...none, stopit: true });
  assert.deepEqual(after("machine", [...inTwo, request("CONT")]).effects, []);
  const stopping = after("machine", [...inTwo, stopit], 70);
  assert.deepEqual(stopping.effects, ["take stopit", "TERM 2"]);
  assert.equal(stopping.boot.deadline, 70 + stageStopMs);
  const deaf = ["warning: signals only work in stage 2."];
  const early = after("machine", [begin, started(1), stopit]).effects;
  assert.deepEqual(early, ["take stopit", "TERM group 1"]);
  assert.deepEqual(after("machine", [begin, started(1), request("CONT")]).effects, deaf);
  assert.deepEqual(after("machine", [...inThree, stopit]).effects, [...deaf, "take stopit"]);
});

test("stage 2 that does not end is killed, and then left behind", () => {
  const stopped = [...inTwo, request("PWR")];
  assert.deepEqual(after("machine", [...stopped, timeout]).effects, [
    "warning: stage 2 not terminated, sending sigkill...",
    "KILL 2",
  ]);
  assert.deepEqual(after("machine", [...stopped, timeout, crashed]).effects, [
    "say: leave stage: /etc/runit/2",
    "start 3",
  ]);
  assert.deepEqual(after("machine", [...stopped, timeout, timeout]).effects, [
    "warning: /etc/runit/2 does not end, going on without it",
    "start 3",
  ]);
});

test("stage 3 has a limit, which its message names", () => {
  const late = after("machine", [...inThree, timeout]);
  assert.deepEqual(late.effects, [
    "warning: /etc/runit/3 took too long (the limit is 300 seconds), sending sigkill...",
    "KILL group 3",
  ]);
  const stuck = [...inThree, timeout, timeout];
  assert.equal(after("machine", stuck).effects.at(-1), "start built-in 3");
  const again = [...stuck, started(3, stage3LimitMs), timeout];
  assert.equal(after("machine", [...again, timeout]).effects.at(-1), "TERM all");
  assert.deepEqual(after("machine", [...again, timeout, timeout]).effects, ["leave"]);
});

test("ctrlaltdel runs, and then CONT's question is asked", () => {
  const pressed = request("INT", { ...none, ctrlaltdel: true });
  const asked = after("machine", [...inTwo, pressed]);
  assert.deepEqual(asked.effects, ["say: ctrl-alt-del request...", "startScript"]);
  const runs = [...inTwo, pressed, { kind: "scriptStarted", pid: 9 } as const];
  assert.deepEqual(after("machine", [...runs, pressed]).effects, ["say: ctrl-alt-del request..."]);
  const ending = { code: 0 };
  const place = "/etc/runit/ctrlaltdel";
  const no = after("machine", [...runs, { kind: "scriptEnded", ending, stopit: false, place }]);
  assert.deepEqual([no.effects, no.boot.scriptPid], [[`say: leave stage: ${place}`], 0]);
  const yes = after("machine", [...runs, { kind: "scriptEnded", ending, stopit: true, place }]);
  assert.deepEqual(yes.effects, [`say: leave stage: ${place}`, "take stopit", "TERM 2"]);
});

test("TERM and INT end a container; INT alone is nothing to a machine", () => {
  for (const signal of ["TERM", "INT"] as const) {
    assert.equal(after("container", [...inTwo, request(signal)]).effects.at(-1), "TERM 2");
  }
  assert.equal(after("machine", [...inTwo, request("INT")]).boot.phase, "run");
  const early = after("container", [begin, started(1), request("TERM")]);
  assert.deepEqual(early.effects, ["take stopit", "TERM group 1"]);
  const skipped = [begin, started(1), request("TERM"), exited(143)];
  assert.equal(after("container", skipped).effects.at(-1), "start 3");
  assert.equal(after("container", skipped).boot.code, null);
});

test("a stage that cannot be started is tried again; stage 3 only so often", () => {
  const failed: Event = { kind: "stageFailed" };
  const once = after("machine", [begin, failed]);
  assert.deepEqual(once.effects, ["warning: trying stage 1 again in 5 seconds"]);
  assert.deepEqual(after("machine", [begin, failed, timeout]).effects, ["start 1"]);
  const three = [...inTwo, exited(0), failed, timeout, failed, timeout, failed];
  assert.deepEqual(after("machine", three).effects, ["leave"]);
  // The others get to know of the end, though nobody can be started who tells them.
  assert.deepEqual(after("machine", three.slice(0, -4)).effects.at(-1), "TERM all");
  assert.deepEqual(after("machine", three.slice(0, -2)).effects.at(-1), "KILL all");
});

test("a successor goes on where the predecessor stood", () => {
  const resume = (note: string) =>
    after("machine", [{ kind: "resume", note, limitMs: stage3LimitMs }]);
  assert.deepEqual(resume("2 run 7").effects, []);
  const { stage, pid, deadline } = resume("2 run 7 0").boot;
  assert.deepEqual([stage, pid, deadline], [2, 7, null]); // the limit is stage 3's alone
  assert.deepEqual(resume("2 pause 0").effects, ["start 2"]);
  assert.equal(resume("2 stop 7").boot.deadline, stageStopMs);
  assert.equal(resume("3 run 7").boot.deadline, stage3LimitMs);
  assert.deepEqual(resume("3 over 0 0").effects, ["leave"]);
  assert.equal(resume("3 run 7 100").boot.code, 100);
  for (const garbage of ["", "x", "2", "4 run 7", "2 walk 7", "2 run x", "2 run -1"]) {
    assert.deepEqual(resume(garbage).effects, ["start 2"], garbage);
  }
});

test("an end that nobody saw: stage 2 starts again, the others are done", () => {
  const lost: Event = { kind: "stageLost" };
  assert.equal(after("machine", [begin, started(1), lost]).effects.at(-1), "start 2");
  assert.equal(after("machine", [...inTwo, lost]).effects.at(-1), "KILL group 2");
  assert.equal(after("machine", [...inThree, lost]).effects.at(-1), "leave");
});

test("PWR means power off, whatever was asked before", () => {
  assert.deepEqual(after("machine", [...inTwo, request("PWR")]).effects, [
    "take reboot",
    "take stopit",
    "TERM 2",
  ]);
});

test("busybox's halt, poweroff and reboot end a machine that uses them, but in stage 3", () => {
  const used = { ...none, busybox: true };
  for (const signal of ["USR1", "USR2"] as const) {
    const { effects } = after("machine", [...inTwo, request(signal, used)]);
    assert.deepEqual(effects, ["take reboot", "take stopit", "TERM 2"]);
    assert.deepEqual(after("container", [...inTwo, request(signal, used)]).effects, []);
  }
  const { effects } = after("machine", [...inTwo, request("TERM", used)]);
  assert.deepEqual(effects, ["give reboot", "take stopit", "TERM 2"]);
  const early = after("machine", [begin, started(1), request("TERM", used)]);
  assert.deepEqual(early.effects, ["give reboot", "take stopit", "TERM group 1"]);
  const late = after("machine", [...inThree, request("TERM", used)]);
  assert.deepEqual(late.effects, ["warning: signals only work in stage 2."]);
});

test("without that file, these signals are nothing to a machine", () => {
  for (const events of [[begin, started(1)], inTwo, inThree]) {
    for (const signal of ["USR1", "USR2", "TERM"] as const) {
      const before = after("machine", events).boot;
      const { boot, effects } = after("machine", [...events, request(signal)]);
      assert.deepEqual([boot, effects], [before, []], signal);
    }
  }
});

test("requests that were heard and not answered are in the note", () => {
  const { boot } = after("container", inTwo);
  const note = notePending(noteOf(boot), ["TERM", "RTMIN+3"]);
  assert.equal(note, "2 run 2 - 0 none 0 - TERM RTMIN+3");
  assert.deepEqual(pendingIn(note), ["TERM", "RTMIN+3"]);
  assert.deepEqual(pendingIn(noteOf(boot)), []);
  const all = ["CONT", "INT", "TYPED", "TERM", "QUIT", "PWR", "USR1", "USR2", "RTMIN+3"] as const;
  const main = { phase: "awaited", pid: 4194304, killAt: null } as const;
  const told = { ...boot, main, isTold: true, code: 111 };
  const longest = noteOf({ ...told, phase: "pause", pid: 4194304, scriptPid: 4194304 });
  assert.ok(notePending(longest, all).length <= 127);
});

test("a stage's file is replaced for what lasts, or has lasted", () => {
  const boot = newBoot("machine");
  assert.ok(isReplaced(boot, errnos.EACCES, "execve"));
  assert.ok(isReplaced(boot, errnos.ENOEXEC, "execve"));
  assert.ok(!isReplaced(boot, errnos.EAGAIN, "fork"));
  assert.ok(!isReplaced(boot, errnos.ETXTBSY, "execve"));
  assert.ok(isReplaced({ ...boot, failures: 2 }, errnos.ETXTBSY, "execve"));
});

test("the limit of stage 3 is one number", () => {
  assert.equal(parseLimit("1500\n"), 1500);
  assert.equal(parseLimit("0"), null);
  for (const text of ["", "\n", "5m", "-1", "1 2"]) assert.equal(parseLimit(text), undefined, text);
});

test("ctrlaltdel that cannot be started ends a container all the same", () => {
  const failed: Event = { kind: "scriptFailed" };
  assert.equal(after("container", [...inTwo, failed]).effects.at(-1), "TERM 2");
  assert.deepEqual(after("machine", [...inTwo, failed]).effects, []);
});

test("a container in stage 1 ends by INT, whatever ctrlaltdel there is", () => {
  const pressed = request("INT", { ...none, ctrlaltdel: true });
  const early = after("container", [begin, started(1), pressed]);
  assert.equal(early.effects.at(-1), "TERM group 1");
});

test("a stage 3 that fails is followed by the built-in one, and that by TERM to all", () => {
  for (const ending of [exited(2), crashed]) {
    const failed = after("container", [...inThree, ending]);
    assert.equal(failed.effects.at(-1), "start built-in 3");
    const builtIn = [...inThree, ending, started(3, stage3LimitMs)];
    assert.equal(after("container", [...builtIn, exited(0)]).effects.at(-1), "leave");
    assert.equal(after("container", [...builtIn, ending]).effects.at(-1), "TERM all");
    assert.deepEqual(after("container", [...builtIn, ending, timeout]).effects, ["leave"]);
  }
});
