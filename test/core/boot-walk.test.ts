// Every state that process 1 can reach, in both roles, under every event that can come there: what
// must never happen does not, and from everywhere there is a way to the end. The table of
// transitions that is printed on the way is compared with test/golden.
import assert from "node:assert/strict";
import * as fs from "node:fs";
import path from "node:path";
import { test } from "node:test";
import { step } from "../../src/core/boot.ts";
import {
  type Boot,
  type Effect,
  type Event,
  newBoot,
  noTerms,
  type Role,
  type Terms,
} from "../../src/core/boot-state.ts";
import { stage3LimitMs, stageFailuresMax } from "../../src/core/limits.ts";

const golden = path.resolve(import.meta.dirname, "../golden/boot-transitions.txt");

/** The state, and what is being started: then the answer to that comes next. */
interface World {
  readonly boot: Boot;
  readonly starting: "startStage" | "startAwait" | "startMain" | null;
}

const pid = 7;
const scriptPid = 8;
const awaitPid = 9;
const mainPid = 10;
const marks = { stopit: false, ctrlaltdel: false, busybox: false, code: null };
const withMain: Terms = { hasMain: true, drainMs: 3000, killAfterMs: 7000, success: [] };

/** Each with the mark that it asks for, and without. */
const requests: readonly Event[] = [
  { kind: "request", signal: "CONT", marks: { ...marks, stopit: true } },
  { kind: "request", signal: "INT", marks: { ...marks, ctrlaltdel: true } },
  ...(["USR1", "TERM"] as const).map(
    (signal): Event => ({ kind: "request", signal, marks: { ...marks, busybox: true } }),
  ),
  ...(["CONT", "INT", "TYPED", "PWR", "USR1", "USR2", "TERM", "QUIT", "RTMIN+3"] as const).map(
    (signal): Event => ({ kind: "request", signal, marks }),
  ),
];

const ends: readonly Event[] = [
  ...[0, 1, 100, 111].map((code): Event => ({ kind: "stageEnded", ending: { code } })),
  { kind: "stageEnded", ending: { signal: 9 } },
  { kind: "stageLost" },
];

function eventsIn({ boot, starting }: World): readonly Event[] {
  const limits = boot.stage === 3 ? [stage3LimitMs, null] : [null];
  if (starting === "startAwait") return [{ kind: "awaitStarted", pid: awaitPid }];
  if (starting === "startMain") {
    return [
      { kind: "mainStarted", pid: mainPid },
      { kind: "mainFailed", code: 127 },
    ];
  }
  if (starting === "startStage") {
    const answers = limits.map(
      (limitMs): Event => ({ kind: "stageStarted", pid, place: `stage ${boot.stage}`, limitMs }),
    );
    return [...answers, { kind: "stageFailed" }];
  }
  const place = "/etc/runit/ctrlaltdel";
  const script: readonly Event[] = [
    { kind: "scriptStarted", pid: scriptPid },
    { kind: "scriptEnded", ending: { code: 0 }, stopit: true, place },
    { kind: "scriptEnded", ending: { signal: 9 }, stopit: false, place },
    { kind: "scriptEnded", ending: null, stopit: false, place },
  ];
  return [
    ...requests,
    ...(boot.pid === 0 ? [] : ends),
    ...(boot.scriptPid === 0 ? [] : script.slice(1)),
    ...mainEventsIn(boot),
    ...(boot.deadline === null && boot.main.killAt === null ? [] : [{ kind: "timeout" } as const]),
  ];
}

function mainEventsIn({ main }: Boot): readonly Event[] {
  if (main.phase === "awaited") return [{ kind: "awaitEnded" }];
  if (main.pid === 0) return [];
  return [
    { kind: "mainEnded", ending: { code: 3 } },
    { kind: "mainEnded", ending: { signal: 15 } },
    { kind: "mainEnded", ending: null },
    { kind: "forward", signal: 1 },
  ];
}

