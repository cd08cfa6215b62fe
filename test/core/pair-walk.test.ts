// Every state that a service and its logger can reach together, under the commands that say what is
// wanted: the log pipe stays open until the service is over, the logger then gets the end of its
// input once, and whatever the two are at, `x` ends both.
import assert from "node:assert/strict";
import { test } from "node:test";
import type { Letter } from "../../src/core/commands.ts";
import { isOver, nextOfPair } from "../../src/core/service.ts";
import type { Event } from "../../src/core/service-state.ts";
import {
  type Fair,
  fairs,
  firstWorlds,
  type Move,
  moved,
  movesOf,
  nameOf,
  normal,
  settled,
  successors,
  type World,
} from "../service-world.ts";

interface Pair {
  readonly main: World;
  readonly log: World;
  /** Our end of the log pipe. */
  readonly isOpen: boolean;
}

const letters: readonly Letter[] = ["u", "d", "o", "x"];

/** It is that much later for the other one, too. */
function later(world: World, after: number): World {
  return { ...world, service: normal(world.service, after) };
}

/** What runsv does at the end of a turn. */
function settledPair(pair: Pair): Pair {
  const { main, log, isOpen } = pair;
  if (main.pending.length > 0 || log.pending.length > 0) return pair;
  const next = nextOfPair(main.service, log.service);
  if (next === "leave") assert.ok(!isOpen && isOver(main.service) && isOver(log.service));
  if (next !== "endInput") return pair;
  assert.ok(isOpen, "the input ends once");
  const retired = moved(log, { event: { kind: "retire" }, after: 0 });
  return settledPair({ main, log: retired, isOpen: false });
}

function checkPair({ main, log, isOpen }: Pair): void {
  if (!isOver(main.service)) assert.ok(isOpen, "the pipe is open while the service may write");
  if (isOpen) assert.notEqual(log.service.want, "exit", "no logger is retired before its input");
  if (main.service.state !== "down") assert.ok(isOpen, "nobody runs without the pipe");
}

/** Everything that can come next, to either of them; what was begun is done first. */
function nextOf(pair: Pair): [string, Pair][] {
  const found: [string, Pair][] = [];
  const add = (name: string, move: Move, next: Pair): void => {
    found.push([`${name} ${nameOf(move.event)}${move.after > 0 ? " later" : ""}`, next]);
  };
  const { main, log, isOpen } = pair;
  const mainFirst = main.pending.length > 0 || log.pending.length === 0;
  for (const move of mainFirst && !isOver(main.service) ? movesOf(main, letters) : []) {
    const other = later(log, move.after);
    for (const next of successors(main, move)) add("", move, { main: next, log: other, isOpen });
  }
  if (main.pending.length > 0) return found;
  for (const move of movesOf(log, letters)) {
    if (move.event.kind === "retire") continue; // that is not the world's to say
    const other = later(main, move.after);
    for (const next of successors(log, move)) add("log", move, { main: other, log: next, isOpen });
  }
  return found.map(([name, next]) => [name, settledPair(next)]);
}

function walk(): Map<string, Pair> {
  const known = new Map<string, Pair>();
  const queue: [string, Pair][] = [];
  const add = (pair: Pair, way: string): void => {
    const key = JSON.stringify(pair);
    if (known.has(key)) return;
    known.set(key, pair);
    queue.push([way, pair]);
  };
  for (const main of firstWorlds(false)) {
    for (const log of firstWorlds(true)) add({ main, log, isOpen: true }, "");
  }
  for (let at = 0; at < queue.length; at++) {
    const [way, pair] = queue[at] as [string, Pair];
    try {
      checkPair(pair);
      if (nextOfPair(pair.main.service, pair.log.service) === "leave") continue;
      for (const [name, next] of nextOf(pair)) add(next, `${way}, ${name}`);
    } catch (error) {
      throw new Error(`${way}: ${JSON.stringify(pair)}`, { cause: error });
    }
  }
  return known;
}

const pairs = walk();

test("the log pipe is open while anything may write to it, and ends once", (t) => {
  t.diagnostic(`${pairs.size} states of a service and its logger`);
  assert.ok(pairs.size > 1000);
});

/** Where `x` takes a service, and the end of its input a logger, in a fair environment. */
function endOf(world: World, fair: Fair): World {
  const { service } = world;
  if (isOver(service)) return world;
  const event: Event = service.log ? { kind: "retire" } : { kind: "command", letter: "x" };
  const isTold = service.log && service.want === "exit";
  const told = isTold ? world : moved(world, { event, after: 0 });
  return settled(told, { ...fair, ends: fair.ends || service.log }, 99).world;
}

test("x ends a service and its logger, whatever both are at", () => {
  for (const fair of fairs) {
    const ends = new Map<string, World>();
    const end = (world: World): World => {
      const key = JSON.stringify(world);
      const known = ends.get(key) ?? endOf(world, fair);
      ends.set(key, known);
      return known;
    };
    for (const { main, log, isOpen } of pairs.values()) {
      if (main.pending.length > 0 || log.pending.length > 0) continue;
      const next = settledPair({ main: end(main), log, isOpen });
      assert.equal(nextOfPair(next.main.service, end(next.log).service), "leave");
    }
  }
});
