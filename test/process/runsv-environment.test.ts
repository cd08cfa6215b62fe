// What ./run, ./finish, control/t and log/run find when they start.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import * as fs from "node:fs";
import path from "node:path";
import { describe, type TestContext, test } from "node:test";
import { control, until } from "../../src/client/index.ts";
import { bin, serviceDir, start, tempDir, waitForFile } from "../harness.ts";

/** Writes down everything about itself, as FILE.*. */
function inspect(file: string): string {
  return `#!/bin/sh
ls -l /proc/self/fd >${file}.fds
ends=$(readlink /proc/$$/fd/0 /proc/$$/fd/1)
echo "$ends" >${file}.ends
cat /proc/self/status >${file}.signals
tr '\\0' '\\n' </proc/$$/cmdline >${file}.argv
tr '\\0' '\\n' </proc/$$/environ >${file}.env
pwd >${file}.cwd
cut -d ' ' -f 5,6 /proc/$$/stat >${file}.session
umask >${file}.umask
mv ${file}.umask ${file}.done
`;
}

const scripts = {
  "run!": `${inspect("run")}exec sleep 600\n`,
  "finish!": inspect("finish"),
  "control/t!": `${inspect("t")}exit 1\n`,
};

function text(dir: string, name: string): string {
  return fs.readFileSync(path.join(dir, name), "latin1");
}

/** The descriptors that a child of the script has: those of the script, and of itself. */
function fdsOf(dir: string, file: string): string {
  return text(dir, `${file}.fds`).replace(/.* (\d+ -> )(?:.*\.fds|\/proc\/\d+\/fd$)?/gm, "$1");
}

/** Starts it through a shell that prepares what is handed on. */
async function live(t: TestContext, prepare: string, files: Record<string, string> = {}) {
  const dir = serviceDir(tempDir(t), "web", { ...scripts, ...files });
  const args = ["-c", `${prepare}\nexec "$0" "$1"`, bin("runsv"), dir];
  start(t, "/bin/sh", { args, env: { GREETING: "caf\u00e9 =\n1" } });
  await waitForFile(path.join(dir, "run.done"));
  await until(dir, ({ state }) => state === "run", 10_000);
  await control(dir, "down");
  await waitForFile(path.join(dir, "finish.done"));
  await until(dir, ({ state }) => state === "down", 10_000);
  return dir;
}

const files = ["run", "finish", "t"] as const;

describe("environment", { concurrency: true }, () => {
  for (const [what, prepare] of [
    ["none", ""],
    ["one that was left open", "exec 7</dev/null"],
  ] as const) {
    test(`the descriptors that runsv was given, no others: ${what}`, async (t) => {
      const dir = await live(t, `${prepare}\nls -l /proc/self/fd >"$1"/runsv.fds`);
      for (const file of files) assert.equal(fdsOf(dir, file), fdsOf(dir, "runsv"), file);
      assert.equal(fdsOf(dir, "run").includes("\n7 ->"), what !== "none");
    });
  }

  test("with a logger, too: stdout is its pipe", async (t) => {
    const log = { "log/run!": `${inspect("run")}exec cat >/dev/null\n` };
    const dir = await live(t, 'ls -l /proc/self/fd >"$1"/runsv.fds', log);
    await waitForFile(path.join(dir, "log/run.done"));
    const [input] = text(dir, "log/run.ends").split("\n");
    assert.match(input ?? "", /^pipe:/);
    for (const file of files) {
      assert.equal(text(dir, `${file}.ends`).split("\n")[1], input, file);
      assert.equal(fdsOf(dir, file), fdsOf(dir, "runsv"), file);
    }
    const without0 = (fds: string): string => fds.replace(/^0 -> .*$/m, "");
    assert.equal(without0(fdsOf(path.join(dir, "log"), "run")), without0(fdsOf(dir, "runsv")));
    assert.equal(text(dir, "log/run.cwd"), `${fs.realpathSync(path.join(dir, "log"))}\n`);
    assert.equal(text(dir, "log/run.argv"), "/bin/sh\n./run\n");
  });

  test("arguments, directory, environment and umask", async (t) => {
    const dir = await live(t, "umask 027");
    assert.equal(text(dir, "run.argv"), "/bin/sh\n./run\n");
    assert.equal(text(dir, "t.argv"), "/bin/sh\ncontrol/t\n");
    assert.match(text(dir, "finish.argv"), /^\/bin\/sh\n\.\/finish\n-1\n15\n$/);
    for (const file of files) {
      assert.equal(text(dir, `${file}.cwd`), `${fs.realpathSync(dir)}\n`, file);
      assert.ok(text(dir, `${file}.env`).includes("GREETING=caf\xc3\xa9 =\n1\n"), file);
      assert.equal(text(dir, `${file}.done`), "0027\n", file);
    }
  });

  test("the same session and process group as runsv", async (t) => {
    const dir = await live(t, "cut -d ' ' -f 5,6 /proc/$$/stat >\"$1\"/runsv.session");
    for (const file of files) {
      assert.equal(text(dir, `${file}.session`), text(dir, "runsv.session"), file);
    }
  });

  /** what runsv is started with */
  for (const [what, prepare] of [
    ["nothing", ""],
    ["ignored signals", "trap '' HUP INT QUIT USR1 PIPE TSTP"],
  ] as const) {
    test(`signals as runsv was started with: ${what}`, async (t) => {
      const note = 'cat /proc/self/status >"$1"/own.signals';
      const dir = await live(t, `${prepare}\n${note}`);
      const wanted = new Map(signalLines(text(dir, "own.signals")));
      for (const file of files) {
        const found = new Map(signalLines(text(dir, `${file}.signals`)));
        for (const line of ["SigBlk", "SigIgn", "SigPnd"]) {
          assert.equal(found.get(line), wanted.get(line), `${line} of ${file}`);
        }
      }
    });
  }

  test("TERM and CHLD are neither blocked nor ignored, whatever runsv was given", async (t) => {
    const python = spawnSync("python3", ["-c", ""]).status === 0;
    if (!python) return t.skip("no python3, which can block signals");
    const script = "#!/usr/bin/env -S cat /proc/self/status\n"; // a shell would change the mask
    const dir = serviceDir(tempDir(t), "web", { "run!": script });
    const program = `import os, signal, sys
signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM, signal.SIGCHLD, signal.SIGUSR2])
signal.signal(signal.SIGTERM, signal.SIG_IGN)
signal.signal(signal.SIGCHLD, signal.SIG_IGN)
os.execv(sys.argv[1], sys.argv[1:])`;
    const runsv = start(t, "python3", { args: ["-c", program, bin("runsv"), dir] });
    await runsv.stdout.waitFor(/^SigIgn/);
    const found = new Map(signalLines(runsv.stdout.text()));
    assert.equal(found.get("SigBlk"), (1n << 11n).toString(16).padStart(16, "0")); // USR2
    const ignored = BigInt(`0x${found.get("SigIgn")}`);
    assert.equal(ignored & ((1n << 14n) | (1n << 16n)), 0n);
    runsv.signal("SIGTERM");
    assert.deepEqual(await runsv.waitForExit(), { code: 0, signal: null });
  });
});

function signalLines(status: string): [string, string][] {
  return status.split("\n").map((line) => {
    const [name = "", value = ""] = line.split(":\t");
    return [name, value];
  });
}