/** With its clock at 0, and with what makes no difference left out. */
function normal(boot: Boot): Boot {
  const main = { ...boot.main, killAt: boot.main.killAt === null ? null : 0 };
  const deadline = boot.deadline === null ? null : 0;
  return { ...boot, main, deadline, place: "", stopSignal: 15 };
}

function checkEffect(before: Boot, after: Boot, effect: Effect): void {
  switch (effect.kind) {
    case "startStage":
      assert.equal(after.pid, 0, "one stage at a time");
      assert.equal(effect.stage, after.stage);
      return;
    case "signal":
      assert.ok([before.pid, before.main.pid].includes(effect.pid), "nobody else is signalled");
      assert.notEqual(effect.pid, 0);
      return;
    case "tellMain":
      assert.equal(effect.pid, before.main.pid);
      assert.ok(before.main.phase === "run" || before.main.phase === "told");
      return;
    case "startAwait":
      assert.equal(before.main.phase, "due", "the services are waited for once");
      return;
    case "startMain":
      assert.equal(before.main.phase, "awaited", "it is started once");
      return;
    case "startScript":
      assert.equal(before.scriptPid, 0, "one script at a time");
      return;
    case "leave":
      assert.equal(after.phase, "over");
      assert.equal(after.stage, 3);
      return;
    case "endAll":
      assert.equal(after.stage, 3, "everything is ended at the end only");
      return;
    case "take":
    case "give":
    case "say":
    case "remember":
      return;
  }
}

function checkState(boot: Boot): void {
  const waits = ["pause", "delay", "stop", "kill", "drain", "main"].includes(boot.phase);
  const limited = boot.phase === "run" && boot.limitMs !== null && boot.pid !== 0;
  assert.equal(boot.deadline !== null, waits || limited, "every deadline has a reason");
  if (boot.phase === "stop" || boot.phase === "kill") assert.notEqual(boot.pid, 0);
  if (["pause", "drain", "main", "over"].includes(boot.phase)) assert.equal(boot.pid, 0);
  if (boot.phase === "main") assert.equal(boot.main.phase, "told");
  if (boot.main.killAt !== null) assert.equal(boot.main.phase, "told");
  const isEnding = boot.stage === 3 || boot.phase === "stop" || boot.phase === "kill";
  if (isEnding && boot.phase !== "over") assert.notEqual(boot.main.phase, "run", "it is told");
  assert.ok(boot.failures <= stageFailuresMax || boot.stage !== 3);
}

function moved(world: World, event: Event): { world: World; effects: readonly Effect[] } {
  const { boot: next, effects } = step(world.boot, event, 0);
  const told = effects.map(({ kind }) => kind);
  for (const effect of effects) checkEffect(world.boot, next, effect);
  assert.ok(next.stage >= world.boot.stage, "no way leads back");
  const isOver = next.phase === "over" && world.boot.phase !== "over";
  assert.equal(told.includes("leave"), isOver, "leave is said once, when it is over");
  assert.ok(told.filter((kind) => kind === "startStage").length <= 1);
  if (world.boot.code !== null) assert.equal(next.code, world.boot.code, "the first cause wins");
  // The program does these at once, and tells before anything else comes.
  const script = told.includes("startScript") ? { ...next, scriptPid } : next;
  const starting = (["startStage", "startAwait", "startMain"] as const).find((kind) =>
    told.includes(kind),
  );
  const result = { boot: normal(script), starting: starting ?? null };
  if (result.starting === null) checkState(result.boot);
  return { world: result, effects };
}

