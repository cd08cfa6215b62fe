// Services and loggers are killed while lines flow between them: each line is in the log, once.
import assert from "node:assert/strict";
import * as fs from "node:fs";
import path from "node:path";
import { describe, type TestContext, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { control, until } from "../../src/client/index.ts";
import { bin, kill, serviceDir, startRunsv, tempDir } from "../harness.ts";
import { newRandom } from "../record.ts";

/** A killed process is started a second after its last start, so several trees live at a time. */
const trees = 10;
const killsPerTree = 5;
/** How long a process lives before it is killed: from its first moment on. */
const lifeMsMax = 60;

/** Numbered lines in bursts, each by one write(2): a kill leaves it whole or not at all. What it
 * knows to be written it notes. */
const counter = `#!/bin/sh
trap 'exit 0' TERM
life=$(($(cat lives 2>/dev/null || echo 0) + 1))
echo $life >lives.new # a kill never leaves it empty, or there were two first lives
mv lives.new lives
n=0
while :; do
  for burst in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16; do
    n=$((n + 1))
    echo "life $life line $n"
  done
  echo "$life $n" >>written
  sleep 0.05
done
`;

/** All that is in a log, the oldest first, without the stamps. */
function linesOf(main: string): string[] {
  const old = fs.readdirSync(main).filter((name) => name.startsWith("@"));
  return [...old.sort(), "current"]
    .map((name) => fs.readFileSync(path.join(main, name), "latin1"))
    .join("")
    .split("\n")
    .slice(0, -1)
    .map((line) => line.slice(26));
}

/** Every life's lines come in order, each once, and none that was noted as written is missing. */
function checkLines(lines: readonly string[], written: readonly string[]): void {
  const lives = new Map<number, number>();
  for (const line of lines) {
    const [, life, number] = /^life (\d+) line (\d+)$/.exec(line) ?? [];
    assert.ok(life !== undefined, `a torn line: ${line}`);
    const before = lives.get(Number(life)) ?? 0;
    assert.equal(Number(number), before + 1, `after line ${before} of life ${life}`);
    lives.set(Number(life), before + 1);
  }
  for (const noted of written) {
    const [life, number] = noted.split(" ").map(Number);
    assert.ok(
      (lives.get(life ?? 0) ?? 0) >= (number ?? 0),
      `line ${number} of life ${life} is lost`,
    );
  }
}

/** Kills a service, or a logger, some time after each of its starts. */
async function killAgain(unit: string, random: (below: number) => number): Promise<void> {
  for (let i = 0; i < killsPerTree; i++) {
    const { pid } = await until(unit, ({ state }) => state === "run", 10_000);
    await sleep(random(lifeMsMax));
    assert.ok(pid !== null && kill(pid, "SIGKILL"));
    await until(unit, (now) => now.pid !== pid, 10_000);
  }
  await until(unit, ({ state }) => state === "run", 10_000);
}

async function logThroughKills(
  t: TestContext,
  files: Record<string, string>,
  seed: number,
): Promise<number> {
  const config = { "log/main/config": "s20000\nn0\n" };
  const dir = serviceDir(tempDir(t), "web", { "run!": counter, ...config, ...files });
  const log = path.join(dir, "log");
  const runsv = startRunsv(t, dir);
  await Promise.all([killAgain(dir, newRandom(seed)), killAgain(log, newRandom(seed + 1000))]);
  await control(dir, "exit");
  assert.deepEqual(await runsv.waitForExit(), { code: 0, signal: null });
  const written = fs.readFileSync(path.join(dir, "written"), "latin1").split("\n").slice(0, -1);
  const lines = linesOf(path.join(log, "main"));
  checkLines(lines, written);
  return lines.length;
}

async function logsThroughKills(t: TestContext, files: Record<string, string>): Promise<void> {
  const seeds = Array.from({ length: trees }, (_, i) => i);
  const counts = await Promise.all(seeds.map((seed) => logThroughKills(t, files, seed)));
  const lines = counts.reduce((sum, count) => sum + count, 0);
  t.diagnostic(`${lines} lines`);
  assert.ok(lines > 1000);
}

const kills = `${trees * killsPerTree} kills of the service and of the logger`;

describe("log", { concurrency: true }, () => {
  test(`${kills}, svlogd in log/run: not a line is lost or doubled`, (t) =>
    logsThroughKills(t, { "log/run!": `#!/bin/sh\nexec ${bin("svlogd")} -tt ./main\n` }));

  test(`${kills}, the built-in logger: not a line is lost or doubled`, (t) =>
    logsThroughKills(t, {}));
});
