// trinit install DIR: the executable, a link per program, and nobody else's file touched.
import assert from "node:assert/strict";
import * as fs from "node:fs";
import path from "node:path";
import { test } from "node:test";
import { applets, linkedNames } from "../../src/applets.ts";
import { bin, run, tempDir } from "../harness.ts";

/** Every name, those of init left out. */
const names = linkedNames()
  .filter(([, program]) => applets[program].family !== "init")
  .map(([name]) => name)
  .sort();

test("install makes the executable and a relative link per name", async (t) => {
  const to = tempDir(t);
  const { code, stdout, stderr } = await run(t, bin("trinit"), ["install", to]);
  assert.deepEqual([code, stdout, stderr], [0, "", ""]);
  assert.deepEqual(fs.readdirSync(to).sort(), names);
  const copy = path.join(to, "trinit");
  assert.deepEqual(fs.readFileSync(copy), fs.readFileSync(bin("trinit")));
  assert.equal(fs.statSync(copy).mode & 0o7777, 0o755);
  assert.equal(fs.readlinkSync(path.join(to, "sv")), "trinit");
  const again = await run(t, path.join(to, "sv"), []);
  assert.equal(again.stderr, "usage: sv [-v] [-w sec] command service ...\n\n");
});

test("install --init makes those of init, too", async (t) => {
  const to = tempDir(t);
  const { code, stderr } = await run(t, bin("trinit"), ["install", "--init", to]);
  assert.deepEqual([code, stderr], [0, ""]);
  const all = linkedNames().map(([name]) => name);
  assert.deepEqual(fs.readdirSync(to).sort(), all.sort());
  assert.equal(fs.readlinkSync(path.join(to, "reboot")), "trinit");
});

test("install over itself, and over links that are trinit's", async (t) => {
  const to = tempDir(t);
  await run(t, bin("trinit"), ["install", to]);
  fs.rmSync(path.join(to, "sv"));
  fs.symlinkSync("/somewhere/else/trinit", path.join(to, "sv"));
  fs.writeFileSync(path.join(to, "trinit.new"), "left by an installation that was cut short");
  const before = fs.statSync(path.join(to, "trinit"), { bigint: true }).ino;
  const { code, stderr } = await run(t, path.join(to, "trinit"), ["install", to]);
  assert.deepEqual([code, stderr], [0, ""]);
  assert.notEqual(fs.statSync(path.join(to, "trinit"), { bigint: true }).ino, before);
  assert.equal(fs.readlinkSync(path.join(to, "sv")), "trinit");
  assert.deepEqual(fs.readdirSync(to).sort(), names);
});

test("install leaves a foreign file and a foreign link alone, says so, exits 111", async (t) => {
  const to = tempDir(t);
  fs.writeFileSync(path.join(to, "sv"), "runit's");
  fs.symlinkSync("busybox", path.join(to, "runsv"));
  const { code, stderr } = await run(t, bin("trinit"), ["install", to]);
  assert.equal(code, 111);
  const taken = ["runsv", "sv"].map(
    (name) => `trinit: warning: unable to install ${to}/${name}: something else has that name\n`,
  );
  assert.equal(stderr, taken.join(""));
  assert.equal(fs.readFileSync(path.join(to, "sv"), "utf8"), "runit's");
  assert.equal(fs.readlinkSync(path.join(to, "runsv")), "busybox");
  assert.equal(fs.readlinkSync(path.join(to, "svlogd")), "trinit");
});

test("install into a directory that is not there", async (t) => {
  const to = path.join(tempDir(t), "nosuch");
  const { code, stderr } = await run(t, bin("trinit"), ["install", to]);
  const line = `trinit: fatal: unable to open ${to}/trinit.new: file does not exist\n`;
  assert.deepEqual([code, stderr], [111, line]);
});
