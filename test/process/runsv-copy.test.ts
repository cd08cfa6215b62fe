// A directory that is copied while its service runs holds records of the original's processes: its
// runsv took them over.
import assert from "node:assert/strict";
import * as fs from "node:fs";
import { test } from "node:test";
import { until } from "../../src/client/index.ts";
import { deadlineMs, isAlive, run, serviceDir, startRunsv, tempDir } from "../harness.ts";

async function pidsOf(dir: string): Promise<number[]> {
  const found = [];
  for (const unit of [dir, `${dir}/log`]) {
    const { pid } = await until(unit, ({ state }) => state === "run", deadlineMs);
    found.push(pid ?? 0);
  }
  return found;
}

for (const option of ["-r", "-a"]) {
  test(`the copy of a running service (cp ${option}) has processes of its own`, async (t) => {
    const dir = tempDir(t);
    const web = serviceDir(dir, "web", { "run!": "#!/bin/sh\nexec sleep 600\n", "log/main/": "" });
    startRunsv(t, web);
    const originals = await pidsOf(web);
    const copy = `${dir}/copy`;
    assert.equal((await run(t, "cp", [option, web, copy])).code, 0);
    for (const unit of [copy, `${copy}/log`]) fs.rmSync(`${unit}/supervise/status`); // another's
    const second = startRunsv(t, copy);
    for (const pid of await pidsOf(copy)) assert.ok(!originals.includes(pid));
    second.signal("SIGTERM");
    await second.waitForExit();
    assert.ok(originals.every((pid) => isAlive(pid)));
  });
}
