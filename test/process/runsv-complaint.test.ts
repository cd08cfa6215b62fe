// supervise/complaint: what runsv has complained of last, for as long as that is not over; and the
// line that sv shows of it on stderr when it has failed.
import assert from "node:assert/strict";
import * as fs from "node:fs";
import path from "node:path";
import { describe, type TestContext, test } from "node:test";
import { control, until } from "../../src/client/index.ts";
import {
  bin,
  eventually,
  faultsBin,
  type Output,
  type Program,
  run,
  type StartOptions,
  serviceDir,
  start,
  startRunsv,
  tempDir,
  waitForFile,
} from "../harness.ts";
import { tell } from "../record.ts";

const forever = "#!/bin/sh\nexec sleep 600\n";
const isRoot = process.getuid?.() === 0;

interface Web {
  readonly scan: string;
  readonly dir: string;
  readonly runsv: Program;
}

function startWeb(
  t: TestContext,
  files: Record<string, string>,
  options: StartOptions = {},
  name = "web",
): Web {
  const scan = tempDir(t);
  const dir = serviceDir(scan, name, files);
  return { scan, dir, runsv: startRunsv(t, name, { cwd: scan, ...options }) };
}

function complaintFile(dir: string): string {
  return path.join(dir, "supervise/complaint");
}

/** Waits for the complaint, and checks that it is one line with a label of now. */
async function complaintOf(dir: string): Promise<string> {
  const line = await waitForFile(complaintFile(dir));
  const [, label = "", text = ""] = /^@4([0-9a-f]{15})[0-9a-f]{8} (.*)\n$/.exec(line) ?? [];
  assert.ok(Math.abs(Number.parseInt(label, 16) - 10 - Date.now() / 1000) < 10, line);
  return text;
}

/** Runs sv, with times and process numbers masked. */
async function askSv(t: TestContext, { scan }: Web, ...args: string[]): Promise<Output> {
  const answer = await run(t, bin("sv"), args, { env: { SVDIR: scan } });
  const masked = (text: string) => text.replace(/pid \d+/g, "pid N").replace(/ \d+s\b/g, " Ns");
  return { ...answer, stdout: masked(answer.stdout), stderr: masked(answer.stderr) };
}

