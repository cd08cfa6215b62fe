// status() tells what supervise/ says.
import assert from "node:assert/strict";
import * as fs from "node:fs";
import path from "node:path";
import { test } from "node:test";
import { status, until } from "../../src/client/index.ts";
import { serviceDir, startRunsv, tempDir } from "../harness.ts";

test("status() of a service that runs", async (t) => {
  const before = Date.now();
  const web = serviceDir(tempDir(t), "web", { "run!": "#!/bin/sh\nexec sleep 600\n" });
  const runsv = startRunsv(t, web);
  await until(web, ({ state }) => state === "run", 10_000);
  const { pid, since, ...rest } = await status(web);
  assert.deepEqual(rest, {
    state: "run",
    want: "up",
    paused: false,
    gotTerm: false,
    steady: true,
    exit: null,
    restarts: 0,
    supervised: true,
  });
  assert.ok(pid !== null && pid !== runsv.pid);
  assert.ok(since.getTime() >= before - 1 && since.getTime() <= Date.now() + 1, `${since}`);
});

test("status() outlives the supervisor, and says that it is gone", async (t) => {
  const web = serviceDir(tempDir(t), "web", { "run!": "#!/bin/sh\n", down: "" });
  const runsv = startRunsv(t, web);
  await until(web, ({ supervised }) => supervised, 10_000);
  runsv.signal("SIGTERM");
  assert.deepEqual(await runsv.waitForExit(), { code: 0, signal: null });
  const { state, pid, supervised } = await status(web);
  assert.deepEqual({ state, pid, supervised }, { state: "down", pid: null, supervised: false });
});

test("status() tells how ./run ended, and how often it was started again", async (t) => {
  const web = serviceDir(tempDir(t), "web", {
    "run!": "#!/bin/sh\n[ -e ran ] || exec kill -9 $$\n",
  });
  fs.writeFileSync(path.join(web, "finish"), "#!/bin/sh\n: >ran\n", { mode: 0o755 });
  startRunsv(t, web);
  const killed = await until(web, ({ exit }) => exit?.signal === 9, 10_000);
  assert.deepEqual([killed.exit, killed.restarts], [{ code: null, signal: 9 }, 0]);
  const ended = await until(web, ({ exit }) => exit?.code === 0, 10_000);
  assert.deepEqual([ended.exit, ended.restarts], [{ code: 0, signal: null }, 1]);
});
