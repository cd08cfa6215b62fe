// Control scripts that hang: they hold up neither KILL nor the end of their supervisor.
// Differs, script-hangs: all of it.
import assert from "node:assert/strict";
import * as fs from "node:fs";
import path from "node:path";
import { describe, type TestContext, test } from "node:test";
import { control, status, until } from "../../src/client/index.ts";
import {
  bin,
  deadlineMs,
  eventually,
  isAlive,
  type Program,
  run,
  serviceDir,
  startRunsv,
  tempDir,
} from "../harness.ts";
import { waitForRecord } from "../record.ts";

const forever = "#!/bin/sh\necho start >>record\nexec sleep 600\n";
/** It is a child of the script that hangs, as with most shells. */
const hangs = "#!/bin/sh\nsleep 600 &\necho $! >hanging\necho script >>record\nwait\n";

interface Life {
  readonly dir: string;
  readonly runsv: Program;
}

async function startWeb(t: TestContext, files: Record<string, string>): Promise<Life> {
  const dir = serviceDir(tempDir(t), "web", { "run!": forever, ...files });
  const runsv = startRunsv(t, "web", { cwd: path.dirname(dir), endSignal: "SIGKILL" });
  await waitForRecord(dir, (lines) => lines.length > 0);
  return { dir, runsv };
}

/** The process that the script waits for. */
async function hanging(dir: string): Promise<number> {
  await waitForRecord(dir, (lines) => lines.includes("script"));
  return Number(fs.readFileSync(path.join(dir, "hanging"), "latin1"));
}

async function hup(dir: string): Promise<number> {
  await until(dir, ({ state }) => state === "run", deadlineMs);
  await control(dir, "hup");
  return hanging(dir);
}

function exitOf(dir: string): string {
  return fs.readFileSync(path.join(dir, "supervise/exit"), "latin1");
}

describe("control scripts that hang", { concurrency: 4 }, () => {
  test("sv force-stop kills the service at once, and the script", async (t) => {
    const { dir } = await startWeb(t, { "control/h!": hangs });
    const pid = await hup(dir);
    const env = { SVDIR: path.dirname(dir) };
    await run(t, bin("sv"), ["down", "web"], { env });
    const { stdout } = await run(t, bin("sv"), ["-w1", "force-stop", "web"], { env });
    assert.match(stdout, /^(kill|ok): /);
    await until(dir, ({ state }) => state === "down", deadlineMs);
    assert.equal(exitOf(dir), "-1 9 0\n");
    await eventually("the end of the script's child", () => !isAlive(pid));
  });

  test("k does not wait for control/k that hangs, and the next start for nothing", async (t) => {
    const { dir } = await startWeb(t, { "control/k!": hangs });
    const { pid } = await until(dir, ({ state }) => state === "run", deadlineMs);
    await control(dir, "kill");
    await hanging(dir);
    assert.equal((await status(dir)).pid, pid, "control/k is asked first");
    await control(dir, "kill");
    await until(dir, (now) => now.state === "run" && now.pid !== pid, deadlineMs);
    assert.equal(exitOf(dir), "-1 9 1\n");
  });

  test("timeout-kill counts from the command, not from the end of a script", async (t) => {
    const { dir } = await startWeb(t, { "control/h!": hangs, "timeout-kill": "100" });
    await hup(dir);
    await control(dir, "down");
    await until(dir, ({ state }) => state === "down", deadlineMs);
    assert.equal(exitOf(dir), "-1 9 0\n");
  });

  for (const letter of ["u", "t", "d", "x", "h"]) {
    test(`control/${letter}: runsv leaves all the same, and so does its logger`, async (t) => {
      const { dir, runsv } = await startWeb(t, {
        [`control/${letter}!`]: hangs,
        "log/run!": "#!/bin/sh\nexec cat >lines\n",
      });
      const pid = letter === "u" ? await hanging(dir) : 0;
      if (letter === "h") await hup(dir);
      if (letter === "d") {
        await control(dir, "down");
        await hanging(dir);
      }
      await control(dir, "exit");
      assert.deepEqual(await runsv.waitForExit(), { code: 0, signal: null });
      assert.ok(pid === 0 || !isAlive(pid));
      const said = `runsv web: warning: killing control/${letter}: it does not end`;
      assert.deepEqual(runsv.stderr.lines(), [said]);
    });
  }
});
