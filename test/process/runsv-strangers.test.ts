// What somebody else may leave in supervise/, who owns it and is not root: nothing of it holds
// anybody up, and no record there makes root's runsv or runsvdir signal a process of root.
import assert from "node:assert/strict";
import * as fs from "node:fs";
import path from "node:path";
import { describe, type TestContext, test } from "node:test";
import { execaSync } from "execa";
import { until } from "../../src/client/index.ts";
import {
  bin,
  deadlineMs,
  isAlive,
  kill,
  type Program,
  run,
  serviceDir,
  start,
  startRunsv,
  startRunsvdir,
  tempDir,
} from "../harness.ts";
import { birthOf, tell } from "../record.ts";
import { forever, isUp, newScan, runsvNamed, sleeper } from "../tree.ts";

const asRoot = { skip: process.geteuid?.() !== 0 };
const nobody = 65534;

/** A record of nobody's that names a process; its file. */
function forge(dir: string, name: string, pid: number): string {
  const supervise = path.join(dir, "supervise");
  const file = path.join(supervise, name);
  fs.mkdirSync(supervise, { recursive: true });
  fs.writeFileSync(file, birthOf(pid));
  fs.chownSync(supervise, nobody, nobody);
  fs.chownSync(file, nobody, nobody);
  return file;
}

function makeFifo(dir: string, name: string): string {
  const file = path.join(dir, "supervise", name);
  fs.mkdirSync(path.dirname(file), { recursive: true });
  fs.rmSync(file, { force: true });
  execaSync("mkfifo", [file]);
  return file;
}

/** A process that is none of the services'. */
function bystander(t: TestContext, cwd: string): number {
  return start(t, "/bin/sleep", { args: ["600"], cwd }).pid;
}

/** runsv is killed; the next one has the same process, and signals it. */
async function isTakenOver(t: TestContext, dir: string, runsv: Program): Promise<void> {
  const { pid } = await isUp(dir);
  runsv.signal("SIGKILL");
  await runsv.waitForExit();
  startRunsv(t, dir);
  await until(dir, ({ supervised }) => supervised, deadlineMs);
  tell(dir, "k");
  await until(dir, (now) => now.state === "run" && now.pid !== pid, deadlineMs);
  assert.equal(isAlive(pid), false);
}

describe("supervise/ of somebody else", { concurrency: true }, () => {
  for (const name of ["run.birth", "finish.birth", "runsv.birth"]) {
    test(`runsv: a FIFO as ${name} holds up nobody, and goes`, async (t) => {
      const dir = serviceDir(tempDir(t), "web", { "run!": forever });
      const fifo = makeFifo(dir, name);
      const runsv = startRunsv(t, dir);
      await isUp(dir);
      assert.equal(fs.statSync(fifo).isFIFO(), name === "finish.birth"); // written when it is due
      await isTakenOver(t, dir, runsv);
    });
  }

  test("runsvdir: a FIFO as runsv.birth holds up nobody, and goes", async (t) => {
    const { scan, services } = newScan(t);
    const web = sleeper(services, "web");
    const fifo = makeFifo(web, "runsv.birth");
    fs.symlinkSync("../sv/web", path.join(scan, "web"));
    startRunsvdir(t, scan);
    await isUp(web);
    assert.ok(fs.statSync(fifo).isFile());
  });

  test("sv status --json: a FIFO as runsv.birth holds up nobody", async (t) => {
    const dir = serviceDir(tempDir(t), "web", { "run!": forever });
    startRunsv(t, dir);
    await isUp(dir);
    makeFifo(dir, "runsv.birth");
    const { code, stdout } = await run(t, bin("sv"), ["status", "--json", dir]);
    assert.equal(code, 0);
    assert.match(stdout, /"state": *"run"/);
  });

  test("runsv: a FIFO in the place of status.new holds up nobody", async (t) => {
    const dir = serviceDir(tempDir(t), "web", { "run!": forever });
    const runsv = startRunsv(t, dir);
    const { pid } = await isUp(dir);
    makeFifo(dir, "status.new");
    kill(pid, "SIGKILL");
    await until(dir, (it) => it.state === "run" && it.pid !== pid, deadlineMs);
    runsv.signal("SIGTERM");
    assert.deepEqual(await runsv.waitForExit(), { code: 0, signal: null });
    assert.match(runsv.stderr.text(), /^runsv \S+: warning: .\/run: killed by SIGKILL .*\n$/);
  });

  test("runsv: a link in the place of status.new is not followed", async (t) => {
    const dir = serviceDir(tempDir(t), "web", { "run!": forever, victim: "whole" });
    startRunsv(t, dir);
    const { pid } = await isUp(dir);
    fs.symlinkSync("../victim", path.join(dir, "supervise/status.new"));
    kill(pid, "SIGKILL");
    await until(dir, (it) => it.state === "run" && it.pid !== pid, deadlineMs);
    assert.equal(fs.readFileSync(path.join(dir, "victim"), "latin1"), "whole");
  });

  test("runsv: nobody's record names a process of root, which hears nothing", asRoot, async (t) => {
    const dir = serviceDir(tempDir(t), "web", { "run!": forever });
    const stranger = bystander(t, "/");
    const file = forge(dir, "run.birth", stranger);
    const runsv = startRunsv(t, dir);
    const { pid } = await isUp(dir);
    assert.notEqual(pid, stranger);
    tell(dir, "k");
    const now = await until(dir, (it) => it.state === "run" && it.pid !== pid, deadlineMs);
    assert.ok(isAlive(stranger));
    assert.equal(fs.statSync(file).uid, 0);
    assert.match(fs.readFileSync(file, "latin1"), new RegExp(`^${now.pid} `));
    await isTakenOver(t, dir, runsv);
    assert.ok(isAlive(stranger));
  });

  for (const [how, link] of [
    ["symbolic", fs.symlinkSync],
    ["hard", fs.linkSync],
  ] as const) {
    test(`runsv: a record that is a ${how} link goes, and what it led to stays`, async (t) => {
      const base = tempDir(t);
      const dir = serviceDir(base, "web", { "run!": forever, "supervise/": "" });
      const record = path.join(base, "record");
      const text = birthOf(bystander(t, "/"));
      fs.writeFileSync(record, text);
      link(record, path.join(dir, "supervise/run.birth"));
      const runsv = startRunsv(t, dir);
      await isTakenOver(t, dir, runsv);
      assert.equal(fs.readFileSync(record, "latin1"), text);
    });
  }

  test(
    "runsvdir: nobody's records name a process of root, which hears nothing",
    asRoot,
    async (t) => {
      const { dir, scan, services } = newScan(t);
      const stranger = bystander(t, dir);
      const web = sleeper(services, "web");
      const file = forge(web, "runsv.birth", stranger);
      forge(dir, "runsv.birth", stranger);
      fs.symlinkSync("../sv/web", path.join(scan, "web"));
      const tree = startRunsvdir(t, scan);
      await isUp(web);
      const [own] = runsvNamed(tree, "web");
      assert.match(fs.readFileSync(file, "latin1"), new RegExp(`^${own} `));
      assert.equal(fs.statSync(file).uid, 0);
      fs.rmSync(path.join(scan, "web"));
      await until(web, ({ supervised }) => !supervised, deadlineMs);
      assert.ok(isAlive(stranger));
    },
  );
});
