// What a service does, one sentence at a time. That nothing else happens is service-walk's.
import assert from "node:assert/strict";
import { test } from "node:test";
import { commands, type Letter, type Signal } from "../../src/core/commands.ts";
import {
  finishLeaveMs,
  forkRetryMs,
  restartPauseMs,
  scriptLeaveMs,
  scriptMs,
  scriptsMax,
} from "../../src/core/limits.ts";
import { deadline, isOver, step } from "../../src/core/service.ts";
import { type Effect, type Event, newService, type Service } from "../../src/core/service-state.ts";

const start = 1_000_000;
const exit = { code: 0, status: 0 };
const started: Event = { kind: "started", pid: 7 };
const noScript: Event = { kind: "scriptEnded", ok: false };
const scriptOk: Event = { kind: "scriptEnded", ok: true };
const ended: Event = { kind: "ended", exit };
const noFinish: Event = { kind: "startFailed", cause: "absent" };
const noFork: Event = { kind: "startFailed", cause: "fork" };
const timeout: Event = { kind: "timeout" };
const retire: Event = { kind: "retire" };

function told(letter: Letter): Event {
  return { kind: "command", letter };
}

interface Life {
  readonly service: Service;
  /** Without the announcements, and what is told of ends. */
  readonly effects: readonly Effect[];
}

/** The events one after the other, all at one time. */
function after(service: Service, events: readonly Event[], now = start): Life {
  let life: Life = { service, effects: [] };
  for (const event of events) {
    const next = step(life.service, event, now);
    const effects = next.effects.filter(({ kind }) => kind !== "announce" && kind !== "tellEnd");
    life = { service: next.service, effects: [...life.effects, ...effects] };
  }
  return life;
}

function signalsOf({ effects }: Life): Signal[] {
  return effects.flatMap((effect) => (effect.kind === "signal" ? [effect.signal] : []));
}

const begun: readonly Event[] = [{ kind: "begin", up: true }, timeout];
const running = after(newService(false), [...begun, noScript, started]).service;
const logging = after(newService(true), [...begun, started]).service;
const idle = after(newService(false), [{ kind: "begin", up: false }]).service;
/** Long enough for a start at once. */
const later = start + restartPauseMs;

test("a service that begins up is started at once, after control/u", () => {
  const { service, effects } = after(newService(false), begun);
  assert.deepEqual(effects, [{ kind: "startScript", letter: "u" }]);
  assert.deepEqual(after(service, [scriptOk]).effects, [{ kind: "startRun" }]);
});

test("a service with a down file waits for u", () => {
  assert.equal(deadline(idle), null);
  assert.equal(after(idle, [timeout]).effects.length, 0);
  assert.deepEqual(after(idle, [told("u"), timeout, noScript]).effects.at(-1), {
    kind: "startRun",
  });
});

test("d while control/u runs: it is not started", () => {
  const { effects, service } = after(idle, [told("u"), timeout, told("d"), scriptOk]);
  assert.deepEqual(effects, [{ kind: "startScript", letter: "u" }]);
  assert.equal(service.due, null);
});

test("d and u while control/u runs: it is started once", () => {
  const { effects } = after(idle, [told("u"), timeout, told("d"), told("u"), scriptOk, timeout]);
  assert.equal(effects.filter(({ kind }) => kind === "startRun").length, 1);
});

test("only the end of its process makes it down", () => {
  const killed = after(running, [told("k"), noScript]);
  assert.deepEqual(signalsOf(killed), ["KILL"]);
  assert.deepEqual([killed.service.state, killed.service.pid], ["run", 7]);
  assert.equal(after(killed.service, [told("u"), timeout]).effects.length, 0);
});

test("what lived for a second is started again at once, the others after a second", () => {
  for (const [livedMs, due] of [
    [restartPauseMs, start + restartPauseMs],
    [restartPauseMs - 1, start + 2 * restartPauseMs - 1],
  ] as const) {
    assert.equal(after(running, [ended, noFinish], start + livedMs).service.due, due);
  }
});

test("u in the pause cuts it short, but not below one start a second", () => {
  const pausing = after(running, [ended, noFinish], start + 900).service;
  assert.equal(pausing.due, start + 1900);
  assert.equal(after(pausing, [told("u")], start + 950).service.due, start + restartPauseMs);
  assert.equal(after(pausing, [told("u")], start + 1500).service.due, start + 1500);
});