describe("supervise/complaint", { concurrency: true }, () => {
  test("a run that cannot be executed: sv shows why, until it can", async (t) => {
    const web = startWeb(t, { run: forever });
    const complaint = "runsv web: fatal: unable to start ./run: access denied";
    assert.equal(await complaintOf(web.dir), complaint);
    assert.equal((fs.statSync(complaintFile(web.dir)).mode & 0o7777).toString(8), "644");
    assert.deepEqual(await askSv(t, web, "-w", "0", "up", "web"), {
      code: 1,
      signal: null,
      stdout: "timeout: down: web: Ns, normally up, want up\n",
      stderr: `sv: web: last complaint, Ns ago: ${complaint}\n`,
    });
    fs.chmodSync(path.join(web.dir, "run"), 0o755);
    await until(web.dir, ({ state }) => state === "run", 10_000);
    assert.ok(!fs.existsSync(complaintFile(web.dir)));
    fs.rmSync(path.join(web.dir, "run")); // what is there is still running
    const late = await askSv(t, web, "-w", "0", "force-shutdown", "nosuch");
    assert.deepEqual(
      [late.code, late.stderr],
      [1, `sv: nosuch: looked for in ${web.scan}/nosuch\n`],
    );
  });

  test("sv that is satisfied says nothing of it; status does", async (t) => {
    const web = startWeb(t, { run: forever });
    const complaint = await complaintOf(web.dir);
    const { stderr: said } = await askSv(t, web, "status", "web");
    assert.ok(said.endsWith(`sv: web: last complaint, Ns ago: ${complaint}\n`), said);
    for (const args of [
      ["-v", "hup"],
      ["-v", "down"],
    ]) {
      const { code, stderr } = await askSv(t, web, ...args, "web");
      assert.deepEqual([code, stderr], [0, ""], args.join(" "));
    }
  });

  test("fork fails", async (t) => {
    const scan = tempDir(t);
    const env = { TRINIT_FAULTS: serviceDir(scan, ".faults", { spawn: "" }) };
    const web = startWeb(t, { "run!": forever }, { program: faultsBin("runsv"), env });
    const complaint = "runsv web: warning: unable to fork, sleeping: temporary failure";
    assert.equal(await complaintOf(web.dir), complaint);
  });

  test("a control script that cannot be started stays news until the next start", async (t) => {
    const deaf = "#!/bin/sh\ntrap '' HUP\nexec sleep 600\n";
    const web = startWeb(t, { "run!": deaf, "control/h!": "#!/no/such\n" });
    await until(web.dir, ({ state }) => state === "run", 10_000);
    await control(web.dir, "hup");
    const why = "its interpreter /no/such does not exist";
    const complaint = `runsv web: warning: unable to run control/h: ${why}`;
    assert.equal(await complaintOf(web.dir), complaint);
    await control(web.dir, "kill");
    await until(web.dir, ({ state, restarts }) => state === "run" && restarts === 1, 10_000);
    assert.ok(!fs.existsSync(complaintFile(web.dir)));
  });

  test("of a logger it is in the logger's directory", async (t) => {
    const web = startWeb(t, { "run!": forever, "log/run": forever });
    const complaint = "runsv web: fatal: unable to start log/./run: access denied";
    assert.equal(await complaintOf(path.join(web.dir, "log")), complaint);
    assert.ok(!fs.existsSync(complaintFile(web.dir)));
    const { stderr } = await askSv(t, web, "-w", "0", "up", "web/log");
    assert.equal(stderr, `sv: web/log: last complaint, Ns ago: ${complaint}\n`);
  });

  test("a supervisor that could not begin has left it, and sv shows it", async (t) => {
    const web = startWeb(t, { "run!": forever, "supervise/control": "" });
    assert.deepEqual(await web.runsv.waitForExit(), { code: 111, signal: null });
    const complaint = "runsv web: fatal: supervise/control exists but is not a fifo";
    assert.equal(await complaintOf(web.dir), complaint);
    fs.rmSync(path.join(web.dir, "supervise/control"));
    const next = startRunsv(t, "web", { cwd: web.scan });
    await until(web.dir, ({ state }) => state === "run", 10_000);
    assert.ok(!fs.existsSync(complaintFile(web.dir)));
    next.signal("SIGKILL");
    await next.exited;
  });

  test("runsv has gone: sv shows its last words", async (t) => {
    const web = startWeb(t, { run: forever });
    await complaintOf(web.dir);
    web.runsv.signal("SIGKILL");
    await web.runsv.exited;
    for (const word of ["status", "up"]) {
      const { stdout, stderr } = await askSv(t, web, word, "web");
      assert.equal(stdout, "fail: web: runsv not running\n");
      assert.match(stderr, /^sv: web: last complaint, Ns ago: runsv web: fatal: .*\n$/);
    }
  });

  test("a second runsv complains, but not in the directory of the first", async (t) => {
    const web = startWeb(t, { "run!": forever });
    await until(web.dir, ({ state }) => state === "run", 10_000);
    const { code, stderr } = await run(t, bin("runsv"), ["web"], { cwd: web.scan });
    assert.equal(stderr, "runsv web: fatal: unable to lock supervise/lock: temporary failure\n");
    assert.equal(code, 111);
    assert.ok(!fs.existsSync(complaintFile(web.dir)));
  });

  test("a directory that cannot be entered: nothing is written where runsv stands", async (t) => {
    const scan = serviceDir(tempDir(t), "scan", { "supervise/": "" });
    const { code } = await run(t, bin("runsv"), ["nosuch"], { cwd: scan });
    assert.equal(code, 111);
    assert.deepEqual(fs.readdirSync(path.join(scan, "supervise")), []);
  });

  test("a newline in the name of the service: still one line", async (t) => {
    const web = startWeb(t, { run: forever }, {}, "two\nlines");
    const complaint = "runsv two lines: fatal: unable to start ./run: access denied";
    assert.equal(await complaintOf(web.dir), complaint);
  });

  test("garbage in its place is not shown", async (t) => {
    const web = startWeb(t, { "run!": forever });
    await until(web.dir, ({ state }) => state === "run", 10_000);
    web.runsv.signal("SIGKILL");
    await web.runsv.exited;
    for (const garbage of ["", "x", "\n\n", "\xff".repeat(8192)]) {
      fs.writeFileSync(complaintFile(web.dir), garbage, "latin1");
      const { stdout, stderr } = await askSv(t, web, "status", "web");
      assert.deepEqual([stdout, stderr], ["fail: web: runsv not running\n", ""]);
    }
  });

  test("a full disk: the service is kept, and no complaint outlives it", {
    skip: !isRoot,
  }, async (t) => {
    const scan = tempDir(t);
    serviceDir(scan, "web", {});
    fs.writeFileSync(path.join(scan, "run"), forever, { mode: 0o755 });
    const inside = `mount -t tmpfs -o size=64k none web && cp run web/ &&
      exec ${bin("runsv")} web`;
    const runsv = start(t, "unshare", { args: ["-m", "/bin/sh", "-c", inside], cwd: scan });
    const dir = `/proc/${runsv.pid}/root${path.join(scan, "web")}`;
    await eventually("a status", () => fs.existsSync(path.join(dir, "supervise/status")));
    const { pid } = await until(dir, ({ state }) => state === "run", 10_000);
    const filler = path.join(dir, "filler");
    fillDisk(filler);
    tell(dir, "p");
    await runsv.stderr.waitFor(/unable to write/);
    fs.rmSync(filler);
    await until(dir, ({ paused }) => paused, 10_000);
    assert.ok(!fs.existsSync(complaintFile(dir)));
    tell(dir, "c");
    await until(dir, ({ paused }) => !paused, 10_000);
    const before = runsv.stderr.lines().length;
    fillDisk(filler);
    tell(dir, "t"); // its end is to be written to supervise/exit, its successor to all others
    const warning = /^runsv web: warning: unable to write supervise\/.*: out of disk space$/;
    await runsv.stderr.waitFor(warning, before);
    fs.rmSync(filler);
    const next = await until(dir, (now) => now.state === "run" && now.restarts === 1, 10_000);
    assert.notEqual(next.pid, pid);
    assert.equal(fs.readFileSync(path.join(dir, "supervise/exit"), "latin1"), "-1 15 1\n");
    assert.ok(!fs.existsSync(complaintFile(dir)));
  });
});

function fillDisk(file: string): void {
  const fd = fs.openSync(file, "w");
  try {
    for (;;) fs.writeSync(fd, Buffer.alloc(4096));
  } catch (error) {
    assert.match(String(error), /ENOSPC/);
  } finally {
    fs.closeSync(fd);
  }
}
