// trinit down, as a stage 3 of an image calls it.
import assert from "node:assert/strict";
import * as fs from "node:fs";
import path from "node:path";
import { test } from "node:test";
import { bin, run, serviceDir, startRunsv, tempDir, waitForFile } from "../harness.ts";

const saving = `#!/bin/sh
trap 'sleep 1; echo yes >saved; exit' TERM
echo yes >trapped
while :; do sleep 0.02; done
`;

test("the time of services counts from the call, however long ago the end began", async (t) => {
  const scan = tempDir(t);
  const web = serviceDir(scan, "web", { "run!": saving });
  startRunsv(t, web);
  await waitForFile(path.join(web, "trapped"));
  const env = { SVDIR: scan, SVWAIT: "10", TRINIT_BEGAN: "1" };
  const { code, stderr } = await run(t, bin("trinit"), ["down"], { env });
  assert.deepEqual([code, stderr], [0, ""]);
  assert.equal(fs.readFileSync(path.join(web, "saved"), "latin1"), "yes\n");
});
