// svlogd and a line that comes in pieces, past the size at which its end is the place to rotate.
import assert from "node:assert/strict";
import * as fs from "node:fs";
import path from "node:path";
import { test } from "node:test";
import { bin, start, tempDir, waitForFile } from "../harness.ts";

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
