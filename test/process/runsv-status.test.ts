// supervise/: the files that runit's tools read, byte for byte.
import assert from "node:assert/strict";
import * as fs from "node:fs";
import path from "node:path";
import { type TestContext, test } from "node:test";
import { control, status, until } from "../../src/client/index.ts";
import { serviceDir, startRunsv, tempDir, waitForFile } from "../harness.ts";

const labelOfUnix = 2n ** 62n + 10n;

interface Files {
  readonly since: number;
  /** Bytes 12 to 19 of status, in hex. */
  readonly tail: string;
  readonly stat: string;
  readonly pid: string;
}

function filesOf(dir: string): Files {
  const supervise = path.join(dir, "supervise");
  const bytes = fs.readFileSync(path.join(supervise, "status"));
  assert.equal(bytes.length, 20);
  const seconds = Number(bytes.readBigUInt64BE(0) - labelOfUnix);
  return {
    since: seconds + bytes.readUInt32BE(8) / 1e9,
    tail: bytes.toString("hex", 12),
    stat: fs.readFileSync(path.join(supervise, "stat"), "latin1"),
    pid: fs.readFileSync(path.join(supervise, "pid"), "latin1"),
  };
}

/** The tail of a record: pid, paused, want, got TERM, state. */
function tailOf(pid: number, rest: string): string {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(pid);
  return bytes.toString("hex") + rest;
}

const stubborn = "#!/bin/sh\ntrap '' TERM\nexec sleep 600\n";

async function startWeb(t: TestContext, files: Record<string, string>): Promise<string> {
  const dir = serviceDir(tempDir(t), "web", files);
  startRunsv(t, dir, { endSignal: "SIGKILL" });
  await until(dir, ({ supervised }) => supervised, 10_000);
  return dir;
}

test("a down file: nothing is started, and the files say so", async (t) => {
  const dir = await startWeb(t, { "run!": stubborn, down: "" });
  const { since, ...rest } = filesOf(dir);
  assert.deepEqual(rest, { tail: tailOf(0, "00640000"), stat: "down\n", pid: "" });
  assert.ok(Math.abs(since - Date.now() / 1000) < 5, `${since}`);
});

test("run, paused, got TERM, want exit, finish: what the files say", async (t) => {
  const finish = "#!/bin/sh\nexec sleep 600\n";
  const dir = await startWeb(t, { "run!": stubborn, "finish!": finish });
  const running = await until(dir, ({ state }) => state === "run", 10_000);
  const pid = running.pid ?? 0;
  const { since } = filesOf(dir);
  assert.ok(Math.abs(since - Date.now() / 1000) < 5, `${since}`);
  const check = (tail: string, stat: string): void => {
    const expected = { since, tail: tailOf(pid, tail), stat, pid: `${pid}\n` };
    assert.deepEqual(filesOf(dir), expected);
  };
  check("00750001", "run\n");
  for (const [verb, tail, stat] of [
    ["pause", "01750001", "run, paused\n"],
    ["cont", "00750001", "run\n"],
    ["once", "00640001", "run, want down\n"],
    ["up", "00750001", "run\n"],
    ["term", "00750101", "run, got TERM\n"],
    ["down", "00640101", "run, got TERM, want down\n"],
    ["exit", "00640101", "run, got TERM, want exit\n"],
    ["up", "00750101", "run, got TERM\n"],
  ] as const) {
    await control(dir, verb);
    await waitForFile(path.join(dir, "supervise/stat"), (text) => text === stat);
    await waitForFile(path.join(dir, "supervise/status"), () => filesOf(dir).tail.endsWith(tail));
    check(tail, stat);
  }
  await control(dir, "kill");
  const finishing = await until(dir, ({ state }) => state === "finish", 10_000);
  assert.deepEqual(filesOf(dir), {
    since, // not changed by ./finish
    tail: tailOf(finishing.pid ?? 0, "00750002"),
    stat: "finish\n",
    pid: `${finishing.pid}\n`,
  });
  await control(dir, "down");
  await control(dir, "kill");
  await until(dir, ({ state }) => state === "down", 10_000);
  const { since: ended, ...rest } = filesOf(dir);
  assert.deepEqual(rest, { tail: tailOf(0, "00640000"), stat: "down\n", pid: "" });
  assert.ok(ended > since);
});

test("the files' modes are runit's, and what is open stays readable to all", async (t) => {
  const dir = await startWeb(t, { "run!": stubborn, "log/run!": "#!/bin/sh\nexec cat\n" });
  await until(dir, ({ state }) => state === "run", 10_000);
  for (const unit of [dir, path.join(dir, "log")]) {
    const modes = Object.fromEntries(
      ["", "lock", "control", "ok", "status", "stat", "pid"].map((name) => [
        name,
        (fs.statSync(path.join(unit, "supervise", name)).mode & 0o7777).toString(8),
      ]),
    );
    const files = { status: "644", stat: "644", pid: "644" };
    assert.deepEqual(modes, { "": "700", lock: "600", control: "600", ok: "600", ...files });
  }
});

test("supervise that is a link to nothing: its target is made", async (t) => {
  for (const [name, target] of [
    ["absolute", path.join(tempDir(t), "there")],
    ["relative", "../there"],
  ] as const) {
    const dir = serviceDir(tempDir(t), name, { "run!": stubborn, "supervise=": target });
    startRunsv(t, dir, { endSignal: "SIGKILL" });
    await until(dir, ({ state }) => state === "run", 10_000);
    const made = path.resolve(dir, target);
    assert.equal((fs.statSync(made).mode & 0o7777).toString(8), "700");
    assert.equal((await status(dir)).supervised, true);
  }
});
