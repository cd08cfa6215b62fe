// A service that ends again and again is not well: once a process of it has ended within a second
// of its start, unasked, the next one has to run for a second before sv says ok. All others are ok
// at once. The same for trinit await and for the client.
import assert from "node:assert/strict";
import * as fs from "node:fs";
import path from "node:path";
import { type TestContext, test } from "node:test";
import { control, until } from "../../src/client/index.ts";
import { bin, kill, run, serviceDir, startRunsv, tempDir, waitForFile } from "../harness.ts";

const forever = "#!/bin/sh\nexec sleep 600\n";
/** Runs for long enough to be seen, and ends soon enough on a busy machine. */
const brief = "#!/bin/sh\nsleep 0.1\nexit 1\n";
/** Stays once there is a file `good`. */
const mendable = "#!/bin/sh\n[ ! -e good ] || exec sleep 600\nexit 1\n";

function start(t: TestContext, files: Record<string, string>) {
  const web = serviceDir(tempDir(t), "web", files);
  return { web, runsv: startRunsv(t, web) };
}

async function failing(t: TestContext, files: Record<string, string>) {
  const started = start(t, files);
  await until(started.web, ({ exit }) => exit !== null, 10_000);
  return started;
}

for (const word of ["check", "start", "restart", "try-restart", "force-restart", "-v up"]) {
  test(`sv ${word}: not ok in the moment in which a failing service runs`, async (t) => {
    const { web } = await failing(t, { "run!": brief });
    const { code, stdout } = await run(t, bin("sv"), ["-w", "2", ...word.split(" "), web]);
    assert.equal(code, 1);
    assert.match(stdout, /^(timeout|kill): (run|down|finish): /);
  });
}

test("once it stays, it is ok after a second", async (t) => {
  const { web } = await failing(t, { "run!": mendable });
  fs.writeFileSync(path.join(web, "good"), "");
  const { code, stdout } = await run(t, bin("sv"), ["-w", "60", "check", web]);
  assert.equal(code, 0);
  assert.match(stdout, /^ok: run: /);
  const { since } = await until(web, ({ state }) => state === "run", 10_000);
  assert.ok(Date.now() - since.getTime() >= 1000);
  const again = await run(t, bin("sv"), ["-w", "0", "check", web]);
  assert.equal(again.code, 0);
});

test("what was told to end is no failure, however soon", async (t) => {
  const { web } = start(t, { "run!": forever });
  await until(web, ({ state }) => state === "run", 10_000);
  for (const word of ["restart", "try-restart", "stop", "start", "force-stop"]) {
    const { code, stdout } = await run(t, bin("sv"), ["-w", "60", word, web]);
    assert.deepEqual([code, stdout.slice(0, 4)], [0, "ok: "]);
    assert.ok(!fs.existsSync(path.join(web, "supervise/early")));
  }
});

test("a restart asked for within the second says nothing new of the service", async (t) => {
  const { web } = await failing(t, { "run!": mendable });
  fs.writeFileSync(path.join(web, "good"), "");
  await until(web, ({ state, steady }) => state === "run" && !steady, 10_000);
  await run(t, bin("sv"), ["-w", "0", "restart", web]);
  assert.ok(fs.existsSync(path.join(web, "supervise/early")));
});

test("an end after more than a second is forgiven at once", async (t) => {
  const { web } = await failing(t, { "run!": mendable });
  fs.writeFileSync(path.join(web, "good"), "");
  const { pid } = await until(web, ({ steady }) => steady, 10_000);
  kill(pid ?? 0, "SIGKILL");
  await until(web, (now) => now.state === "run" && now.pid !== pid, 10_000);
  assert.equal((await run(t, bin("sv"), ["-w", "0", "check", web])).code, 0);
});

test("who takes the service over from a killed runsv knows it, too", async (t) => {
  const { web, runsv } = await failing(t, { "run!": brief });
  runsv.signal("SIGKILL");
  await runsv.exited;
  startRunsv(t, web);
  await waitForFile(path.join(web, "supervise/early"));
  const { code } = await run(t, bin("sv"), ["-w", "2", "check", web]);
  assert.equal(code, 1);
});

test("a check script is not asked before", async (t) => {
  const check = "#!/bin/sh\n: >asked\n";
  const { web } = await failing(t, { "run!": brief, "check!": check });
  await run(t, bin("sv"), ["-w", "2", "check", web]);
  assert.ok(!fs.existsSync(path.join(web, "asked")));
});

test("trinit await names it, and waits until it stays", async (t) => {
  const { web } = await failing(t, { "run!": mendable });
  const env = { SVDIR: path.dirname(web) };
  const late = await run(t, bin("trinit"), ["await", "1"], { env });
  assert.equal(late.code, 0);
  assert.match(late.stderr, /^trinit: warning: not up: timeout: /);
  fs.writeFileSync(path.join(web, "good"), "");
  const well = await run(t, bin("trinit"), ["await", "60"], { env });
  assert.deepEqual([well.code, well.stderr], [0, ""]);
});

test("the client waits for it by `steady`", async (t) => {
  const { web } = await failing(t, { "run!": mendable });
  fs.writeFileSync(path.join(web, "good"), "");
  const { since } = await until(web, ({ steady }) => steady, 10_000);
  assert.ok(Date.now() - since.getTime() >= 1000);
  await control(web, "down");
  const down = await until(web, ({ state }) => state === "down", 10_000);
  assert.equal(down.steady, false);
});
