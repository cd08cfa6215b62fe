// Commands in quick succession: whatever came before, the last one counts, and there is never a
// second instance.
import assert from "node:assert/strict";
import { describe, type TestContext, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { status, until } from "../../src/client/index.ts";
import { kill, serviceDir, startRunsv, tempDir } from "../harness.ts";
import { newRandom, recordOf, tell } from "../record.ts";

const commandsMax = 200;
/** Between two commands, at most: some fall into the restart pause, some into a start. */
const gapMsMax = 40;
const pauseMs = 1000;

/** Holds a lock while it lives; `dying` is what it does when it is told to end. */
function script(dying: string): string {
  return `#!/bin/sh
end() {
  ${dying}
  [ -z "$child" ] || kill "$child"
  [ -z "$locked" ] || rmdir lock 2>/dev/null
  exit 0
}
trap end TERM
locked=1 # before it is: TERM may come between any two commands
mkdir lock 2>/dev/null || { echo "a second instance" >>record; exit 1; }
echo start >>record
sleep 600 &
child=$!
wait
`;
}

async function checkLastWord(dir: string, letter: "u" | "d" | "o"): Promise<void> {
  const state = letter === "d" ? "down" : "run";
  const want = letter === "u" ? "up" : "down";
  await sleep(pauseMs + 200); // for the commands that are still to be read, and a pause after them
  const isThere = await until(
    dir,
    (now) => now.state === state && now.want === want && !now.gotTerm,
    10_000,
  );
  await sleep(200);
  assert.deepEqual(await status(dir), isThere, `it did not stay so after ${letter}`);
  const starts = recordOf(dir);
  assert.deepEqual([...new Set(starts)], ["start"]);
  if (letter === "d") return;
  kill(isThere.pid ?? 0, "SIGTERM");
  if (letter === "u") {
    await until(dir, (now) => now.state === "run" && now.pid !== isThere.pid, 10_000);
    return;
  }
  await until(dir, (now) => now.state === "down", 10_000);
  await sleep(200);
  assert.equal((await status(dir)).state, "down");
  assert.equal(recordOf(dir).length, starts.length);
}

async function quickCommands(t: TestContext, dying: string, last: "u" | "d" | "o", seed: number) {
  const dir = serviceDir(tempDir(t), "web", { "run!": script(dying) });
  startRunsv(t, dir, { endSignal: "SIGKILL" });
  await until(dir, ({ state }) => state === "run", 10_000);
  const random = newRandom(seed);
  for (let i = 1; i < commandsMax; i++) {
    tell(dir, "udo"[random(3)] ?? "u");
    if (random(2) === 0) await sleep(random(gapMsMax));
  }
  tell(dir, last);
  await checkLastWord(dir, last);
  t.diagnostic(`${recordOf(dir).length} starts`);
}

describe("commands in quick succession", { concurrency: true }, () => {
  for (const [what, dying] of [
    ["a service that ends quickly", ":"],
    ["a service that takes its time to end", "sleep 0.05"],
  ] as const) {
    for (const [at, last] of (["u", "d", "o"] as const).entries()) {
      test(`${what}, ${last} comes last`, (t) => quickCommands(t, dying, last, 100 + at));
    }
  }
});
