// svlogd under a clock that is set an hour back and forth.
import assert from "node:assert/strict";
import * as fs from "node:fs";
import { test } from "node:test";
import { eventually } from "../harness.ts";
import { makeLog, oldFiles, read, startFaulty } from "../svlogd.ts";

// Differs, label-order: runit names them by the clock.
test("old files keep their order, and the oldest go, whatever the clock says", async (t) => {
  const log = makeLog(t, "s10\nn4\nt3600\n");
  const { writer, fault, unfault } = startFaulty(t, log, ["-l", "10"]);
  let count = 0;
  const rotate = async (times: number): Promise<void> => {
    for (let i = 0; i < times; i++) {
      const line = `${count++}\n`;
      fs.writeSync(writer, line);
      await eventually(line, () => {
        const last = oldFiles(log).at(-1);
        return last !== undefined && read(log, last) === line;
      });
    }
  };
  await rotate(2);
  fault("clock-back");
  await rotate(5);
  unfault("clock-back");
  fault("clock-forth");
  await rotate(5);
  unfault("clock-forth");
  await rotate(5);
  const texts = oldFiles(log).map((name) => read(log, name));
  assert.deepEqual(texts, ["13\n", "14\n", "15\n", "16\n"]);
});
