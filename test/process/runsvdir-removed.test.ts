// `rm -r` of a service directory, with its log: all that ran there ends.
import assert from "node:assert/strict";
import * as fs from "node:fs";
import path from "node:path";
import { describe, type TestContext, test } from "node:test";
import { until } from "../../src/client/index.ts";
import {
  bin,
  commandLine,
  deadlineMs,
  eventually,
  isAlive,
  processesOf,
  serviceDir,
  start,
  startRunsvdir,
  tempDir,
  waitForFile,
} from "../harness.ts";
import { waitForRecord } from "../record.ts";

const talks = "#!/bin/sh\nexec 2>&1\necho hello\nexec sleep 600\n";

describe("a service directory that is removed", { concurrency: true }, () => {
  for (const [what, log] of [
    ["the built-in logger", { "log/main/": "" }],
    ["a logger of its own", { "log/run!": `#!/bin/sh\nexec ${bin("svlogd")} -tt ./main\n` }],
    ["no logger", {}],
  ] as const) {
    for (const how of ["itself", "behind a link"]) {
      test(`${what}, ${how}: service, logger and runsv end, and say little`, async (t) => {
        const scan = tempDir(t);
        const parent = how === "itself" ? scan : tempDir(t);
        const dir = serviceDir(parent, "web", { "run!": talks, "log/main/": "", ...log });
        if (what === "no logger") fs.rmSync(path.join(dir, "log"), { recursive: true });
        if (how !== "itself") fs.symlinkSync(dir, path.join(scan, "web"));
        const runsvdir = startRunsvdir(t, scan);
        await until(dir, ({ state }) => state === "run", deadlineMs);
        const current = path.join(dir, "log/main/current");
        if (what !== "no logger") {
          await eventually("a line", () => fs.readFileSync(current, "latin1").includes("hello"));
        }
        fs.rmSync(dir, { recursive: true });
        const others = () => processesOf(t).filter((pid) => pid !== runsvdir.pid);
        await eventually("the end of all", () => others().length === 0);
        const lines = runsvdir.stderr.lines();
        const said = lines.filter((line) => line.includes("service directory was removed"));
        assert.ok(said.length <= 1 && lines.length <= 6, lines.join("\n"));
      });
    }
  }
});

test("svlogd whose own place is removed goes on in what is elsewhere", async (t) => {
  const base = tempDir(t);
  const place = path.join(base, "place");
  fs.mkdirSync(path.join(place, "near"), { recursive: true });
  const far = path.join(base, "far");
  fs.mkdirSync(far);
  const args = ["near", far];
  const svlogd = start(t, bin("svlogd"), { args, cwd: place, stdin: "pipe" });
  await eventually("a lock", () => fs.existsSync(path.join(far, "current")));
  fs.rmSync(place, { recursive: true });
  svlogd.stdin?.write("first\n");
  await svlogd.stderr.waitFor(/near: file does not exist, nor will it be again$/);
  svlogd.stdin?.end("second\n");
  assert.deepEqual(await svlogd.waitForExit(), { code: 0, signal: null });
  assert.equal(fs.readFileSync(path.join(far, "current"), "latin1"), "first\nsecond\n");
});

/** A log directory `far`, and a directory `place` whose `main` is a link to it. */
function linkedLog(t: TestContext): { far: string; place: string } {
  const base = tempDir(t);
  const [far, place] = [path.join(base, "far"), path.join(base, "place")];
  for (const directory of [far, place]) fs.mkdirSync(directory);
  fs.symlinkSync(far, path.join(place, "main"));
  return { far, place };
}

for (const input of ["a pipe", "no journal"]) {
  test(`a link to the log is removed with the place: it goes on there, ${input}`, async (t) => {
    const { far, place } = linkedLog(t);
    const args = input === "a pipe" ? ["main"] : ["-L", "main"];
    const svlogd = start(t, bin("svlogd"), { args, cwd: place, stdin: "pipe" });
    const current = path.join(far, "current");
    svlogd.stdin?.write("first\n");
    await waitForFile(current, (all) => all === "first\n");
    fs.rmSync(place, { recursive: true });
    svlogd.stdin?.write("second\n");
    await waitForFile(current, (all) => all === "first\nsecond\n");
    process.kill(svlogd.pid, "SIGHUP");
    svlogd.stdin?.end("last");
    assert.deepEqual(await svlogd.waitForExit(), { code: 0, signal: null });
    assert.equal(fs.readFileSync(current, "latin1"), "first\nsecond\nlast\n");
    assert.deepEqual(fs.readdirSync(far).sort(), ["current", "lock"]);
    assert.equal(fs.statSync(current).mode & 0o777, 0o744);
    assert.match(svlogd.stderr.lines().join("\n"), /main was removed: its log goes on in \S+far$/);
  });
}

test("the log behind a link is removed too: svlogd says what is lost, and ends", async (t) => {
  const { far, place } = linkedLog(t);
  const svlogd = start(t, bin("svlogd"), { args: ["main"], cwd: place, stdin: "pipe" });
  svlogd.stdin?.write("first\n");
  await waitForFile(path.join(far, "current"), (all) => all === "first\n");
  fs.rmSync(place, { recursive: true });
  svlogd.stdin?.write("second\n");
  await waitForFile(path.join(far, "current"), (all) => all === "first\nsecond\n");
  fs.rmSync(far, { recursive: true });
  svlogd.stdin?.write("third\n");
  assert.deepEqual(await svlogd.waitForExit(), { code: 111, signal: null });
  await svlogd.stderr.waitFor(/nor will it be again: 0 bytes are lost, and all input that is not/);
});

test("the log directory alone is removed: svlogd waits for it, as ever", async (t) => {
  const place = tempDir(t);
  fs.mkdirSync(path.join(place, "main"));
  const svlogd = start(t, bin("svlogd"), { args: ["main"], cwd: place, stdin: "pipe" });
  await eventually("a lock", () => fs.existsSync(path.join(place, "main/current")));
  fs.rmSync(path.join(place, "main"), { recursive: true });
  svlogd.stdin?.write("first\n");
  await svlogd.stderr.waitFor(/pausing: .*main: file does not exist$/);
  assert.ok(isAlive(svlogd.pid));
  fs.mkdirSync(path.join(place, "main"));
  svlogd.stdin?.end();
  assert.deepEqual(await svlogd.waitForExit(), { code: 0, signal: null });
  assert.equal(fs.readFileSync(path.join(place, "main/current"), "latin1"), "first\n");
});

const skip = process.geteuid?.() === 0 ? false : "wants root";

for (const way of ["runsvdir", "runsv"]) {
  test(`${way}: /dev/stdout of a service with a logger that is not root any more`, {
    skip,
  }, async (t) => {
    const scan = tempDir(t);
    fs.chmodSync(scan, 0o755);
    const script = `exec ${bin("chpst")} -u nobody sh -c 'echo out >/dev/stdout; exec sleep 600'`;
    const dir = serviceDir(scan, "web", {
      "run!": `#!/bin/sh\n${script}\n`,
      "log/run!": "#!/bin/sh\nexec cat >>../record\n",
    });
    if (way === "runsvdir") startRunsvdir(t, scan);
    else start(t, bin("runsv"), { args: [dir] });
    await waitForRecord(dir, (lines) => lines.includes("out"));
    assert.ok(processesOf(t).some((pid) => commandLine(pid) === "sleep 600"));
  });
}
