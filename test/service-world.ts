// A service or a logger, and what the kernel knows about it, for the walks of every state: all that
// can come next, what comes of it, and what never must. Times are few classes: the last start was
// now or long ago; what is due is due now, after the pause, after a failed fork, or as late as
// anything ever is, which is also what a process that was told to end has until it is killed.
import assert from "node:assert/strict";
import { commands, type Letter } from "../src/core/commands.ts";
import { finishLeaveMs, restartPauseMs, scriptMs } from "../src/core/limits.ts";
import { deadline, isOver, step } from "../src/core/service.ts";
import {
  type Effect,
  type Event,
  isLeaving,
  newService,
  type Service,
} from "../src/core/service-state.ts";

/** A service and what the kernel knows about it. Its clock stands at 0. */
export interface World {
  readonly service: Service;
  /** Effects that start or ask something and have not been answered; the first one is next. */
  readonly pending: readonly Effect[];
  /** The first of the service's scripts is a process. */
  readonly scriptRuns: boolean;
  /** A command told the running process to end. */
  readonly told: boolean;
  /** `once` was the last word about starting, and there was no start after it. */
  readonly onceOwed: boolean;
}

/** An event, some time after the one before. */
export interface Move {
  readonly event: Event;
  readonly after: number;
}

export const exit = { code: 0, status: 0 };
/** Longer than everything that is ever due. */
export const longMs = Math.max(scriptMs, finishLeaveMs);
const oldPid = 2;
const currentPid = 1;
/** Given to whatever starts; the world calls it currentPid from then on. */
const freshPid = 3;
/** One for each way in which a command is handled: `h` stands for a i q 1 2. */
const allLetters: readonly Letter[] = ["u", "d", "o", "x", "t", "k", "p", "c", "h"];
const queuedMax = 1;

function renamed(pid: number, current: number): number {
  return pid === 0 ? 0 : pid === current ? currentPid : oldPid;
}

/** The service with its clock at 0, and with everything left out that makes no difference. */
export function normal(service: Service, now: number): Service {
  const { startedAt, due, pid, scriptDue } = service;
  const age = now - startedAt >= restartPauseMs ? restartPauseMs : now - startedAt;
  return {
    ...service,
    pid: renamed(pid, pid),
    startedAt: -age,
    due: due === null ? null : Math.max(0, due - now),
    exit,
    scriptDue: scriptDue === null ? null : Math.max(0, scriptDue - now),
    scripts: service.scripts.map((script) => ({ ...script, pid: renamed(script.pid, pid) })),
  };
}

function toldBy(world: World, event: Event, service: Service): boolean {
  if (service.state !== "run" || service.pid !== world.service.pid) {
    return event.kind === "adopted" && event.gotTerm;
  }
  const telling = service.log ? "dtk" : "dxtk";
  return world.told || (event.kind === "command" && telling.includes(event.letter));
}

function owesOnce(world: World, event: Event): boolean {
  if (event.kind === "started" || event.kind === "startFailed") {
    return world.onceOwed && (world.service.state === "finish" || isForkFailure(event));
  }
  if (event.kind !== "command" || commands[event.letter].want === null) return world.onceOwed;
  return event.letter === "o";
}

export function isForkFailure(event: Event): boolean {
  return event.kind === "startFailed" && event.cause === "fork";
}

/** The world after a move; throws where something happens that never must. */
export function moved(world: World, { event, after }: Move): World {
  const before = world.service;
  const next = step(before, event, after);
  const service = normal(next.service, after);
  const answers = ["started", "startFailed", "killAfter"].includes(event.kind);
  const left = answers ? world.pending.slice(1) : world.pending;
  const starts = next.effects.filter(
    ({ kind }) => kind.startsWith("start") || kind === "askKillAfter",
  );
  for (const effect of next.effects) checkEffect(effect, before, next.service);
  assert.equal(
    next.effects.some(({ kind }) => kind === "leave"),
    isOver(next.service) && starts.length === 0,
    "leave is said when it is over",
  );
  checkEssential(world, event, next.service);
  const scriptRuns = event.kind === "scriptEnded" ? false : world.scriptRuns;
  const told = toldBy(world, event, service);
  const onceOwed = owesOnce(world, event);
  const result = { service, pending: [...starts, ...left], scriptRuns, told, onceOwed };
  checkWorld(result);
  return result;
}

/** The end of an essential service is for good, unless it was told to. */
function checkEssential({ service, told }: World, event: Event, after: Service): void {
  if (service.want === "end") assert.equal(after.want, "end", "nothing takes it back");
  if (!("essential" in event) || !event.essential) return;
  const isLost = !told && service.want !== "exit";
  assert.equal(after.want, isLost ? "end" : service.want);
}

