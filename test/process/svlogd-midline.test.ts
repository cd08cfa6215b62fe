// svlogd and a line that comes in pieces, past the size at which its end is the place to rotate.
import assert from "node:assert/strict";
import * as fs from "node:fs";
import path from "node:path";
import { test } from "node:test";
import { bin, eventually, start, tempDir, waitForFile } from "../harness.ts";
import { current, makeLog, oldFiles, read, rotated, write } from "../svlogd.ts";

test("a line goes on where its beginning has filled the log but for the last bytes", async (t) => {
  // Nothing fitted before the place to rotate, and so nothing was written: it tried for ever.
  const log = path.join(tempDir(t), "log");
  fs.mkdirSync(log);
  fs.writeFileSync(path.join(log, "config"), "s2000\n");
  const svlogd = start(t, bin("svlogd"), { args: [log], stdin: "pipe" });
  const current = path.join(log, "current");
  const begun = "x".repeat(1500);
  svlogd.stdin?.write(begun);
  await waitForFile(current, (text) => text === begun);
  svlogd.stdin?.write("yy");
  await waitForFile(current, (text) => text === `${begun}yy`);
  svlogd.stdin?.end("\n");
  assert.deepEqual(await svlogd.waitForExit(), { code: 0, signal: null });
});

test("neither ALRM nor the age cuts a line that has begun", async (t) => {
  for (const [config, name] of [
    ["", "SIGALRM"],
    ["t1\n", "SIGCONT"],
  ] as const) {
    const log = makeLog(t, config);
    const svlogd = start(t, bin("svlogd"), { args: ["-v", log], stdin: "pipe" });
    write(svlogd, "whole\nabc");
    await current(log, "whole\nabc");
    svlogd.signal(name);
    if (config === "") await svlogd.stderr.waitFor(/sigalarm/);
    else await waitUntilOlder(log, 1100);
    write(svlogd, "def\n");
    await rotated(log, 1);
    const texts = oldFiles(log).map((old) => read(log, old));
    assert.deepEqual([...texts, read(log)], ["whole\nabcdef\n", ""]);
  }
});

/** Waits until a log's `current` was written so long ago. */
async function waitUntilOlder(log: string, milliseconds: number): Promise<void> {
  const { mtimeMs } = fs.statSync(path.join(log, "current"));
  await eventually("its age", () => Date.now() - mtimeMs > milliseconds);
}
