// What runsvdir does about a listing: a service is its directory, not its name.
import assert from "node:assert/strict";
import { test } from "node:test";
import { restartPauseMs, supervisorRetryMs } from "../../src/core/limits.ts";
import {
  type Found,
  type Known,
  partOf,
  planScan,
  restartAt,
  serviceNames,
} from "../../src/core/scan.ts";

/** `web=1`: the directory with inode 1 under the name web. */
function found(text: string): Found[] {
  return text.split(" ").flatMap((word) => {
    const [name = "", key = ""] = word.split("=");
    return word === "" ? [] : [{ name, key }];
  });
}

/** The same; `web=1!` has been told to exit. */
function known(text: string): Known[] {
  return found(text).map(({ name, key }) => {
    return { name, key: key.replace("!", ""), leaving: key.endsWith("!") };
  });
}

/** what runs, what is there, what is started, what is stopped, what is waiting */
const cases = [
  ["", "", "", "", ""],
  ["", "a=1 b=2", "a=1 b=2", "", ""],
  ["a=1", "a=1", "", "", ""],
  ["a=1 b=2", "a=1", "", "2", ""],
  ["a=1", "", "", "1", ""],
  ["a=1", "b=1", "", "", ""], // renamed
  ["a=1", "a=1 b=1", "", "", ""], // a second link
  ["", "a=1 b=1", "a=1", "", ""],
  ["a=1", "a=2", "", "1", "a"], // made again: first the old one goes
  ["a=1!", "a=2", "", "", "a"],
  ["a=1!", "a=2 b=3", "b=3", "", "a"],
  ["a=1!", "a=1", "", "", "a"], // it came back too early: once the old runsv is gone
  ["a=1!", "b=1", "", "", "b"], // the same by another name
  ["a=1 b=2", "a=2 b=1", "", "", ""], // swapped
] as const;

for (const [running, there, start, stop, waiting] of cases) {
  test(`${running || "nothing"} runs, ${there || "nothing"} is there`, () => {
    const plan = planScan(known(running), found(there));
    assert.deepEqual(plan, {
      start: found(start),
      stop: stop === "" ? [] : [stop],
      waiting: waiting === "" ? [] : [waiting],
    });
  });
}

/** A small number; the same ones in every run. */
function makeRandom(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (Math.imul(state, 1103515245) + 12345) >>> 0;
    return (state >>> 16) % below;
  };
}

test("the part that a change concerns is planned as the whole is", () => {
  for (let seed = 1; seed <= 500; seed++) {
    const random = makeRandom(seed);
    const names = ["a", "b", "c", "d", "e"];
    const entries = new Map<string, { key: string | null }>();
    for (const name of names.filter(() => random(3) > 0))
      entries.set(name, { key: `${random(5)}` });
    // All that is there runs, and something may be leaving.
    const running = new Map<string, Known>();
    for (const [name, { key }] of entries) {
      if (key !== null && !running.has(key)) running.set(key, { name, key, leaving: false });
    }
    const gone = `${5 + random(2)}`;
    const last = names[random(5)] ?? "";
    if (!entries.has(last)) running.set(gone, { name: last, key: gone, leaving: true });
    // Some entries change.
    const change = { names: new Set<string>(), keys: new Set<string>() };
    for (const name of names.filter(() => random(3) === 0)) {
      const before = entries.get(name)?.key ?? null;
      const after = random(3) === 0 ? null : `${random(7)}`;
      entries.delete(name);
      if (random(4) > 0) entries.set(name, { key: after });
      change.names.add(name);
      for (const key of [before, after]) if (key !== null) change.keys.add(key);
    }
    const whole = partOf(running.values(), entries, null);
    const part = partOf(running.values(), entries, change);
    const planned = planScan(part.known, part.found);
    const expected = planScan(whole.known, whole.found);
    // What waited before the change is still known to wait.
    const waiting = expected.waiting.filter((name) => part.found.some((one) => one.name === name));
    assert.deepEqual(planned, { ...expected, waiting }, `seed ${seed}`);
  }
});

test("all there are start, however many", () => {
  const many = Array.from({ length: 5000 }, (_, i) => ({ name: `n${i}`, key: `${i}` }));
  assert.equal(planScan([], many).start.length, many.length);
});

test("names that begin with a dot are no services, the others come in byte order", () => {
  const names = serviceNames(["b", ".git", "a", "\xe9", "B", ".", "a-b", "a"]);
  assert.deepEqual(names, ["B", "a", "a", "a-b", "b", "\xe9"]);
});

test("a killed runsv comes back at once, unless it did not live for a second", () => {
  assert.equal(restartAt(true, 1000, 1000 + restartPauseMs), 1000 + restartPauseMs);
  assert.equal(restartAt(true, 1000, 1500), 1500 + restartPauseMs);
  assert.equal(restartAt(false, 0, 9000), 9000 + supervisorRetryMs);
});
