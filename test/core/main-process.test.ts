// The main process of a container with services: when it starts, what it is told, and which exit
// code the container has, as core/boot.ts decides it; boot-walk.test.ts has all of it together.
import assert from "node:assert/strict";
import { test } from "node:test";
import { step } from "../../src/core/boot.ts";
import { type Boot, type Ending, type Event, newBoot } from "../../src/core/boot-state.ts";
import { exitCodeOf } from "../../src/core/main-process.ts";

const terms = { hasMain: true, drainMs: 0, killAfterMs: 7000, success: [143] };
const marks = { stopit: false, ctrlaltdel: false, busybox: false, code: null };
const stageStarted = (pid: number): Event => ({
  kind: "stageStarted",
  pid,
  place: "",
  limitMs: null,
});
const stageEnded = (code: number, asked: number | null = null): Event => ({
  kind: "stageEnded",
  ending: { code },
  asked,
});
const term: Event = { kind: "request", signal: "TERM", marks };
const typed: Event = { kind: "request", signal: "TYPED", marks };
const mainEnded = (ending: Ending | null): Event => ({ kind: "mainEnded", ending });

const awaits: readonly Event[] = [
  { kind: "begin" },
  stageStarted(1),
  stageEnded(0),
  stageStarted(2),
  { kind: "awaitStarted", pid: 8 },
];
const runs: readonly Event[] = [...awaits, { kind: "awaitEnded" }, { kind: "mainStarted", pid: 9 }];
const end: readonly Event[] = [stageEnded(0), stageStarted(3), stageEnded(0)];

/** The state after the events, and what was done for the last of them. */
function after(events: readonly Event[], boot = newBoot("container", terms)) {
  let at: { boot: Boot; effects: readonly { kind: string }[] } = { boot, effects: [] };
  for (const event of events) at = step(at.boot, event, 0);
  const effects = at.effects.filter(({ kind }) => kind !== "say" && kind !== "remember");
  return { boot: at.boot, effects };
}

function codeAfter(events: readonly Event[], asked: number | null = null): number {
  const { boot } = after(events);
  assert.equal(boot.phase, "over");
  return exitCodeOf(boot, asked);
}

test("it starts once the services are up, the first time that stage 2 runs", () => {
  assert.deepEqual(after(awaits.slice(0, -1)).effects, [{ kind: "startAwait" }]);
  assert.deepEqual(after([...awaits, { kind: "awaitEnded" }]).effects, [{ kind: "startMain" }]);
  const again = [stageEnded(111), { kind: "timeout" } as const, stageStarted(4)];
  assert.deepEqual(after([...runs, ...again]).effects, []);
});

test("its end is the container's, with its code", () => {
  for (let code = 0; code < 256; code++) {
    const expected = code === 143 ? 0 : code;
    assert.equal(codeAfter([...runs, mainEnded({ code }), ...end]), expected);
  }
  for (let signal = 1; signal <= 64; signal++) {
    const expected = signal === 15 ? 0 : 128 + signal;
    assert.equal(codeAfter([...runs, mainEnded({ signal }), ...end]), expected);
  }
  assert.equal(codeAfter([...runs, mainEnded(null), ...end]), 111);
});

test("told to end, all are told at once, and its code is the container's", () => {
  assert.deepEqual(after([...runs, term]).effects, [
    { kind: "take", mark: "stopit" },
    { kind: "tellMain", pid: 9, signal: 15 },
    { kind: "tellMain", pid: 9, signal: 18 },
    { kind: "signal", pid: 2, group: false, kill: false },
  ]);
  assert.equal(codeAfter([...runs, term, mainEnded({ code: 3 }), ...end]), 3);
});

test("the first cause has the exit code", () => {
  const left = { ...marks, stopit: true, code: 9 };
  const asked: Event = { kind: "request", signal: "CONT", marks: left };
  assert.equal(codeAfter([...runs, asked, mainEnded({ code: 3 }), ...end]), 9);
  const lost = [stageEnded(0, 5), mainEnded({ code: 3 }), stageStarted(3), stageEnded(0)];
  assert.equal(codeAfter([...runs, ...lost]), 5);
  const told = [term, stageEnded(0, 5), mainEnded({ code: 3 }), stageStarted(3), stageEnded(0)];
  assert.equal(codeAfter([...runs, ...told], 6), 3);
  assert.equal(codeAfter([...runs, mainEnded({ code: 3 }), stageEnded(0, 5), ...end.slice(1)]), 3);
});

test("stage 3 is over, and it is waited for, and killed", () => {
  const waits = [...runs, term, ...end];
  assert.equal(after(waits).boot.phase, "main");
  assert.deepEqual(after([...waits, mainEnded({ code: 3 })]).effects, [{ kind: "leave" }]);
  const kill = { kind: "tellMain", pid: 9, signal: 9 };
  assert.deepEqual(after([...waits, { kind: "timeout" }]).effects, [kill]);
  const stuck: readonly Event[] = [...waits, { kind: "timeout" }, { kind: "timeout" }];
  assert.deepEqual(after(stuck).effects, [{ kind: "leave" }]);
  assert.equal(codeAfter(stuck), 137);
});