test("d in the pause ends it, and x leaves at once", () => {
  const pausing = after(running, [ended, noFinish]).service;
  assert.equal(after(pausing, [told("d")]).service.due, null);
  assert.deepEqual(after(pausing, [told("x")]).effects, [{ kind: "leave" }]);
});

test("d asks how long it has, sends TERM and CONT, then control/d", () => {
  const first = after(running, [told("d"), noScript]);
  assert.deepEqual(first.effects, [
    { kind: "askKillAfter", pid: 7, state: "run" },
    { kind: "startScript", letter: "t" },
    { kind: "signal", pid: 7, signal: "TERM" },
    { kind: "signal", pid: 7, signal: "CONT" },
    { kind: "startScript", letter: "d" },
  ]);
  assert.equal(first.service.gotTerm, true);
  assert.deepEqual(after(first.service, [scriptOk]).effects, []);
});

test("control/t that exits 0 stands for TERM, not for CONT", () => {
  const { service, effects } = after(running, [told("x"), scriptOk]);
  assert.deepEqual(signalsOf({ service, effects }), ["CONT"]);
  assert.equal(service.gotTerm, false);
});

for (const [letter, signal] of [
  ["t", "TERM"],
  ["k", "KILL"],
  ["p", "STOP"],
  ["c", "CONT"],
  ["h", "HUP"],
  ["a", "ALRM"],
  ["i", "INT"],
  ["q", "QUIT"],
  ["1", "USR1"],
  ["2", "USR2"],
] as const) {
  // biome-ignore format: a table
  test(`${letter} sends ${signal}, unless control/${letter} exits 0`, () => {
    assert.deepEqual(signalsOf(after(running, [told(letter), noScript])), [signal]);
    assert.deepEqual(signalsOf(after(running, [told(letter), scriptOk])), []);
    assert.deepEqual(signalsOf(after(logging, [told(letter)])), [signal]);
    assert.deepEqual(after(idle, [told(letter)]).effects, []);
    assert.equal(after(running, [told(letter), noScript]).service.want, "up");
    const finishing = after(running, [ended, { kind: "started", pid: 8 }]).service;
    const expected = letter === "k" ? [{ kind: "signal", pid: 8, signal }] : [];
    assert.deepEqual(after(finishing, [told(letter)]).effects, expected);
  });
}

test("paused is from p to c, or to the next start", () => {
  const paused = after(running, [told("p"), noScript]).service;
  assert.equal(paused.paused, true);
  assert.equal(after(paused, [told("c"), noScript]).service.paused, false);
  const again = after(paused, [ended, noFinish], later);
  assert.equal(after(again.service, [timeout, noScript, started], later).service.paused, false);
});

test("once lets what runs run, and starts nothing after it", () => {
  const once = after(running, [told("o")]);
  assert.deepEqual([once.effects.length, once.service.want], [0, "down"]);
  assert.equal(after(once.service, [ended, noFinish], later).service.due, null);
});

test("once after d, while it is still ending, is the start after that", () => {
  for (const script of [noScript, scriptOk]) {
    const down: Service = after(running, [told("d"), script, noScript]).service;
    const once: Service = after(down, [told("o"), ended, noFinish], later).service;
    assert.equal(once.due, later);
    const second: Service = after(once, [timeout, noScript, started], later).service;
    assert.equal(after(second, [ended, noFinish], later + restartPauseMs).service.due, null);
  }
});

test("once while finish runs is the start after that; d takes it back", () => {
  const finishing = after(running, [ended, { kind: "started", pid: 8 }], later).service;
  assert.equal(after(finishing, [told("o"), ended], later).service.due, later);
  assert.equal(after(finishing, [told("o"), told("d"), ended], later).service.due, null);
});

test("finish hears how run ended, and 111 0 when it could not be started", () => {
  const died = { code: -1, status: 139 };
  const { effects } = after(running, [{ kind: "ended", exit: died }]);
  assert.deepEqual(effects, [{ kind: "startFinish", exit: died }]);
  const failed = after(idle, [
    told("u"),
    timeout,
    noScript,
    { kind: "startFailed", cause: "exec" },
  ]);
  assert.deepEqual(failed.effects.at(-1), { kind: "startFinish", exit: { code: 111, status: 0 } });
});