function checkEffect(effect: Effect, before: Service, after: Service): void {
  switch (effect.kind) {
    case "startRun":
      assert.ok(before.state === "down" && after.state === "down" && after.pid === 0);
      return;
    case "startFinish":
      assert.ok(after.state === "finish" && after.pid === 0 && !after.log);
      return;
    case "startScript":
      assert.equal(effect.letter, after.scripts[0]?.letter);
      return;
    case "signal":
      assert.equal(effect.pid, before.pid);
      assert.ok(before.state === "run" || (before.state === "finish" && effect.signal === "KILL"));
      return;
    case "askKillAfter":
      assert.ok(!after.log && effect.pid === after.pid && effect.state === after.state);
      return;
    case "killScript":
      assert.equal(effect.letter, before.scripts[0]?.letter);
      assert.ok(before.scripts.length > 0 && after.scriptDue === null);
      return;
    case "tellEnd":
      assert.ok(before.state === "run" && !before.ending && !isLeaving(before));
      return;
    case "announce":
    case "leave":
      return;
  }
}

function checkWorld({ service, pending, told, onceOwed }: World): void {
  const { state, pid, due, want, gotTerm, ending, again, scripts, log, scriptDue } = service;
  const awaits = (kind: Effect["kind"]) => pending.some((effect) => effect.kind === kind);
  if (state !== "finish") assert.equal(pid > 0, state === "run");
  else if (awaits("startFinish")) assert.ok(pid === 0 && due === null);
  else assert.ok(pid > 0 || due !== null, "a finish runs, or its fork has failed");
  assert.ok(!awaits("startRun") || (state === "down" && want !== "end"));
  assert.ok(
    !gotTerm || (ending && state === "run") || state === "finish",
    "TERM goes with its process",
  );
  assert.ok(!again || (want !== "up" && state !== "down"), "a start is owed by a process");
  assert.ok(!log || (state !== "finish" && scripts.length === 0 && !gotTerm) || state === "run");
  assert.ok(scriptDue === null || scripts.length > 0, "a time goes with its script");
  if (due === null) return;
  if (state === "run") assert.ok(told, "KILL is due to who was told to end");
  if (state === "down") assert.ok(want === "up" || onceOwed || log, "due in down: a start is owed");
}

// --- The environment --------------------------------------------------------------------

export const startRunAnswers: readonly Event[] = [
  { kind: "started", pid: freshPid },
  { kind: "startFailed", cause: "fork" },
  { kind: "startFailed", cause: "exec" },
  { kind: "startFailed", cause: "exec", essential: true },
];
const startFinishAnswers: readonly Event[] = [
  ...startRunAnswers.slice(0, 3),
  { kind: "startFailed", cause: "absent" },
];

/** For ever, and for a while. */
const killAfter = [null, longMs, Number.POSITIVE_INFINITY] as const;

function answered({ pid }: Service, ms: number | null): Move {
  return { event: { kind: "killAfter", pid, ms }, after: 0 };
}

/** The script at hand becomes a process; one that is not there ends at once. */
function scriptBegun(world: World): World {
  return { ...world, pending: world.pending.slice(1), scriptRuns: true };
}

/** Everything that can come next. */
export function movesOf(world: World, letters = allLetters): Move[] {
  const { service, pending, scriptRuns } = world;
  const [first] = pending;
  if (first?.kind === "askKillAfter") {
    // That nothing is said and that it has for ever are the same but for a finish.
    const answers = first.state === "run" ? killAfter.slice(0, 2) : killAfter;
    return answers.map((ms) => answered(service, ms));
  }
  if (first?.kind === "startRun") {
    const answers = service.log ? startRunAnswers.slice(0, 3) : startRunAnswers;
    return answers.map((event) => ({ event, after: 0 }));
  }
  if (first?.kind === "startFinish") {
    return startFinishAnswers.map((event) => ({ event, after: 0 }));
  }
  const events: Event[] = [{ kind: "timeout" }];
  if (service.pid > 0) events.push({ kind: "ended", exit });
  if (service.state === "run" && !service.log)
    events.push({ kind: "ended", exit, essential: true });
  if (scriptRuns) {
    events.push({ kind: "scriptEnded", ok: true }, { kind: "scriptEnded", ok: false });
  }
  if (service.log && service.want !== "exit") events.push({ kind: "retire" });
  if (service.scripts.length <= queuedMax) {
    events.push(...letters.map((letter): Event => ({ kind: "command", letter })));
  }
  // While a script has a time, nothing comes later than that but the timeout.
  return events.flatMap((event) => {
    const isLate = service.scriptDue === null || event.kind === "timeout";
    return [{ event, after: 0 }, ...(isLate ? [{ event, after: longMs }] : [])];
  });
}

/** What a move leads to, with a script that is to be started being one, or not being there. */
export function successors(world: World, move: Move): World[] {
  return withScripts(moved(world, move));
}

function withScripts(world: World): World[] {
  if (world.pending[0]?.kind !== "startScript") return [world];
  const none = { ...world, pending: world.pending.slice(1) };
  return [
    scriptBegun(world),
    ...withScripts(moved(none, { event: { kind: "scriptEnded", ok: false }, after: 0 })),
  ];
}

