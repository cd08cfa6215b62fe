// runsvdir as process 1, the ENTRYPOINT of an image: how it ends, whoever holds it up.
// Differs, runsvdir-pid1: what the scenarios beside runit do not show.
import assert from "node:assert/strict";
import * as fs from "node:fs";
import path from "node:path";
import { describe, type TestContext, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { execaSync } from "execa";
import { control, until } from "../../src/client/index.ts";
import { restContainerSeconds } from "../../src/core/limits.ts";
import { bin, deadlineMs, root, serviceDir, tempDir, waitForFile } from "../harness.ts";
import { inNamespaces, type Namespace, startNamespace, worldOf } from "../namespace.ts";
import { waitForRecord } from "../record.ts";
import { openTerminal } from "../terminal.ts";
import { isUp, runsvOf } from "../tree.ts";

const orphansCount = 20_000;
const forever = "#!/bin/sh\nexec sleep 600\n";
/** Ends by nothing but KILL. */
const deaf = "#!/bin/sh\ntrap 'echo TERM >>record' TERM\n: >ready\nwhile :; do sleep 0.02; done\n";
/** Takes its time to end, and says so. */
const slow = `#!/bin/sh
trap 'echo TERM >>record; sleep 0.3; echo gone >>record; exit' TERM
: >ready
while :; do sleep 0.02; done
`;

async function startFirst(
  t: TestContext,
  services: Record<string, Record<string, string>>,
): Promise<Namespace> {
  const pid1 = ["runsvdir", "-P", "/etc/service"];
  const inside = await startNamespace(t, { pid1, runit: {}, services });
  for (const name of Object.keys(services)) await isUp(inside.service(name));
  return inside;
}

async function isReady(inside: Namespace, name: string): Promise<void> {
  await waitForFile(path.join(inside.service(name), "ready"));
}

function logOf(inside: Namespace, name: string): string[] {
  const file = path.join(inside.service(name), "log/main/current");
  return fs
    .readFileSync(file, "latin1")
    .split("\n")
    .map((line) => line.slice(26));
}

describe("runsvdir as process 1", { concurrency: 2, ...inNamespaces }, () => {
  for (const signal of ["SIGTERM", "SIGINT"] as const) {
    test(`${signal}: all services and loggers end, and are waited for: 0`, async (t) => {
      const inside = await startFirst(t, {
        slow: { "run!": slow, "log/main/": "" },
        paused: { "run!": forever },
        quick: { "run!": forever },
      });
      await isReady(inside, "slow");
      await control(inside.service("paused"), "pause");
      await until(inside.service("paused"), ({ paused }) => paused, deadlineMs);
      inside.signal(signal);
      assert.equal((await inside.waitForExit()).code, 0);
      await waitForRecord(inside.service("slow"), (lines) => lines.join() === "TERM,gone");
      assert.equal(inside.stderr.text(), "");
    });
  }

  test("TERM and INT again change nothing", async (t) => {
    const inside = await startFirst(t, { deaf: { "run!": deaf, "log/main/": "" } });
    await isReady(inside, "deaf");
    inside.signal("SIGTERM");
    await waitForRecord(inside.service("deaf"), (lines) => lines.includes("TERM"));
    for (const signal of ["SIGTERM", "SIGINT"] as const) {
      inside.signal(signal);
      await sleep(300);
      await isUp(inside.service("deaf")); // it is waited for
    }
    await control(inside.service("deaf"), "kill");
    assert.equal((await inside.waitForExit()).code, 0);
  });

  test("Ctrl-C typed twice ends what does not", async (t) => {
    const directory = tempDir(t);
    const dir = serviceDir(directory, "deaf", { "run!": deaf });
    const runsvdir = [bin("runsvdir"), "-P", directory];
    const terminal = openTerminal(t, ...worldOf(t, runsvdir));
    await waitForFile(path.join(dir, "ready"));
    terminal.type("\x03");
    await waitForRecord(dir, (lines) => lines.includes("TERM"));
    await sleep(300);
    await isUp(dir); // it is waited for
    terminal.type("\x03");
    assert.equal(await terminal.waitForExit(), 0);
  });

  test("a logger that was taken over is left to write what it has", async (t) => {
    const wait = "while [ ! -e go ]; do sleep 0.02; done";
    const log = `#!/bin/sh\n${wait}\nwhile read -r n; do sleep 0.05; echo $n >>lines; done\n`;
    const run = "#!/bin/sh\nseq 20\nsleep 600 &\n: >ready\nexec sleep 600\n";
    const inside = await startFirst(t, { web: { "run!": run, "log/run!": log } });
    await isReady(inside, "web");
    const runsv = await runsvOf(inside, "web");
    process.kill(runsv, "SIGKILL");
    await runsvOf(inside, "web", runsv);
    await until(inside.service("web"), ({ supervised }) => supervised, deadlineMs);
    fs.writeFileSync(path.join(inside.service("web"), "log/go"), "");
    inside.signal("SIGTERM");
    assert.equal((await inside.waitForExit()).code, 0);
    const lines = fs.readFileSync(path.join(inside.service("web"), "log/lines"), "latin1");
    assert.equal(lines.split("\n").length - 1, 20);
  });

  test("timeout-kill bounds the wait for a service", async (t) => {
    const inside = await startFirst(t, { deaf: { "run!": deaf, "timeout-kill": "100" } });
    await isReady(inside, "deaf");
    inside.signal("SIGTERM");
    assert.equal((await inside.waitForExit()).code, 0);
  });

  test("a child that holds the log pipe gets TERM, and its last words are logged", async (t) => {
    const child =
      "#!/bin/sh\ntrap 'echo last words; exit' TERM\n: >ready\nwhile :; do sleep 0.02; done\n";
    const run = "#!/bin/sh\n./child &\nexec sleep 600\n";
    const files = { "run!": run, "child!": child, "log/main/": "" };
    const inside = await startFirst(t, { web: files });
    await isReady(inside, "web");
    const began = performance.now();
    inside.signal("SIGTERM");
    assert.equal((await inside.waitForExit()).code, 0);
    assert.ok(performance.now() - began < restContainerSeconds * 1000, "nobody had to be killed");
    assert.deepEqual(logOf(inside, "web"), ["last words", ""]);
  });

  test("what a run in the background has left to its runsv does not hold up the end", async (t) => {
    const run = "#!/bin/sh\ntrap '' TERM\necho start >>record\nsetsid sleep 600 &\nsleep 0.1\n";
    const inside = await startFirst(t, { back: { "run!": run, "log/main/": "" } });
    await inside.stderr.waitFor(/and left \d+ process(es)? behind/);
    const began = performance.now();
    inside.signal("SIGTERM");
    assert.equal((await inside.waitForExit()).code, 0);
    assert.ok(performance.now() - began < restContainerSeconds * 1000 + 5000);
  });

  test("one that ignores TERM is killed after a while, and the log is whole", async (t) => {
    const child = "#!/bin/sh\ntrap '' TERM\necho begun\n: >ready\nexec sleep 600\n";
    const run = "#!/bin/sh\nsetsid ./child &\nexec sleep 600\n";
    const files = { "run!": run, "child!": child, "log/main/": "" };
    const inside = await startFirst(t, { web: files, other: { "run!": slow } });
    await isReady(inside, "web");
    await isReady(inside, "other");
    const began = performance.now();
    inside.signal("SIGTERM");
    assert.equal((await inside.waitForExit()).code, 0);
    assert.ok(performance.now() - began >= restContainerSeconds * 1000);
    assert.deepEqual(logOf(inside, "web"), ["begun", ""]);
    await waitForRecord(inside.service("other"), (lines) => lines.includes("gone"));
  });

  test(`${orphansCount} orphans are reaped`, async (t) => {
    const orphans = path.join(tempDir(t), "orphans");
    execaSync("cc", ["-O2", "-o", orphans, path.join(root, "test/fixtures/orphans.c")]);
    const inside = await startFirst(t, {});
    const { code, stdout } = await inside.run(orphans, `${orphansCount}`); // waits for the last one
    assert.equal(code, 0);
    t.diagnostic(stdout.trim().replace("\n", ", "));
    const states = await inside.run("ps", "-eo", "stat=");
    assert.ok(!states.stdout.includes("Z"), states.stdout);
  });
});
