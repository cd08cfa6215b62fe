// runsvdir -o with too few descriptors or processes.
import assert from "node:assert/strict";
import * as fs from "node:fs";
import path from "node:path";
import { test } from "node:test";
import { bin, eventually, start } from "../harness.ts";
import { isUp, newScan, sleeper, startFaulty } from "../tree.ts";

const prlimit = "/usr/bin/prlimit";
const isMissing = !fs.existsSync(prlimit) && process.env.CI === undefined;
const skip = isMissing ? "needs util-linux" : false;
const speaker = '#!/bin/sh\necho "$(ulimit -n)"\nexec sleep 600\n';

test("too few descriptors for all: said once, the rest writes as it comes", { skip }, async (t) => {
  const { scan } = newScan(t);
  const names = Array.from({ length: 40 }, (_, index) => `s${index}`);
  for (const name of names) sleeper(scan, name, { "run!": speaker });
  const args = ["--nofile=64:64", bin("runsvdir"), "-o", "prefix", scan];
  const tree = start(t, prlimit, { args, endSignal: "SIGHUP" });
  for (const name of names) await isUp(path.join(scan, name));
  await isUp(sleeper(scan, "late", { "run!": "#!/bin/sh\necho late\nexec sleep 600\n" }));
  await tree.stdout.waitFor(/^(late \| )?late$/); // it can still look
  const why = "unable to relay the output of some services: process cannot open more files";
  assert.deepEqual(tree.stderr.lines(), [`runsvdir ${scan}: warning: ${why}`]);
  const linesOf = () => tree.stdout.lines().filter((line) => !line.endsWith("late"));
  await eventually("a line of each", () => linesOf().length === 40);
  const lines = linesOf();
  const prefixed = lines.filter((line) => / \| 64$/.test(line)).length;
  assert.ok(prefixed >= 10, `${prefixed} lines have a name`);
  assert.equal(prefixed + lines.filter((line) => line === "64").length, 40, "the limit is theirs");
});

test("a relay that cannot be forked is said, and the service runs", async (t) => {
  const { scan } = newScan(t);
  const { tree, arm, disarm } = startFaulty(t, scan, [], { args: ["-o", "prefix"] });
  const first = sleeper(scan, "first", { "run!": speaker });
  await isUp(first);
  arm("fork");
  const web = sleeper(scan, "web", { "run!": speaker });
  await tree.stderr.waitFor(/unable to fork for web: temporary failure$/);
  await tree.stderr.waitFor(/unable to fork a relay for web: temporary failure$/);
  disarm("fork");
  await isUp(web);
  await tree.stdout.waitFor(/^web \| \d+$/);
});
