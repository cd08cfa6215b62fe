// env/ of a service: what run, finish and the control scripts see, and what does not.
// Differs, service-env: all of it.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import * as fs from "node:fs";
import path from "node:path";
import { describe, test } from "node:test";
import { control, until } from "../../src/client/index.ts";
import {
  commandLine,
  deadlineMs,
  eventually,
  serviceDir,
  startRunsv,
  tempDir,
  waitForFile,
} from "../harness.ts";
import { birthOf } from "../record.ts";

const note = (name: string): string => `env >${name}.tmp\nmv ${name}.tmp ${name}.env\n`;
const scripts = {
  "run!": `#!/bin/sh\n${note("run")}exec sleep 600\n`,
  "finish!": `#!/bin/sh\n${note("finish")}`,
  "control/t!": `#!/bin/sh\n${note("t")}exit 1\n`,
  "log/run!": `#!/bin/sh\n${note("log")}exec cat >/dev/null\n`,
};
const given = { GREETING: "hello", KEPT: "as it was", GONE: "soon" };

async function variables(dir: string, name: string): Promise<string[]> {
  const text = await waitForFile(path.join(dir, `${name}.env`));
  return text
    .split("\n")
    .filter((line) => /^(GREETING|KEPT|GONE|NEW|\.HIDDEN)=/.test(line))
    .sort();
}

describe("env/", { concurrency: 4 }, () => {
  test("is in the environment of run, finish and scripts, not the logger's", async (t) => {
    const files = { "env/GREETING": "good morning \nworld\n", "env/NEW": "1", "env/GONE": "" };
    const more = { "env/.HIDDEN": "x", "env/dir/": "" };
    const dir = serviceDir(tempDir(t), "web", { ...scripts, ...files, ...more });
    const runsv = startRunsv(t, dir, { env: given });
    const { pid } = await until(dir, ({ state }) => state === "run", deadlineMs);
    await waitForFile(path.join(dir, "run.env"));
    const birth = fs.readFileSync(path.join(dir, "supervise/run.birth"), "latin1");
    assert.equal(birth.trim(), birthOf(pid ?? 0).trim(), "the same process, with its record");
    await control(dir, "term");
    for (const name of ["run", "t", "finish"]) {
      const seen = ["GREETING=good morning", "KEPT=as it was", "NEW=1"];
      assert.deepEqual(await variables(dir, name), seen, name);
    }
    const own = ["GONE=soon", "GREETING=hello", "KEPT=as it was"];
    assert.deepEqual(await variables(path.join(dir, "log"), "log"), own);
    assert.equal(runsv.stderr.text(), "");
  });

  test("it is read at each start", async (t) => {
    const dir = serviceDir(tempDir(t), "web", { ...scripts, "env/NEW": "1" });
    startRunsv(t, dir);
    assert.deepEqual(await variables(dir, "run"), ["NEW=1"]);
    fs.rmSync(path.join(dir, "run.env"));
    fs.writeFileSync(path.join(dir, "env/NEW"), "2");
    await control(dir, "term");
    assert.deepEqual(await variables(dir, "run"), ["NEW=2"]);
  });

  for (const [what, make] of [
    ["there is none", "true"],
    ["it is a file", "echo X=1 >env"],
    ["it is a FIFO", "mkfifo env"],
    ["it is empty", "mkdir env"],
    ["there is a FIFO without a value in it", "mkdir env; mkfifo env/NEW"],
  ] as const) {
    test(`${what}: the environment is ours`, async (t) => {
      const dir = serviceDir(tempDir(t), "web", scripts);
      assert.equal(spawnSync("sh", ["-c", make], { cwd: dir }).status, 0);
      const runsv = startRunsv(t, dir, { env: given });
      const own = ["GONE=soon", "GREETING=hello", "KEPT=as it was"];
      assert.deepEqual(await variables(dir, "run"), own);
      const { pid } = await until(dir, ({ state }) => state === "run", deadlineMs);
      await eventually("./run is sleep", () => commandLine(pid ?? 0) === "sleep 600");
      assert.equal(runsv.stderr.text(), "");
    });
  }

  for (const [what, make, why] of [
    ["cannot be read", "ln -s NEW env/NEW", "unable to read env: symbolic link loop"],
    ["is too long", "truncate -s 1M env/NEW", "unable to start ./run: argument list too long"],
  ] as const) {
    test(`a variable that ${what}: it is not started without, and runsv says why`, async (t) => {
      const dir = serviceDir(tempDir(t), "web", { ...scripts, "env/": "" });
      assert.equal(spawnSync("sh", ["-c", make], { cwd: dir }).status, 0);
      if (make.startsWith("truncate")) fs.writeFileSync(path.join(dir, "env/NEW"), "x".repeat(2e5));
      const runsv = startRunsv(t, "web", { cwd: path.dirname(dir), endSignal: "SIGKILL" });
      await runsv.stderr.waitFor(/./);
      assert.equal(runsv.stderr.lines()[0], `runsv web: fatal: ${why}`);
      assert.ok(!fs.existsSync(path.join(dir, "run.env")));
    });
  }
});