test("a failed fork is tried again after a while, and at once after u", () => {
  const failed = after(idle, [told("u"), timeout, noScript, noFork]).service;
  assert.equal(failed.due, start + forkRetryMs);
  assert.equal(after(failed, [told("u")]).service.due, start);
  const finishing = after(running, [ended, noFork]).service;
  assert.deepEqual([finishing.state, finishing.due], ["finish", start + forkRetryMs]);
  const { effects } = after(finishing, [timeout], start + forkRetryMs);
  assert.deepEqual(effects, [{ kind: "startFinish", exit }]);
});

test("x is over when the process and the control scripts have ended", () => {
  // It used to leave while control/x was waiting for a control/t that hung.
  const ending = after(running, [told("x"), ended, noFinish]);
  assert.deepEqual([ending.service.state, isOver(ending.service)], ["down", false]);
  const scripts = after(ending.service, [noScript]);
  assert.deepEqual(scripts.effects, [{ kind: "startScript", letter: "x" }]);
  const over = after(scripts.service, [noScript]);
  assert.deepEqual([over.effects, isOver(over.service)], [[{ kind: "leave" }], true]);
});

test("a control script's signal reaches no other process than the one it was meant for", () => {
  const ending = after(running, [told("t"), ended, noFinish], later).service;
  assert.deepEqual(after(ending, [noScript], later).effects, []);
});

test("a logger ignores x and ends with its input", () => {
  assert.deepEqual(after(logging, [told("x")]), { service: logging, effects: [] });
  const retired = after(logging, [retire]);
  const goOn: Effect = { kind: "signal", pid: logging.pid, signal: "CONT" };
  assert.deepEqual(retired.effects, [goOn]);
  assert.deepEqual(after(retired.service, [ended]).effects, [{ kind: "leave" }]);
});

test("a logger that is retired stays so, whatever it is told", () => {
  // u, d and o used to take it back, and then runsv never ended.
  for (const letter of ["u", "d", "o", "t"] as const) {
    const { service } = after(logging, [retire, told(letter), ended]);
    assert.equal(isOver(service), true, letter);
  }
});

test("a logger that was told to end before it is retired is started once more", () => {
  const { service } = after(logging, [told("t"), retire, ended], later);
  assert.deepEqual([service.due, isOver(service)], [later, false]);
  const last = after(service, [timeout, { kind: "started", pid: 9 }, ended], later).service;
  assert.equal(isOver(last), true);
});

test("what was taken over is as its status said", () => {
  const { service } = after(newService(false), [
    {
      kind: "adopted",
      state: "run",
      pid: 7,
      want: "down",
      paused: true,
      gotTerm: true,
      ending: true,
    },
  ]);
  assert.deepEqual([service.paused, service.gotTerm, service.want], [true, true, "down"]);
  assert.equal(after(service, [told("o"), ended, noFinish], later).service.due, later);
});

test("a flood of commands behind a script that hangs is bounded, the last ones count", () => {
  let service = after(running, [told("h")]).service;
  for (let i = 0; i < 10_000; i++) {
    service = after(service, [told(["t", "p", "c", "d", "1"][i % 5] as Letter)]).service;
  }
  assert.ok(service.scripts.length <= scriptsMax + 1, `${service.scripts.length}`);
  service = after(service, [told("p"), told("c")]).service;
  const life = after(
    service,
    service.scripts.map(() => noScript),
  );
  assert.deepEqual(signalsOf(life).slice(-2), ["STOP", "CONT"]);
  assert.equal(life.service.scripts.length, 0);
});

const limit: Event = { kind: "killAfter", pid: 7, ms: 500 };
const kill: Effect = { kind: "signal", pid: 7, signal: "KILL" };

test("what was told to end and is still there when its time is up is killed, once", () => {
  for (const script of [noScript, scriptOk]) {
    const doomed: Service = after(running, [told("d"), script, limit, noScript]).service;
    assert.equal(deadline(doomed), start + 500);
    assert.deepEqual(after(doomed, [timeout], start + 499).effects, []);
    const { effects, service } = after(doomed, [timeout], start + 500);
    assert.deepEqual([effects, deadline(service)], [[kill], null]);
  }
});

test("a second word to end does not put KILL off, and KILL by hand takes its place", () => {
  const asked = after(running, [told("t"), noScript, limit]).service;
  const again = after(asked, [told("t"), noScript, limit], start + 400).service;
  assert.equal(deadline(again), start + 500);
  assert.equal(deadline(after(again, [told("k"), noScript], start + 400).service), null);
});

