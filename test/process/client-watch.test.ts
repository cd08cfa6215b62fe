// watch() shows every change, from before the first runsv to after the last.
import assert from "node:assert/strict";
import { rmSync } from "node:fs";
import { test } from "node:test";
import { control, type ServiceStatus, until, watch } from "../../src/client/index.ts";
import { kill, serviceDir, startRunsv, tempDir } from "../harness.ts";

const sleeper = { "run!": "#!/bin/sh\nexec sleep 600\n" };

test("watch() shows what control() brings about, in order", async (t) => {
  const web = serviceDir(tempDir(t), "web", { ...sleeper, down: "" });
  startRunsv(t, web);
  await until(web, ({ supervised }) => supervised, 10_000);
  const steps = [
    { sees: "down", says: "up" },
    { sees: "run", says: "pause" },
    { sees: "run, paused", says: "cont" },
    { sees: "run", says: "down" },
    { sees: "down", says: null },
  ] as const;
  let at = 0;
  for await (const { state, paused } of watch(web, AbortSignal.timeout(10_000))) {
    const step = steps[at];
    if (step === undefined) break;
    if (step.sees !== (paused ? `${state}, paused` : state)) continue; // `want` changes earlier
    at++;
    if (step.says === null) break;
    await control(web, step.says);
  }
  assert.equal(at, steps.length);
});

test("watch() tells the end of a supervisor that was killed", async (t) => {
  const web = serviceDir(tempDir(t), "web", sleeper);
  const runsv = startRunsv(t, web);
  await until(web, ({ state }) => state === "run", 10_000);
  const gone = until(web, ({ supervised }) => !supervised, 10_000);
  kill(runsv.pid, "SIGKILL");
  assert.equal((await gone).state, "run"); // nobody was left to write another one
});

test("watch() follows supervise/ when it is removed and made again", async (t) => {
  const web = serviceDir(tempDir(t), "web", sleeper);
  const first = startRunsv(t, web);
  const { pid } = await until(web, ({ state }) => state === "run", 10_000);
  const next = until(web, (now) => now.state === "run" && now.pid !== pid, 10_000);
  first.signal("SIGTERM");
  await first.waitForExit();
  rmSync(`${web}/supervise`, { recursive: true });
  startRunsv(t, web);
  assert.equal((await next).supervised, true);
});

test("watch() ends with its signal, and with its loop", async (t) => {
  const web = serviceDir(tempDir(t), "web", sleeper);
  startRunsv(t, web);
  const stop = new AbortController();
  const seen: ServiceStatus[] = [];
  for await (const now of watch(web, stop.signal)) {
    seen.push(now);
    if (now.state === "run") stop.abort();
  }
  assert.equal(seen.at(-1)?.state, "run");
  for await (const now of watch(web, stop.signal)) assert.fail(`${now.state} after the abort`);
});

test("no change is missed while a service starts and ends over and over", async (t) => {
  const web = serviceDir(tempDir(t), "web", { ...sleeper, down: "" });
  startRunsv(t, web);
  await until(web, ({ supervised }) => supervised, 10_000);
  for (let round = 0; round < 5; round++) {
    const up = until(web, ({ state }) => state === "run", 10_000);
    await control(web, "once");
    const { pid } = await up;
    const down = until(web, (now) => now.state === "down", 10_000);
    assert.ok(pid !== null && kill(pid, "SIGKILL"));
    await down;
  }
});
