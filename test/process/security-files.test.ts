// What the owner of supervise/ may put in the place of lock, control, ok, status and complaint: a
// link, another service's file, a device. Root's runsv, sv, trinit down and the client neither
// follow nor open it.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import * as fs from "node:fs";
import path from "node:path";
import { type TestContext, test } from "node:test";
import { control, status, until } from "../../src/client/index.ts";
import { asRoot, give, openDir, rootFile } from "../attacker.ts";
import { bin, isAlive, run, serviceDir, startRunsv } from "../harness.ts";
import { forever, isUp } from "../tree.ts";

const why = "neither a fifo nor a plain file";

function mkfifo(file: string): void {
  execFileSync("mkfifo", ["-m", "600", file]);
}

/** Opened, it is as /dev/null. */
function mknod(file: string): void {
  execFileSync("mknod", ["-m", "600", file, "c", "1", "3"]);
}

interface Planted {
  readonly base: string;
  readonly dir: string;
  /** What the attacker can put there. */
  plant(name: string, how: (file: string) => void): void;
}

/** A service whose supervise/ is nobody's. */
function planted(t: TestContext): Planted {
  const base = openDir(t);
  const dir = serviceDir(base, "web", { "run!": forever, "supervise/": "" });
  const plant = (name: string, how: (file: string) => void): void => {
    const file = path.join(dir, "supervise", name);
    fs.rmSync(file, { force: true });
    how(file);
    give(path.join(dir, "supervise"));
  };
  return { base, dir, plant };
}

async function refuses(t: TestContext, { base }: Planted, text: string): Promise<void> {
  const { code, stderr } = await run(t, bin("runsv"), ["web"], { cwd: base });
  assert.deepEqual([stderr, code], [`runsv web: fatal: ${text}\n`, 111]);
}

// --- runsv ----------------------------------------------------------------------------------

test("runsv makes no file through a link that is lock", asRoot, async (t) => {
  const world = planted(t);
  const made = path.join(world.base, "made");
  world.plant("lock", (file) => fs.symlinkSync("../../made", file));
  await refuses(t, world, `unable to open supervise/lock: ${why}`);
  assert.ok(!fs.existsSync(made));
});

for (const name of ["lock", "control", "ok"]) {
  test(`runsv: ${name} that is a symbolic link to another service's is not used`, async (t) => {
    const world = planted(t);
    const other = serviceDir(world.base, "db", { "run!": forever });
    startRunsv(t, other);
    await isUp(other);
    world.plant(name, (file) => fs.symlinkSync(path.join(other, "supervise", name), file));
    await refuses(t, world, `unable to open supervise/${name}: ${why}`);
  });

  test(`runsv: ${name} that is a device is not opened`, asRoot, async (t) => {
    const world = planted(t);
    world.plant(name, mknod);
    await refuses(t, world, `unable to open supervise/${name}: ${why}`);
  });
}

test("runsv: a service starts though cp -al has given its files a second name", async (t) => {
  const base = openDir(t);
  const dir = serviceDir(base, "web", { "run!": forever });
  const first = startRunsv(t, dir);
  await isUp(dir);
  execFileSync("cp", ["-al", dir, path.join(base, "backup")]);
  await control(dir, "exit");
  await first.waitForExit();
  startRunsv(t, dir);
  const { pid } = await isUp(dir);
  await control(dir, "down");
  await until(dir, ({ state }) => state === "down", 10_000);
  assert.ok(!isAlive(pid));
});

test("runsv: supervise itself may be a link", async (t) => {
  const base = openDir(t);
  const dir = serviceDir(base, "web", { "run!": forever, "supervise=": "../elsewhere" });
  startRunsv(t, dir);
  await isUp(dir);
  assert.ok(fs.lstatSync(path.join(base, "elsewhere/ok")).isFIFO());
});

// --- Those who write --------------------------------------------------------------------------

/** Ways to tell a service something, and what they say of one whose control is none. */
const tellers = [
  ["sv", (t, dir) => run(t, bin("sv"), ["-w", "1", "up", dir])],
  [
    "trinit down",
    (t, dir) => run(t, bin("trinit"), ["down"], { env: { SVDIR: path.dirname(dir) } }),
  ],
  ["the client", (_, dir) => assert.rejects(control(dir, "up"), { code: "no-permission" })],
] as const satisfies readonly [string, (t: TestContext, dir: string) => Promise<unknown>][];

for (const [who, teller] of tellers) {
  for (const [what, link] of [
    ["a symbolic link", fs.symlinkSync],
    ["a hard link", fs.linkSync],
    ["a moved file", fs.renameSync],
  ] as const) {
    test(`${who} writes into no file of root's, which control is: ${what}`, asRoot, async (t) => {
      const world = planted(t);
      const file = rootFile(world.base, 0o600);
      startRunsv(t, world.dir);
      const { pid } = await isUp(world.dir);
      world.plant("control", (name) => link(file, name));
      await teller(t, world.dir);
      const now = path.join(world.dir, "supervise/control");
      assert.equal(fs.readFileSync(now, "latin1"), "secret\n");
      assert.ok(isAlive(pid));
    });
  }
}

test("sv says why: control and ok that are links", asRoot, async (t) => {
  const world = planted(t);
  startRunsv(t, world.dir);
  await isUp(world.dir);
  const file = rootFile(world.base, 0o600);
  for (const name of ["control", "ok"]) {
    world.plant(name, (path) => fs.symlinkSync(file, path));
    const { code, stdout } = await run(t, bin("sv"), ["up", "./web"], { cwd: world.base });
    assert.equal(stdout, `warning: ./web: unable to open supervise/${name}: ${why}\n`);
    assert.equal(code, 1);
  }
});

// --- Those who read ---------------------------------------------------------------------------

test("sv status and the client open no device, and follow no link", asRoot, async (t) => {
  const world = planted(t);
  startRunsv(t, world.dir);
  await isUp(world.dir);
  for (const [name, how] of [
    ["status", mknod],
    ["status", (file: string) => fs.symlinkSync("../run", file)],
    ["ok", mknod],
  ] as const) {
    world.plant(name, how);
    const { code, stdout } = await run(t, bin("sv"), ["status", "./web"], { cwd: world.base });
    assert.equal(stdout, `warning: ./web: unable to open supervise/${name}: ${why}\n`);
    assert.equal(code, 1);
    await assert.rejects(status(world.dir), { code: "no-permission" });
  }
});

test("the client does not wait for a FIFO in the place of exit", asRoot, async (t) => {
  const world = planted(t);
  startRunsv(t, world.dir);
  const { pid } = await isUp(world.dir);
  world.plant("exit", mkfifo);
  assert.equal((await status(world.dir)).pid, pid);
});

test("sv shows no line of a file of root's as a complaint", asRoot, async (t) => {
  const world = planted(t);
  const secret = path.join(world.base, "secret");
  fs.writeFileSync(secret, "@400000006560000000000000 s3cret\n", { mode: 0o600 });
  world.plant("ok", mkfifo); // nobody reads it: the last complaint is shown
  world.plant("complaint", (file) => fs.symlinkSync(secret, file));
  const { stdout, stderr } = await run(t, bin("sv"), ["s", "./web"], { cwd: world.base });
  assert.equal(stdout, "fail: ./web: runsv not running\n");
  assert.equal(stderr, "");
});