test("told again, by any signal, nothing changes: not the delay, not the end", () => {
  const slow = newBoot("container", { ...terms, drainMs: 500 });
  const moments = [runs, [...runs, stageEnded(111)], [...runs, mainEnded({ code: 3 })]];
  for (const boot of [undefined, slow]) {
    for (const events of [...moments, [...runs, term, ...end.slice(0, 2)]]) {
      for (const signal of ["TERM", "INT", "QUIT", "RTMIN+3"] as const) {
        const again: Event = { kind: "request", signal, marks: { ...marks, code: 9 } };
        const once = after([...events, term], boot);
        const twice = after([...events, term, again], boot);
        assert.deepEqual(twice, { boot: once.boot, effects: [] }, signal);
      }
    }
  }
});

test("Ctrl-C typed twice kills everything; in the delay, that ends", () => {
  assert.deepEqual(after([...runs, typed, typed]).effects, [{ kind: "leave" }]);
  assert.equal(codeAfter([...runs, typed, typed]), 137);
  assert.equal(after([...runs, term, typed]).boot.phase, "stop");
  assert.equal(codeAfter([...runs, term, typed, typed]), 137);
  assert.equal(after([...runs, typed]).boot.stopSignal, 2);
  const slow = newBoot("container", { ...terms, drainMs: 500 });
  const delayed = after([...runs, term], slow);
  assert.deepEqual([delayed.boot.phase, delayed.boot.deadline], ["delay", 500]);
  assert.deepEqual(delayed.effects, [{ kind: "take", mark: "stopit" }]);
  const last = after([...runs, typed, typed], slow).effects.at(-1);
  assert.deepEqual(last, { kind: "signal", pid: 2, group: false, kill: false });
});

test("a number that was left came first", () => {
  const left = { ...marks, code: 7 };
  const asked: Event = { kind: "request", signal: "TERM", marks: left };
  assert.equal(codeAfter([...runs, asked, mainEnded({ code: 3 }), ...end]), 7);
  const ended: Event = { kind: "mainEnded", ending: { code: 3 }, asked: 5 };
  assert.equal(codeAfter([...runs, ended, ...end]), 5);
  assert.equal(codeAfter([...runs, term, ended, ...end]), 3);
  const awaited: readonly Event[] = [...awaits, { kind: "awaitEnded", asked: 5 }];
  assert.deepEqual(after(awaited).effects.at(-1), {
    kind: "signal",
    pid: 2,
    group: false,
    kill: false,
  });
  assert.equal(codeAfter([...awaited, ...end]), 5);
});

test("in a hurry, what is killed makes it 137, and a number left after that nothing", () => {
  const boot = newBoot("container");
  const inTwo: readonly Event[] = [...awaits.slice(0, 3), stageStarted(2), typed];
  assert.equal(exitCodeOf(after(inTwo, boot).boot, 6), 0);
  assert.equal(exitCodeOf(after([...inTwo, typed], boot).boot, 6), 137);
  assert.equal(codeAfter([...runs, mainEnded({ code: 3 }), typed, typed]), 3);
});

test("in the pause of stage 2, too, the delay is kept", () => {
  const slow = newBoot("container", { ...terms, drainMs: 500 });
  const delayed = [...runs, stageEnded(111), term];
  const { boot } = after(delayed, slow);
  assert.deepEqual([boot.phase, boot.deadline], ["delay", 500]);
  const last = after([...delayed, { kind: "timeout" }], slow).effects.at(-1);
  assert.deepEqual(last, { kind: "startStage", stage: 3, builtIn: false });
});

test("told to end before it runs, it never does", () => {
  const { effects, boot } = after([...awaits, term]);
  assert.deepEqual(effects.slice(1), [
    { kind: "signal", pid: 8, group: true, kill: true },
    { kind: "signal", pid: 2, group: false, kill: false },
  ]);
  assert.deepEqual([boot.main.phase, boot.code], ["over", null]);
});

test("a successor does what was about to be done for it", () => {
  const resume = (note: string) => after([{ kind: "resume", note, limitMs: null }]);
  assert.deepEqual(resume("2 run 7 - 0 due 0 -").effects, [{ kind: "startAwait" }]);
  assert.deepEqual(resume("2 run 7 - 0 awaited 0 -").effects, [{ kind: "startAwait" }]);
  assert.deepEqual(resume("2 run 7 - 0 run 0 -").effects, [{ kind: "startMain" }]);
  assert.deepEqual(resume("2 run 7 - 0 run 9 -").effects, []);
  const told = resume("2 stop 7 - 0 told 9 15").boot;
  assert.deepEqual([told.main.killAt, told.isTold], [7000, true]);
  const waits = resume("3 main 0 - 0 told 9 2").boot;
  assert.deepEqual([waits.phase, waits.deadline, waits.stopSignal], ["main", 12_000, 2]);
  const drains = resume("3 drain 0 - 0 over 0 15").boot;
  assert.deepEqual([drains.phase, drains.deadline], ["drain", 5000]);
  const delayed = resume("2 delay 0 - 0 run 9 15").boot;
  assert.deepEqual([delayed.phase, delayed.stage, delayed.deadline], ["delay", 2, 0]);
});
