// Every state that a service or a logger can reach, under every event that can come there: what
// must never happen does not, and what must come about does. The table of transitions that is
// printed on the way is compared with test/golden.
import assert from "node:assert/strict";
import * as fs from "node:fs";
import path from "node:path";
import { test } from "node:test";
import type { Letter } from "../../src/core/commands.ts";
import { forkRetryMs, scriptLeaveMs, scriptMs } from "../../src/core/limits.ts";
import { isOver, step } from "../../src/core/service.ts";
import {
  type Effect,
  type Event,
  isLeaving,
  type Script,
  type Service,
} from "../../src/core/service-state.ts";
import {
  exit,
  type Fair,
  fairs,
  firstWorlds,
  isForkFailure,
  isLeft,
  longMs,
  moved,
  movesOf,
  nameOf,
  normal,
  settled,
  startRunAnswers,
  successors,
  type World,
} from "../service-world.ts";

const golden = path.resolve(import.meta.dirname, "../golden/service-transitions.txt");

interface Known {
  readonly world: World;
  readonly path: string;
}

/** All reachable worlds, by their text, with the shortest way to each. */
function walk(log: boolean): Map<string, Known> {
  const known = new Map<string, Known>();
  const queue: Known[] = [];
  const add = (world: World, way: string): void => {
    const key = JSON.stringify(world);
    if (known.has(key)) return;
    const found = { world, path: way };
    known.set(key, found);
    queue.push(found);
  };
  for (const world of firstWorlds(log)) add(world, `from ${describe(world.service)}`);
  for (let at = 0; at < queue.length; at++) {
    const { world, path: way } = queue[at] as Known;
    if (isLeft(world)) continue;
    for (const move of movesOf(world)) {
      const name = `${way}, ${nameOf(move.event)}${move.after > 0 ? " later" : ""}`;
      try {
        for (const next of successors(world, move)) add(next, name);
      } catch (error) {
        throw new Error(`${name}: ${JSON.stringify(world)}`, { cause: error });
      }
    }
  }
  return known;
}

const worlds = { service: walk(false), logger: walk(true) } as const;

/** The worlds in which a command can come: what was begun is done first. */
function forEachWorld(check: (known: Known) => void): void {
  for (const known of [...worlds.service.values(), ...worlds.logger.values()]) {
    if (isLeft(known.world) || known.world.pending.length > 0) continue;
    try {
      check(known);
    } catch (error) {
      throw new Error(`${known.path}: ${JSON.stringify(known.world)}`, { cause: error });
    }
  }
}

/** The command as the last one in this world, and what a fair environment makes of it. */
function afterCommand(world: World, letter: Letter, fair: Fair, startsMax: number) {
  const told = moved(world, { event: { kind: "command", letter }, after: 0 });
  return { told, ...settled(told, fair, startsMax) };
}

/** What ends for good, whatever it is told: a logger without input, an essential service. */
function isRetired({ service }: World): boolean {
  return (service.log && service.want === "exit") || service.want === "end";
}

test("no event that can come throws or breaks an invariant, in any state", (t) => {
  const { service, logger } = worlds;
  t.diagnostic(`${service.size} states of a service, ${logger.size} of a logger`);
  assert.ok(service.size > 1000 && logger.size > 20);
});

test("what cannot come throws", () => {
  for (const { world } of [...worlds.service.values(), ...worlds.logger.values()]) {
    const { service, pending, scriptRuns } = world;
    const impossible: Event[] = [];
    if (service.state === "down") impossible.push({ kind: "ended", exit });
    if (service.state === "run") {
      impossible.push(...startRunAnswers.filter((event) => !isForkFailure(event)));
    }
    if (service.scripts.length === 0 && !scriptRuns && pending.length === 0) {
      impossible.push({ kind: "scriptEnded", ok: true });
    }
    for (const event of impossible) assert.throws(() => step(service, event, 0), nameOf(event));
  }
});

