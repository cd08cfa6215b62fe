// status() tells what supervise/ says.
import assert from "node:assert/strict";
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
