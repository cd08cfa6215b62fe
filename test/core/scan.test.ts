// What runsvdir does about a listing: a service is its directory, not its name.
import assert from "node:assert/strict";
import { test } from "node:test";
import { restartPauseMs, servicesMax, supervisorRetryMs } from "../../src/core/limits.ts";
import { type Found, type Known, planScan, restartAt, serviceNames } from "../../src/core/scan.ts";

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

/** what runs, what is there, what is started, what is stopped */
const cases = [
  ["", "", "", ""],
  ["", "a=1 b=2", "a=1 b=2", ""],
  ["a=1", "a=1", "", ""],
  ["a=1 b=2", "a=1", "", "2"],
  ["a=1", "", "", "1"],
  ["a=1", "b=1", "", ""], // renamed
  ["a=1", "a=1 b=1", "", ""], // a second link
  ["", "a=1 b=1", "a=1", ""],
  ["a=1", "a=2", "", "1"], // made again: first the old one goes
  ["a=1!", "a=2", "", ""],
  ["a=1!", "a=2 b=3", "b=3", ""],
  ["a=1!", "a=1", "", ""], // it came back too early: once the old runsv is gone
  ["a=1 b=2", "a=2 b=1", "", ""], // swapped
] as const;

for (const [running, there, start, stop] of cases) {
  test(`${running || "nothing"} runs, ${there || "nothing"} is there`, () => {
    const plan = planScan(known(running), found(there));
    assert.deepEqual(plan, { start: found(start), stop: stop === "" ? [] : [stop], refused: [] });
  });
}

test("names that begin with a dot are no services, the others come in byte order", () => {
  const names = serviceNames(["b", ".git", "a", "\xe9", "B", ".", "a-b", "a"]);
  assert.deepEqual(names, ["B", "a", "a", "a-b", "b", "\xe9"]);
});

test("more services than there is room for are refused, the first ones start", () => {
  const many = Array.from({ length: servicesMax + 2 }, (_, i) => ({ name: `n${i}`, key: `${i}` }));
  const { start, refused } = planScan([], many);
  assert.equal(start.length, servicesMax);
  assert.deepEqual(refused, [`n${servicesMax}`, `n${servicesMax + 1}`]);
});

test("a killed runsv comes back at once, unless it did not live for a second", () => {
  assert.equal(restartAt(true, 1000, 1000 + restartPauseMs), 1000 + restartPauseMs);
  assert.equal(restartAt(true, 1000, 1500), 1500 + restartPauseMs);
  assert.equal(restartAt(false, 0, 9000), 9000 + supervisorRetryMs);
});
