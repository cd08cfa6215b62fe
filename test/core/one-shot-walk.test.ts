// Every way in which requests can meet a service that makes itself one-shot, as sv/fw does: its
// first act is `o`, after that it reads what was left for it, and whoever asks leaves something and
// then sends `u`. When all is quiet, a run has seen whatever was left; and none ran for nothing.
import assert from "node:assert/strict";
import { test } from "node:test";
import type { Letter } from "../../src/core/commands.ts";
import { deadline, step } from "../../src/core/service.ts";
import { type Effect, type Event, newService, type Service } from "../../src/core/service-state.ts";
import { exit, normal } from "../service-world.ts";

interface World {
  readonly service: Service;
  /** What lies in the FIFO. */
  readonly letters: string;
  /** What the process of ./run has done: nothing, its first act, reading. */
  readonly done: "nothing" | "said" | "read";
  readonly left: number;
  readonly seen: number;
  readonly starts: number;
}

const requestsMax = 3;
const longMs = 10_000;

/** Runs what an event leads to, up to the next thing that somebody else does. */
function after(world: World, event: Event, now = 0): World {
  const { service, effects } = step(world.service, event, now);
  return effects.reduce(perform, { ...world, service: normal(service, now) });
}

/** There are no control scripts; ./finish is a process. */
function perform(world: World, { kind }: Effect): World {
  if (kind === "startScript") return after(world, { kind: "scriptEnded", ok: false });
  if (kind === "startFinish") return after(world, { kind: "started", pid: 1 });
  if (kind !== "startRun") return world;
  return after(
    { ...world, done: "nothing", starts: world.starts + 1 },
    { kind: "started", pid: 1 },
  );
}

/** runsv hears the next letter. */
function heard(world: World): World {
  const event: Event = { kind: "command", letter: world.letters[0] as Letter };
  return after({ ...world, letters: world.letters.slice(1) }, event);
}

/** A process has ended; runsv hears first what was said before. */
function ended(world: World): World {
  return world.letters === "" ? after(world, { kind: "ended", exit }) : ended(heard(world));
}

/** The next act of the process that runs, or its end. */
function act(world: World): World {
  if (world.service.state === "finish") return ended(world);
  switch (world.done) {
    case "nothing":
      return { ...world, letters: `${world.letters}o`, done: "said" };
    case "said":
      return { ...world, seen: world.left, done: "read" };
    case "read":
      return ended(world);
  }
}

function asked(world: World): World {
  return { ...world, left: world.left + 1, letters: `${world.letters}u` };
}

/** The time has come for what is due. */
function later(world: World): World {
  return after(world, { kind: "timeout" }, longMs);
}

function isQuiet({ service, letters }: World): boolean {
  return letters === "" && service.pid === 0 && deadline(service) === null;
}

/** Everything that can come next. */
function nextOf(world: World): World[] {
  const { service, letters, left } = world;
  return [
    ...(left < requestsMax ? [asked(world)] : []),
    ...(letters === "" ? [] : [heard(world)]),
    ...(service.pid > 0 ? [act(world)] : []),
    ...(deadline(service) === null ? [] : [later(world)]),
  ];
}

function booted(): World {
  const world: World = {
    service: newService(false),
    letters: "",
    done: "nothing",
    left: 0,
    seen: 0,
    starts: 0,
  };
  return after(world, { kind: "begin", up: true });
}

test("a service that says `once` first loses no request, and runs for none twice", () => {
  const found = new Map([[JSON.stringify(booted()), booted()]]);
  let quiet = 0;
  for (const world of found.values()) {
    assert.ok(world.starts <= 1 + world.left, "a run that nobody has asked for");
    if (isQuiet(world)) {
      quiet++;
      assert.deepEqual([world.seen, world.service.want], [world.left, "down"]);
    }
    for (const next of nextOf(world)) found.set(JSON.stringify(next), next);
  }
  assert.ok(quiet > requestsMax, `${quiet} ends in ${found.size} states`);
});

test("whatever comes while it works is one more run", () => {
  for (let requests = 1; requests <= requestsMax; requests++) {
    let world = act(act(later(booted()))); // it has read
    for (let n = 0; n < requests; n++) world = asked(world);
    while (!isQuiet(world) && world.starts < 3) {
      world = world.service.pid > 0 ? act(world) : later(world);
    }
    assert.deepEqual([world.starts, world.seen], [2, requests]);
  }
});
