// down-signal: what is sent in the place of TERM, and what is no signal.
// Differs, down-signal: all of it.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import * as fs from "node:fs";
import path from "node:path";
import { describe, test } from "node:test";
import { control, until } from "../../src/client/index.ts";
import { deadlineMs, serviceDir, startRunsv, tempDir } from "../harness.ts";

const forever = "#!/bin/sh\nexec sleep 600\n";

function lastEnd(dir: string): string {
  const [code, status] = fs.readFileSync(path.join(dir, "supervise/exit"), "latin1").split(" ");
  return `${code} ${status}`;
}

describe("down-signal", { concurrency: 4 }, () => {
  for (const [text, number] of [
    ["INT\n", 2],
    ["SIGHUP", 1],
    ["12\n", 12],
    ["  USR1 \n", 10],
    ["RTMIN+3\n", 37],
    ["KILL\n", 9],
  ] as const) {
    test(`${JSON.stringify(text)} is signal ${number}`, async (t) => {
      const files = { "run!": forever, "down-signal": text };
      const dir = serviceDir(tempDir(t), "web", files);
      startRunsv(t, dir);
      await until(dir, ({ state }) => state === "run", deadlineMs);
      await control(dir, "down");
      await until(dir, ({ state }) => state === "down", deadlineMs);
      assert.equal(lastEnd(dir), `-1 ${number}`);
    });
  }

  for (const verb of ["term", "exit"] as const) {
    test(`${verb} sends it, too, and the file is read then`, async (t) => {
      const dir = serviceDir(tempDir(t), "web", { "run!": forever });
      startRunsv(t, dir);
      const { pid } = await until(dir, ({ state }) => state === "run", deadlineMs);
      fs.writeFileSync(path.join(dir, "down-signal"), "QUIT");
      await control(dir, verb);
      await until(dir, (now) => now.pid !== pid, deadlineMs);
      assert.equal(Number(lastEnd(dir).split(" ")[1]) & 0x7f, 3); // a core may be dumped
    });
  }

  test("every other letter sends what it sent, and a logger gets TERM", async (t) => {
    const files = {
      ...{ "run!": forever, "down-signal": "INT", "log/down-signal": "INT" },
      "log/run!": forever,
    };
    const dir = serviceDir(tempDir(t), "web", files);
    startRunsv(t, dir, { endSignal: "SIGKILL" });
    for (const [unit, verb, number] of [
      [dir, "hup", 1],
      [path.join(dir, "log"), "term", 15],
    ] as const) {
      const { pid } = await until(unit, ({ state }) => state === "run", deadlineMs);
      await control(unit, verb);
      await until(unit, (now) => now.pid !== pid, deadlineMs);
      assert.equal(lastEnd(unit), `-1 ${number}`);
    }
  });

  for (const [what, make, complaint] of [
    ["a FIFO", "mkfifo", "unable to use down-signal, sending TERM: no signal"],
    ["a directory", "mkdir", "unable to read down-signal: is a directory"],
    ["a huge file", "truncate -s 1G", "unable to use down-signal, sending TERM: no signal"],
    ["empty", "touch", "unable to use down-signal, sending TERM: no signal"],
    ["0", "echo 0 >", "unable to use down-signal, sending TERM: no signal"],
    ["65", "echo 65 >", "unable to use down-signal, sending TERM: no signal"],
    ["a word", "echo please >", "unable to use down-signal, sending TERM: no signal"],
  ] as const) {
    test(`${what}: said, and TERM is sent`, async (t) => {
      const dir = serviceDir(tempDir(t), "web", { "run!": forever });
      assert.equal(spawnSync("sh", ["-c", `${make} down-signal`], { cwd: dir }).status, 0);
      const runsv = startRunsv(t, "web", { cwd: path.dirname(dir) });
      await until(dir, ({ state }) => state === "run", deadlineMs);
      await control(dir, "down");
      await until(dir, ({ state }) => state === "down", deadlineMs);
      assert.equal(lastEnd(dir), "-1 15");
      await runsv.stderr.waitFor(/./);
      assert.deepEqual(runsv.stderr.lines(), [`runsv web: warning: ${complaint}`]);
    });
  }
});