const beginnings: readonly Event[] = [
  { kind: "begin", up: true },
  { kind: "begin", up: false },
  ...(["up", "down"] as const).flatMap((want) =>
    [true, false].map((flag): Event => {
      const who = { pid: freshPid, want, paused: flag, gotTerm: flag, ending: flag };
      return { kind: "adopted", state: "run", ...who };
    }),
  ),
  ...(["up", "down", "end"] as const).map((want): Event => {
    const who = { pid: freshPid, want, paused: false, gotTerm: false, ending: false };
    return { kind: "adopted", state: "finish", ...who };
  }),
];

function newWorld(log: boolean): World {
  const service = newService(log);
  return { service, pending: [], scriptRuns: false, told: false, onceOwed: false };
}

export function firstWorlds(log: boolean): World[] {
  return beginnings
    .filter(
      (event) =>
        !log || event.kind === "begin" || (event.kind === "adopted" && event.state === "run"),
    )
    .flatMap((event) => successors(newWorld(log), { event, after: 0 }));
}

/** Nothing comes any more. */
export function isLeft({ service, pending }: World): boolean {
  return isOver(service) && pending.length === 0;
}

// --- A fair environment -----------------------------------------------------------------------

export interface Fair {
  /** What control scripts say; "hang": they only end by being killed. */
  readonly script: "ok" | "failed" | "hang";
  /** Whether a process ends though nobody told it to. */
  readonly ends: boolean;
  /** Whether the first fork fails. */
  readonly forkFails: boolean;
}

export const fairs: readonly Fair[] = (["ok", "failed", "hang"] as const).flatMap((script) =>
  [true, false].flatMap((ends) =>
    (script === "hang" ? [false] : [true, false]).map((forkFails) => ({ script, ends, forkFails })),
  ),
);

/** What a fair environment does next; null: nothing is left to do. */
function fairMove(world: World, fair: Fair, mayFail: boolean): Move | null {
  const { service, pending, scriptRuns, told } = world;
  const fails: Event = { kind: "startFailed", cause: "fork" };
  const starts: Event = { kind: "started", pid: freshPid };
  if (pending[0]?.kind === "askKillAfter") return answered(service, killAfter[1]);
  if (pending.length > 0) return { event: mayFail && fair.forkFails ? fails : starts, after: 0 };
  if (scriptRuns && (fair.script !== "hang" || service.scriptDue === null)) {
    return { event: { kind: "scriptEnded", ok: fair.script === "ok" }, after: 0 };
  }
  const isEnding = told || fair.ends || service.state === "finish";
  if (service.pid > 0 && isEnding) return { event: { kind: "ended", exit }, after: 0 };
  const due = deadline(service);
  return due === null ? null : { event: { kind: "timeout" }, after: Math.max(0, due) };
}

interface Settled {
  readonly world: World;
  readonly starts: number;
}

/** What becomes of a world in the fair environment that was asked for last: ways that meet go on
 * as one. */
let known = { environment: "", ends: new Map<string, Settled>() };

/** Lets a fair environment go on until nothing is left to do, or until `starts` starts. */
export function settled(from: World, fair: Fair, startsMax: number): Settled {
  const environment = `${JSON.stringify(fair)} ${startsMax}`;
  if (known.environment !== environment) known = { environment, ends: new Map() };
  const { ends } = known;
  let world = from;
  let starts = 0;
  let mayFail = true;
  const passed: string[] = [];
  const ended = (end: World): Settled => {
    const result = { world: end, starts };
    for (const key of passed) ends.set(key, result);
    return result;
  };
  for (let steps = 0; steps < 60; steps++) {
    const key = `${starts} ${mayFail} ${JSON.stringify(world)}`;
    const end = ends.get(key);
    if (end !== undefined) {
      starts = end.starts;
      return ended(end.world);
    }
    passed.push(key);
    if (world.pending[0]?.kind === "startScript") {
      world = scriptBegun(world);
      continue;
    }
    if (starts >= startsMax && world.service.state === "run") return ended(world);
    const move = fairMove(world, fair, mayFail);
    if (move === null) return ended(world);
    if (isForkFailure(move.event)) mayFail = false;
    else if (world.pending[0]?.kind === "startRun") starts++;
    world = moved(world, move);
  }
  throw new Error(`no end is reached from ${JSON.stringify(from)}`);
}

/** For the table and for whoever reads of a failure. */
export function nameOf(event: Event): string {
  switch (event.kind) {
    case "command":
      return event.letter;
    case "scriptEnded":
      return event.ok ? "script-ok" : "script-failed";
    case "startFailed":
      return `${event.cause}-failed${event.essential ? "-essential" : ""}`;
    case "ended":
      return event.essential ? "ended-essential" : "ended";
    case "killAfter":
      return event.ms === null ? "never" : `in-${event.ms}`;
    default:
      return event.kind;
  }
}
