// Faults that are made to happen: none ends runsv, and no event is lost by one.
import assert from "node:assert/strict";
import * as fs from "node:fs";
import path from "node:path";
import { describe, type TestContext, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { control, status, until } from "../../src/client/index.ts";
import { faultsBin, kill, type Program, serviceDir, startRunsv, tempDir } from "../harness.ts";
import { waitForRecord } from "../record.ts";

const forever = "#!/bin/sh\necho start >>record\nexec sleep 600\n";
const finish = "#!/bin/sh\necho finish >>record\n";

interface Web {
  readonly dir: string;
  readonly runsv: Program;
  arm(name: string): void;
  disarm(name: string): void;
}

async function startWeb(t: TestContext, files: Record<string, string>, armed = ""): Promise<Web> {
  const scan = tempDir(t);
  const faults = serviceDir(scan, ".faults", armed === "" ? {} : { [armed]: "" });
  const dir = serviceDir(scan, "web", files);
  const options = { program: faultsBin("runsv"), env: { TRINIT_FAULTS: faults } };
  const runsv = startRunsv(t, "web", { ...options, cwd: scan });
  await until(dir, ({ supervised }) => supervised, 10_000);
  return {
    dir,
    runsv,
    arm: (name) => fs.writeFileSync(path.join(faults, name), ""),
    disarm: (name) => fs.rmSync(path.join(faults, name)),
  };
}

describe("faults", { concurrency: true }, () => {
  test("fork fails: it says so, and tries again when it is told to", async (t) => {
    const web = await startWeb(t, { "run!": forever }, "spawn");
    const line = await web.runsv.stderr.waitFor(/./);
    assert.equal(line, "runsv web: warning: unable to fork, sleeping: temporary failure");
    assert.equal((await status(web.dir)).want, "up");
    web.disarm("spawn");
    await control(web.dir, "up");
    await until(web.dir, ({ state }) => state === "run", 2000);
    await waitForRecord(web.dir, (lines) => lines.length === 1);
  });

  test("fork fails: down and exit are obeyed meanwhile", async (t) => {
    const web = await startWeb(t, { "run!": forever }, "spawn");
    await web.runsv.stderr.waitFor(/./);
    await control(web.dir, "down");
    await until(web.dir, ({ want }) => want === "down", 10_000);
    await control(web.dir, "exit");
    assert.deepEqual(await web.runsv.waitForExit(), { code: 0, signal: null });
  });

  test("fork fails once: it is started by itself, five seconds later", async (t) => {
    const before = performance.now();
    const web = await startWeb(t, { "run!": forever, "finish!": finish }, "spawn.once");
    await until(web.dir, ({ state }) => state === "run", 10_000);
    assert.ok(performance.now() - before > 4000);
  });

  test("fork fails for the built-in logger: it is tried again", async (t) => {
    const web = await startWeb(t, { "run!": forever, "log/": "" }, "fork");
    assert.match(await web.runsv.stderr.waitFor(/./), /unable to fork, sleeping: temporary/);
    web.disarm("fork");
    const log = path.join(web.dir, "log");
    await control(log, "up");
    await until(log, ({ state }) => state === "run", 2000);
  });

  test("without close_range nothing else is different", async (t) => {
    const web = await startWeb(t, { "run!": forever, "log/": "" }, "close_range");
    await until(path.join(web.dir, "log"), ({ state }) => state === "run", 10_000);
    await until(web.dir, ({ state }) => state === "run", 10_000);
    assert.equal(web.runsv.stderr.text(), "");
  });

  test("an exception in a turn: it is said, and the command is not lost", async (t) => {
    const web = await startWeb(t, { "run!": forever });
    await until(web.dir, ({ state }) => state === "run", 10_000);
    web.arm("turn.once");
    await control(web.dir, "down");
    const said = /^runsv web: warning: fault in the program, going on: fault point: turn$/;
    await web.runsv.stderr.waitFor(said);
    await until(web.dir, ({ state }) => state === "down", 10_000);
    await control(web.dir, "up");
    await until(web.dir, ({ state }) => state === "run", 10_000);
    await waitForRecord(web.dir, (lines) => lines.length === 2);
  });

  /** Everything on the way from one start to the next, and what is done with it. */
  for (const task of [
    "command",
    "startScript",
    "scriptEnded",
    "signal",
    "askKillAfter",
    "killAfter",
    "ended",
    "startFinish",
    "startFailed",
    "announce",
    "timeout",
    "startRun",
    "started",
  ] as const) {
    // biome-ignore format: a list
    test(`an exception in ${task}: nothing is lost, nothing happens twice`, async (t) => {
      const files = { "run!": forever, "finish!": finish };
      // Without a ./finish, its start is what fails.
      const web = await startWeb(t, task === "startFailed" ? { "run!": forever } : files);
      const { pid } = await until(web.dir, ({ state }) => state === "run", 10_000);
      await waitForRecord(web.dir, (lines) => lines.length === 1);
      web.arm(`step.${task}.once`);
      await control(web.dir, "term");
      await web.runsv.stderr.waitFor(new RegExp(`going on: fault point: ${task}$`));
      const next = await until(web.dir, (now) => now.state === "run" && now.pid !== pid, 10_000);
      const between = task === "startFailed" ? [] : ["finish"];
      const record = await waitForRecord(web.dir, (lines) => lines.length >= 2 + between.length);
      assert.deepEqual(record, ["start", ...between, "start"]);
      await sleep(1200);
      assert.equal((await status(web.dir)).pid, next.pid);
      await control(web.dir, "exit");
      assert.deepEqual(await web.runsv.waitForExit(), { code: 0, signal: null });
    });
  }

  test("an exception that comes again and again: the event is dropped, no more", async (t) => {
    const web = await startWeb(t, { "run!": forever });
    const { pid } = await until(web.dir, ({ state }) => state === "run", 10_000);
    web.arm("step.signal");
    await control(web.dir, "hup");
    await web.runsv.stderr.waitFor(/^runsv web: warning: dropping an event: signal$/);
    web.disarm("step.signal");
    await control(web.dir, "down");
    await until(web.dir, ({ state }) => state === "down", 10_000);
    assert.equal(kill(pid ?? 0, "SIGHUP"), false);
  });
});