test("KILL is due to one process alone: not to the finish, nor to the next run", () => {
  const asked = after(running, [told("t"), noScript, limit]).service;
  const finishing = after(asked, [ended, { kind: "started", pid: 8 }], later);
  assert.deepEqual(finishing.effects.at(-1), { kind: "askKillAfter", pid: 8, state: "finish" });
  assert.equal(deadline(finishing.service), null);
  assert.equal(after(finishing.service, [limit], later).service.due, null);
  const next = after(asked, [ended, noFinish, timeout, noScript, started], later).service;
  assert.deepEqual([next.state, next.due], ["run", null]);
});

test("a finish has the time that its file says, and k ends it earlier", () => {
  const finishing = after(running, [ended, { kind: "started", pid: 7 }, limit]).service;
  const late = after(finishing, [timeout], start + 500);
  assert.deepEqual([late.effects, late.service.state], [[kill], "finish"]);
  const early = after(finishing, [told("k")]);
  assert.deepEqual([early.effects, early.service.due], [[kill], null]);
});

test("a logger is asked for no time, and what was taken over on its way out is", () => {
  assert.ok(after(logging, [told("t")]).effects.every(({ kind }) => kind === "signal"));
  for (const [state, ending, asks] of [
    ["run", true, true],
    ["run", false, false],
    ["finish", false, true],
  ] as const) {
    const flags = { paused: false, gotTerm: false, ending };
    const adopted: Event = { kind: "adopted", state, pid: 7, want: "down", ...flags };
    const { effects } = after(newService(false), [adopted]);
    assert.deepEqual(effects, asks ? [{ kind: "askKillAfter", pid: 7, state }] : []);
  }
});

test("the time runs from the command on, whatever scripts run or wait", () => {
  const asked = after(running, [told("h"), told("t")]);
  assert.deepEqual(asked.effects.at(-1), { kind: "askKillAfter", pid: 7, state: "run" });
  for (const words of [[limit], [limit, noScript]]) {
    const hanging = after(asked.service, words);
    assert.deepEqual(after(hanging.service, [timeout], start + 500).effects, [kill]);
  }
});

function killScript(letter: Letter): Effect {
  return { kind: "killScript", letter };
}

test("KILL waits for no script, also not for control/k that hangs", () => {
  for (const letter of ["h", "k"] as const) {
    const { effects, service } = after(after(running, [told(letter)]).service, [told("k")]);
    assert.deepEqual(effects, [kill, killScript(letter)]);
    const over = after(service, [noScript, ended, noFinish]);
    assert.deepEqual([over.service.state, over.service.scripts], ["down", []]);
  }
});

test("control/u is not killed by k, which has nothing to kill", () => {
  const starting = after(idle, [told("u"), timeout]).service;
  assert.deepEqual(after(starting, [told("k")]).effects, []);
});

test("a control script that hangs is killed after a minute, and has failed", () => {
  const { service } = after(running, [told("h")]);
  assert.equal(deadline(service), start + scriptMs);
  assert.deepEqual(after(service, [timeout], start + scriptMs - 1).effects, []);
  const late = after(service, [timeout], start + scriptMs);
  assert.deepEqual([late.effects, deadline(late.service)], [[killScript("h")], null]);
  assert.deepEqual(signalsOf(after(late.service, [noScript])), ["HUP"]);
});

test("control/t has as long as timeout-kill says, where that is longer than a minute", () => {
  const long: Event = { kind: "killAfter", pid: 7, ms: 300_000 };
  for (const letter of ["d", "x"] as const) {
    const { service } = after(running, [told(letter), long]);
    assert.equal(deadline(service), start + 300_000);
    const { effects } = after(service, [timeout], start + 300_000);
    assert.deepEqual(effects, [killScript("t"), kill]);
  }
  const behind = after(running, [told("h"), told("t"), long]).service;
  assert.equal(deadline(behind), start + scriptMs, "no other script has");
});

