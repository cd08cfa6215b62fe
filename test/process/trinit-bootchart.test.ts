// trinit bootchart beside a tree of its own: what it reads, what it says of what it cannot read.
import assert from "node:assert/strict";
import * as fs from "node:fs";
import path from "node:path";
import { type TestContext, test } from "node:test";
import { control, until } from "../../src/client/index.ts";
import { bin, type Output, run, serviceDir, startRunsvdir } from "../harness.ts";
import { type Drawn, readSvg, rowOf } from "../svg.ts";
import { isUp, newScan, sleeper } from "../tree.ts";

const isRoot = process.getuid?.() === 0;
const once = { "run!": "#!/bin/sh\nexit 3\n", down: "" };

async function bootchart(t: TestContext, scan: string): Promise<Output> {
  return run(t, bin("trinit"), ["bootchart"], { env: { SVDIR: scan } });
}

async function draw(t: TestContext, scan: string): Promise<Drawn> {
  const { stdout, stderr, code } = await bootchart(t, scan);
  assert.deepEqual([stderr, code], ["", 0]);
  return readSvg(stdout);
}

function looksOf(drawn: Drawn, name: string): string[] {
  return rowOf(drawn, name).bars.map(({ look }) => look);
}

test("a service that runs, and its log", async (t) => {
  const { scan } = newScan(t);
  const web = sleeper(scan, "web", { "log/run!": "#!/bin/sh\nexec cat >/dev/null\n" });
  startRunsvdir(t, scan);
  await isUp(web);
  await isUp(path.join(web, "log"));
  const drawn = await draw(t, scan);
  assert.deepEqual(looksOf(drawn, "runsvdir"), ["stage"]);
  assert.deepEqual(looksOf(drawn, "web"), ["wait", "run", "log"]);
  assert.match(rowOf(drawn, "web").title, /^web: at [0-9.]+ m?s$/);
  assert.match(drawn.title, /^[^:]+: up after [0-9.]+ m?s$/);
});

test("a service that has ended, with how and for how long", async (t) => {
  const { scan } = newScan(t);
  const job = serviceDir(scan, "job", once);
  startRunsvdir(t, scan);
  await until(job, ({ supervised }) => supervised, 10_000);
  await control(job, "once");
  await until(job, ({ exit }) => exit !== null, 10_000);
  const drawn = await draw(t, scan);
  assert.deepEqual(looksOf(drawn, "job"), ["wait", "failed"]);
  assert.match(rowOf(drawn, "job").title, /^job: at .* took [0-9.]+ m?s, exit 3$/);
});

test("a service that was never started is down", async (t) => {
  const { scan } = newScan(t);
  const spare = sleeper(scan, "spare", { down: "" });
  startRunsvdir(t, scan);
  await until(spare, ({ supervised }) => supervised, 10_000);
  assert.equal(rowOf(await draw(t, scan), "spare").title, "spare: down");
});

test("a service that was started again says how often", async (t) => {
  const { scan } = newScan(t);
  const web = sleeper(scan, "web");
  startRunsvdir(t, scan);
  const { pid } = await isUp(web);
  await control(web, "term");
  await until(web, (status) => status.state === "run" && status.pid !== pid, 10_000);
  const drawn = await draw(t, scan);
  assert.equal(looksOf(drawn, "web")[0], "unsure");
  assert.match(rowOf(drawn, "web").title, /^web: last at .*, restarted once$/);
});

test("an end is found by the clock of another service, when the clock was set since", async (t) => {
  const { scan } = newScan(t);
  const [web, job] = [sleeper(scan, "web"), serviceDir(scan, "job", once)];
  startRunsvdir(t, scan);
  await isUp(web);
  await until(job, ({ supervised }) => supervised, 10_000);
  await control(job, "once");
  await until(job, ({ exit }) => exit !== null, 10_000);
  for (const dir of [web, job]) {
    const file = path.join(dir, "supervise/status");
    const record = fs.readFileSync(file);
    record.writeUInt32BE(record.readUInt32BE(4) - 86_400, 4);
    fs.writeFileSync(file, record);
  }
  const drawn = await draw(t, scan);
  assert.deepEqual(looksOf(drawn, "web"), ["wait", "run"]);
  assert.match(rowOf(drawn, "job").title, /^job: at .* took [0-9.]+ m?s, exit 3$/);
});

