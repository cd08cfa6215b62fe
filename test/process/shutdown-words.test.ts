// Calls of shutdown and its other names that tell nobody anything. What they tell is tested where
// process 1 is ours: test/namespace/init-requests.test.ts.
import assert from "node:assert/strict";
import { test } from "node:test";
import { bin, run } from "../harness.ts";

const wrong: readonly (readonly [string, ...string[]])[] = [
  ["shutdown", "-x"],
  ["shutdown", "tomorrow"],
  ["shutdown", "+x"],
  ["shutdown", "22:00"],
  ["halt", "now"],
  ["reboot", "-z"],
];

for (const [name, ...args] of wrong) {
  test(`${name} ${args.join(" ")}: usage, 100`, async (t) => {
    const { code, stderr } = await run(t, bin(name), args);
    assert.equal(code, 100);
    assert.match(stderr, new RegExp(`^${name}: .*\nusage: ${name} \\[`));
  });
}

test("-k does nothing", async (t) => {
  assert.deepEqual((await run(t, bin("shutdown"), ["-k", "now"])).code, 0);
});
