// service(5) against what runsv makes: every file in supervise/ is in its table, with its mode,
// and what is in the table is made.
import assert from "node:assert/strict";
import * as fs from "node:fs";
import path from "node:path";
import { test } from "node:test";
import { control, until } from "../../src/client/index.ts";
import { deadlineMs, root, serviceDir, startRunsv, tempDir } from "../harness.ts";

/** Files that are not there at all times: they come with what they tell. */
const sometimes = ["complaint"];

const manual = fs.readFileSync(path.join(root, "src/programs/service.5"), "utf8");

/** The files in supervise/ with their modes, as the table has them; "" is the directory. */
function documented(): Map<string, string> {
  const rows = manual.matchAll(/^\.It Pa supervise\/(\S*) Ta 0(\d+) Ta/gm);
  return new Map([...rows].map(([, name = "", mode = ""]) => [name, mode]));
}

function modesIn(directory: string): Map<string, string> {
  const names = ["", ...fs.readdirSync(directory)];
  const modeOf = (name: string): number => fs.statSync(path.join(directory, name)).mode & 0o7777;
  return new Map(names.map((name) => [name, modeOf(name).toString(8)]));
}

test("the table of service(5) has what runsv makes, and nothing else", async (t) => {
  const dir = serviceDir(tempDir(t), "web", {
    "run!": "#!/bin/sh\nexec sleep 600\n",
    "finish!": "#!/bin/sh\n",
    "log/run!": "#!/bin/sh\nexec cat\n",
  });
  startRunsv(t, dir);
  for (const unit of [dir, path.join(dir, "log")]) {
    const before = await until(unit, ({ state }) => state === "run", deadlineMs);
    await control(unit, "term");
    await until(unit, ({ state, pid }) => state === "run" && pid !== before.pid, deadlineMs);
  }
  const table = documented();
  for (const [unit, never] of [
    [dir, []],
    [path.join(dir, "log"), ["finish.birth"]],
  ] as const) {
    const made = modesIn(path.join(unit, "supervise"));
    for (const [name, mode] of made) assert.equal(mode, table.get(name), `supervise/${name}`);
    const missing = [...table.keys()].filter((name) => !made.has(name));
    assert.deepEqual(
      missing.filter((name) => !sometimes.includes(name)),
      never,
    );
  }
});

test("the table names every file that people write, each once", () => {
  const files = [...manual.matchAll(/^\.It Pa (\S+)(?: Ns Ar X)? Ta/gm)].map(([, name]) => name);
  assert.deepEqual(
    files.filter((name) => !name?.startsWith("supervise/")),
    [
      "run",
      "finish",
      "check",
      "down",
      "last",
      "control/",
      "env/",
      "down-signal",
      "timeout-kill",
      "timeout-finish",
      "essential",
      "log/",
      "log/run",
      "log/down",
      "log/main/",
    ],
  );
  assert.equal(new Set(files).size, files.length);
});