test("scripts that hang hold up a supervisor that is to leave for seconds alone", () => {
  const hanging = after(running, [told("h")]).service;
  const leaving = after(hanging, [told("x")], start + 1000).service;
  assert.equal(deadline(leaving), start + 1000 + scriptLeaveMs);
  const over = after(leaving, [ended, noFinish], start + 3000).service;
  assert.equal(deadline(over), start + 1000 + scriptLeaveMs, "not anew");
  const last = after(over, [noScript], start + 4000).service; // control/t runs, control/x waits
  const late = after(last, [timeout], start + 1000 + scriptLeaveMs);
  assert.deepEqual(late.effects, [killScript("t")]);
  assert.deepEqual(after(late.service, [noScript]).effects, [{ kind: "leave" }]);
});

test("k to what is to leave, and is down, ends the waiting for scripts", () => {
  const { service } = after(running, [told("x"), ended, noFinish, told("k")]);
  assert.deepEqual(after(service, [noScript]).effects, [{ kind: "leave" }]);
});

test("control/u that hangs holds up nobody who is to leave", () => {
  const { service } = after(idle, [told("u"), timeout, told("x")]);
  const late = after(service, [timeout], start + scriptLeaveMs);
  assert.deepEqual(late.effects, [killScript("u")]);
  assert.deepEqual(after(late.service, [noScript]).effects, [{ kind: "leave" }]);
});

test("an essential service that has ended by itself does not wait for a script that hangs", () => {
  const { service } = after(running, [told("h"), lost, noFinish], later);
  const late = after(service, [timeout], later + scriptLeaveMs);
  assert.deepEqual(late.effects, [killScript("h")]);
  assert.deepEqual(after(late.service, [noScript]).effects, [{ kind: "leave" }]);
});

test("a finish of what is to leave has a minute, where its file says nothing", () => {
  const finishing = after(running, [ended, { kind: "started", pid: 7 }]);
  for (const [ms, due] of [
    [null, start + finishLeaveMs],
    [Number.POSITIVE_INFINITY, null],
    [500, start + 500],
  ] as const) {
    const own: Event = { kind: "killAfter", pid: 7, ms };
    const { service } = after(finishing.service, [told("x"), own]);
    assert.equal(deadline(service), due);
    const isGiven = ms === 500;
    assert.equal(deadline(after(finishing.service, [own]).service), isGiven ? due : null);
  }
});

const lost: Event = { kind: "ended", exit, essential: true };

test("an essential service that was told to end before its runsv was killed is not lost", () => {
  for (const ending of [true, false]) {
    const flags = { want: "down", paused: false, gotTerm: false, ending } as const;
    const adopted: Event = { kind: "adopted", state: "run", pid: 7, ...flags };
    const { service } = after(newService(false), [adopted, lost]);
    assert.equal(service.want, ending ? "down" : "end", "sv once, and an end by itself");
  }
});

test("the finish of an essential service that was taken over is followed by the end", () => {
  const flags = { want: "end", paused: false, gotTerm: false, ending: false } as const;
  const adopted: Event = { kind: "adopted", state: "finish", pid: 7, ...flags };
  assert.deepEqual(after(newService(false), [adopted, ended]).effects.at(-1), { kind: "leave" });
});

test("an essential service that ends by itself runs its finish, and leaves", () => {
  for (const words of [[], [told("o")], [told("h"), noScript]]) {
    const { service, effects } = after(running, [...words, lost]);
    assert.deepEqual([service.want, effects.at(-1)], ["end", { kind: "startFinish", exit }]);
    assert.deepEqual(after(service, [told("u"), noFinish]).effects, [{ kind: "leave" }]);
  }
});

test("an essential service that was told to end goes on as any other", () => {
  for (const letter of ["d", "t", "k"] as const) {
    const want = letter === "d" ? "down" : "up";
    for (const script of [[], [noScript], [scriptOk]]) {
      const { service } = after(running, [told(letter), ...script, lost]);
      assert.equal(service.want, want, letter);
    }
  }
  assert.equal(after(running, [told("x"), lost]).service.want, "exit");
});

test("an essential service that cannot be started has ended", () => {
  const event: Event = { kind: "startFailed", cause: "exec", essential: true };
  const { service, effects } = after(newService(false), [...begun, noScript, event]);
  assert.equal(service.want, "end");
  assert.deepEqual(effects.at(-1), { kind: "startFinish", exit: { code: 111, status: 0 } });
});

test("every letter's want is what becomes of the service", () => {
  for (const letter of Object.keys(commands) as Letter[]) {
    const { want } = commands[letter];
    const expected = want === "once" ? "down" : (want ?? "up");
    assert.equal(after(running, [told(letter)]).service.want, expected, letter);
  }
});
