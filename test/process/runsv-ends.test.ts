// The ends that nobody has asked for are said, once; and what they have left behind is counted.
// Differs, end-said: all of it.
import assert from "node:assert/strict";
import * as fs from "node:fs";
import path from "node:path";
import { describe, type TestContext, test } from "node:test";
import { control, until } from "../../src/client/index.ts";
import { deadlineMs, kill, type Program, serviceDir, startRunsv, tempDir } from "../harness.ts";

interface Life {
  readonly dir: string;
  readonly runsv: Program;
}

function startWeb(t: TestContext, files: Record<string, string>): Life {
  const dir = serviceDir(tempDir(t), "web", files);
  return { dir, runsv: startRunsv(t, "web", { cwd: path.dirname(dir), endSignal: "SIGKILL" }) };
}

/** Started so often again. */
async function restarted(dir: string, times: number): Promise<void> {
  await until(dir, ({ restarts }) => (restarts ?? 0) >= times, deadlineMs);
}

const forever = "#!/bin/sh\nexec sleep 600\n";
const after = "after \\d+\\.\\d s";

describe("an end that nobody asked for", { concurrency: 4 }, () => {
  for (const [what, script, words] of [
    ["an exit code", "exit 1", `exit 1 ${after}`],
    ["exit 0", "exit 0", `exit 0 ${after}`],
    ["a signal", "ulimit -c 0; kill -SEGV $$", `killed by SIGSEGV ${after}`],
  ] as const) {
    test(`${what}: said once, however often`, async (t) => {
      const { dir, runsv } = startWeb(t, { "run!": `#!/bin/sh\n${script}\n` });
      await restarted(dir, 2);
      assert.equal(runsv.stderr.lines().length, 1, runsv.stderr.text());
      assert.match(runsv.stderr.text(), new RegExp(`^runsv web: warning: ./run: ${words}\n$`));
    });
  }

  test("another outcome is another warning", async (t) => {
    const run = "#!/bin/sh\n[ -e second ] && exit 3\n: >second\nexit 2\n";
    const { runsv } = startWeb(t, { "run!": run });
    await runsv.stderr.waitFor(/exit 2/);
    await runsv.stderr.waitFor(/exit 3/);
  });

  test("of a logger, too", async (t) => {
    const files = { "run!": forever, "log/run!": "#!/bin/sh\nexit 7\n" };
    const { runsv } = startWeb(t, files);
    await runsv.stderr.waitFor(new RegExp(`^runsv web: warning: ./log/run: exit 7 ${after}$`));
  });

  test("that was asked for is not said: d, t, k, x, and what is to run once", async (t) => {
    const { dir, runsv } = startWeb(t, { "run!": forever });
    for (const verb of ["term", "kill"] as const) {
      const { pid } = await until(dir, ({ state }) => state === "run", deadlineMs);
      await control(dir, verb);
      await until(dir, (now) => now.state === "run" && now.pid !== pid, deadlineMs);
    }
    await control(dir, "down");
    await until(dir, ({ state }) => state === "down", deadlineMs);
    fs.writeFileSync(path.join(dir, "run"), "#!/bin/sh\n: >>ran\n");
    await control(dir, "once");
    await until(
      dir,
      ({ state }) => state === "down" && fs.existsSync(path.join(dir, "ran")),
      deadlineMs,
    );
    await control(dir, "exit");
    await runsv.waitForExit();
    assert.equal(runsv.stderr.text(), "");
  });

  test("of what ran once is said where it failed, or was killed", async (t) => {
    const { dir, runsv } = startWeb(t, { "run!": forever, down: "" });
    await until(dir, ({ supervised }) => supervised, deadlineMs);
    await control(dir, "once");
    const { pid } = await until(dir, ({ state }) => state === "run", deadlineMs);
    kill(pid ?? 0, "SIGKILL");
    await runsv.stderr.waitFor(
      new RegExp(`^runsv web: warning: ./run: killed by SIGKILL ${after}$`),
    );
  });

  test("a run in the background: said the second time, with what is left", async (t) => {
    const { dir, runsv } = startWeb(t, { "run!": "#!/bin/sh\nsetsid sleep 600 &\n" });
    const left = `exit 0 ${after}, and left 1 process behind: it has to stay in the foreground`;
    await runsv.stderr.waitFor(new RegExp(`^runsv web: warning: ./run: ${left}$`));
    assert.equal(runsv.stderr.lines().length, 2, "and exit 0, the first time");
    const { restarts } = await until(dir, () => true, deadlineMs);
    await restarted(dir, (restarts ?? 0) + 2);
    assert.equal(runsv.stderr.lines().length, 2, "and not again");
  });
});
