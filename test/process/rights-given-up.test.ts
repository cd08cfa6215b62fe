// What is already so needs no right: chpst -u as that very user, and the built-in logger of another
// user's log/main where nobody can become that user.
import assert from "node:assert/strict";
import * as fs from "node:fs";
import path from "node:path";
import { type TestContext, test } from "node:test";
import { bin, run, serviceDir, start, tempDir, waitForFile } from "../harness.ts";

const isRoot = process.geteuid?.() === 0;
const asRoot = { skip: !isRoot && "wants root" };
const setpriv = "/usr/bin/setpriv";
const user = ["--reuid", "12345", "--regid", "23456"];
const without = ["--bounding-set", "-all", "--inh-caps", "-all"];
const identity = ":12345:23456";

// Differs, same-user: runit's fails in setgroups.
test("chpst -u as that very user needs no right", asRoot, async (t) => {
  const args = ["-u", identity, "/usr/bin/id", "-G"];
  for (const groups of [["--clear-groups"], ["--groups", "23456"]]) {
    const { code, stdout, stderr } = await run(t, setpriv, [
      ...[...user, ...groups, bin("chpst")],
      ...args,
    ]);
    assert.deepEqual([code, stdout, stderr], [0, "23456\n", ""]);
  }
});

test(
  "chpst -u gives up a group that is not asked for, or says which call failed",
  asRoot,
  async (t) => {
    for (const [wanted, call] of [
      [identity, "setgroups"],
      [":12345:23456:1:2", "setgroups"],
      [":12346:23456:1", "setuid"],
      [":12345:23457:1", "setgid"],
    ] as const) {
      const { code, stderr } = await run(t, setpriv, [
        ...[...user, "--groups", "1", bin("chpst"), "-u", wanted, "/bin/true"],
      ]);
      const expected = `chpst: fatal: unable to ${call}: permission denied\n`;
      assert.deepEqual([code, stderr], [111, expected], wanted);
    }
  },
);

/** A service whose log/main belongs to another user, under a root without rights. */
function startService(t: TestContext, mode: number, prepare: (main: string) => void = () => {}) {
  const scan = tempDir(t);
  fs.chmodSync(scan, 0o755);
  const script = "#!/bin/sh\necho hello\nexec sleep 600\n";
  const dir = serviceDir(scan, "web", { "run!": script, "log/main/": "" });
  const main = path.join(dir, "log/main");
  fs.chownSync(main, 12345, 23456);
  fs.chmodSync(main, mode);
  prepare(main);
  const runsv = start(t, setpriv, {
    args: ["--clear-groups", ...without, bin("runsv"), dir],
    cwd: scan,
  });
  return { main, runsv };
}

// Differs, log-main-owner: runit has no such logger.
test("a root that cannot become the owner of log/main writes it as itself", asRoot, async (t) => {
  const { main, runsv } = startService(t, 0o777, (directory) => {
    fs.writeFileSync(path.join(directory, "config"), "s3000\n!touch evil\n");
    fs.chownSync(path.join(directory, "config"), 12345, 23456);
    fs.writeFileSync(path.join(directory, "@400000006000000000000000.u"), "old\n");
  });
  await waitForFile(path.join(main, "current"), (all) => all.endsWith(" hello\n"));
  assert.equal(fs.statSync(path.join(main, "current")).uid, 0);
  const said = /^runsv .*web: warning: unable to become the owner of log\/main \(setgid\): /;
  await runsv.stderr.waitFor(said);
  assert.equal(runsv.stderr.lines().filter((line) => said.test(line)).length, 1);
  assert.ok(!fs.existsSync(path.join(main, "evil")));
});

test("neither links nor commands of that owner are followed", asRoot, async (t) => {
  const { main, runsv } = startService(t, 0o777, (directory) => {
    fs.writeFileSync(path.join(directory, "../target"), "mine\n", { mode: 0o744 });
    fs.symlinkSync("../target", path.join(directory, "current"));
  });
  await runsv.stderr.waitFor(/^svlogd: pausing: unable to open current: main: /);
  assert.equal(fs.readFileSync(path.join(main, "../target"), "latin1"), "mine\n");
});

test("a config of that owner that is a link is not read", asRoot, async (t) => {
  const { main, runsv } = startService(t, 0o777, (directory) => {
    fs.writeFileSync(path.join(directory, "../secret"), "-*\n");
    fs.symlinkSync("../secret", path.join(directory, "config"));
  });
  await waitForFile(path.join(main, "current"), (all) => all.endsWith(" hello\n"));
  await runsv.stderr.waitFor(/^svlogd: warning: unable to read config: main: not a regular file$/);
});

test("a root that can do neither says which call failed", asRoot, async (t) => {
  const { runsv } = startService(t, 0o755);
  await runsv.stderr.waitFor(
    /unable to start the built-in logger: unable to become the owner of log\/main \(setgid\): /,
  );
});
