// ./finish: what it is told, and when it is not run.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import * as fs from "node:fs";
import path from "node:path";
import { describe, type TestContext, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { control, status, until } from "../../src/client/index.ts";
import { kill, serviceDir, startRunsv, tempDir } from "../harness.ts";
import { recordOf, waitForRecord } from "../record.ts";

const finish = '#!/bin/sh\necho "finish $# $*" >>record\n';

/** Runs the script once; what the record says. */
async function once(t: TestContext, files: Record<string, string>): Promise<string[]> {
  const dir = serviceDir(tempDir(t), "web", { "finish!": finish, down: "", ...files });
  startRunsv(t, dir, { endSignal: "SIGKILL" });
  await until(dir, ({ supervised }) => supervised, 10_000);
  await control(dir, "once");
  return waitForRecord(dir, (lines) => lines.some((line) => line.startsWith("finish")));
}

/** Signals that dump core say so, unless no core may be written. */
const segvStatus = spawnSync("/bin/sh", ["-c", "ulimit -c 0; kill -SEGV $$"]).signal === "SIGSEGV";

describe("finish", { concurrency: true }, () => {
  /** what ./run does, what ./finish hears */
  for (const [script, told] of [
    ["exit 0", "0 0"],
    ["exit 1", "1 0"],
    ["exit 255", "255 0"],
    ["kill -TERM $$", "-1 15"],
    ["kill -KILL $$", "-1 9"],
    ["ulimit -c 0; kill -SEGV $$", "-1 11"],
  ] as const) {
    test(`after ${script} it is told ${told}`, async (t) => {
      assert.ok(segvStatus);
      const record = await once(t, { "run!": `#!/bin/sh\n${script}\n` });
      assert.deepEqual(record, [`finish 2 ${told}`]);
    });
  }

  /** the file that cannot be executed, and the reason that runsv gives */
  for (const [what, files, why] of [
    ["missing", {}, "file does not exist"],
    ["not executable", { run: "#!/bin/sh\n" }, "access denied"],
    ["a directory", { "run/": "" }, "access denied"],
    [
      "without interpreter",
      { "run!": "#!/no/such/shell\n" },
      "its interpreter /no/such/shell does not exist",
    ],
    ["no program", { "run!": "echo hello\n" }, "exec format error"],
    ["empty", { "run!": "" }, "exec format error"],
  ] as const) {
    test(`./run is ${what}: it is told 111 0, and runsv says why`, async (t) => {
      const dir = serviceDir(tempDir(t), "web", { "finish!": finish, ...files });
      const runsv = startRunsv(t, "web", { cwd: path.dirname(dir), endSignal: "SIGKILL" });
      await runsv.stderr.waitFor(/./);
      assert.equal(runsv.stderr.lines()[0], `runsv web: fatal: unable to start ./run: ${why}`);
      const record = await waitForRecord(dir, ({ length }) => length >= 2); // it is tried again
      assert.deepEqual(record.slice(0, 2), ["finish 2 111 0", "finish 2 111 0"]);
    });
  }

  test("without ./finish it goes down at once, and nobody complains", async (t) => {
    const dir = serviceDir(tempDir(t), "web", { "run!": "#!/bin/sh\nexec sleep 600\n" });
    const runsv = startRunsv(t, dir, { endSignal: "SIGKILL" });
    await until(dir, ({ state }) => state === "run", 10_000);
    await control(dir, "down");
    await until(dir, ({ state }) => state === "down", 10_000);
    assert.equal(runsv.stderr.text(), "");
  });

  test("a ./finish that cannot be executed is said, and does not matter", async (t) => {
    const dir = serviceDir(tempDir(t), "web", {
      "run!": "#!/bin/sh\necho start >>record\n",
      finish: "#!/bin/sh\n",
    });
    const runsv = startRunsv(t, "web", { cwd: path.dirname(dir), endSignal: "SIGKILL" });
    await waitForRecord(dir, ({ length }) => length >= 2);
    const line = "runsv web: fatal: unable to start ./finish: access denied";
    assert.ok(runsv.stderr.lines().includes(line));
  });

  test("while ./finish runs commands are kept, and kill ends it", async (t) => {
    const dir = serviceDir(tempDir(t), "web", {
      "run!": "#!/bin/sh\necho start >>record\nexec sleep 600\n",
      "finish!": "#!/bin/sh\nexec sleep 600\n",
    });
    startRunsv(t, dir, { endSignal: "SIGKILL" });
    await waitForRecord(dir, (lines) => lines.includes("start"));
    const { pid } = await until(dir, ({ state }) => state === "run", 10_000);
    kill(pid ?? 0, "SIGTERM");
    const finishing = await until(dir, ({ state }) => state === "finish", 10_000);
    assert.deepEqual([finishing.want, finishing.pid !== pid], ["up", true]);
    for (const verb of ["down", "term", "hup", "pause", "cont"] as const) await control(dir, verb);
    await until(dir, ({ want }) => want === "down", 10_000);
    await sleep(100);
    assert.equal((await status(dir)).pid, finishing.pid);
    await control(dir, "kill");
    await until(dir, ({ state }) => state === "down", 10_000);
    assert.deepEqual(recordOf(dir), ["start"]);
  });

  test("exit waits for ./finish", async (t) => {
    const dir = serviceDir(tempDir(t), "web", {
      "run!": "#!/bin/sh\nexec sleep 600\n",
      "finish!": "#!/bin/sh\nsleep 0.3\necho finished >>record\n",
    });
    const runsv = startRunsv(t, dir, { endSignal: "SIGKILL" });
    await until(dir, ({ state }) => state === "run", 10_000);
    await control(dir, "exit");
    assert.deepEqual(await runsv.waitForExit(), { code: 0, signal: null });
    assert.deepEqual(recordOf(dir), ["finished"]);
  });

  test("log/finish is never run", async (t) => {
    const dir = serviceDir(tempDir(t), "web", {
      "run!": "#!/bin/sh\nexec sleep 600\n",
      "log/run!": "#!/bin/sh\nexec cat >/dev/null\n",
      "log/finish!": "#!/bin/sh\ntouch ran\n",
    });
    const runsv = startRunsv(t, dir, { endSignal: "SIGKILL" });
    const log = path.join(dir, "log");
    await until(log, ({ state }) => state === "run", 10_000);
    await control(dir, "exit");
    await runsv.waitForExit();
    assert.equal(fs.existsSync(path.join(log, "ran")), false);
  });
});
