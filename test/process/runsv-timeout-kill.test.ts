// timeout-kill and timeout-finish: how long who is to end has, and what is no number of them.
// Differs, timeout-kill: all of it.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import * as fs from "node:fs";
import path from "node:path";
import { describe, type TestContext, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { control, until } from "../../src/client/index.ts";
import {
  deadlineMs,
  eventually,
  isAlive,
  kill,
  type Program,
  serviceDir,
  startRunsv,
  tempDir,
} from "../harness.ts";
import { waitForRecord } from "../record.ts";

const deaf = `#!/bin/sh
trap 'echo TERM >>record' TERM
echo start >>record
while :; do sleep 0.02; done
`;
/** Never within a test, and yet a number. */
const hour = "3600000\n";

interface Life {
  readonly dir: string;
  readonly runsv: Program;
}

/** A service that does not end by TERM, once it can hear it. */
async function startDeaf(t: TestContext, files: Record<string, string>): Promise<Life> {
  const dir = serviceDir(tempDir(t), "web", { "run!": deaf, ...files });
  const runsv = startRunsv(t, "web", { cwd: path.dirname(dir), endSignal: "SIGKILL" });
  await waitForRecord(dir, (lines) => lines.includes("start"));
  return { dir, runsv };
}

/** How long it took from telling it to its end, which was by this signal. */
async function endedBy(dir: string, verb: "down" | "term" | "exit"): Promise<string> {
  const { pid } = await until(dir, ({ state }) => state === "run", deadlineMs);
  await control(dir, verb);
  await until(dir, (now) => now.pid !== pid && now.state !== "run", deadlineMs);
  const [code, status] = fs.readFileSync(path.join(dir, "supervise/exit"), "latin1").split(" ");
  return `${code} ${status}`;
}

describe("timeout-kill", { concurrency: 4 }, () => {
  for (const verb of ["down", "term", "exit"] as const) {
    test(`${verb}: KILL for who is still there`, async (t) => {
      const finish = { "finish!": "#!/bin/sh\nexec sleep 600\n" }; // so that the end can be seen
      const { dir } = await startDeaf(t, { "timeout-kill": "100\n", ...finish });
      const began = performance.now();
      assert.equal(await endedBy(dir, verb), "-1 9");
      assert.ok(performance.now() - began >= 100);
      await waitForRecord(dir, (lines) => lines.includes("TERM"));
    });
  }

  for (const [what, files] of [
    ["no file", {}],
    ["0", { "timeout-kill": "0\n" }],
    ["an hour", { "timeout-kill": hour }],
  ] as const) {
    test(`${what}: it is waited for`, async (t) => {
      const { dir, runsv } = await startDeaf(t, files);
      await control(dir, "down");
      await waitForRecord(dir, (lines) => lines.includes("TERM"));
      await sleep(300);
      const { pid } = await until(dir, ({ state }) => state === "run", deadlineMs);
      kill(pid ?? 0, "SIGKILL");
      await until(dir, ({ state }) => state === "down", deadlineMs);
      assert.equal(runsv.stderr.text(), "");
    });
  }

  for (const [what, make, complaint] of [
    ["a FIFO", "mkfifo", "unable to use timeout-kill: no number of milliseconds"],
    ["a directory", "mkdir", "unable to read timeout-kill: is a directory"],
    ["a huge file", "truncate -s 1G", "unable to use timeout-kill: no number of milliseconds"],
    ["empty", "touch", "unable to use timeout-kill: no number of milliseconds"],
    ["a word", "echo soon >", "unable to use timeout-kill: no number of milliseconds"],
    ["negative", "echo -1 >", "unable to use timeout-kill: no number of milliseconds"],
    ["two numbers", "printf '1\\n2\\n' >", "unable to use timeout-kill: no number of milliseconds"],
    ["a link to itself", "ln -s timeout-kill", "unable to read timeout-kill: symbolic link loop"],
  ] as const) {
    test(`${what}: said, and as good as none`, async (t) => {
      const { dir, runsv } = await startDeaf(t, {});
      assert.equal(spawnSync("sh", ["-c", `${make} timeout-kill`], { cwd: dir }).status, 0);
      await control(dir, "down");
      await runsv.stderr.waitFor(/./);
      assert.equal(runsv.stderr.lines()[0], `runsv web: warning: ${complaint}`);
      const { pid } = await until(dir, ({ state }) => state === "run", deadlineMs);
      kill(pid ?? 0, "SIGKILL");
      await until(dir, ({ state }) => state === "down", deadlineMs);
    });
  }

  test("control/t that takes the place of TERM does not stop the clock", async (t) => {
    const { dir } = await startDeaf(t, { "timeout-kill": "100", "control/t!": "#!/bin/sh\n" });
    assert.equal(await endedBy(dir, "down"), "-1 9");
  });

  test("control/t that hangs does not stop it either", async (t) => {
    const hangs = { "control/t!": "#!/bin/sh\nexec sleep 600\n" };
    const { dir } = await startDeaf(t, { "timeout-kill": "100", ...hangs });
    assert.equal(await endedBy(dir, "down"), "-1 9");
  });

  test("a process that is stopped is killed, too", async (t) => {
    const finish = { "finish!": "#!/bin/sh\nexec sleep 600\n" }; // so that the end can be seen
    const { dir } = await startDeaf(t, { "timeout-kill": "100", ...finish });
    await control(dir, "pause");
    await until(dir, ({ paused }) => paused, deadlineMs);
    assert.equal(await endedBy(dir, "term"), "-1 9");
  });

  test("the next process has its own time", async (t) => {
    const { dir } = await startDeaf(t, { "timeout-kill": "100" });
    const { pid } = await until(dir, ({ state }) => state === "run", deadlineMs);
    for (const verb of ["term", "cont", "up"] as const) await control(dir, verb); // sv restart
    const next = await until(dir, (now) => now.state === "run" && now.pid !== pid, deadlineMs);
    await sleep(300);
    assert.equal((await until(dir, () => true, deadlineMs)).pid, next.pid);
  });

  for (const [how, told, files] of [
    ["TERM", "run, got TERM, want down\n", {}],
    ["control/t", "run, told to end, want down\n", { "control/t!": "#!/bin/sh\n" }],
  ] as const)
    test(`the next runsv kills who was told to end by ${how} before`, async (t) => {
      const { dir, runsv } = await startDeaf(t, { "timeout-kill": hour, ...files });
      const { pid } = await until(dir, ({ state }) => state === "run", deadlineMs);
      await control(dir, "down");
      const stat = path.join(dir, "supervise/stat");
      await eventually(told, () => fs.readFileSync(stat, "latin1") === told);
      const isTold = how === "TERM"; // in status, which is written last
      await until(dir, ({ gotTerm }) => gotTerm === isTold, deadlineMs);
      kill(runsv.pid, "SIGKILL");
      await runsv.waitForExit();
      fs.writeFileSync(path.join(dir, "timeout-kill"), "100");
      startRunsv(t, dir);
      await until(dir, ({ supervised, state }) => supervised && state === "down", deadlineMs);
      await waitForRecord(dir, (lines) => lines.filter((line) => line === "start").length === 1);
      assert.ok(!isAlive(pid ?? 0));
    });
});

describe("timeout-finish", { concurrency: 4 }, () => {
  const finish = "#!/bin/sh\necho finish >>record\nexec sleep 600\n";

  test("a finish that takes longer is killed, and the service goes on", async (t) => {
    const files = { "run!": "#!/bin/sh\n", "finish!": finish, "timeout-finish": "100" };
    const dir = serviceDir(tempDir(t), "web", files);
    startRunsv(t, dir, { endSignal: "SIGKILL" });
    await waitForRecord(dir, (lines) => lines.length >= 2);
  });

  test("without the file it is waited for", async (t) => {
    const files = { "run!": "#!/bin/sh\n", "finish!": finish };
    const dir = serviceDir(tempDir(t), "web", files);
    startRunsv(t, dir, { endSignal: "SIGKILL" });
    const { pid } = await until(dir, ({ state }) => state === "finish", deadlineMs);
    await sleep(300);
    assert.equal((await until(dir, ({ state }) => state === "finish", deadlineMs)).pid, pid);
  });
});
