// A runsvdir that finds services supervised already, since the one before it was killed, or told to
// go: the runsv that are there are its own from then on.
import assert from "node:assert/strict";
import * as fs from "node:fs";
import path from "node:path";
import { type TestContext, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { status, until } from "../../src/client/index.ts";
import {
  bin,
  deadlineMs,
  eventually,
  isAlive,
  kill,
  run,
  serviceDir,
  start,
  startRunsvdir,
  waitForFile,
} from "../harness.ts";
import { isUp, newScan, removeTree, runsvNamed, runsvOf, sleeper, startFaulty } from "../tree.ts";

interface Left {
  readonly scan: string;
  readonly webs: readonly string[];
  readonly runsvs: readonly number[];
}

/** Services whose runsvdir has ended by a signal, and they have not. */
async function leave(t: TestContext, count: number, signal: NodeJS.Signals): Promise<Left> {
  const { scan, services } = newScan(t);
  const names = Array.from({ length: count }, (_, index) => `web${index}`);
  const webs = names.map((name) => sleeper(services, name, { "log/": "" }));
  for (const name of names) fs.symlinkSync(`../sv/${name}`, path.join(scan, name));
  const tree = startRunsvdir(t, scan);
  for (const web of webs) await isUp(web);
  const runsvs = await Promise.all(names.map((name) => runsvOf(tree, name)));
  tree.signal(signal);
  await tree.waitForExit();
  return { scan, webs, runsvs };
}

for (const signal of ["SIGKILL", "SIGTERM"] as const) {
  test(`after ${signal}: not a word, and the link's removal is heard`, async (t) => {
    // It was heard when the old runsv had ended, and the lock was complained of every 5 seconds.
    const { scan, webs, runsvs } = await leave(t, 2, signal);
    const [web = "", other = ""] = webs;
    const before = await status(other);
    const tree = startRunsvdir(t, scan);
    await isUp(sleeper(scan, "late"));
    fs.rmSync(path.join(scan, "web0"));
    await until(web, ({ supervised, pid }) => !supervised && pid === null, deadlineMs);
    assert.deepEqual(await status(other), before);
    assert.deepEqual(runsvNamed(tree, "web1"), []);
    assert.equal(tree.stderr.text(), "");
    tree.signal("SIGHUP");
    await until(other, ({ supervised }) => !supervised, deadlineMs);
    await eventually("the end of the old runsv", () => !isAlive(runsvs[1] ?? 0));
  });
}

test("the end of one that was left is noticed at once, and another takes over", async (t) => {
  const { scan, webs, runsvs } = await leave(t, 1, "SIGKILL");
  const [web = ""] = webs;
  const { pid } = await isUp(web);
  const tree = startRunsvdir(t, scan);
  await isUp(sleeper(scan, "late"));
  const killed = performance.now();
  kill(runsvs[0] ?? 0, "SIGKILL");
  const next = await runsvOf(tree, "web0");
  assert.ok(performance.now() - killed < 1000, "at once");
  assert.equal((await isUp(web)).pid, pid);
  const { ino } = fs.statSync(`/proc/${pid}/fd/1`, { bigint: true });
  const options = { bigint: true, throwIfNoEntry: false } as const;
  await eventually("the pipe to the logger, which is the same", () =>
    fs
      .readdirSync(`/proc/${next}/fd`)
      .some((fd) => fs.statSync(`/proc/${next}/fd/${fd}`, options)?.ino === ino),
  );
});

test("more of them than can be watched at once", async (t) => {
  const { scan, webs } = await leave(t, 60, "SIGKILL");
  const tree = startRunsvdir(t, scan);
  await isUp(sleeper(scan, "late"));
  for (const index of webs.keys()) fs.rmSync(path.join(scan, `web${index}`));
  const gone = webs.map((web) => until(web, ({ supervised }) => !supervised, deadlineMs));
  await Promise.all(gone);
  assert.equal(tree.stderr.text(), "");
});

test("below another runsvdir, too, which has them as their subreaper", async (t) => {
  const { dir, scan, services } = newScan(t);
  const inner = path.join(dir, "inner");
  const web = sleeper(services, "web");
  serviceDir(inner, ".", { "web=": "../sv/web" });
  sleeper(scan, "user", { "run!": `#!/bin/sh\nexec ${bin("runsvdir")} ../../inner\n` });
  const tree = startRunsvdir(t, scan);
  const user = await isUp(path.join(scan, "user"));
  const before = await isUp(web);
  kill(user.pid, "SIGKILL");
  const [runsv] = await eventually("another runsvdir", async () => {
    const { state, pid } = await status(path.join(scan, "user"));
    return state === "run" && pid !== user.pid && runsvNamed(tree, "web");
  });
  assert.ok(runsv !== undefined, "it is the subreaper's");
  await isUp(sleeper(inner, "late"));
  assert.deepEqual(await status(web), before);
  fs.rmSync(path.join(inner, "web"));
  await until(web, ({ supervised }) => !supervised, deadlineMs);
  assert.match(
    tree.stderr.text(),
    /^runsv user: warning: \.\/run: killed by SIGKILL after \S+ s\n$/,
  );
});

test("without pidfds: one whose directory is removed is told, and is the only one", async (t) => {
  // Its record went with the directory: it was taken for one that had ended.
  const { dir, scan } = newScan(t);
  const record = path.join(dir, "record");
  const run = `#!/bin/sh
echo start >>../../record
trap 'echo end >>../../record; exit' TERM
while :; do sleep 0.05; done
`;
  const web = sleeper(scan, "web", { "run!": run });
  const first = startRunsvdir(t, scan);
  await isUp(web);
  await waitForFile(record, (text) => text === "start\n");
  first.signal("SIGKILL");
  await first.waitForExit();
  startFaulty(t, scan, ["pidfd_open"]);
  await isUp(sleeper(scan, "late"));
  await removeTree(web);
  await isUp(sleeper(scan, "web", { "run!": run }));
  await waitForFile(record, (text) => text === "start\nend\nstart\n");
});

test("a directory that was copied, records and all, gets a runsv of its own", async (t) => {
  const { scan, webs, runsvs } = await leave(t, 1, "SIGKILL");
  const [web = ""] = webs;
  const copy = path.join(scan, "copy");
  for (const name of ["run", "supervise/runsv.birth"]) {
    fs.cpSync(path.join(web, name), path.join(scan, ".copy", name));
  }
  fs.renameSync(path.join(scan, ".copy"), copy);
  const tree = startRunsvdir(t, scan);
  await isUp(copy);
  assert.notDeepEqual(runsvNamed(tree, "copy"), runsvs);
});

test("a service of another runsvdir is that one's: said once, and not ended", async (t) => {
  const { dir, scan, services } = newScan(t);
  const web = sleeper(services, "web");
  fs.symlinkSync("../sv/web", path.join(scan, "web"));
  startRunsvdir(t, scan);
  const before = await isUp(web);
  const other = path.join(dir, "other");
  fs.mkdirSync(other);
  fs.symlinkSync("../sv/web", path.join(other, "web"));
  const second = start(t, bin("runsvdir"), { args: [other], endSignal: "SIGHUP" });
  const why = "unable to lock web/supervise/lock: temporary failure";
  assert.equal(await second.stderr.waitFor(/./), `runsvdir ${other}: warning: ${why}`);
  await sleep(5500); // it is tried again every 5 seconds
  assert.equal(second.stderr.lines().length, 1);
  second.signal("SIGHUP");
  await second.waitForExit();
  assert.deepEqual(await status(web), before);
});

test("one that somebody else supervises is started once that has ended", async (t) => {
  const { scan, services } = newScan(t);
  const web = sleeper(services, "web");
  fs.symlinkSync("../sv/web", path.join(scan, "web"));
  // A lock without a record: as runit's runsv has it.
  await run(t, "mkdir", [path.join(web, "supervise")]);
  const lock = path.join(web, "supervise/lock");
  const holder = start(t, "/usr/bin/flock", { args: [lock, "sleep", "600"] });
  await eventually(
    "the lock",
    async () => (await run(t, "flock", ["-n", lock, "true"])).code === 1,
  );
  const tree = startRunsvdir(t, scan);
  await tree.stderr.waitFor(/unable to lock web\/supervise\/lock: temporary failure/);
  for (const pid of [holder.pid, ...fs.readdirSync(`/proc/${holder.pid}/task`).map(Number)]) {
    kill(-pid, "SIGKILL");
  }
  await isUp(web);
  assert.equal(tree.stderr.lines().length, 1);
});
