// init where it is not process 1, beside somebody who has nothing to do with it.
import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { bin, isAlive, run, start } from "../harness.ts";

function bystander(t: TestContext): number {
  return start(t, "/bin/sleep", { args: ["600"] }).pid;
}

test("runit says that it has to be process 1", async (t) => {
  const pid = bystander(t);
  const { code, stderr } = await run(t, bin("runit"), []);
  assert.deepEqual([code, stderr], [111, "- runit: fatal: must be run as process no 1.\n"]);
  assert.ok(isAlive(pid));
});

test("init and runit-init without 0 or 6 print their usage", async (t) => {
  const pid = bystander(t);
  for (const args of [[], ["3"], ["3 over 0", "1"]]) {
    for (const name of ["init", "runit-init"]) {
      const { code, stderr } = await run(t, bin(name), args);
      assert.deepEqual([code, stderr], [0, `usage: ${bin(name)} 0|6\n\n`]);
    }
  }
  assert.ok(isAlive(pid));
});
