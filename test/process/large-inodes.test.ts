// Files whose inode numbers differ only behind what a double holds, as a build with fault points
// has them: once they were all one file. test/namespace/large-inodes.test.ts has real ones, and
// `npm run test:inodes` all other tests of processes with these.
import assert from "node:assert/strict";
import * as fs from "node:fs";
import path from "node:path";
import { test } from "node:test";
import { faultsBin, root, run, start, startRunsvdir } from "../harness.ts";
import { current, makeLog, write } from "../svlogd.ts";
import { isUp, newScan, sleeper } from "../tree.ts";

const env = { TRINIT_FAULTS: path.join(root, "test/fixtures/large-inodes") };

test("every service of a directory is started", async (t) => {
  const { scan } = newScan(t);
  const services = ["a", "b", "c"].map((name) => sleeper(scan, name));
  startRunsvdir(t, scan, { program: faultsBin("runsvdir"), env });
  const pids = await Promise.all(services.map(async (dir) => (await isUp(dir)).pid));
  assert.equal(new Set(pids).size, 3);
});

test("a directory that takes another's name is another service", async (t) => {
  const { scan, services } = newScan(t);
  const [one, other] = ["one", "other"].map((name) => sleeper(services, name));
  fs.symlinkSync(one as string, path.join(scan, "web"));
  startRunsvdir(t, scan, { program: faultsBin("runsvdir"), env });
  await isUp(one as string);
  fs.symlinkSync(other as string, path.join(scan, ".new"));
  fs.renameSync(path.join(scan, ".new"), path.join(scan, "web"));
  await isUp(other as string);
});

test("a log that is removed and made again is not written to any more", async (t) => {
  const log = makeLog(t, "", { next: "" });
  const options = { args: [log], env, stdin: "pipe" } as const;
  const program = start(t, faultsBin("svlogd"), options);
  write(program, "one\n");
  await current(log, "one\n");
  fs.renameSync(path.join(log, "next"), path.join(log, "current"));
  write(program, "two\n");
  await program.stderr.waitFor(/current was removed or replaced/);
  await current(log, "two\n");
});

test("runsvchdir tells one directory from another", async (t) => {
  const { dir } = newScan(t);
  for (const name of ["default", "single"]) fs.mkdirSync(path.join(dir, name));
  fs.symlinkSync("default", path.join(dir, "current"));
  const options = { env: { ...env, RUNSVDIR: dir } };
  const changed = await run(t, faultsBin("runsvchdir"), ["single"], options);
  assert.deepEqual([changed.code, fs.readlinkSync(path.join(dir, "current"))], [0, "single"]);
});
