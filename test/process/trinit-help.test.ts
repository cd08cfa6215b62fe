// trinit help, info, --version, and every other call.
import assert from "node:assert/strict";
import * as fs from "node:fs";
import path from "node:path";
import { test } from "node:test";
import { type Applet, applets } from "../../src/applets.ts";
import { bin, root, run } from "../harness.ts";

const { version } = JSON.parse(fs.readFileSync(path.join(root, "package.json"), "utf8"));

/** The line of a program: what it is, and what else it is called. */
function lineOf({ summary, aliases }: Applet): string {
  return aliases.length === 0 ? summary : `${summary}; also: ${aliases.join(", ")}`;
}

test("help lists every program with its summary and other names", async (t) => {
  const { code, stdout, stderr } = await run(t, bin("trinit"), ["help"]);
  assert.deepEqual([code, stderr], [0, ""]);
  for (const [name, applet] of Object.entries(applets)) {
    const line = stdout.split("\n").find((line) => line.startsWith(`  ${name} `));
    assert.equal(line?.trim().slice(name.length).trim(), lineOf(applet));
  }
});

test("help NAME", async (t) => {
  const { code, stdout } = await run(t, bin("trinit"), ["help", "sv"]);
  const own = await run(t, bin("sv"), ["--help"]);
  assert.match(
    own.stdout,
    /^usage: sv .*\n +sv status .*--json[\s\S]*\n +force-stop +\S[\s\S]*-w sec/,
  );
  assert.deepEqual([code, stdout], [0, `sv: ${applets.sv.summary}\n${own.stdout}`]);
  const alias = await run(t, bin("trinit"), ["help", "setlock"]);
  const setlock = await run(t, bin("setlock"), ["--help"]);
  const summary = `chpst: ${lineOf(applets.chpst)}\n`;
  assert.deepEqual([alias.code, alias.stdout], [0, summary + setlock.stdout]);
  const wrong = await run(t, bin("trinit"), ["help", "nosuch"]);
  assert.deepEqual([wrong.code, wrong.stdout], [100, ""]);
  assert.equal(wrong.stderr, "trinit: there is no program nosuch\n");
});

test("info tells the version and the paths in force", async (t) => {
  const { code, stdout } = await run(t, bin("trinit"), ["info"], { env: { SVDIR: "/srv/x" } });
  assert.equal(code, 0);
  assert.deepEqual(stdout.split("\n"), [
    `version     ${version}`,
    `executable  ${fs.realpathSync(bin("trinit"))}`,
    "services    /etc/service",
    "SVDIR       /srv/x",
    "",
  ]);
});

test("--version", async (t) => {
  const { code, stdout } = await run(t, bin("trinit"), ["--version"]);
  assert.deepEqual([code, stdout], [0, `trinit ${version}\n`]);
});

test("a wrong call: usage on stderr, 100", async (t) => {
  const installs = [["install"], ["install", "a", "b"], ["install", "--init"], ["install", "-x"]];
  const stages = [["stage"], ["stage", "4"], ["stage", "1", "2"], ["killall", "x"]];
  for (const args of [[], ["nosuch"], ["info", "x"], ...installs, ...stages]) {
    const { code, stdout, stderr } = await run(t, bin("trinit"), args);
    assert.deepEqual([code, stdout], [100, ""], args.join(" "));
    assert.match(stderr, /^usage: trinit help /);
  }
});

test("trinit NAME ... is that program", async (t) => {
  const { code, stderr } = await run(t, bin("trinit"), ["sv"]);
  assert.deepEqual([code, stderr], [100, "usage: sv [-v] [-w sec] command service ...\n\n"]);
});