test("what a runsv has left says that it has gone", async (t) => {
  const { scan } = newScan(t);
  const web = sleeper(scan, "web");
  const tree = startRunsvdir(t, scan);
  await isUp(web);
  tree.signal("SIGHUP");
  await tree.waitForExit();
  await until(web, ({ supervised }) => !supervised, 10_000);
  assert.match(rowOf(await draw(t, scan), "web").title, /, runsv not running$/);
});

test("records of another boot tell nothing", async (t) => {
  const { scan } = newScan(t);
  const web = sleeper(scan, "web");
  const tree = startRunsvdir(t, scan);
  await isUp(web);
  tree.signal("SIGHUP");
  await until(web, ({ supervised }) => !supervised, 10_000);
  for (const name of ["run", "runsv"]) {
    const file = path.join(web, `supervise/${name}.birth`);
    fs.writeFileSync(file, `1 1 ${"0".repeat(8)}-0000-0000-0000-${"0".repeat(12)}   \n`);
  }
  assert.equal(rowOf(await draw(t, scan), "web").title, "web: down");
});

test("any name is drawn", async (t) => {
  const { scan } = newScan(t);
  const name = "a <b>&\"'\x01\xff\xc3\xa9";
  const made = sleeper(scan, "plain");
  fs.renameSync(made, Buffer.from(`${scan}/${name}`, "latin1"));
  const { rows } = await draw(t, scan).catch(async () =>
    readSvg((await bootchart(t, scan)).stdout),
  );
  assert.equal(rows.at(-1)?.texts[0], "a <b>&\"'\\x01\\xff\u00e9");
});

test("a hundred services are a hundred rows", async (t) => {
  const { scan } = newScan(t);
  const dirs = Array.from({ length: 100 }, (_, at) => sleeper(scan, `s${at}`));
  startRunsvdir(t, scan);
  await Promise.all(dirs.map(isUp));
  const { rows } = await draw(t, scan);
  assert.equal(rows.length, 101);
  for (const { bars } of rows.slice(1)) assert.equal(bars.at(-1)?.look, "run");
});

test("no more than five hundred services are drawn, which is said", async (t) => {
  const { scan } = newScan(t);
  for (let at = 0; at < 501; at++) fs.mkdirSync(path.join(scan, `s${at}`));
  const { stdout, stderr, code } = await bootchart(t, scan);
  assert.equal(readSvg(stdout).rows.length, 501); // with runsvdir
  assert.match(stderr, /^trinit: warning: only 500 services of 501 are drawn$/m);
  assert.equal(code, 1);
});

const asOther = { skip: isRoot ? false : "only root can be somebody else" };

test("what cannot be read is said, and the rest is drawn", asOther, async (t) => {
  const { dir, scan } = newScan(t);
  const web = sleeper(scan, "web");
  startRunsvdir(t, scan);
  await isUp(web);
  fs.chmodSync(dir, 0o755);
  const env = { SVDIR: scan };
  const args = ["-u", ":65534:65534", bin("trinit"), "bootchart"];
  const { stdout, stderr, code } = await run(t, bin("chpst"), args, { env });
  const trouble = "unable to open supervise/status: access denied";
  assert.equal(stderr, `trinit: warning: ${scan}/web: ${trouble}\n`);
  assert.equal(rowOf(readSvg(stdout), "web").title, "web: times not known");
  assert.equal(code, 1);
});

test("a directory that is not there is said", async (t) => {
  const { dir } = newScan(t);
  const { stdout, stderr, code } = await bootchart(t, `${dir}/none`);
  assert.match(
    stderr,
    /^trinit: warning: unable to open directory .*\/none: file does not exist$/m,
  );
  assert.deepEqual([readSvg(stdout).rows.length, code], [1, 1]);
});

test("bootchart takes no words", async (t) => {
  const { stderr, code } = await run(t, bin("trinit"), ["bootchart", "web"]);
  assert.match(stderr, /^usage: /);
  assert.equal(code, 100);
});
