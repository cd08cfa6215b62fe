// What sv makes of words that it does not know, and of services that are not there, or not yet.
import assert from "node:assert/strict";
import * as fs from "node:fs";
import path from "node:path";
import { test } from "node:test";
import { until } from "../../src/client/index.ts";
import { bin, run, serviceDir, start, startRunsv, tempDir } from "../harness.ts";

const forever = "#!/bin/sh\nexec sleep 600\n";
const usage = "usage: sv [-v] [-w sec] command service ...\n\n";

test("an unknown command: the nearest one, or all", async (t) => {
  const scan = tempDir(t);
  const call = (...words: string[]) => run(t, bin("sv"), words, { env: { SVDIR: scan } });
  const near = await call("restrat", "web");
  assert.deepEqual([near.code, near.stdout], [100, ""]);
  assert.equal(near.stderr, `sv: unknown command restrat; did you mean restart?\n${usage}`);
  const far = await call("frobnicate", "web");
  assert.match(far.stderr, /^sv: unknown command frobnicate; there are .*start stop restart.* hup/);
});

for (const seconds of ["abc", "7s", "", "-1", "1.5"]) {
  test(`-w '${seconds}' is a wrong call, without effect`, async (t) => {
    const web = serviceDir(tempDir(t), "web", { "run!": forever });
    startRunsv(t, web);
    await until(web, ({ state }) => state === "run", 10_000);
    const { code, stdout, stderr } = await run(t, bin("sv"), ["-w", seconds, "stop", web]);
    assert.deepEqual([code, stdout], [100, ""]);
    assert.equal(stderr, `sv: -w takes a number of seconds, not ${seconds}\n${usage}`);
    const { want } = await until(web, () => true, 10_000);
    assert.equal(want, "up");
  });
}

test("an option behind the command is a wrong call; --help there is answered", async (t) => {
  const scan = tempDir(t);
  const web = serviceDir(scan, "web", { "run!": forever });
  startRunsv(t, web);
  await until(web, ({ state }) => state === "run", 10_000);
  const env = { SVDIR: scan };
  const { code, stderr } = await run(t, bin("sv"), ["stop", "web", "-w", "3"], { env });
  assert.deepEqual([code, stderr], [100, `sv: options come before the command: -w\n${usage}`]);
  const help = await run(t, bin("sv"), ["stop", "--help", "web"], { env });
  assert.equal(help.code, 0);
  const { want } = await until(web, () => true, 10_000);
  assert.equal(want, "up");
});

test("SVWAIT that is no number is said", async (t) => {
  const web = serviceDir(tempDir(t), "web", { "run!": forever });
  startRunsv(t, web);
  await until(web, ({ state }) => state === "run", 10_000);
  const { code, stderr } = await run(t, bin("sv"), ["check", web], { env: { SVWAIT: "x" } });
  assert.deepEqual([code, stderr], [0, "sv: warning: SVWAIT is no number: x\n"]);
});

test("a service that is not there: where it was looked for, and the nearest", async (t) => {
  const scan = tempDir(t);
  for (const name of ["web", "database"]) serviceDir(scan, name, {});
  const { code, stdout, stderr } = await run(t, bin("sv"), ["start", "wbe", "x"], {
    env: { SVDIR: scan },
  });
  assert.equal(code, 2);
  const failed = (name: string) =>
    `fail: ${name}: unable to change to service directory: file does not exist\n`;
  assert.equal(stdout, failed("wbe") + failed("x"));
  assert.equal(
    stderr,
    `sv: wbe: looked for in ${scan}/wbe; did you mean web?\nsv: x: looked for in ${scan}/x\n`,
  );
});

for (const word of ["start", "restart", "check"]) {
  test(`sv ${word} waits for a supervisor to come`, async (t) => {
    const scan = tempDir(t);
    const web = serviceDir(scan, "web", { "run!": forever });
    const sv = start(t, bin("sv"), { args: ["-w", "60", word, "web"], env: { SVDIR: scan } });
    assert.equal(
      await Promise.race([sv.exited, new Promise((wait) => setTimeout(wait, 300))]),
      undefined,
    );
    startRunsv(t, web);
    assert.deepEqual(await sv.waitForExit(), { code: 0, signal: null });
    assert.match(sv.stdout.text(), /^ok: run: web: \(pid \d+\) \d+s\n$/);
  });
}

test("what none comes for fails when the time is up; stop, reload and t do not wait", async (t) => {
  const web = serviceDir(tempDir(t), "web", { "run!": forever });
  const { code, stdout } = await run(t, bin("sv"), ["-w", "0", "start", web]);
  const missing = `warning: ${web}: unable to open supervise/ok: file does not exist\n`;
  assert.deepEqual([code, stdout], [1, missing]);
  const words = [
    "stop",
    "shutdown",
    "force-stop",
    "reload",
    "try-restart",
    "force-reload",
    "t",
    "k",
  ];
  for (const word of words) {
    const gone = await run(t, bin("sv"), ["-w", "60", word, web]);
    assert.deepEqual([gone.code, gone.stdout], [1, missing]);
  }
});

test("the command reaches a supervisor that has come meanwhile", async (t) => {
  const web = serviceDir(tempDir(t), "web", { "run!": forever, down: "" });
  const sv = start(t, bin("sv"), { args: ["-w", "60", "start", web] });
  startRunsv(t, web);
  assert.equal((await sv.waitForExit()).code, 0);
  const { want } = await until(web, ({ state }) => state === "run", 10_000);
  assert.equal(want, "up");
  assert.ok(fs.existsSync(path.join(web, "down")));
});

test("a command that a supervisor which has come cannot be sent is no success", async (t) => {
  const scan = tempDir(t);
  const other = serviceDir(scan, "other", { "run!": forever });
  startRunsv(t, other);
  await until(other, ({ state }) => state === "run", 10_000);
  fs.rmSync(path.join(other, "supervise/control"));
  fs.writeFileSync(path.join(other, "supervise/control"), "");
  const web = serviceDir(scan, "web", { "run!": forever });
  const sv = start(t, bin("sv"), { args: ["-w", "60", "start", "web"], env: { SVDIR: scan } });
  await new Promise((wait) => setTimeout(wait, 300)); // sv waits by now; earlier is no failure
  fs.symlinkSync(path.join(other, "supervise"), path.join(web, "supervise"));
  assert.deepEqual(await sv.waitForExit(), { code: 1, signal: null });
  assert.equal(sv.stdout.text(), "warning: web: supervise/control exists but is not a fifo\n");
});
