// A service and its logger: what one writes the other gets, all of it and once, whatever ends.
import assert from "node:assert/strict";
import * as fs from "node:fs";
import path from "node:path";
import { describe, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { control, status, until } from "../../src/client/index.ts";
import {
  commandLine,
  eventually,
  kill,
  serviceDir,
  startRunsv,
  tempDir,
  waitForFile,
} from "../harness.ts";

const forever = "#!/bin/sh\nexec sleep 600\n";
const isRoot = process.getuid?.() === 0;

describe("log", { concurrency: true }, () => {
  test("exit: the logger gets the end of its input, and its last lines are written", async (t) => {
    const dir = serviceDir(tempDir(t), "web", {
      "run!":
        "#!/bin/sh\ntrap 'echo the end; exit 0' TERM\necho begin\nwhile :; do sleep 0.02; done\n",
      "finish!": "#!/bin/sh\necho finish\n",
      "log/run!": "#!/bin/sh\ncat >all\nsleep 0.3\necho over >>all\n",
    });
    const runsv = startRunsv(t, dir);
    await waitForFile(path.join(dir, "log/all"), (text) => text === "begin\n");
    await control(dir, "exit");
    assert.deepEqual(await runsv.waitForExit(), { code: 0, signal: null });
    const text = fs.readFileSync(path.join(dir, "log/all"), "latin1");
    assert.equal(text, "begin\nthe end\nfinish\nover\n");
    assert.equal((await status(path.join(dir, "log"))).state, "down");
  });

  test("a logger ignores exit, and cannot be kept up once its service has left", async (t) => {
    const dir = serviceDir(tempDir(t), "web", {
      "run!": forever,
      "log/run!": "#!/bin/sh\necho start >>starts\ncat\nwhile [ ! -e go ]; do sleep 0.02; done\n",
    });
    const runsv = startRunsv(t, dir);
    const log = path.join(dir, "log");
    const { pid } = await until(log, ({ state }) => state === "run", 10_000);
    await control(log, "exit");
    await sleep(100);
    assert.equal((await status(log)).pid, pid);
    await control(dir, "exit");
    await until(dir, ({ state }) => state === "down", 10_000);
    await waitForFile(path.join(log, "supervise/stat"), (text) => text === "run, want exit\n");
    await control(log, "up"); // runsv used to start it again and again, and never to end
    await sleep(50);
    fs.writeFileSync(path.join(log, "go"), "");
    assert.deepEqual(await runsv.waitForExit(), { code: 0, signal: null });
    assert.equal(fs.readFileSync(path.join(log, "starts"), "latin1"), "start\n");
  });

  for (const who of ["us", "somebody"]) {
    test(`exit: a logger that ${who} stopped goes on, to see the end of its input`, async (t) => {
      // Neither it nor runsv ever ended.
      const files = { "run!": forever, "log/run!": "#!/bin/sh\nexec cat\n" };
      const dir = serviceDir(tempDir(t), "web", files);
      const runsv = startRunsv(t, dir);
      const log = path.join(dir, "log");
      const { pid } = await until(log, ({ state }) => state === "run", 10_000);
      if (who === "us") await control(log, "pause");
      else kill(pid ?? 0, "SIGSTOP");
      const stat = () => fs.readFileSync(`/proc/${pid}/stat`, "latin1");
      await eventually("the logger to be stopped", () => stat().includes(") T "));
      await control(dir, "exit");
      assert.deepEqual(await runsv.waitForExit(), { code: 0, signal: null });
    });
  }

  test("log/down: the service's lines wait in the pipe until the logger is up", async (t) => {
    const dir = serviceDir(tempDir(t), "web", {
      "run!": "#!/bin/sh\necho hello\nexec sleep 600\n",
      "log/run!": "#!/bin/sh\nexec cat >all\n",
      "log/down": "",
    });
    startRunsv(t, dir);
    const log = path.join(dir, "log");
    await until(dir, ({ state }) => state === "run", 10_000);
    assert.equal((await status(log)).state, "down");
    await control(log, "up");
    await waitForFile(path.join(log, "all"), (text) => text === "hello\n");
  });

  test("exit with a logger that is down", async (t) => {
    const dir = serviceDir(tempDir(t), "web", {
      "run!": forever,
      "log/run!": forever,
      "log/down": "",
    });
    const runsv = startRunsv(t, dir);
    await until(dir, ({ state }) => state === "run", 10_000);
    await control(dir, "exit");
    assert.deepEqual(await runsv.waitForExit(), { code: 0, signal: null });
  });

  test("a log/run that cannot be executed is said, and the service runs", async (t) => {
    const dir = serviceDir(tempDir(t), "web", { "run!": forever, "log/run": "#!/bin/sh\n" });
    const runsv = startRunsv(t, "web", { cwd: path.dirname(dir) });
    await until(dir, ({ state }) => state === "run", 10_000);
    const line = await runsv.stderr.waitFor(/./);
    assert.equal(line, "runsv web: fatal: unable to start log/./run: access denied");
    await control(dir, "exit");
    assert.deepEqual(await runsv.waitForExit(), { code: 0, signal: null });
  });

  test("a log/run that is a link to itself is no built-in logger", async (t) => {
    const dir = serviceDir(tempDir(t), "web", { "run!": forever, "log/run=": "run" });
    const runsv = startRunsv(t, "web", { cwd: path.dirname(dir) });
    const line = await runsv.stderr.waitFor(/./);
    assert.equal(line, "runsv web: fatal: unable to start log/./run: symbolic link loop");
    await until(dir, ({ state }) => state === "run", 10_000);
    assert.equal(fs.existsSync(path.join(dir, "log/main")), false);
  });

  test("log as a link to another directory", async (t) => {
    const scan = tempDir(t);
    const log = serviceDir(scan, "logs", { "run!": "#!/bin/sh\nexec cat >all\n" });
    const script = "#!/bin/sh\necho hello\nexec sleep 600\n";
    const dir = serviceDir(scan, "web", { "run!": script, "log=": "../logs" });
    startRunsv(t, dir);
    await waitForFile(path.join(log, "all"), (text) => text === "hello\n");
  });

  test("the built-in logger makes log/main, and is svlogd by name", async (t) => {
    const script = "#!/bin/sh\necho hello\nexec sleep 600\n";
    const dir = serviceDir(tempDir(t), "web", { "run!": script, "log/": "" });
    const runsv = startRunsv(t, dir);
    const log = path.join(dir, "log");
    const text = await waitForFile(path.join(log, "main/current"), (all) => all.endsWith("\n"));
    assert.match(text, /^\d{4}-\d\d-\d\d_\d\d:\d\d:\d\d\.\d{5} hello\n$/);
    const { pid } = await until(log, ({ state }) => state === "run", 10_000);
    assert.equal(commandLine(pid ?? 0), "svlogd -tt main");
    assert.equal((fs.statSync(path.join(log, "main")).mode & 0o7777).toString(8), "755");
    await control(log, "term");
    await until(log, (now) => now.state === "run" && now.pid !== pid, 10_000);
    assert.equal(runsv.stderr.text(), "");
  });

  test("the built-in logger is the owner of log/main", { skip: !isRoot }, async (t) => {
    const script = "#!/bin/sh\necho hello\nexec sleep 600\n";
    const scan = tempDir(t);
    fs.chmodSync(scan, 0o755);
    const dir = serviceDir(scan, "web", { "run!": script, "log/main/": "" });
    fs.chownSync(path.join(dir, "log/main"), 12345, 23456);
    startRunsv(t, dir);
    const current = path.join(dir, "log/main/current");
    await waitForFile(current, (all) => all.endsWith(" hello\n"));
    const { uid, gid } = fs.statSync(current);
    assert.deepEqual([uid, gid], [12345, 23456]);
    const { pid } = await until(path.join(dir, "log"), ({ state }) => state === "run", 10_000);
    const ids = fs.readFileSync(`/proc/${pid}/status`, "latin1");
    assert.match(ids, /^Uid:\t12345\t12345\t12345\t12345$/m);
    assert.match(ids, /^Groups:\t23456 ?$/m);
  });
});
