// trinit help, info, --version, and every other call.
import assert from "node:assert/strict";
import * as fs from "node:fs";
import path from "node:path";
import { test } from "node:test";
import { applets } from "../../src/applets.ts";
import { bin, root, run } from "../harness.ts";

const { version } = JSON.parse(fs.readFileSync(path.join(root, "package.json"), "utf8"));

test("help lists every program with its summary", async (t) => {
  const { code, stdout, stderr } = await run(t, bin("trinit"), ["help"]);
  assert.deepEqual([code, stderr], [0, ""]);
  for (const [name, { summary }] of Object.entries(applets)) {
    const line = stdout.split("\n").find((line) => line.trim().startsWith(`${name} `));
    assert.equal(line?.trim().slice(name.length).trim(), summary);
  }
});

test("help NAME", async (t) => {
  const { code, stdout } = await run(t, bin("trinit"), ["help", "sv"]);
  assert.deepEqual([code, stdout], [0, `sv: ${applets.sv.summary}\n`]);
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
  for (const args of [[], ["nosuch"], ["install"], ["install", "a", "b"], ["info", "x"]]) {
    const { code, stdout, stderr } = await run(t, bin("trinit"), args);
    assert.deepEqual([code, stdout], [100, ""], args.join(" "));
    assert.match(stderr, /^usage: trinit help /);
  }
});

test("trinit NAME ... is that program", async (t) => {
  const { code, stderr } = await run(t, bin("trinit"), ["sv"]);
  assert.deepEqual([code, stderr], [100, "usage: sv [-v] [-w sec] command service ...\n\n"]);
});
