// More services than there are descriptors: sv, trinit await and trinit down do what they say.
import assert from "node:assert/strict";
import * as fs from "node:fs";
import path from "node:path";
import { type TestContext, test } from "node:test";
import { status, until } from "../../src/client/index.ts";
import {
  bin,
  eventually,
  type Output,
  run,
  serviceDir,
  startRunsv,
  startRunsvdir,
  tempDir,
} from "../harness.ts";

const count = 80;
const names = Array.from({ length: count }, (_, at) => `s${at}`);

/** With 64 descriptors, and no more to be had. */
function limited(t: TestContext, scan: string, words: string): Promise<Output> {
  const [program = "", ...args] = words.split(" ");
  const line = `ulimit -n 64; exec ${bin(program)} ${args.join(" ")}`;
  return run(t, "/bin/sh", ["-c", line], { env: { SVDIR: scan }, milliseconds: 120_000 });
}

test("restart, check, await and down, with 64 descriptors", async (t) => {
  const scan = tempDir(t);
  for (const name of names) serviceDir(scan, name, { "run!": "#!/bin/sh\nexec sleep 600\n" });
  startRunsvdir(t, scan);
  for (const name of names) {
    await until(path.join(scan, name), ({ state }) => state === "run", 60_000);
  }
  const pidsOf = () =>
    Promise.all(names.map(async (name) => (await status(path.join(scan, name))).pid));
  const before = await pidsOf();
  const restarted = await limited(t, scan, `sv -w 60 restart ${names.join(" ")}`);
  assert.deepEqual([restarted.code, restarted.stderr], [0, ""]);
  const lines = restarted.stdout.trimEnd().split("\n");
  assert.equal(lines.filter((line) => line.startsWith("ok: run: ")).length, count);
  const after = await pidsOf();
  for (const [at, pid] of after.entries()) assert.notEqual(pid, before[at]);
  const awaited = await limited(t, scan, "trinit await 60");
  assert.deepEqual([awaited.code, awaited.stderr], [0, ""]);
  const down = await limited(t, scan, "trinit down");
  assert.deepEqual([down.code, down.stdout], [0, ""]);
  await eventually("all services down", async () => {
    const all = await Promise.all(names.map((name) => status(path.join(scan, name))));
    return all.every(({ state, want }) => state === "down" || want === "down");
  });
});

/** Milliseconds of processor time of a program, the least of three. */
async function costOf(t: TestContext, scan: string, words: string): Promise<number> {
  const times: number[] = [];
  for (let i = 0; i < 3; i++) {
    const line = `TIMEFORMAT='%U %S'; time ${bin("sv")} ${words} >/dev/null`;
    const { stderr } = await run(t, "/bin/bash", ["-c", line], { env: { SVDIR: scan } });
    times.push(
      stderr
        .trim()
        .split(" ")
        .reduce((sum, part) => sum + 1000 * Number(part), 0),
    );
  }
  return Math.min(...times);
}

test("status --json costs little more than status", async (t) => {
  const [scan, live] = [
    tempDir(t),
    serviceDir(tempDir(t), "live", { "run!": "#!/bin/sh\nexec sleep 600\n" }),
  ];
  startRunsv(t, live);
  await until(live, ({ state }) => state === "run", 60_000);
  for (let i = 0; i < 2000; i++) {
    fs.mkdirSync(path.join(scan, `s${i}`));
    fs.symlinkSync(path.join(live, "supervise"), path.join(scan, `s${i}/supervise`));
  }
  const [plain, json] = [await costOf(t, scan, "status"), await costOf(t, scan, "status --json")];
  assert.ok(json < 2.2 * plain, `${json} ms, and ${plain} ms for status`);
});
