// A service with a file `essential`, whose end is that of its container: with which code, what
// happens before, and what does not count as its end.
// Differs, essential: all of it.
import assert from "node:assert/strict";
import * as fs from "node:fs";
import path from "node:path";
import { describe, type TestContext, test } from "node:test";
import { control, until } from "../../src/client/index.ts";
import {
  childrenOf,
  commandLine,
  deadlineMs,
  eventually,
  faultsBin,
  kill,
  tempDir,
  waitForFile,
} from "../harness.ts";
import {
  inNamespaces,
  type Namespace,
  type NamespaceOptions,
  startNamespace,
} from "../namespace.ts";
import { waitForRecord } from "../record.ts";
import { isUp, runsvOf } from "../tree.ts";

const first = ["runsvdir", "-P", "/etc/service"];
const essential = { essential: "" };
const forever = "#!/bin/sh\nexec sleep 600\n";
/** Ends in this way once somebody has said so. */
const untilGo = (end: string): string =>
  `#!/bin/sh\necho start >>record\nwhile [ ! -e go ]; do sleep 0.02; done\n${end}\n`;
const go = (dir: string): void => fs.writeFileSync(path.join(dir, "go"), "");

/** It watches a process that is no child of its own. */
function hasPidfd(pid: number): boolean {
  const fds = fs.readdirSync(`/proc/${pid}/fd`);
  return fds.some((fd) => fs.readlinkSync(`/proc/${pid}/fd/${fd}`).includes("pidfd"));
}

type Services = NonNullable<NamespaceOptions["services"]>;

function startTree(
  t: TestContext,
  services: Services,
  options: Partial<NamespaceOptions> = {},
): Promise<Namespace> {
  return startNamespace(t, { pid1: first, runit: {}, services, ...options });
}

/** The essential service `web`, with others, once it runs. */
async function startEssential(
  t: TestContext,
  end: string,
  more: Record<string, string> = {},
  options: Partial<NamespaceOptions> = {},
  others: Services = {},
): Promise<Namespace & { readonly web: string }> {
  const files = { "run!": untilGo(end), ...essential, ...more };
  const inside = await startTree(t, { web: files, ...others }, options);
  await isUp(inside.service("web"));
  return { ...inside, web: inside.service("web") };
}

