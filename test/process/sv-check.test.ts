// The check script of a service has the last word on start, restart and check.
import assert from "node:assert/strict";
import * as fs from "node:fs";
import path from "node:path";
import { test } from "node:test";
import { until } from "../../src/client/index.ts";
import { bin, run, serviceDir, startRunsv, tempDir, waitForFile } from "../harness.ts";

const forever = "#!/bin/sh\nexec sleep 600\n";

function masked(text: string): string {
  return text.replace(/pid \d+/g, "pid N").replace(/ \d+s\b/g, " Ns");
}

const unable = "warning: unable to run web/check";
/** check, what sv says of it, with what of check, or on stderr, and its exit code */
const answers = [
  ["exits 0", "#!/bin/sh\nexit 0\n", "ok", "", 0],
  ["exits 1", "#!/bin/sh\nexit 1\n", "timeout", "./check exits 1", 1],
  [
    "dies of a signal, which runit takes for yes",
    "#!/bin/sh\nkill -9 $$\n",
    "timeout",
    "./check was ended by signal 9",
    1,
  ],
  [
    "hangs, for which runit waits",
    "#!/bin/sh\nexec sleep 600\n",
    "timeout",
    "./check still runs",
    1,
  ],
  ["writes to its stdout", "#!/bin/sh\necho x && test -c /dev/fd/1\n", "ok", "", 0],
  ["runs in the service directory", "#!/bin/sh\ntest -f ./check -a $# = 0\n", "ok", "", 0],
  ["is no program", "exit 1\n", "ok", "warning: unable to run web/check: exec format error\n", 0],
  [
    "lacks its interpreter",
    "#!/no/such\n",
    "ok",
    `${unable}: its interpreter /no/such does not exist\n`,
    0,
  ],
] as const;

for (const [what, script, outcome, text, code] of answers) {
  test(`a check that ${what}: ${outcome}`, async (t) => {
    const scan = tempDir(t);
    const web = serviceDir(scan, "web", { "run!": forever, "check!": script });
    startRunsv(t, web);
    await until(web, ({ state }) => state === "run", 10_000);
    const answer = await run(t, bin("sv"), ["-w", "0", "start", "web"], { env: { SVDIR: scan } });
    const said = outcome === "timeout" ? `, ${text}` : "";
    assert.deepEqual(
      { ...answer, stdout: masked(answer.stdout) },
      {
        ...{ code, signal: null, stdout: `${outcome}: run: web: (pid N) Ns${said}\n` },
        stderr: outcome === "timeout" ? "" : text,
      },
    );
  });
}

test("a check that may not be executed is not asked", async (t) => {
  const scan = tempDir(t);
  const web = serviceDir(scan, "web", { "run!": forever, check: "exit 1\n" });
  startRunsv(t, web);
  await until(web, ({ state }) => state === "run", 10_000);
  const { stdout, stderr } = await run(t, bin("sv"), ["start", "web"], { env: { SVDIR: scan } });
  assert.equal(masked(stdout), "ok: run: web: (pid N) Ns\n");
  assert.equal(stderr, "warning: unable to run web/check: access denied\n");
});

test("a check that says no is asked again", async (t) => {
  const web = serviceDir(tempDir(t), "web", {
    "run!": forever,
    "check!": "#!/bin/sh\n: >asked\ntest -e ready\n",
  });
  startRunsv(t, web);
  await until(web, ({ state }) => state === "run", 10_000);
  const start = run(t, bin("sv"), ["-w", "60", "start", web]);
  await waitForFile(path.join(web, "asked"));
  fs.writeFileSync(path.join(web, "ready"), "");
  const { code, stdout } = await start;
  assert.equal(code, 0);
  assert.match(stdout, /^ok: run: /);
});