function shown({ boot, starting }: World): string {
  const phase = starting === "startStage" ? "starting" : boot.phase;
  const parts = [`${boot.role}: stage ${boot.stage}`, phase];
  if (boot.main.phase !== "none") {
    const killed = boot.main.phase === "told" && boot.main.killAt === null;
    parts.push(
      `CMD ${starting === "startMain" ? "starting" : killed ? "killed" : boot.main.phase}`,
    );
  }
  if (boot.isTold) parts.push("told");
  if (boot.isTyped) parts.push("typed");
  if (boot.scriptPid !== 0) parts.push("ctrlaltdel runs");
  if (boot.stage === 3 && boot.limitMs !== null) parts.push("limited");
  if (boot.failures > 0) parts.push(`failed ${boot.failures} times`);
  if (boot.isLast) parts.push("built-in");
  if (boot.code !== null) parts.push(`code ${boot.code}`);
  return parts.join(", ");
}

function worded(event: Event): string {
  switch (event.kind) {
    case "request": {
      const there = Object.entries(event.marks).flatMap(([mark, is]) => (is ? [mark] : []));
      return [event.signal, ...there].join("+");
    }
    case "stageEnded":
      return "code" in event.ending ? `exit ${event.ending.code}` : "crash";
    case "mainEnded":
      if (event.ending === null) return "CMD lost";
      return "code" in event.ending ? `CMD exits ${event.ending.code}` : "CMD killed";
    case "mainFailed":
      return "no CMD";
    case "mainStarted":
      return "CMD started";
    case "scriptEnded":
      if (event.stopit) return "script ended, stopit";
      return event.ending === null ? "script ended" : "script crashed";
    case "stageStarted":
      return event.limitMs === null ? "started" : "started, limited";
    default:
      return event.kind;
  }
}

function effectWord(effect: Effect): string {
  switch (effect.kind) {
    case "startStage":
      return `start ${effect.builtIn ? "built-in " : ""}${effect.stage}`;
    case "signal":
      return `${effect.kill ? "KILL" : "TERM"}${effect.group ? " group" : ""}`;
    case "endAll":
      return `${effect.kill ? "KILL" : "TERM"} all`;
    case "tellMain":
      return `CMD gets ${effect.signal}`;
    case "take":
    case "give":
      return `${effect.kind} ${effect.mark}`;
    case "say":
      return `"${effect.text.replace(/stage \d /, "")}"`;
    default:
      return effect.kind;
  }
}

function keyOf(world: World): string {
  return JSON.stringify(world);
}

/** Failures beyond the limit differ in nothing. */
function worthAWalk({ boot }: World): boolean {
  return boot.failures <= stageFailuresMax;
}

/** The exit code and another failure make no difference to what is done, nor do limits, scripts and
 * failures to a main process, nor that it was told to end where there is none. */
function isShown({ boot }: World): boolean {
  if (boot.code !== null || (boot.isTyped && !boot.isTold)) return false;
  if (boot.isTold && boot.main.phase !== "run" && boot.main.phase !== "told") return false;
  if (boot.main.phase === "none") return boot.failures < 2 || boot.failures === failuresLast;
  if (boot.main.phase === "due") return boot.stage === 2 && boot.phase !== "run";
  return boot.failures === 0 && boot.limitMs === null && boot.scriptPid === 0 && !boot.isLast;
}

const failuresLast = stageFailuresMax - 1;

interface Walk {
  readonly worlds: ReadonlyMap<string, World>;
  readonly table: readonly string[];
}

function walk(role: Role, terms: Terms): Walk {
  const boot = newBoot(role, terms);
  const first = moved({ boot, starting: null }, { kind: "begin" }).world;
  const worlds = new Map([[keyOf(first), first]]);
  const table: string[] = [];
  for (const world of worlds.values()) {
    const rows = new Map<string, string[]>();
    for (const event of eventsIn(world)) {
      const next = moved(world, event);
      const to = shown(next.world) === shown(world) ? "same" : shown(next.world);
      const effects = next.effects.filter(({ kind }) => kind !== "remember").map(effectWord);
      const row = effects.length === 0 ? to : `${to}: ${effects.join(", ")}`;
      rows.set(row, [...(rows.get(row) ?? []), worded(event)]);
      if (worthAWalk(next.world)) worlds.set(keyOf(next.world), next.world);
    }
    if (!isShown(world)) continue;
    table.push("", shown(world));
    for (const [row, events] of rows) table.push(`    ${events.join(" | ")}`, `        -> ${row}`);
  }
  return { worlds, table };
}