describe("essential", { concurrency: 2, ...inNamespaces }, () => {
  for (const [end, code] of [
    ["exit 0", 0],
    ["exit 1", 1],
    ["exit 99", 99],
    ["exit 111", 111],
    ["exit 255", 255],
    ["kill -HUP $$", 129],
    ["kill -KILL $$", 137],
    ["kill -TERM $$", 143],
    ["ulimit -c 0; kill -SEGV $$", 139],
  ] as const) {
    test(`${end}: process 1 exits ${code}`, async (t) => {
      const inside = await startEssential(t, end);
      go(inside.web);
      assert.equal((await inside.waitForExit()).code, code);
      const line = `warning: essential service web has ended: exit code ${code}`;
      assert.deepEqual(inside.stderr.lines(), [`runsvdir /etc/service: ${line}`]);
    });
  }

  test("./run that cannot be started ends it with 111", async (t) => {
    const inside = await startTree(t, { web: { ...essential, run: "" } });
    assert.equal((await inside.waitForExit()).code, 111);
  });

  test("its finish runs first, its log is whole, and the others end in good order", async (t) => {
    const trap = "trap 'echo last words; sleep 0.2; echo gone >>record; exit' TERM";
    const db = { "run!": `#!/bin/sh\n${trap}\n: >ready\nwhile :; do sleep 0.02; done\n` };
    const lines = "i=0; while [ $i -lt 500 ]; do i=$((i+1)); echo line $i; done; exit 3";
    const more = { "finish!": "#!/bin/sh\necho finish $*\n", "log/main/": "" };
    const others = { db: { ...db, "log/main/": "" } };
    const inside = await startEssential(t, lines, more, {}, others);
    await waitForFile(path.join(inside.service("db"), "ready"));
    go(inside.web);
    assert.equal((await inside.waitForExit()).code, 3);
    const logOf = (name: string): string[] => {
      const file = path.join(inside.service(name), "log/main/current");
      return fs
        .readFileSync(file, "latin1")
        .split("\n")
        .map((line) => line.slice(26));
    };
    const counted = Array.from({ length: 500 }, (_, at) => `line ${at + 1}`);
    assert.deepEqual(logOf("web"), [...counted, "finish 3 0", ""]);
    assert.deepEqual(logOf("db"), ["last words", ""]);
    await waitForRecord(inside.service("db"), (record) => record.includes("gone"));
  });

  test("not as process 1: runsvdir itself exits with the code, when all are down", async (t) => {
    const pid1 = ["sh", "-c", "runsvdir -P /etc/service; echo $?; kill -0 $(cat /run/db)"];
    const db = { "run!": "#!/bin/sh\necho $$ >/run/db\nexec sleep 600\n" };
    const inside = await startEssential(t, "exit 7", {}, { pid1 }, { db });
    await isUp(inside.service("db"));
    go(inside.web);
    assert.equal((await inside.waitForExit()).code, 1); // kill: there is no such process
    assert.equal(inside.stdout.text(), "7\n");
  });

  test("told down, term, kill or to restart is no end; once is, when it is over", async (t) => {
    const inside = await startEssential(t, "exit 5", { "control/t!": "#!/bin/sh\nexit 1\n" });
    const { web } = inside;
    let { pid } = await isUp(web);
    for (const verbs of [["term"], ["kill"], ["term", "cont", "up"]] as const) {
      for (const verb of verbs) await control(web, verb);
      const next = await until(web, (now) => now.pid !== pid && now.state === "run", deadlineMs);
      pid = next.pid as number;
    }
    await control(web, "down");
    await until(web, ({ state }) => state === "down", deadlineMs);
    await control(web, "once");
    await isUp(web);
    go(web);
    assert.equal((await inside.waitForExit()).code, 5);
  });

  test("taken over from a killed runsv, its code cannot be known: 111", async (t) => {
    const inside = await startEssential(t, "exit 5");
    const runsv = await runsvOf(inside, "web");
    kill(runsv, "SIGKILL");
    await runsvOf(inside, "web", runsv);
    await until(inside.web, ({ supervised }) => supervised, deadlineMs);
    go(inside.web);
    assert.equal((await inside.waitForExit()).code, 111);
  });

  test("what it has left behind with its log pipe holds nobody up", async (t) => {
    const end = "(trap '' TERM; exec sleep 600) &\nexit 6";
    const inside = await startEssential(t, end, { "log/main/": "" });
    go(inside.web);
    assert.equal((await inside.waitForExit()).code, 6);
  });

  test("its runsv is killed while its finish runs: the end, all the same", async (t) => {
    const finish = "#!/bin/sh\n: >finishing\nwhile [ ! -e gone ]; do sleep 0.02; done\n";
    const inside = await startEssential(t, "exit 8", { "finish!": finish });
    const runsv = await runsvOf(inside, "web");
    go(inside.web);
    await waitForFile(path.join(inside.web, "finishing"));
    await until(inside.web, ({ state }) => state === "finish", deadlineMs);
    kill(runsv, "SIGKILL");
    await runsvOf(inside, "web", runsv);
    await until(inside.web, ({ supervised }) => supervised, deadlineMs);
    fs.writeFileSync(path.join(inside.web, "gone"), "");
    assert.equal((await inside.waitForExit()).code, 8);
  });

  test("told down by control/t before its runsv was killed: no end", async (t) => {
    const inside = await startEssential(t, "exit 5", { "control/t!": "#!/bin/sh\n" });
    await control(inside.web, "down");
    const stat = path.join(inside.web, "supervise/stat");
    const told = "run, told to end, want down\n";
    await eventually(told, () => fs.readFileSync(stat, "latin1") === told);
    const runsv = await runsvOf(inside, "web");
    kill(runsv, "SIGKILL");
    await runsvOf(inside, "web", runsv);
    await until(inside.web, ({ supervised }) => supervised, deadlineMs);
    go(inside.web);
    await until(inside.web, ({ state }) => state === "down", deadlineMs);
    fs.rmSync(path.join(inside.web, "go"));
    await control(inside.web, "up");
    await isUp(inside.web);
  });

  test("its runsvdir is killed before it ends: the next one hears of it", async (t) => {
    const pid1 = ["sh", "-c", "for _ in 1 2; do runsvdir -P /etc/service; echo $?; done"];
    const inside = await startEssential(t, "rm go; exit 7", {}, { pid1 });
    const first = await eventually("runsvdir", () => childrenOf(inside.pid)[0]);
    kill(first, "SIGKILL");
    await inside.stdout.waitFor(/^137$/);
    const next = await eventually("the next", () =>
      childrenOf(inside.pid).find(
        (one) => one !== first && commandLine(one).startsWith("runsvdir"),
      ),
    );
    await eventually("it watches it", () => hasPidfd(next));
    go(inside.web);
    assert.equal((await inside.waitForExit()).code, 0);
    assert.equal(inside.stdout.text(), "137\n7\n");
  });

  test("a file for the exit code that nobody reads is no reason to exit 0", async (t) => {
    const prepare = "mkdir -p /run/runit; : >/run/runit/exitcode";
    const trap = "trap 'sleep 0.2; echo gone >>record; exit' TERM";
    const db = { "run!": `#!/bin/sh\n${trap}\n: >ready\nwhile :; do sleep 0.02; done\n` };
    const inside = await startEssential(t, "exit 5", {}, { prepare }, { db });
    await waitForFile(path.join(inside.service("db"), "ready"));
    go(inside.web);
    assert.equal((await inside.waitForExit()).code, 5);
    await waitForRecord(inside.service("db"), (record) => record.includes("gone"));
  });

  test("not as process 1, a signal ends the wait for the others", async (t) => {
    const pid1 = ["sh", "-c", "runsvdir -P /etc/service; echo $?; exec sleep 600"];
    const db = { "run!": "#!/bin/sh\ntrap : TERM\n: >ready\nwhile :; do sleep 0.02; done\n" };
    const inside = await startEssential(t, "exit 7", {}, { pid1 }, { db });
    await waitForFile(path.join(inside.service("db"), "ready"));
    const runsvdir = await eventually("runsvdir", () => childrenOf(inside.pid)[0]);
    go(inside.web);
    await inside.stderr.waitFor(/has ended: exit code 7$/);
    kill(runsvdir, "SIGTERM");
    assert.equal(await inside.stdout.waitFor(/./), "7");
  });

  for (const [what, before, after] of [
    ["is told", "", "5\n"],
    ["keeps what it was told before", "1\n", "1\n"],
  ] as const) {
    test(`an init that wants to know ${what}, and brings down the rest itself`, async (t) => {
      const prepare = `printf '${before}' >/run/code`;
      const env = { TRINIT_EXITCODE: "/run/code" };
      const pid1 = ["sh", "-c", "runsvdir -P /etc/service; echo $?; exec sleep 600"];
      const options = { pid1, prepare, env };
      const others = { db: { "run!": forever } };
      const inside = await startEssential(t, "exit 5", {}, options, others);
      const db = await isUp(inside.service("db"));
      go(inside.web);
      assert.equal(await inside.stdout.waitFor(/./), "0");
      const file = path.join(path.dirname(inside.etc), "run/code");
      assert.equal(fs.readFileSync(file, "latin1"), after);
      assert.equal((await isUp(inside.service("db"))).pid, db.pid);
    });
  }

  test("a fork that fails is no end", async (t) => {
    const faults = tempDir(t);
    fs.writeFileSync(path.join(faults, "spawn"), "");
    const options = { trinit: faultsBin("trinit"), env: { TRINIT_FAULTS: faults } };
    const files = { "run!": untilGo("exit 5"), ...essential };
    const inside = await startTree(t, { web: files }, options);
    await inside.stderr.waitFor(/unable to fork, sleeping/);
    fs.rmSync(path.join(faults, "spawn"));
    await control(inside.service("web"), "up");
    await isUp(inside.service("web"));
    go(inside.service("web"));
    assert.equal((await inside.waitForExit()).code, 5);
  });

  test("on a machine it is a service as any other", async (t) => {
    const faults = tempDir(t);
    fs.writeFileSync(path.join(faults, "machine"), "");
    const options = { trinit: faultsBin("trinit"), env: { TRINIT_FAULTS: faults } };
    const inside = await startEssential(t, "rm go", {}, options);
    go(inside.web);
    await waitForRecord(inside.web, (lines) => lines.length >= 2);
    await eventually("it runs on", () => fs.existsSync(`/proc/${inside.pid}`));
  });
});
