// Every state that process 1 can reach, in both roles, under every event that can come there: what
// must never happen does not, and from everywhere there is a way to the end. The table of
// transitions that is printed on the way is compared with test/golden.
import assert from "node:assert/strict";
import * as fs from "node:fs";
import path from "node:path";
import { test } from "node:test";
import {
  type Boot,
  type Effect,
  type Event,
  newBoot,
  type Role,
  step,
} from "../../src/core/boot.ts";
import { stage3LimitMs, stageFailuresMax } from "../../src/core/limits.ts";

const golden = path.resolve(import.meta.dirname, "../golden/boot-transitions.txt");

/** The state, and whether a stage is being started: then the answer to that comes next. */
interface World {
  readonly boot: Boot;
  readonly starting: boolean;
}

const pid = 7;
const scriptPid = 8;
const marks = { stopit: false, ctrlaltdel: false };

/** Each with the mark that it asks for, and without. */
const requests: readonly Event[] = [
  { kind: "request", signal: "CONT", marks: { ...marks, stopit: true } },
  { kind: "request", signal: "INT", marks: { ...marks, ctrlaltdel: true } },
  ...(["CONT", "INT", "PWR", "USR1", "USR2", "TERM", "QUIT", "RTMIN+3"] as const).map(
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
  if (starting) {
    const answers = limits.map(
      (limitMs): Event => ({ kind: "stageStarted", pid, place: `stage ${boot.stage}`, limitMs }),
    );
    return [...answers, { kind: "stageFailed" }];
  }
  const script: readonly Event[] = [
    { kind: "scriptStarted", pid: scriptPid },
    { kind: "scriptEnded", ending: { code: 0 }, stopit: true },
    { kind: "scriptEnded", ending: { signal: 9 }, stopit: false },
    { kind: "scriptEnded", ending: null, stopit: false },
  ];
  return [
    ...requests,
    ...(boot.pid === 0 ? [] : ends),
    ...(boot.scriptPid === 0 ? [] : script.slice(1)),
    ...(boot.deadline === null ? [] : [{ kind: "timeout" } as const]),
  ];
}

/** With its clock at 0, and with what makes no difference left out. */
function normal(boot: Boot): Boot {
  return { ...boot, deadline: boot.deadline === null ? null : 0, place: "" };
}

function checkEffect(before: Boot, after: Boot, effect: Effect): void {
  switch (effect.kind) {
    case "startStage":
      assert.equal(after.pid, 0, "one stage at a time");
      assert.equal(effect.stage, after.stage);
      return;
    case "signal":
      assert.equal(effect.pid, before.pid, "only a stage is signalled");
      assert.notEqual(effect.pid, 0);
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
  const waits = ["pause", "stop", "kill", "drain"].includes(boot.phase);
  const limited = boot.phase === "run" && boot.limitMs !== null && boot.pid !== 0;
  assert.equal(boot.deadline !== null, waits || limited, "every deadline has a reason");
  if (boot.phase === "stop" || boot.phase === "kill") assert.notEqual(boot.pid, 0);
  if (["pause", "drain", "over"].includes(boot.phase)) assert.equal(boot.pid, 0);
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
  // The program does these at once, and tells before anything else comes.
  const script = told.includes("startScript") ? { ...next, scriptPid } : next;
  const result = { boot: normal(script), starting: told.includes("startStage") };
  if (!result.starting) checkState(result.boot);
  return { world: result, effects };
}

function shown({ boot, starting }: World): string {
  const parts = [`${boot.role}: stage ${boot.stage}`, starting ? "starting" : boot.phase];
  if (boot.scriptPid !== 0) parts.push("ctrlaltdel runs");
  if (boot.stage === 3 && boot.limitMs !== null) parts.push("limited");
  if (boot.failures > 0) parts.push(`failed ${boot.failures} times`);
  if (boot.isLast) parts.push("built-in");
  if (boot.code !== 0) parts.push(`code ${boot.code}`);
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

/** The exit code and another failure make no difference to what is done. */
function isShown({ boot }: World): boolean {
  return boot.code === 0 && (boot.failures < 2 || boot.failures === stageFailuresMax - 1);
}

interface Walk {
  readonly worlds: ReadonlyMap<string, World>;
  readonly table: readonly string[];
}

function walk(role: Role): Walk {
  const first = moved({ boot: newBoot(role), starting: false }, { kind: "begin" }).world;
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

const walks = { machine: walk("machine"), container: walk("container") };

for (const role of ["machine", "container"] as const) {
  const { worlds } = walks[role];

  test(`a ${role} whose stages end when they are told comes to its end`, () => {
    for (const world of worlds.values()) {
      const asked = comesToAnEnd(world, ({ boot, starting }) => {
        if (starting) return { kind: "stageStarted", pid, place: "", limitMs: null };
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
      const over = comesToAnEnd(world, ({ boot, starting }) => {
        const limitMs = boot.stage === 3 ? stage3LimitMs : null;
        if (starting) return { kind: "stageStarted", pid, place: "", limitMs };
        if (boot.deadline !== null && boot.limitMs === null) return { kind: "timeout" };
        if (boot.stage === 3) return { kind: "timeout" };
        return { kind: "request", signal: "PWR", marks };
      });
      assert.ok(over, shown(world));
    }
  });

  test(`a ${role} whose stages cannot be started comes to its end`, () => {
    for (const world of worlds.values()) {
      const over = comesToAnEnd(world, ({ boot, starting }) => {
        if (starting) return { kind: "stageFailed" };
        if (boot.pid !== 0) return { kind: "stageEnded", ending: { code: 0 } };
        if (boot.stage === 2) return { kind: "request", signal: "PWR", marks };
        return { kind: "timeout" };
      });
      const { stage, phase, pid: running } = world.boot;
      const early = stage === 1 && role === "machine" && phase !== "over" && running === 0;
      assert.ok(over || stage === 1 || early, shown(world));
    }
  });
}

test("the transitions are those of test/golden/boot-transitions.txt", () => {
  const title = "Process 1, state by state: events -> state: effects";
  const text = `${[title, ...walks.machine.table, ...walks.container.table].join("\n")}\n`;
  if (process.env.UPDATE_GOLDEN !== undefined) fs.writeFileSync(golden, text);
  assert.equal(text, fs.readFileSync(golden, "utf8"));
});