/** Drives a state on with this until it is over; false when that does not come about. */
function comesToAnEnd(world: World, choose: (world: World) => Event | null): boolean {
  let now = world;
  for (let turns = 0; turns < 30; turns++) {
    if (now.boot.phase === "over") return true;
    const event = choose(now);
    if (event === null) return false;
    now = moved(now, event).world;
  }
  return false;
}

const walks = {
  machine: walk("machine", noTerms),
  container: walk("container", noTerms),
  "container with CMD": walk("container", withMain),
};

/** The answer to what is being started, or null. */
function answer({ starting }: World): Event | null {
  if (starting === "startAwait") return { kind: "awaitStarted", pid: awaitPid };
  return starting === "startMain" ? { kind: "mainStarted", pid: mainPid } : null;
}

for (const role of ["machine", "container", "container with CMD"] as const) {
  const { worlds } = walks[role];

  test(`a ${role} whose stages end when they are told comes to its end`, () => {
    for (const world of worlds.values()) {
      const asked = comesToAnEnd(world, (at) => {
        const { boot, starting } = at;
        const answered = answer(at);
        if (answered !== null) return answered;
        if (starting === "startStage")
          return { kind: "stageStarted", pid, place: "", limitMs: null };
        if (boot.stage === 2 && boot.phase === "run")
          return { kind: "request", signal: "PWR", marks };
        if (boot.pid !== 0) return { kind: "stageEnded", ending: { code: 0 } };
        return { kind: "timeout" };
      });
      assert.ok(asked, shown(world));
    }
  });

  test(`a ${role} comes to its end though no process ever ends, where stages have limits`, () => {
    for (const world of worlds.values()) {
      const { stage, limitMs, phase } = world.boot;
      if (stage === 3 && limitMs === null && phase === "run" && !world.starting) continue;
      if (stage === 1 && role === "machine") continue;
      const over = comesToAnEnd(world, (at) => {
        const { boot, starting } = at;
        const limitMs = boot.stage === 3 ? stage3LimitMs : null;
        const answered = answer(at);
        if (answered !== null) return answered;
        if (starting === "startStage") return { kind: "stageStarted", pid, place: "", limitMs };
        if (boot.deadline !== null && boot.limitMs === null) return { kind: "timeout" };
        if (boot.stage === 3) return { kind: "timeout" };
        return { kind: "request", signal: "PWR", marks };
      });
      assert.ok(over, shown(world));
    }
  });

  test(`a ${role} whose stages cannot be started comes to its end`, () => {
    for (const world of worlds.values()) {
      const over = comesToAnEnd(world, (at) => {
        const { boot, starting } = at;
        const answered = answer(at);
        if (answered !== null) return answered;
        if (starting === "startStage") return { kind: "stageFailed" };
        if (boot.pid !== 0) return { kind: "stageEnded", ending: { code: 0 } };
        const isAsked = boot.stage !== 2 || boot.phase === "delay";
        return isAsked ? { kind: "timeout" } : { kind: "request", signal: "PWR", marks };
      });
      const { stage, phase, pid: running } = world.boot;
      const early = stage === 1 && role === "machine" && phase !== "over" && running === 0;
      assert.ok(over || stage === 1 || early, shown(world));
    }
  });
}

test("the transitions are those of test/golden/boot-transitions.txt", () => {
  const title = "Process 1, state by state: events -> state: effects";
  const text = `${[title, ...Object.values(walks).flatMap(({ table }) => table)].join("\n")}\n`;
  if (process.env.UPDATE_GOLDEN !== undefined) fs.writeFileSync(golden, text);
  assert.equal(text, fs.readFileSync(golden, "utf8"));
});
