// Nothing happens, and nothing runs: no process of a tree makes a system call.
// IDLE_SECONDS: for how long to look (3).
import assert from "node:assert/strict";
import * as fs from "node:fs";
import path from "node:path";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { until } from "../../src/client/index.ts";
import {
  bin,
  childrenOf,
  commandLine,
  deadlineMs,
  run,
  start,
  startRunsvdir,
  tempDir,
} from "../harness.ts";
import { isUp, newScan, sleeper } from "../tree.ts";

const seconds = Number(process.env.IDLE_SECONDS ?? 3);
const strace = "/usr/bin/strace";

/** Why strace cannot be used, or false. CI has to have it. */
async function straceMissing(t: Parameters<typeof run>[0]): Promise<string | false> {
  const why = !fs.existsSync(strace)
    ? "no strace: apt-get install strace"
    : (await run(t, strace, ["-c", "-o", "/dev/null", "true"])).code !== 0 && "ptrace is refused";
  if (why !== false) assert.equal(process.env.CI, undefined, why);
  return why;
}

/** The system calls that processes make in the time, as strace counts them; "" for none. */
async function callsOf(
  t: Parameters<typeof run>[0],
  pids: readonly number[],
  milliseconds: number,
  meanwhile: () => void = () => {},
): Promise<string> {
  const output = path.join(tempDir(t), "calls");
  const attach = pids.flatMap((pid) => ["-p", `${pid}`]);
  const args = ["-f", "-c", "-o", output, ...attach];
  const tracer = start(t, strace, { args, endSignal: "SIGINT" });
  for (let left = pids.length; left > 0; left--) {
    await tracer.stderr.waitFor(/attached/, pids.length - left);
  }
  meanwhile();
  await sleep(milliseconds);
  tracer.signal("SIGINT");
  await tracer.waitForExit();
  return fs.readFileSync(output, "latin1");
}

test(`no system call in ${seconds} s: runsvdir, runsv, svlogd of either kind`, async (t) => {
  const skip = await straceMissing(t);
  if (skip !== false) return t.skip(skip);
  const { scan } = newScan(t);
  const run = `#!/bin/sh\necho one line\nexec sleep 600\n`;
  const script = `#!/bin/sh\nexec ${bin("svlogd")} -tt ./main\n`;
  const services = [
    sleeper(scan, "plain"),
    sleeper(scan, "built-in", { "run!": run, "log/": "" }),
    sleeper(scan, "script", { "run!": run, "log/run!": script, "log/main/": "" }),
    sleeper(scan, "down", { down: "" }),
    sleeper(scan, "rotated", { "run!": run, "log/main/config": "t600\ns1000\nn2\n" }),
  ];
  const tree = startRunsvdir(t, scan);
  const sleepers: number[] = [];
  for (const service of services) {
    if (!service.endsWith("down")) sleepers.push((await isUp(service)).pid);
    if (fs.existsSync(path.join(service, "log"))) await isUp(path.join(service, "log"));
  }
  await sleep(1500); // the first lines are written, and no start is a recent one any more
  const below = childrenOf(tree.pid).flatMap((pid) => [pid, ...childrenOf(pid)]);
  const pids = [tree.pid, ...below].filter((pid) => !sleepers.includes(pid));
  const names = pids.map((pid) => path.basename(commandLine(pid).split(" ")[0] as string));
  assert.deepEqual(
    names.filter((name) => name === "svlogd").length,
    3,
    `who is there: ${names.join(" ")}`,
  );
  assert.equal(names.filter((name) => name === "runsv").length, services.length);
  assert.equal(await callsOf(t, pids, seconds * 1000), "");
  // And it does count: a signal that somebody sends.
  const counted = await callsOf(t, pids, 300, () => process.kill(tree.pid, "SIGCHLD"));
  assert.match(counted, /wait4/);
});

test("nor with a log in the title, over a runsv that another one has left", async (t) => {
  const skip = await straceMissing(t);
  if (skip !== false) return t.skip(skip);
  const { scan } = newScan(t);
  const web = sleeper(scan, "web", { "log/": "" });
  const before = startRunsvdir(t, scan);
  await isUp(web);
  before.signal("SIGKILL");
  await before.waitForExit();
  const args = [scan, `log: ${".".repeat(40)}`];
  const tree = start(t, bin("runsvdir"), { args, endSignal: "SIGHUP" });
  await isUp(sleeper(scan, "late"));
  await sleep(1500); // what was just started packs its heap, once
  const late = childrenOf(tree.pid);
  assert.equal(late.length, 1, "web has a runsv");
  assert.equal(await callsOf(t, [tree.pid, ...late], 2000), "");
});

test("nor while files come and go in the directories above its own", async (t) => {
  const skip = await straceMissing(t);
  if (skip !== false) return t.skip(skip);
  const { dir, scan, services } = newScan(t);
  fs.mkdirSync(path.join(dir, "real"));
  fs.renameSync(scan, path.join(dir, "real/scan"));
  fs.symlinkSync("real/scan", scan);
  fs.symlinkSync(sleeper(services, "web"), path.join(scan, "web"));
  const tree = startRunsvdir(t, scan);
  await isUp(path.join(services, "web"));
  await sleep(1500);
  const busy = [path.dirname(dir), dir, path.join(dir, "real")];
  const work = (): void => {
    for (const place of busy) {
      for (let round = 0; round < 20; round++) {
        const file = path.join(place, `${path.basename(dir)}-${round}`);
        fs.writeFileSync(file, "");
        fs.rmSync(file);
      }
    }
  };
  assert.equal(await callsOf(t, [tree.pid], 500, work), "");
  // And it is awake still: the link, and the directory that it leads to, are watched.
  fs.mkdirSync(path.join(dir, "other"));
  fs.symlinkSync(sleeper(services, "other"), path.join(dir, "other/other"));
  fs.symlinkSync("other", path.join(dir, "scan.new"));
  fs.renameSync(path.join(dir, "scan.new"), scan);
  await isUp(path.join(services, "other"));
});

test("a wake after the takeover of many looks at none of them", async (t) => {
  const skip = await straceMissing(t);
  if (skip !== false) return t.skip(skip);
  const { scan, services } = newScan(t);
  const names = Array.from({ length: 80 }, (_, index) => `s${index}`);
  for (const name of names) {
    fs.symlinkSync(sleeper(services, name, { down: "" }), path.join(scan, name));
  }
  const isDown = async (name: string): Promise<void> => {
    const down = ({ supervised }: { supervised: boolean }): boolean => supervised;
    await until(path.join(services, name), down, deadlineMs);
  };
  const before = startRunsvdir(t, scan);
  for (const name of names) await isDown(name);
  before.signal("SIGKILL");
  await before.waitForExit();
  const tree = startRunsvdir(t, scan);
  await isUp(sleeper(scan, "late"));
  await sleep(1500);
  const counted = await callsOf(t, [tree.pid], 300, () => process.kill(tree.pid, "SIGCHLD"));
  assert.match(counted, /wait4/);
  assert.doesNotMatch(counted, /open/, counted);
});
