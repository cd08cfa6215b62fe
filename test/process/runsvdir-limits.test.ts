// Real limits, not fault points: too few processes, too few descriptors.
import assert from "node:assert/strict";
import * as fs from "node:fs";
import path from "node:path";
import { describe, test } from "node:test";
import { until } from "../../src/client/index.ts";
import { bin, deadlineMs, eventually, run, start } from "../harness.ts";
import { isUp, newScan, runsvNamed, runsvOf, sleeper } from "../tree.ts";

const prlimit = "/usr/bin/prlimit";
const setpriv = "/usr/bin/setpriv";
const isMissing = process.getuid?.() !== 0 || !fs.existsSync(prlimit) || !fs.existsSync(setpriv);
const skip = isMissing && process.env.CI === undefined ? "needs root and util-linux" : false;
/** A user with no process but this test's. */
const uid = 20_000 + (process.pid % 30_000);

function limitOf(pid: number, name: string): string[] {
  const line = fs
    .readFileSync(`/proc/${pid}/limits`, "latin1")
    .split("\n")
    .find((text) => text.startsWith(name));
  return (line ?? "").slice(name.length).trim().split(/\s+/).slice(0, 2);
}

describe("limits", { concurrency: true, skip }, () => {
  test("as many processes as the user may have: the others wait, and come", async (t) => {
    const { dir, scan } = newScan(t);
    const services = ["a", "b", "c"].map((name) => sleeper(scan, name));
    await run(t, "/bin/chown", ["-R", `${uid}`, dir]);
    fs.chmodSync(dir, 0o755);
    const identity = ["--reuid", `${uid}`, "--regid", `${uid}`, "--clear-groups"];
    const others = [1, 2, 3].map(() =>
      start(t, setpriv, { args: [...identity, "/bin/sleep", "600"], cwd: dir }),
    );
    // The others, runsvdir, three runsv and one ./run.
    const args = [...identity, prlimit, "--nproc=8:8", bin("runsvdir"), scan];
    const tree = start(t, setpriv, { args, endSignal: "SIGHUP" });
    await tree.stderr.waitFor(/unable to fork/);
    const up = await eventually("one that runs", () =>
      services.find((dir) => {
        const stat = path.join(dir, "supervise/stat");
        return fs.existsSync(stat) && fs.readFileSync(stat, "latin1") === "run\n";
      }),
    );
    const before = await isUp(up);
    for (const other of others) other.signal("SIGKILL");
    for (const service of services) await isUp(service);
    const after = await isUp(up);
    assert.deepEqual([after.pid, after.since], [before.pid, before.since]);
    for (const line of tree.stderr.lines()) assert.match(line, /fork.*: temporary failure$/);
  });

  test("32 descriptors and 40 services with logs: said, and all of them run", async (t) => {
    const { scan } = newScan(t);
    const names = Array.from({ length: 40 }, (_, index) => `s${index}`);
    const log = { "log/run!": "#!/bin/sh\nexec cat >/dev/null\n" };
    for (const name of names) sleeper(scan, name, log);
    const args = ["--nofile=32:32", bin("runsvdir"), scan];
    const tree = start(t, prlimit, { args, endSignal: "SIGHUP" });
    for (const name of names) {
      await isUp(path.join(scan, name));
      await isUp(path.join(scan, name, "log"));
    }
    const said = tree.stderr.lines();
    assert.equal(said.length, 1, tree.stderr.text());
    assert.match(
      said[0] ?? "",
      /unable to create log pipe for s\d+: process cannot open more files$/,
    );
    const late = await isUp(sleeper(scan, "late")); // it can still look
    assert.deepEqual(limitOf(late.pid, "Max open files"), ["32", "32"]);
    const gone = path.join(scan, "s3");
    fs.renameSync(gone, path.join(scan, ".s3"));
    await until(path.join(scan, ".s3"), ({ supervised }) => !supervised, deadlineMs);
    assert.deepEqual(runsvNamed(tree, "s3"), []);
  });

  test("runsvdir raises its own limit, services do not see it", async (t) => {
    const { scan } = newScan(t);
    const web = sleeper(scan, "web", { "log/": "" });
    const args = ["--nofile=100:4000", bin("runsvdir"), scan];
    const tree = start(t, prlimit, { args, endSignal: "SIGHUP" });
    const { pid } = await isUp(web);
    const logger = await isUp(path.join(web, "log"));
    assert.deepEqual(limitOf(tree.pid, "Max open files"), ["4000", "4000"]);
    for (const one of [pid, logger.pid, await runsvOf(tree, "web")]) {
      assert.deepEqual(limitOf(one, "Max open files"), ["100", "4000"]);
    }
  });

  test("no descriptor of runsvdir or runsv is left to a service", async (t) => {
    const { scan } = newScan(t);
    const [web, www] = [sleeper(scan, "web", { "log/": "" }), sleeper(scan, "www")];
    const tree = start(t, bin("runsvdir"), { args: [scan], endSignal: "SIGHUP" });
    for (const { pid } of [await isUp(web), await isUp(www)]) {
      assert.deepEqual(fs.readdirSync(`/proc/${pid}/fd`), ["0", "1", "2"]);
    }
    const fds = fs.readdirSync(`/proc/${tree.pid}/fd`).length;
    for (let round = 0; round < 10; round++) {
      fs.renameSync(web, path.join(scan, `.${round}`));
      await until(path.join(scan, `.${round}`), ({ supervised }) => !supervised, deadlineMs);
      fs.renameSync(path.join(scan, `.${round}`), web);
      await isUp(web);
    }
    assert.equal(fs.readdirSync(`/proc/${tree.pid}/fd`).length, fds, "and runsvdir leaks none");
  });
});
