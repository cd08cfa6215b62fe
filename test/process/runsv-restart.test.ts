// A service that ends is started again: at once after a second of life, otherwise after a pause
// of a second, in which commands are obeyed.
import assert from "node:assert/strict";
import { describe, type TestContext, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { control, type ServiceStatus, status, until } from "../../src/client/index.ts";
import { kill, type Program, serviceDir, startRunsv, tempDir } from "../harness.ts";
import { recordOf, waitForRecord } from "../record.ts";

const forever = "#!/bin/sh\necho start >>record\nexec sleep 600\n";
const pauseMs = 1000;
/** What a busy machine may take for what takes no time. */
const atOnceMs = 300;

interface Web {
  readonly dir: string;
  readonly runsv: Program;
  readonly pid: number;
}

async function startWeb(t: TestContext, files: Record<string, string> = {}): Promise<Web> {
  const dir = serviceDir(tempDir(t), "web", { "run!": forever, ...files });
  const runsv = startRunsv(t, dir);
  await waitForRecord(dir, ({ length }) => length === 1);
  const { pid } = await until(dir, ({ state }) => state === "run", 10_000);
  return { dir, runsv, pid: pid ?? 0 };
}

function nextRun({ dir, pid }: Web): Promise<ServiceStatus> {
  return until(dir, (now) => now.state === "run" && now.pid !== pid, 10_000);
}

/** Kills the service soon after its start; the time of that. */
async function killYoung({ dir, pid }: Web): Promise<number> {
  const killed = performance.now();
  kill(pid, "SIGKILL");
  await until(dir, ({ state }) => state === "down", 10_000);
  return killed;
}

describe("restart", { concurrency: true }, () => {
  test("one that lived for a second is started again at once", async (t) => {
    const web = await startWeb(t);
    await sleep(pauseMs + 100);
    const next = nextRun(web);
    const killed = performance.now();
    kill(web.pid, "SIGKILL");
    await next;
    const tookMs = performance.now() - killed;
    assert.ok(tookMs < atOnceMs, `${tookMs} ms`);
  });

  test("one that lived shorter is started again after a second", async (t) => {
    const web = await startWeb(t);
    const killed = await killYoung(web);
    await nextRun(web);
    const tookMs = performance.now() - killed;
    assert.ok(tookMs > pauseMs - 50 && tookMs < pauseMs + atOnceMs, `${tookMs} ms`);
  });

  test("one that dies at once is started once a second", async (t) => {
    const script = "#!/bin/sh\ndate +%s.%N >>record\nexit 1\n";
    const dir = serviceDir(tempDir(t), "web", { "run!": script });
    startRunsv(t, dir);
    const times = (await waitForRecord(dir, ({ length }) => length === 4)).map(Number);
    for (const [at, time] of times.slice(1).entries()) {
      const betweenMs = (time - (times[at] ?? 0)) * 1000;
      assert.ok(betweenMs > pauseMs - 100 && betweenMs < pauseMs + atOnceMs, `${betweenMs} ms`);
    }
  });

  test("down in the pause: it stays down", async (t) => {
    const web = await startWeb(t);
    await killYoung(web);
    await control(web.dir, "down");
    await until(web.dir, ({ want }) => want === "down", 10_000);
    await sleep(pauseMs + atOnceMs);
    assert.equal((await status(web.dir)).state, "down");
    assert.deepEqual(recordOf(web.dir), ["start"]);
  });

  test("up in the pause: it starts a second after its last start, once", async (t) => {
    const web = await startWeb(t);
    await sleep(pauseMs / 2);
    const killed = await killYoung(web);
    for (let i = 0; i < 5; i++) await control(web.dir, "up");
    await nextRun(web);
    const tookMs = performance.now() - killed;
    assert.ok(tookMs < pauseMs / 2 + atOnceMs, `${tookMs} ms`);
    await sleep(pauseMs);
    assert.deepEqual(recordOf(web.dir), ["start", "start"]);
  });

  test("exit in the pause: runsv leaves at once", async (t) => {
    const web = await startWeb(t);
    await killYoung(web);
    const told = performance.now();
    await control(web.dir, "exit");
    assert.deepEqual(await web.runsv.waitForExit(), { code: 0, signal: null });
    const tookMs = performance.now() - told;
    assert.ok(tookMs < atOnceMs, `${tookMs} ms`);
  });

  test("once in the pause: it is started, and not a second time", async (t) => {
    const web = await startWeb(t);
    await killYoung(web);
    await control(web.dir, "once");
    const { pid } = await nextRun(web);
    await sleep(pauseMs + 100);
    kill(pid ?? 0, "SIGKILL");
    await until(web.dir, ({ state }) => state === "down", 10_000);
    await sleep(atOnceMs);
    assert.deepEqual(recordOf(web.dir), ["start", "start"]);
  });

  test("TERM to runsv is exit, and a second one changes nothing", async (t) => {
    const { dir, runsv } = await startWeb(t, { "finish!": "#!/bin/sh\nsleep 0.2\n" });
    runsv.signal("SIGTERM");
    await until(dir, ({ state }) => state === "finish", 10_000);
    runsv.signal("SIGTERM");
    assert.deepEqual(await runsv.waitForExit(), { code: 0, signal: null });
    assert.equal((await status(dir)).state, "down");
  });
});
