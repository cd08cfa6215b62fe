// A service directory whose name is not UTF-8 is named by its bytes, for every call.
import assert from "node:assert/strict";
import { mkdirSync, writeFileSync } from "node:fs";
import { test } from "node:test";
import { control, until } from "../../src/client/index.ts";
import { bin, start, tempDir } from "../harness.ts";

test("a name that is not UTF-8 is given in bytes", async (t) => {
  const parent = tempDir(t);
  const cafe = Buffer.from(`${parent}/caf\xe9`, "latin1");
  mkdirSync(cafe);
  const run = Buffer.concat([cafe, Buffer.from("/run")]);
  writeFileSync(run, "#!/bin/sh\nexec sleep 600\n", { mode: 0o755 });
  const up = until(cafe, ({ state }) => state === "run", 10_000);
  // The arguments of a program that Node.js starts are UTF-8: the shell makes this one.
  start(t, "/bin/sh", { args: ["-c", `exec ${bin("runsv")} caf*`], cwd: parent });
  assert.equal((await up).want, "up");
  await control(cafe, "down");
  const down = await until(cafe, ({ state }) => state === "down", 10_000);
  assert.equal(down.pid, null);
});
