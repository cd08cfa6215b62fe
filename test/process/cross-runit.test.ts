// Debian's sv controls our runsv, and our sv Debian's: nobody can tell the difference.
// Where the oracle is: $TRINIT_ORACLE, or cache/oracle, where scripts/oracle.sh puts it.
import assert from "node:assert/strict";
import * as fs from "node:fs";
import path from "node:path";
import { test } from "node:test";
import { status, until } from "../../src/client/index.ts";
import { bin, eventually, root, run, serviceDir, startRunsv, tempDir } from "../harness.ts";

const oracle = process.env.TRINIT_ORACLE ?? path.join(root, "cache/oracle");
const found = fs.existsSync(path.join(oracle, "usr/bin/sv"));
const skip = found || process.env.CI !== undefined ? false : "type: sh scripts/oracle.sh";

function debian(name: string): string {
  return path.join(oracle, "usr/bin", name);
}

const run600 = "#!/bin/sh\ntrap '' HUP\nexec sleep 600\n";
const plain = { "run!": run600, down: "" };
const logged = { ...plain, "log/run!": "#!/bin/sh\nexec cat >/dev/null\n" };

function masked(text: string): string {
  return text.replace(/pid \d+/g, "pid N").replace(/ \d+s\b/g, " Ns");
}

/** Debian's sv compares whole seconds: in the second of the last start, it takes the old process
 * for the new one. */
async function olderThanASecond(dir: string): Promise<void> {
  await eventually("a start before this second", async () => {
    const { since } = await status(dir);
    return Math.floor(since.getTime() / 1000) < Math.floor(Date.now() / 1000);
  });
}

/** words, what sv says */
const running = "ok: run: web: (pid N) Ns, normally down";
const dialogue = [
  ["-v up", running],
  ["check", running],
  ["restart", running],
  ["try-restart", running],
  ["reload", running],
  ["-v pause", `${running}, paused`],
  ["-v cont", running],
  ["-v once", `${running}, want down`],
  ["-v down", "ok: down: web: Ns"],
  ["start", running],
  ["force-stop", "ok: down: web: Ns"],
  ["-v exit", "ok: web: runsv not running"],
] as const;

for (const [who, sv, runsv] of [
  ["Debian's sv and our runsv", debian("sv"), bin("runsv")],
  ["our sv and Debian's runsv", bin("sv"), debian("runsv")],
  ["our sv and our runsv", bin("sv"), bin("runsv")],
] as const) {
  for (const [what, files] of [
    ["a service", plain],
    ["a service with a logger", logged],
  ] as const) {
    test(`${who}: ${what}`, { skip }, async (t) => {
      const scan = tempDir(t);
      const web = serviceDir(scan, "web", files);
      const env = { SVDIR: scan };
      const supervisor = startRunsv(t, web, { program: runsv });
      await until(web, ({ supervised }) => supervised, 10_000);
      if (files === logged) {
        await until(path.join(web, "log"), ({ state }) => state === "run", 10_000);
      }
      const log = files === logged ? "; run: log: (pid N) Ns" : "";
      const before = await run(t, sv, ["status", "web"], { env });
      assert.equal(masked(before.stdout), `down: web: Ns${log}\n`);
      for (const [words, expected] of dialogue) {
        if (words.endsWith("restart")) await olderThanASecond(web);
        const answer = await run(t, sv, [...words.split(" "), "web"], { env });
        assert.deepEqual(
          { ...answer, stdout: masked(answer.stdout) },
          { code: 0, signal: null, stdout: `${expected}\n`, stderr: "" },
          words,
        );
      }
      assert.deepEqual(await supervisor.waitForExit(), { code: 0, signal: null });
      const after = await run(t, sv, ["status", "web"], { env });
      assert.deepEqual([after.stdout, after.code], ["fail: web: runsv not running\n", 1]);
    });
  }
}
