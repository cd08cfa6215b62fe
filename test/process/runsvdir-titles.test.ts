// What ps, pgrep and pidof say about the tree. Other trees may run on this machine: what they
// find must hold ours, and may hold more.
import assert from "node:assert/strict";
import * as fs from "node:fs";
import path from "node:path";
import { test } from "node:test";
import { bin, commandLine, eventually, run, start, startRunsvdir } from "../harness.ts";
import { isUp, newScan, runsvOf, sleeper } from "../tree.ts";

/** The pids that a program prints. */
async function pidsBy(t: Parameters<typeof run>[0], ...command: string[]): Promise<number[]> {
  const [program, ...args] = command as [string, ...string[]];
  const { stdout } = await run(t, program, args);
  return stdout.split(/\s+/).filter(Boolean).map(Number);
}

for (const [what, isEmpty] of [
  ["with an environment", false],
  ["with an empty environment", true],
] as const) {
  test(`titles, started ${what}`, async (t) => {
    const { scan } = newScan(t);
    const [web, www] = [sleeper(scan, "web", { "log/": "" }), sleeper(scan, "www")];
    const clean = { args: ["-i", bin("runsvdir"), scan] };
    const tree = isEmpty ? start(t, "/usr/bin/env", clean) : startRunsvdir(t, scan);
    await isUp(www);
    const service = await isUp(web);
    const logger = await isUp(path.join(web, "log"));
    const runsv = await runsvOf(tree, "web");
    const other = await runsvOf(tree, "www");
    // It is up when it is forked; its title is the first thing that it sets itself.
    await eventually("the logger's title", () => commandLine(logger.pid) === "svlogd -tt main");

    for (const command of [
      ["pgrep", "-x", "runsv"],
      ["pidof", "runsv"],
      ["pgrep", "-P", `${tree.pid}`],
    ]) {
      const found = await pidsBy(t, ...command);
      assert.ok(found.includes(runsv) && found.includes(other), command.join(" "));
      assert.ok(!found.includes(tree.pid), command.join(" "));
      assert.ok(!found.includes(logger.pid) && !found.includes(service.pid), command.join(" "));
    }
    for (const pattern of ["runsv web", "^runsv web$"]) {
      const found = await pidsBy(t, "pgrep", "-f", pattern);
      assert.ok(found.includes(runsv), pattern);
      assert.ok(!found.includes(other), pattern);
    }
    for (const command of [
      ["pgrep", "-x", "runsvdir"],
      ["pidof", "runsvdir"],
    ]) {
      const found = await pidsBy(t, ...command);
      assert.ok(found.includes(tree.pid) && !found.includes(runsv), command.join(" "));
    }
    for (const command of [
      ["pgrep", "-x", "svlogd"],
      ["pidof", "svlogd"],
    ]) {
      const found = await pidsBy(t, ...command);
      assert.ok(found.includes(logger.pid), command.join(" "));
      assert.ok(!found.includes(runsv) && !found.includes(tree.pid), command.join(" "));
    }
    const lines = async (pid: number): Promise<string> =>
      (await run(t, "ps", ["-o", "comm=,args=", "-p", `${pid}`])).stdout.replace(/ +/g, " ");
    assert.equal(await lines(runsv), "runsv runsv web\n");
    assert.equal(await lines(other), "runsv runsv www\n");
    assert.equal(await lines(logger.pid), "svlogd svlogd -tt main\n");
    assert.equal(await lines(tree.pid), `runsvdir ${bin("runsvdir")} ${scan}\n`);
    const top = await run(t, "ps", ["-C", "runsv", "-o", "pid="]);
    assert.ok(top.stdout.split(/\s+/).includes(`${runsv}`), "ps -C runsv");
  });
}

test("the longest name there can be is shown whole", async (t) => {
  const { scan } = newScan(t);
  const name = "n".repeat(255);
  const tree = start(t, "/usr/bin/env", { args: ["-i", bin("runsvdir"), scan] });
  const web = path.join(scan, name);
  fs.mkdirSync(web);
  fs.writeFileSync(path.join(web, "run.new"), "#!/bin/sh\nexec sleep 600\n", { mode: 0o755 });
  fs.renameSync(path.join(web, "run.new"), path.join(web, "run"));
  await isUp(web);
  const runsv = await runsvOf(tree, name);
  assert.equal(fs.readFileSync(`/proc/${runsv}/comm`, "latin1"), "runsv\n");
  assert.equal(fs.readFileSync(`/proc/${runsv}/cmdline`, "latin1"), `runsv\0${name}\0`);
});

test("the environment of a supervisor stays readable beside its new title", async (t) => {
  const { scan } = newScan(t);
  const tree = startRunsvdir(t, scan, { env: { LAST_WORDS: "caf\u00e9" } });
  await isUp(sleeper(scan, "web"));
  const runsv = await runsvOf(tree, "web");
  const environment = fs.readFileSync(`/proc/${runsv}/environ`, "utf8").split("\0");
  assert.ok(environment.includes("LAST_WORDS=caf\u00e9"));
  await eventually("the title", () => commandLine(runsv) === "runsv web");
});
