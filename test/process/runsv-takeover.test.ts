// runsv is killed, and the next one takes over what it has left: the same process, no second one.
import assert from "node:assert/strict";
import * as fs from "node:fs";
import path from "node:path";
import { describe, type TestContext, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { control, type ServiceStatus, status, until } from "../../src/client/index.ts";
import {
  bin,
  faultsBin,
  isAlive,
  kill,
  type Program,
  type StartOptions,
  serviceDir,
  start,
  startRunsv,
  tempDir,
} from "../harness.ts";
import { birthOf, bootId, recordOf, waitForRecord } from "../record.ts";

const forever = "#!/bin/sh\necho start >>record\nexec sleep 600\n";

const asRoot = { skip: process.geteuid?.() !== 0 };

interface Web {
  readonly dir: string;
  readonly runsv: Program;
  readonly before: ServiceStatus;
}

async function startWeb(
  t: TestContext,
  files: Record<string, string> = {},
  options: StartOptions = {},
): Promise<Web> {
  const dir = serviceDir(tempDir(t), "web", { "run!": forever, ...files });
  const runsv = startRunsv(t, dir, options);
  await waitForRecord(dir, (lines) => lines.includes("start"));
  const before = await until(dir, ({ state }) => state === "run", 10_000);
  return { dir, runsv, before };
}

async function killed(runsv: Program): Promise<void> {
  runsv.signal("SIGKILL");
  await runsv.waitForExit();
}

/** Kills runsv and starts another one, once that has taken over. */
async function succeeded(t: TestContext, web: Web, options: StartOptions = {}): Promise<Program> {
  await killed(web.runsv);
  assert.equal((await status(web.dir)).supervised, false);
  const next = startRunsv(t, web.dir, options);
  await until(web.dir, ({ supervised }) => supervised, 10_000);
  return next;
}

describe("takeover", { concurrency: true }, () => {
  test("the birth record is pid, start time and boot", async (t) => {
    const { dir, before } = await startWeb(t);
    const record = fs.readFileSync(path.join(dir, "supervise/run.birth"), "latin1");
    assert.equal(record.split(/\s+/).join(" ").trim(), birthOf(before.pid ?? 0).trim());
    assert.equal(record.length, 112); // in place, on a disk that is full by now
  });

  test("the same process, the same status, and it obeys", async (t) => {
    const web = await startWeb(t);
    const next = await succeeded(t, web);
    await sleep(200);
    assert.deepEqual(await status(web.dir), web.before);
    assert.deepEqual(recordOf(web.dir), ["start"]);
    await control(web.dir, "term");
    const after = await until(
      web.dir,
      (now) => now.state === "run" && now.pid !== web.before.pid,
      10_000,
    );
    await waitForRecord(web.dir, (lines) => lines.join() === "start,start");
    await control(web.dir, "exit");
    assert.deepEqual(await next.waitForExit(), { code: 0, signal: null });
    assert.equal(isAlive(after.pid ?? 0), false);
  });

  test("what was wanted is wanted: once stays once", async (t) => {
    const web = await startWeb(t);
    await control(web.dir, "once");
    await until(web.dir, ({ want }) => want === "down", 10_000);
    await succeeded(t, web);
    kill(web.before.pid ?? 0, "SIGKILL");
    await until(web.dir, ({ state }) => state === "down", 10_000);
    await sleep(200);
    assert.deepEqual(recordOf(web.dir), ["start"]);
  });

  test("one that is paused is still paused", async (t) => {
    // It used to be shown as running.
    const web = await startWeb(t);
    await control(web.dir, "pause");
    const paused = await until(web.dir, (now) => now.paused, 10_000);
    await succeeded(t, web);
    await sleep(100);
    assert.deepEqual(await status(web.dir), paused);
    await control(web.dir, "down");
    await until(web.dir, ({ state }) => state === "down", 10_000);
  });

  test("with a logger: both are taken over, and lines still get there", async (t) => {
    const web = await startWeb(t, {
      "run!":
        "#!/bin/sh\necho start >>record\ntrap 'echo said' HUP\nwhile :; do sleep 0.05; done\n",
      "log/run!": "#!/bin/sh\nexec cat >>../record\n",
    });
    const log = path.join(web.dir, "log");
    const logger = await until(log, ({ state }) => state === "run", 10_000);
    await succeeded(t, web);
    await until(log, ({ supervised }) => supervised, 10_000);
    await sleep(100);
    assert.deepEqual(
      [(await status(web.dir)).pid, (await status(log)).pid],
      [web.before.pid, logger.pid],
    );
    await control(web.dir, "hup");
    await waitForRecord(web.dir, (lines) => lines.includes("said"));
    assert.deepEqual(recordOf(web.dir), ["start", "said"]);
  });

  test("with a logger, and no runsvdir: who comes after either has the same pipe", async (t) => {
    // The next logger had a pipe of its own, and what the service wrote was lost, or ended it.
    const says = "#!/bin/sh\ntrap 'echo $$ says' HUP\necho $$\nwhile :; do sleep 0.05; done\n";
    const dir = serviceDir(tempDir(t), "web", {
      "run!": says,
      "log/run!": "#!/bin/sh\nexec cat >>../record\n",
    });
    const log = path.join(dir, "log");
    const isUp = async (who: string, before: number | null = 0): Promise<number> => {
      const up = await until(who, ({ state, pid }) => state === "run" && pid !== before, 10_000);
      return up.pid ?? 0;
    };
    let runsv = startRunsv(t, dir);
    let service = await isUp(dir);
    let logger = await isUp(log);
    await waitForRecord(dir, (lines) => lines.includes(`${service}`));
    for (let i = 0; i < 2; i++) {
      runsv = await succeeded(t, { dir, runsv, before: await status(dir) });
      await control(log, "term");
      logger = await isUp(log, logger);
      await control(dir, "hup");
      await waitForRecord(dir, (lines) => lines.filter((line) => line.endsWith("says")).length > i);
    }
    assert.equal((await status(dir)).pid, service);
    await control(dir, "term");
    service = await isUp(dir, service);
    await waitForRecord(dir, (lines) => lines.includes(`${service}`));
    assert.equal((await status(log)).pid, logger);
  });

  test("a finish under way is taken over, and ends as it would have", async (t) => {
    const web = await startWeb(t, {
      "finish!":
        "#!/bin/sh\necho finish >>record\n" +
        "until [ -e go ]; do sleep 0.02; done\necho finished >>record\n",
    });
    await sleep(1000); // so that nothing is paused for
    kill(web.before.pid ?? 0, "SIGKILL");
    const finishing = await until(web.dir, ({ state }) => state === "finish", 10_000);
    await succeeded(t, web);
    await sleep(100);
    assert.deepEqual(await status(web.dir), finishing);
    fs.writeFileSync(path.join(web.dir, "go"), "");
    await until(web.dir, ({ state }) => state === "run", 10_000);
    await waitForRecord(web.dir, (lines) => lines.join() === "start,finish,finished,start");
  });

  test("one that ended while nobody looked is started again", async (t) => {
    const web = await startWeb(t);
    await killed(web.runsv);
    kill(web.before.pid ?? 0, "SIGKILL");
    startRunsv(t, web.dir);
    await waitForRecord(web.dir, ({ length }) => length === 2);
    const now = await until(web.dir, ({ state }) => state === "run", 10_000);
    assert.notEqual(now.pid, web.before.pid);
  });

  for (const [what, stale] of [
    ["another boot", (record: string) => record.replace(bootId, `x${bootId.slice(1)}`)],
    ["another start time", (record: string) => record.replace(/ \d+ /, " 1 ")],
    ["nothing", () => ""],
    ["garbage", () => "\0 \0 \0"],
    ["no number", () => `x 1 ${bootId}`],
    ["a path", () => `../self 1 ${bootId}`],
  ] as const) {
    test(`a birth record with ${what} is not taken over`, async (t) => {
      const dir = serviceDir(tempDir(t), "web", { "run!": forever });
      // Somebody else's process: ours.
      const record = stale(birthOf(process.pid));
      serviceDir(dir, "supervise", { "run.birth": record });
      startRunsv(t, dir);
      await waitForRecord(dir, (lines) => lines.includes("start"));
      const now = await until(dir, ({ state }) => state === "run", 10_000);
      assert.notEqual(now.pid, process.pid);
    });
  }

  test("without pidfds the end is seen a little later", async (t) => {
    const faults = serviceDir(tempDir(t), "faults", { pidfd_open: "" });
    const options = { program: faultsBin("runsv"), env: { TRINIT_FAULTS: faults } };
    const web = await startWeb(t, {}, options);
    await succeeded(t, web, options);
    await control(web.dir, "term");
    const after = await until(
      web.dir,
      (now) => now.state === "run" && now.pid !== web.before.pid,
      10_000,
    );
    await waitForRecord(web.dir, (lines) => lines.join() === "start,start");
    assert.equal(isAlive(after.pid ?? 0), true);
  });

  test(
    "a disk that was full at the first start: written down once it is not",
    asRoot,
    async (t) => {
      // There were no records, and the next runsv started a second instance.
      const base = tempDir(t);
      serviceDir(base, ".", { "web/": "", "run!": "#!/bin/sh\nexec sleep 600\n" });
      const inside = `mount -t tmpfs -o size=64k none web && cp run web/ || exit
        mkdir web/log && ln -s ../run web/log/run
        cat /dev/zero >web/filler 2>/dev/null
        exec ${bin("runsv")} web`;
      const runsv = start(t, "/usr/bin/unshare", {
        args: ["-m", "/bin/sh", "-c", inside],
        cwd: base,
      });
      for (const which of ["", "log/"])
        await runsv.stderr.waitFor(new RegExp(`unable to write ${which}supervise/.*: out of disk`));
      const web = path.join(base, "web");
      const first = `/proc/${runsv.pid}/root${web}`;
      fs.rmSync(path.join(first, "filler"));
      const { pid } = await until(first, ({ state }) => state === "run", 10_000);
      const logger = await until(path.join(first, "log"), ({ state }) => state === "run", 10_000);
      const dir = `/proc/${pid}/root${web}`;
      for (const [name, is] of [
        ["supervise/runsv.birth", runsv.pid],
        ["log/supervise/runsv.birth", runsv.pid],
        ["supervise/run.birth", pid],
        ["log/supervise/run.birth", logger.pid],
      ] as const) {
        const record = fs.readFileSync(path.join(dir, name), "latin1");
        assert.equal(record.replace(/ *\n+$/, "\n"), birthOf(is ?? 0), name);
      }
      await killed(runsv);
      const args = [`--mount=/proc/${pid}/ns/mnt`, bin("runsv"), web];
      start(t, "/usr/bin/nsenter", { args });
      await until(dir, ({ supervised }) => supervised, 10_000);
      assert.equal((await status(dir)).pid, pid);
    },
  );

  test("killed again and again while it starts, there are never two instances", async (t) => {
    const script = `#!/bin/sh
mkdir lock 2>/dev/null || { echo two >>record; exit 1; }
echo start >>record
exec sleep 600
`;
    const dir = serviceDir(tempDir(t), "web", { "run!": script });
    for (let i = 0; i < 40; i++) {
      const runsv = startRunsv(t, dir);
      await sleep(i / 4);
      await killed(runsv);
    }
    startRunsv(t, dir);
    await waitForRecord(dir, (lines) => lines.includes("start"));
    await until(dir, ({ state, supervised }) => state === "run" && supervised, 10_000);
    assert.deepEqual(recordOf(dir), ["start"]);
  });
});