test("x always ends a service, and retire a logger", () => {
  for (const fair of fairs) {
    forEachWorld(({ world }) => {
      const event: Event = world.service.log
        ? { kind: "retire" }
        : { kind: "command", letter: "x" };
      // A logger ends with its input, whatever it was told.
      const ends = { ...fair, ends: fair.ends || world.service.log };
      const { world: end } = settled(moved(world, { event, after: 0 }), ends, 99);
      assert.ok(isOver(end.service), JSON.stringify(end));
    });
  }
});

test("after u as the last command it runs", () => {
  for (const fair of fairs) {
    forEachWorld(({ world }) => {
      if (isRetired(world)) return;
      const { world: end } = afterCommand(world, "u", fair, 3);
      assert.ok(end.service.state === "run" && end.service.want === "up");
    });
  }
});

test("after d as the last command it is down, and stays so", () => {
  for (const fair of fairs) {
    forEachWorld(({ world }) => {
      if (isRetired(world)) return;
      const { world: end, starts } = afterCommand(world, "d", fair, 3);
      assert.ok(end.service.state === "down" && end.service.want === "down" && starts === 0);
    });
  }
});

test("after o as the last command it runs, or has run once", () => {
  for (const fair of fairs) {
    forEachWorld(({ world }) => {
      if (isRetired(world)) return;
      const { told, world: end, starts } = afterCommand(world, "o", fair, 3);
      const runsOn = told.service.state === "run" && !told.told;
      assert.equal(starts, runsOn ? 0 : 1);
      assert.equal(end.service.want, "down");
      assert.equal(end.service.state, fair.ends ? "down" : "run");
    });
  }
});

test("a process that was told to end, and has a time for it, gets KILL once", () => {
  let killed = 0;
  forEachWorld(({ world }) => {
    const { service } = world;
    if (service.pid === 0 || service.due === null) return;
    killed++;
    const alone = { ...service, scriptDue: null }; // that of a script is another matter
    const early = step(alone, { kind: "timeout" }, service.due - 1);
    assert.deepEqual(early, { service: alone, effects: [] });
    const next = step(alone, { kind: "timeout" }, service.due);
    assert.deepEqual(next.effects, [{ kind: "signal", pid: service.pid, signal: "KILL" }]);
    assert.deepEqual(next.service, { ...alone, due: null });
  });
  assert.ok(killed > 50, `${killed} states`);
});

test("k kills what runs at once, whatever script runs", () => {
  let kills = 0;
  forEachWorld(({ world }) => {
    const { service, scriptRuns } = world;
    if (!scriptRuns || service.pid === 0) return;
    kills++;
    const { effects } = step(service, { kind: "command", letter: "k" }, 0);
    const letter = (service.scripts[0] as Script).letter;
    assert.deepEqual(effects, [
      { kind: "signal", pid: service.pid, signal: "KILL" },
      { kind: "killScript", letter },
    ]);
  });
  assert.ok(kills > 50, `${kills} states`);
});

test("every script has its time, and four seconds once all is over and it is to leave", () => {
  let last = 0;
  forEachWorld(({ world }) => {
    const { service, scriptRuns } = world;
    if (!scriptRuns || service.scriptDue === null) return;
    assert.ok(service.scriptDue <= longMs);
    if (!isLeaving(service) || service.state !== "down") return;
    last++;
    assert.ok(service.scriptDue <= scriptLeaveMs);
    const killed = step(service, { kind: "timeout" }, service.scriptDue).service;
    assert.equal(step(killed, { kind: "scriptEnded", ok: false }, 0).effects.at(-1)?.kind, "leave");
  });
  assert.ok(last > 5, `${last} states`);
});

test("an essential service that ended untold never starts again, and leaves", () => {
  let lost = 0;
  for (const fair of fairs) {
    forEachWorld(({ world }) => {
      if (world.service.want !== "end") return;
      lost++;
      const { world: end, starts } = settled(world, { ...fair, ends: true }, 99);
      assert.ok(isOver(end.service) && starts === 0);
    });
  }
  assert.ok(lost > 50, `${lost} states`);
});

