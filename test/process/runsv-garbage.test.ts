// What happens to a runsv that is up: names, bytes and disks that nobody wishes for.
import assert from "node:assert/strict";
import * as fs from "node:fs";
import path from "node:path";
import { describe, type TestContext, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { control, status, until } from "../../src/client/index.ts";
import {
  bin,
  eventually,
  kill,
  type Program,
  serviceDir,
  start,
  startRunsv,
  tempDir,
  waitForFile,
} from "../harness.ts";
import { newRandom, tell, waitForRecord } from "../record.ts";
import { removeTree } from "../tree.ts";

const forever = "#!/bin/sh\ntrap '' HUP INT QUIT ALRM USR1 USR2\nexec sleep 600\n";
const isRoot = process.getuid?.() === 0;
const floodBytes = 1024 * 1024;

/** A service that runs, in a file system of 64 kB. */
async function startOnSmallDisk(t: TestContext): Promise<{ runsv: Program; dir: string }> {
  const scan = tempDir(t);
  serviceDir(scan, "web", {});
  const inside = `mount -t tmpfs -o size=64k none web && cp run web/ &&
    exec ${bin("runsv")} web`;
  fs.writeFileSync(path.join(scan, "run"), forever, { mode: 0o755 });
  const runsv = start(t, "unshare", { args: ["-m", "/bin/sh", "-c", inside], cwd: scan });
  const dir = await waitForMount(runsv.pid, path.join(scan, "web"));
  return { runsv, dir };
}

describe("garbage", { concurrency: true }, () => {
  test("a megabyte of random bytes into supervise/control, and it still obeys", async (t) => {
    const dir = serviceDir(tempDir(t), "web", { "run!": forever });
    const runsv = startRunsv(t, dir);
    await until(dir, ({ state }) => state === "run", 10_000);
    const random = newRandom(7);
    // No p and c: each would be a status to write, and a look of whoever watches.
    const bytes = Buffer.from(Array.from({ length: floodBytes }, () => random(256)));
    for (const [at, byte] of bytes.entries())
      if ("xpc".includes(String.fromCharCode(byte))) bytes[at] = 0;
    bytes[floodBytes - 1] = "d".charCodeAt(0);
    const fifo = path.join(dir, "supervise/control");
    const flood = fs.createWriteStream(fifo, { flags: "r+" });
    await new Promise<void>((resolve) => flood.end(bytes, () => resolve()));
    await until(dir, ({ state, want }) => state === "down" && want === "down", 10_000);
    await eventually("room for a command", () =>
      control(dir, "up").then(
        () => true,
        () => false,
      ),
    );
    await until(dir, ({ state, want }) => state === "run" && want === "up", 10_000);
    assert.equal(runsv.stderr.text(), "");
  });

  for (const [what, name] of [
    ["a space and a tab", "my \t service"],
    ["a newline", "two\nlines"],
    ["a leading dash", "-web"],
    ["a quote and a dollar", "'$web\""],
    ["bytes that are not UTF-8", "caf\xe9\xff"],
  ] as const) {
    test(`a name with ${what}`, async (t) => {
      const scan = tempDir(t);
      const dir = Buffer.from(path.join(scan, name), "latin1");
      fs.mkdirSync(dir);
      const script = Buffer.concat([dir, Buffer.from("/run")]);
      fs.writeFileSync(script, "#!/no/such/shell\n", { mode: 0o755 });
      // The shell makes an argument that need not be UTF-8.
      const runsv = start(t, "/bin/sh", {
        args: ["-c", `for name in *; do exec ${bin("runsv")} -- "$name"; done`],
        cwd: scan,
      });
      await runsv.stderr.waitFor(/unable/);
      const why = "its interpreter /no/such/shell does not exist";
      const said = `runsv ${name}: fatal: unable to start ./run: ${why}\n`;
      assert.ok(runsv.stderr.text().startsWith(said), runsv.stderr.text());
      fs.writeFileSync(script, forever);
      await until(dir, ({ state }) => state === "run", 10_000);
      await control(dir, "exit");
      assert.deepEqual(await runsv.waitForExit(), { code: 0, signal: null });
    });
  }

  test("its directory is renamed, then removed: it obeys, complains and ends", async (t) => {
    const scan = tempDir(t);
    const dir = serviceDir(scan, "web", { "run!": forever });
    const runsv = startRunsv(t, "web", { cwd: scan });
    const { pid } = await until(dir, ({ state }) => state === "run", 10_000);
    const moved = path.join(scan, "moved");
    fs.renameSync(dir, moved);
    await control(moved, "pause");
    assert.equal((await until(moved, ({ paused }) => paused, 10_000)).pid, pid);
    await control(moved, "cont");
    await until(moved, ({ paused }) => !paused, 10_000);
    await removeTree(moved);
    kill(pid ?? 0, "SIGKILL");
    await runsv.stderr.waitFor(/warning: the service directory was removed$/);
    runsv.signal("SIGTERM");
    assert.deepEqual(await runsv.waitForExit(), { code: 0, signal: null });
  });

  test("a full disk: a warning, the service is kept", { skip: !isRoot }, async (t) => {
    const { runsv, dir } = await startOnSmallDisk(t);
    const { pid } = await until(dir, ({ state }) => state === "run", 10_000);
    fillDisk(path.join(dir, "filler"));
    tell(dir, "pc");
    const warning = "runsv web: warning: unable to write supervise/stat.new: out of disk space";
    assert.equal(await runsv.stderr.waitFor(/./), warning);
    assert.equal((await status(dir)).pid, pid);
    fs.rmSync(path.join(dir, "filler"));
    await control(dir, "once");
    await until(dir, ({ want }) => want === "down", 10_000);
    assert.equal((await status(dir)).pid, pid);
    assert.equal(fs.readFileSync(path.join(dir, "supervise/stat"), "latin1"), "run, want down\n");
  });

  test("a status that could not be written is written when it can be", {
    skip: !isRoot,
  }, async (t) => {
    // It stayed as it was until the next event, which may be never: `down` of one that runs.
    const { runsv, dir } = await startOnSmallDisk(t);
    await until(dir, ({ state }) => state === "run", 10_000);
    fillDisk(path.join(dir, "filler"));
    tell(dir, "p");
    await runsv.stderr.waitFor(/out of disk space/);
    assert.equal((await status(dir)).paused, false);
    fs.rmSync(path.join(dir, "filler"));
    await until(dir, ({ paused }) => paused, 10_000);
  });

  test("supervise/ is removed: the service is kept, and TERM still ends it", async (t) => {
    const dir = serviceDir(tempDir(t), "web", {
      "run!": forever,
      "finish!": "#!/bin/sh\ntouch finished\n",
    });
    const runsv = startRunsv(t, dir);
    const { pid } = await until(dir, ({ state }) => state === "run", 10_000);
    fs.rmSync(path.join(dir, "supervise"), { recursive: true });
    await sleep(50);
    assert.ok(kill(pid ?? 0, "SIGHUP"));
    runsv.signal("SIGTERM");
    await waitForFile(path.join(dir, "finished"));
    assert.deepEqual(await runsv.waitForExit(), { code: 0, signal: null });
  });

  test("without stdin, stdout and stderr it works, and so does its service", async (t) => {
    const script = "#!/bin/sh\nls -l /proc/self/fd >fds 2>&1\necho up >>record\nexec sleep 600\n";
    const dir = serviceDir(tempDir(t), "web", { "run!": script });
    start(t, "/bin/sh", { args: ["-c", `exec ${bin("runsv")} "$0" <&- >&- 2>&-`, dir] });
    await waitForRecord(dir, (lines) => lines.includes("up"));
    await control(dir, "down");
    await until(dir, ({ state }) => state === "down", 10_000);
    const fds = fs.readFileSync(path.join(dir, "fds"), "latin1");
    assert.ok(!fds.includes("supervise"), fds);
  });
});

/** The mount as a process in its namespace sees it. */
async function waitForMount(pid: number, mount: string): Promise<string> {
  const inside = `/proc/${pid}/root${mount}`;
  const end = Date.now() + 10_000;
  while (!fs.existsSync(path.join(inside, "supervise/status"))) {
    if (Date.now() > end) throw new Error(`no status under ${inside}`);
    await sleep(20);
  }
  return inside;
}

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
