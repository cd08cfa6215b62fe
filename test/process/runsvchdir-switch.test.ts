// runsvchdir beside Debian's, each in a mount namespace with an /etc/runit of its own, and where
// it is told to work elsewhere; and that `current` is there at every moment.
// Where the oracle is: $TRINIT_ORACLE, or cache/oracle, where scripts/oracle.sh puts it.
import assert from "node:assert/strict";
import * as fs from "node:fs";
import path from "node:path";
import { type TestContext, test } from "node:test";
import { bin, root, run, startRunsvdir, tempDir } from "../harness.ts";
import { isUp, sleeper } from "../tree.ts";

const oracle = process.env.TRINIT_ORACLE ?? path.join(root, "cache/oracle");
const debian = path.join(oracle, "usr/sbin/runsvchdir");
const inCi = process.env.CI !== undefined;
const isAble = process.getuid?.() === 0 && fs.existsSync("/usr/bin/unshare");
const isThere = fs.existsSync(debian);
const skip = (isAble && isThere) || inCi ? false : "needs root, unshare and scripts/oracle.sh";

/** Two directories, and `current` leads to the first one. */
function newHome(t: TestContext): string {
  const home = tempDir(t);
  for (const name of ["default", "single", ".dot"]) fs.mkdirSync(path.join(home, name));
  fs.symlinkSync("default", path.join(home, "current"));
  return home;
}

/** [what is made first, the calls] */
const scenarios: readonly (readonly [string, readonly string[]])[] = [
  ["", [""]],
  ["", ["single", "single", "default extra", "default"]],
  ["", [".dot", "..", "./single", "nosuch", "''", "/etc/nosuch"]],
  ["", ["$PWD/single", "single/", "default/../single", "current"]],
  ["ln -s nowhere dangling", ["dangling"]],
  ["rm current", ["default"]],
  ["rm current; ln -s nowhere current", ["default"]],
  ["rm current; mkdir current", ["single"]],
  ["rm current; touch current", ["single"]],
  ["mkdir previous", ["single"]],
  ["touch previous", ["single", "default"]],
  ["ln -s default previous", ["single", "default"]],
  ["ln -s nowhere current.new", ["single"]],
  ["touch current.new", ["single"]],
  ["mkdir current.new", ["single"]],
  ["cd /; rm -r /etc/runit", ["default"]],
];

for (const [before, calls] of scenarios) {
  test(`as Debian's: ${[before, ...calls].filter(Boolean).join("; ")}`, { skip }, async (t) => {
    const lines = calls.map((call) => `"$0" ${call}; echo "= $?"; ls -l | sed 's/.*:.. //'`);
    const script = `mount -t tmpfs t /etc && mkdir -p /etc/runit/runsvdir || exit 99
cd /etc/runit/runsvdir; mkdir default single .dot; ln -s default current
${before}\n${lines.join("\n")}\n`;
    const [theirs, ours] = await Promise.all(
      [debian, bin("runsvchdir")].map((program) =>
        run(t, "/usr/bin/unshare", ["-m", "/bin/sh", "-c", script, program]),
      ),
    );
    const stderr = ours?.stderr.replaceAll(bin("runsvchdir"), debian);
    assert.deepEqual({ ...ours, stderr }, theirs);
  });
}

test("what is no directory: said with a colon, which runit's lacks", async (t) => {
  const home = newHome(t);
  fs.writeFileSync(path.join(home, "file"), "");
  const { code, stderr } = await run(t, bin("runsvchdir"), ["file"], { env: { RUNSVDIR: home } });
  assert.equal(code, 111);
  assert.equal(stderr, `${bin("runsvchdir")}: fatal: file: not a directory.\n`);
});

test("$RUNSVDIR says where", async (t) => {
  const home = newHome(t);
  const env = { RUNSVDIR: home };
  const { code, stdout } = await run(t, bin("runsvchdir"), ["single"], { env });
  assert.deepEqual([code, stdout], [0, "runsvchdir: single: now current.\n"]);
  assert.equal(fs.readlinkSync(path.join(home, "current")), "single");
  assert.equal(fs.readlinkSync(path.join(home, "previous")), "default");
  const other = await run(t, bin("runsvchdir"), ["single"], { env: { RUNSVDIR: `${home}/no` } });
  const why = `unable to chdir: ${home}/no: file does not exist`;
  assert.deepEqual([other.code, other.stderr], [111, `${bin("runsvchdir")}: fatal: ${why}\n`]);
});

// Differs, chdir-gap: runit renames current away before there is another.
test("killed at any of its calls: current leads to the old one or the new one", async (t) => {
  const home = newHome(t);
  const seen = new Set<string>();
  for (const call of ["unlink", "symlink", "rename"]) {
    for (const which of [1, 2]) {
      const inject = ["-qq", "-o", "/dev/null", "-e", `inject=/^${call}:signal=KILL:when=${which}`];
      const args = [...inject, bin("runsvchdir"), "single"];
      const { signal, code } = await run(t, "strace", args, {
        env: { RUNSVDIR: home, ASAN_OPTIONS: "detect_leaks=0" },
      });
      assert.ok(signal === "SIGKILL" || code === 137, `${call} ${which}: ${signal} ${code}`);
      const current = fs.readlinkSync(path.join(home, "current"));
      seen.add(current);
      fs.rmSync(path.join(home, "current"));
      fs.symlinkSync("default", path.join(home, "current"));
    }
  }
  assert.ok([...seen].every((name) => name === "default" || name === "single"));
  const { stdout } = await run(t, bin("runsvchdir"), ["single"], { env: { RUNSVDIR: home } });
  assert.equal(stdout, "runsvchdir: single: now current.\n");
  assert.deepEqual(fs.readdirSync(home).sort(), [
    ".dot",
    "current",
    "default",
    "previous",
    "single",
  ]);
});

test("runsvdir follows, and never says a word", async (t) => {
  const home = newHome(t);
  const services = tempDir(t);
  const both = sleeper(services, "both");
  for (const name of ["default", "single"]) {
    fs.symlinkSync(both, path.join(home, name, "both"));
    sleeper(path.join(home, name), `only-${name}`);
  }
  const tree = startRunsvdir(t, path.join(home, "current"));
  const { pid } = await isUp(both);
  await isUp(path.join(home, "default/only-default"));
  for (const name of ["single", "default", "single"]) {
    await run(t, bin("runsvchdir"), [name], { env: { RUNSVDIR: home } });
    await isUp(path.join(home, name, `only-${name}`));
  }
  assert.equal((await isUp(both)).pid, pid);
  assert.equal(tree.stderr.text(), "");
});
