// What runsv does not begin with: it says why, and exits 111.
import assert from "node:assert/strict";
import * as fs from "node:fs";
import { test } from "node:test";
import { status, until } from "../../src/client/index.ts";
import { bin, run, serviceDir, startRunsv, tempDir } from "../harness.ts";

const forever = "#!/bin/sh\nexec sleep 600\n";

test("a wrong call is exit code 1 and the usage", async (t) => {
  const stderr = `usage: ${bin("runsv")} dir\n\n`;
  for (const args of [[], ["a", "b"]]) {
    const answer = await run(t, bin("runsv"), args);
    assert.deepEqual(answer, { code: 1, signal: null, stdout: "", stderr });
  }
});

test("log as a file: a warning, and the service runs without a logger", async (t) => {
  const scan = tempDir(t);
  const web = serviceDir(scan, "web", { "run!": forever, log: "" });
  const runsv = startRunsv(t, "web", { cwd: scan });
  await until(web, ({ state }) => state === "run", 10_000);
  assert.equal(runsv.stderr.text(), "runsv web: warning: ./log: not a directory.\n");
});

/** what is there, the reason */
const refusals = [
  ["nothing", {}, "unable to change to directory: file does not exist"],
  ["a file", { web: "" }, "unable to change to directory: not a directory"],
  ["a dangling link", { "web=": "nowhere" }, "unable to change to directory: file does not exist"],
  ["a link to itself", { "web=": "web" }, "unable to change to directory: symbolic link loop"],
  [
    "supervise as a file",
    { "web/supervise": "" },
    "unable to open supervise/lock: not a directory",
  ],
  [
    "supervise as a link into nowhere",
    { "web/supervise=": "no/where" },
    "unable to open supervise/lock: file does not exist",
  ],
  [
    "control as a file",
    { "web/supervise/control": "" },
    "supervise/control exists but is not a fifo",
  ],
  [
    "control as a directory",
    { "web/supervise/control/": "" },
    "supervise/control exists but is not a fifo",
  ],
  ["ok as a file", { "web/supervise/ok": "" }, "supervise/ok exists but is not a fifo"],
  [
    "lock as a directory",
    { "web/supervise/lock/": "" },
    "unable to open supervise/lock: is a directory",
  ],
  [
    "log/supervise as a file",
    { "web/log/supervise": "" },
    "unable to open log/supervise/lock: not a directory",
  ],
] as const;

for (const [what, files, why] of refusals) {
  test(`there is ${what}`, async (t) => {
    const scan = tempDir(t);
    serviceDir(scan, ".", files);
    const answer = await run(t, bin("runsv"), ["web"], { cwd: scan });
    const stderr = `runsv web: fatal: ${why}\n`;
    assert.deepEqual(answer, { code: 111, signal: null, stdout: "", stderr });
  });
}

test("a second runsv on the same directory: the first one does not notice", async (t) => {
  const scan = tempDir(t);
  const web = serviceDir(scan, "web", { "run!": forever });
  startRunsv(t, web);
  const before = await until(web, ({ state, supervised }) => state === "run" && supervised, 10_000);
  const answer = await run(t, bin("runsv"), ["web"], { cwd: scan });
  const why = "unable to lock supervise/lock: temporary failure";
  const stderr = `runsv web: fatal: ${why}\n`;
  assert.deepEqual(answer, { code: 111, signal: null, stdout: "", stderr });
  assert.deepEqual(await status(web), before);
});

const isRoot = process.getuid?.() === 0;

test("a directory of somebody else", { skip: isRoot ? false : "needs root" }, async (t) => {
  const scan = tempDir(t);
  fs.chmodSync(scan, 0o755);
  const nobody = (args: readonly string[]) => {
    const ids = ["--reuid", "65534", "--regid", "65534", "--clear-groups"];
    return run(t, "setpriv", [...ids, bin("runsv"), ...args], { cwd: scan });
  };
  const web = serviceDir(scan, "web", { "run!": forever });
  fs.chmodSync(web, 0o700);
  assert.deepEqual(await nobody(["web"]), {
    code: 111,
    signal: null,
    stdout: "",
    stderr: "runsv web: fatal: unable to change to directory: access denied\n",
  });
  fs.chmodSync(web, 0o755);
  const { code, stderr } = await nobody(["web"]);
  const why = "unable to create supervise: access denied";
  assert.deepEqual([stderr, code], [`runsv web: fatal: ${why}\n`, 111]);
});

test("a read-only file system", { skip: isRoot ? false : "needs root" }, async (t) => {
  const scan = tempDir(t);
  serviceDir(scan, "web", {});
  const mount = "mount -t tmpfs none web && mkdir web/supervise && mount -o remount,ro web";
  const inside = `${mount} && exec ${bin("runsv")} web`;
  const args = ["-m", "/bin/sh", "-c", inside];
  const { code, stderr } = await run(t, "unshare", args, { cwd: scan });
  const why = "unable to open supervise/lock: read-only file system";
  assert.deepEqual([stderr, code], [`runsv web: fatal: ${why}\n`, 111]);
});
