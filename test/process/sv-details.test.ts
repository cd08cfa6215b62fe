// sv status says why, in a second line on stderr, where something is amiss, and more with -v. Of a
// healthy service it prints the one line on stdout that it always has.
import assert from "node:assert/strict";
import * as fs from "node:fs";
import path from "node:path";
import { type TestContext, test } from "node:test";
import { control, until } from "../../src/client/index.ts";
import { bin, type Output, run, serviceDir, startRunsv, tempDir, waitForFile } from "../harness.ts";

const forever = "#!/bin/sh\nexec sleep 600\n";

async function status(t: TestContext, scan: string, ...options: string[]): Promise<Output> {
  const args = [...options, "status", "web"];
  const { stdout, ...rest } = await run(t, bin("sv"), args, { env: { SVDIR: scan } });
  return { ...rest, stdout: stdout.replace(/pid \d+/g, "pid N").replace(/\b\d+s\b/g, "Ns") };
}

test("a run that cannot be executed: the last end, and the complaint", async (t) => {
  const scan = tempDir(t);
  const web = serviceDir(scan, "web", { run: "" });
  startRunsv(t, web);
  await waitForFile(path.join(web, "supervise/complaint"));
  await until(web, ({ exit, state }) => exit !== null && state === "down", 10_000);
  const { code, stdout, stderr } = await status(t, scan);
  assert.deepEqual([code, stdout], [0, "down: web: Ns, normally up, want up\n"]);
  const [end, complaint] = stderr.split("\n");
  assert.match(
    end ?? "",
    /^sv: web: last end: exit 111, within a second of its start; \d+ restarts?$/,
  );
  assert.match(
    complaint ?? "",
    /^sv: web: last complaint, \d+s ago: runsv .*unable to start \.\/run/,
  );
});

for (const [how, text] of [
  ["exit 3", "exit 3"],
  ["kill -9 $$", "signal 9"],
] as const) {
  test(`one that ends by ${how}, again and again`, async (t) => {
    const scan = tempDir(t);
    const web = serviceDir(scan, "web", { "run!": `#!/bin/sh\n${how}\n` });
    startRunsv(t, web);
    await until(web, ({ exit, state }) => exit !== null && state === "down", 10_000);
    const { stderr } = await status(t, scan);
    const line = `^sv: web: last end: ${text}, within a second of its start; \\d+ restarts?\n$`;
    assert.match(stderr, new RegExp(line));
  });
}

test("its log that fails is amiss, too", async (t) => {
  const scan = tempDir(t);
  const web = serviceDir(scan, "web", { "run!": forever, "log/run!": "#!/bin/sh\nexit 7\n" });
  startRunsv(t, web);
  await until(`${web}/log`, ({ exit, state }) => exit !== null && state === "down", 10_000);
  const { stderr } = await status(t, scan);
  assert.match(stderr, /^sv: web\/log: last end: exit 7, .*\n$/);
});

test("what is well, or down as it is to be, has no second line", async (t) => {
  const scan = tempDir(t);
  const web = serviceDir(scan, "web", { "run!": forever });
  startRunsv(t, web);
  await until(web, ({ state }) => state === "run", 10_000);
  assert.deepEqual(await status(t, scan), {
    ...{ code: 0, signal: null, stdout: "run: web: (pid N) Ns\n", stderr: "" },
  });
  await control(web, "down");
  await until(web, ({ state }) => state === "down", 10_000);
  const { stdout, stderr } = await status(t, scan);
  assert.deepEqual([stdout, stderr], ["down: web: Ns, normally up\n", ""]);
});

test("-v: the last end, restarts, the last complaint, the last lines of the log", async (t) => {
  const scan = tempDir(t);
  const says = "#!/bin/sh\nfor i in 1 2 3 4 5 6 7; do echo line $i; done\nexec sleep 600\n";
  const web = serviceDir(scan, "web", { "run!": says, "log/main/": "" });
  startRunsv(t, web);
  await until(web, ({ state }) => state === "run", 10_000);
  await waitForFile(path.join(web, "log/main/current"), (text) => text.includes("line 7"));
  const { code, stdout, stderr } = await status(t, scan, "-v");
  assert.deepEqual([code, stderr], [0, ""]);
  const lines = stdout.replace(/@[0-9a-f]{24}|\d{4}-\S+/g, "STAMP").split("\n");
  assert.deepEqual(lines, [
    "run: web: (pid N) Ns; run: log: (pid N) Ns",
    "  last end: none",
    ...[3, 4, 5, 6, 7].map((i) => `  log: STAMP line ${i}`),
    "",
  ]);
  assert.ok(fs.existsSync(path.join(web, "log/main/current")));
});