// --- The table ----------------------------------------------------------------------------

function describe(service: Service): string {
  const { state, want, again, paused, gotTerm, ending, due, startedAt, scripts, pid } = service;
  const { scriptDue } = service;
  const words: string[] = [state, `want ${want}`];
  if (again) words.push("again");
  if (paused) words.push("paused");
  if (ending) words.push(gotTerm ? "got TERM" : "ending");
  if (state !== "down" && startedAt === 0) words.push("young");
  const what = pid > 0 ? "KILL" : "due";
  if (due !== null) words.push(due === 0 ? what : `${what} in ${due}`);
  if (scripts.length > 0) {
    const names = scripts.map((script) => script.letter + (script.pid === pid ? "" : "-"));
    words.push(`[${names.join(" ")}]`);
    if (scriptDue === null) words.push("killed");
  }
  return words.join(", ");
}

function effectText(effect: Effect): string {
  switch (effect.kind) {
    case "announce":
      return effect.stamped ? "announce now" : "announce";
    case "startScript":
      return `control/${effect.letter}`;
    case "killScript":
      return `KILL control/${effect.letter}`;
    case "tellEnd":
      return "tell";
    case "signal":
      return effect.signal;
    case "askKillAfter":
      return `timeout-${effect.state === "run" ? "kill" : "finish"}?`;
    default:
      return { startRun: "./run", startFinish: "./finish", leave: "leave" }[effect.kind];
  }
}

/** The others are left out for the table's length: what makes them other is only handed on. */
function isPrinted({ service, pending }: World): boolean {
  const { paused, ending, gotTerm, due, state, startedAt, scripts, scriptDue } = service;
  const ms = isLeaving(service) ? scriptLeaveMs : scriptMs;
  if (scripts.length > 0 && scriptDue !== ms) return false;
  if (pending.length > 0 || paused || (ending && !gotTerm)) return false;
  if (state === "finish" && due !== null && due !== forkRetryMs && due !== longMs) return false;
  if (scripts.length === 0) return state !== "run" || startedAt < 0 || !gotTerm;
  return scripts.length === 1 && !gotTerm && due === null && startedAt < 0 && state !== "finish";
}

function rowsOf(world: World): string[] {
  const { service, scriptRuns } = world;
  const events = new Map<string, string[]>();
  const only = service.scripts.length > 0; // shown for what comes of them
  for (const { event, after } of movesOf(world)) {
    const isShown = event.kind === "scriptEnded" || nameOf(event) === "k";
    if (after > 0 || (only && !(scriptRuns && isShown))) continue;
    const next = step(service, event, 0);
    const effects = next.effects.map(effectText).join(", ");
    const outcome = `${describe(normal(next.service, 0))}${effects === "" ? "" : `: ${effects}`}`;
    events.set(outcome, [...(events.get(outcome) ?? []), nameOf(event)]);
  }
  return [...events].map(([outcome, names]) => `    ${names.join(" ").padEnd(16)} -> ${outcome}`);
}

function table(): string {
  const parts: string[] = [];
  for (const [name, known] of Object.entries(worlds)) {
    const states = new Map<string, Set<string>>();
    for (const { world } of known.values()) {
      if (!isPrinted(world)) continue;
      const label = describe(world.service);
      states.set(label, new Set([...(states.get(label) ?? []), ...rowsOf(world)]));
    }
    parts.push(`A ${name}, state by state: events -> state: effects\n`);
    for (const [label, rows] of [...states].sort(([a], [b]) => (a < b ? -1 : 1))) {
      if (rows.size > 0) parts.push(`${label}\n${[...rows].sort().join("\n")}\n`);
    }
  }
  return parts.join("\n");
}

test("the table of transitions is the one in test/golden", () => {
  const text = table();
  if (process.env.UPDATE_GOLDEN !== undefined) fs.writeFileSync(golden, text);
  assert.equal(text, fs.readFileSync(golden, "latin1"), "UPDATE_GOLDEN=1 writes the new one");
});
