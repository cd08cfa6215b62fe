// sv status: every state, the log, and everything that can be in the way.
import assert from "node:assert/strict";
import * as fs from "node:fs";
import path from "node:path";
import { test } from "node:test";
import { status, until } from "../../src/client/index.ts";
import { bin, run, serviceDir, startRunsv, tempDir } from "../harness.ts";

const forever = "#!/bin/sh\nexec sleep 600\n";

function masked(text: string): string {
  return text.replace(/pid \d+/g, "pid N").replace(/ \d+s\b/g, " Ns");
}

test("status of a service, its log, and one that is down", async (t) => {
  const scan = tempDir(t);
  const web = serviceDir(scan, "web", { "run!": forever, "log/run!": "#!/bin/sh\nexec cat\n" });
  const idle = serviceDir(scan, "idle", { "run!": forever, down: "" });
  startRunsv(t, web);
  startRunsv(t, idle);
  await until(web, ({ state }) => state === "run", 10_000);
  await until(path.join(web, "log"), ({ state }) => state === "run", 10_000);
  await until(idle, ({ supervised }) => supervised, 10_000);
  const { code, stdout } = await run(t, bin("sv"), ["status", "web", "idle"], {
    env: { SVDIR: scan },
  });
  assert.equal(masked(stdout), "run: web: (pid N) Ns; run: log: (pid N) Ns\ndown: idle: Ns\n");
  assert.equal(code, 0);
  const { pid } = await status(web);
  assert.ok(stdout.startsWith(`run: web: (pid ${pid}) `));
});

test("what is in the way is said on stdout, and counted", async (t) => {
  const scan = tempDir(t);
  serviceDir(scan, "unsupervised", { "run!": forever });
  serviceDir(scan, "file", {});
  fs.writeFileSync(path.join(scan, "plain"), "");
  const left = serviceDir(scan, "left", { "run!": forever, down: "" });
  const runsv = startRunsv(t, left);
  await until(left, ({ supervised }) => supervised, 10_000);
  runsv.signal("SIGTERM");
  await runsv.waitForExit();
  const names = ["unsupervised", "nosuch", "plain", "left", ""];
  const answer = await run(t, bin("sv"), ["status", ...names], { env: { SVDIR: scan } });
  assert.deepEqual(answer, {
    code: 5,
    signal: null,
    stdout:
      "warning: unsupervised: unable to open supervise/ok: file does not exist\n" +
      "fail: nosuch: unable to change to service directory: file does not exist\n" +
      "fail: plain: unable to change to service directory: not a directory\n" +
      "fail: left: runsv not running\n" +
      "fail: : unable to change to service directory: file does not exist\n",
    stderr: `sv: nosuch: looked for in ${scan}/nosuch\n`,
  });
});

test("a status that is none is a bad format", async (t) => {
  const scan = tempDir(t);
  const web = serviceDir(scan, "web", { "run!": forever, down: "" });
  startRunsv(t, web);
  await until(web, ({ supervised }) => supervised, 10_000);
  for (const garbage of ["", "x", `${"\0".repeat(19)}\x07`]) {
    fs.writeFileSync(path.join(web, "supervise/status"), garbage, "latin1");
    const { code, stdout } = await run(t, bin("sv"), ["status", web]);
    assert.equal(stdout, `warning: ${web}: unable to read supervise/status: bad format\n`);
    assert.equal(code, 1);
  }
});

test("names with any byte in them", async (t) => {
  const scan = tempDir(t);
  const names = ["sp ace", "-dash", "two\nlines", "caf\xc3\xa9"];
  for (const name of names) {
    const unwritten = Buffer.from(name, "latin1").toString("utf8");
    const dir = serviceDir(scan, unwritten, { "run!": forever, down: "" });
    startRunsv(t, dir);
    await until(dir, ({ supervised }) => supervised, 10_000);
  }
  const { stdout } = await run(
    t,
    bin("sv"),
    ["status", ...names.map((name) => Buffer.from(name, "latin1").toString("utf8"))],
    { env: { SVDIR: scan } },
  );
  assert.equal(masked(stdout), names.map((name) => `down: ${name}: Ns\n`).join(""));
});

test("a name that is no UTF-8", async (t) => {
  const scan = tempDir(t);
  const name = `"$(printf 'caf\\351')"`;
  const script = `mkdir "$1"/${name} && SVDIR=$1 exec "$2" status ${name}`;
  const { stdout } = await run(t, "/bin/sh", ["-c", script, "sh", scan, bin("sv")]);
  assert.equal(stdout, "warning: caf\xe9: unable to open supervise/ok: file does not exist\n");
});

test("a FIFO in the place of supervise holds nobody up", async (t) => {
  // It was opened to be told of changes, and nobody came to write to it.
  const scan = tempDir(t);
  serviceDir(scan, "web", {});
  await run(t, "/usr/bin/mkfifo", [`${scan}/web/supervise`]);
  const answer = await run(t, bin("sv"), ["-w0", "up", "web"], { env: { SVDIR: scan } });
  assert.equal(answer.stdout, "warning: web: unable to open supervise/ok: not a directory\n");
  assert.equal(answer.code, 1);
});
