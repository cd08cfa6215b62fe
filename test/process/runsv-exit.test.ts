// supervise/exit: how ./run ended the last time, and how often it was started again.
import assert from "node:assert/strict";
import * as fs from "node:fs";
import path from "node:path";
import { describe, type TestContext, test } from "node:test";
import { control, status, until } from "../../src/client/index.ts";
import { kill, type Program, serviceDir, startRunsv, tempDir, waitForFile } from "../harness.ts";

const forever = "#!/bin/sh\nexec sleep 600\n";
/** Ends as the file `how` says, which is a command of the shell. */
const asTold = "#!/bin/sh\n. ./how\n";

function exitFile(dir: string): string {
  return path.join(dir, "supervise/exit");
}

async function startWeb(
  t: TestContext,
  files: Record<string, string>,
): Promise<{ dir: string; runsv: Program }> {
  const dir = serviceDir(tempDir(t), "web", files);
  const runsv = startRunsv(t, dir);
  await until(dir, ({ supervised }) => supervised, 10_000);
  return { dir, runsv };
}

async function killed(runsv: Program): Promise<void> {
  runsv.signal("SIGKILL");
  await runsv.exited;
}

describe("supervise/exit", { concurrency: true }, () => {
  test("what ./finish is told, and a count: a code, a signal, not started at all", async (t) => {
    const finish = '#!/bin/sh\necho "$*" >>finished\n';
    const { dir } = await startWeb(t, { "run!": asTold, "finish!": finish, down: "" });
    assert.ok(!fs.existsSync(exitFile(dir)));
    for (const [restarts, [how, expected]] of [
      ["exit 0", "0 0"],
      ["exit 255", "255 0"],
      ["kill -TERM $$", "-1 15"],
      ["kill -KILL $$", "-1 9"],
    ].entries()) {
      fs.writeFileSync(path.join(dir, "how"), `${how}\n`);
      await control(dir, "once");
      await waitForFile(exitFile(dir), (text) => text === `${expected} ${restarts}\n`);
    }
    fs.chmodSync(path.join(dir, "run"), 0o644);
    await control(dir, "once");
    await waitForFile(exitFile(dir), (text) => text === "111 0 4\n");
    await until(dir, ({ state }) => state === "down", 10_000);
    const told = fs.readFileSync(path.join(dir, "finished"), "latin1");
    assert.equal(told, "0 0\n255 0\n-1 15\n-1 9\n111 0\n");
    assert.equal((fs.statSync(exitFile(dir)).mode & 0o7777).toString(8), "644");
  });

  test("it is there before the status that tells of the end", async (t) => {
    const { dir } = await startWeb(t, { "run!": asTold, how: "exit 3\n", down: "" });
    const seen: string[] = [];
    const watcher = fs.watch(path.join(dir, "supervise"), (_, name) => seen.push(String(name)));
    await control(dir, "once");
    await until(dir, ({ state, exit }) => state === "down" && exit !== null, 10_000);
    watcher.close();
    assert.ok(seen.indexOf("exit") >= 0 && seen.indexOf("exit") < seen.lastIndexOf("status"));
  });

  test("every restart counts, by itself or by a command", async (t) => {
    const { dir } = await startWeb(t, { "run!": forever });
    for (const restarts of [1, 2]) {
      const { pid } = await until(dir, ({ state }) => state === "run", 10_000);
      kill(pid ?? 0, "SIGKILL");
      await until(dir, (now) => now.state === "run" && now.restarts === restarts, 10_000);
      assert.equal(fs.readFileSync(exitFile(dir), "latin1"), `-1 9 ${restarts}\n`);
    }
  });

  test("a logger has one, too", async (t) => {
    const { dir } = await startWeb(t, { "run!": forever, "log/run!": asTold, "log/how": "exit 4" });
    await waitForFile(exitFile(path.join(dir, "log")), (text) => text === "4 0 1\n");
    assert.ok(!fs.existsSync(exitFile(dir)));
  });

  test("a takeover goes on counting, though nobody knows how that one ended", async (t) => {
    const { dir, runsv } = await startWeb(t, { "run!": forever });
    const { pid } = await until(dir, ({ state }) => state === "run", 10_000);
    kill(pid ?? 0, "SIGKILL");
    const second = await until(dir, (now) => now.state === "run" && now.restarts === 1, 10_000);
    await killed(runsv);
    startRunsv(t, dir);
    await until(dir, ({ supervised }) => supervised, 10_000);
    assert.deepEqual(await status(dir), second);
    kill(second.pid ?? 0, "SIGKILL");
    await until(dir, (now) => now.state === "run" && now.restarts === 2, 10_000);
    assert.equal(fs.readFileSync(exitFile(dir), "latin1"), "-1 0 2\n");
  });

  test("a takeover before the first end begins with none", async (t) => {
    const { dir, runsv } = await startWeb(t, { "run!": forever });
    const first = await until(dir, ({ state }) => state === "run", 10_000);
    await killed(runsv);
    startRunsv(t, dir);
    await until(dir, ({ supervised }) => supervised, 10_000);
    assert.deepEqual(await status(dir), first);
    kill(first.pid ?? 0, "SIGKILL");
    await until(dir, (now) => now.state === "run" && now.restarts === 1, 10_000);
  });

  test("a supervisor that takes nothing over begins anew", async (t) => {
    const { dir, runsv } = await startWeb(t, { "run!": asTold, how: "exit 5\n", down: "" });
    await control(dir, "once");
    await waitForFile(exitFile(dir));
    runsv.signal("SIGTERM");
    await runsv.waitForExit();
    assert.equal(fs.readFileSync(exitFile(dir), "latin1"), "5 0 0\n");
    startRunsv(t, dir);
    await until(dir, ({ supervised, exit }) => supervised && exit === null, 10_000);
    assert.ok(!fs.existsSync(exitFile(dir)));
  });

  test("garbage in it, or a directory in its place, keeps nobody from taking over", async (t) => {
    const { dir, runsv } = await startWeb(t, { "run!": forever });
    const { pid } = await until(dir, ({ state }) => state === "run", 10_000);
    await killed(runsv);
    fs.mkdirSync(exitFile(dir));
    const next = startRunsv(t, dir);
    await next.stderr.waitFor(/warning: unable to remove supervise\/exit: is a directory$/);
    fs.rmdirSync(exitFile(dir));
    assert.equal((await until(dir, ({ supervised }) => supervised, 10_000)).pid, pid);
  });
});
