// What runsvdir says, in runit's words where runit has some: once, and in one line each.
// Where the oracle is: $TRINIT_ORACLE, or cache/oracle, where scripts/oracle.sh puts it.
import assert from "node:assert/strict";
import * as fs from "node:fs";
import path from "node:path";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { bin, type Program, root, run, start, startRunsvdir, tempDir } from "../harness.ts";
import { forever, isUp, sleeper } from "../tree.ts";

const oracle = process.env.TRINIT_ORACLE ?? path.join(root, "cache/oracle");
const debian = path.join(oracle, "usr/bin/runsvdir");
const skip = fs.existsSync(debian) ? false : `no ${debian}: sh scripts/oracle.sh`;

/** Directories that something is wrong with. */
const wrong: Readonly<Record<string, (dir: string) => void>> = {
  "an entry that leads nowhere": (dir) => {
    fs.mkdirSync(path.join(dir, "scan"));
    fs.symlinkSync("nothing", path.join(dir, "scan/web"));
  },
  "an entry in a loop": (dir) => {
    fs.mkdirSync(path.join(dir, "scan"));
    fs.symlinkSync("web", path.join(dir, "scan/web"));
  },
  "no directory": () => {},
  "a link to nothing": (dir) => fs.symlinkSync("nothing", path.join(dir, "scan")),
  "a link to itself": (dir) => fs.symlinkSync("scan", path.join(dir, "scan")),
  "a path through a file": (dir) => fs.writeFileSync(path.join(dir, "scan"), ""),
};

/** The distinct lines that a runsvdir says in its first half second. Debian's repeats some without
 * a pause, so it is not read on. */
async function saidBy(program: Program): Promise<string[]> {
  await program.stderr.waitFor(/./);
  const lines = new Set(program.stderr.lines());
  program.signal("SIGKILL");
  return [...lines];
}

for (const [what, make] of Object.entries(wrong)) {
  test(`${what}: said as Debian's runsvdir does`, { skip }, async (t) => {
    const cwd = tempDir(t);
    make(cwd);
    const said: string[][] = [];
    for (const program of [debian, bin("runsvdir")]) {
      const operand = what === "a path through a file" ? "scan/x" : "scan";
      said.push(await saidBy(start(t, program, { args: [operand], cwd })));
    }
    assert.deepEqual(said[1], said[0]);
  });
}

test("a file for a directory: said as Debian's runsvdir does", { skip }, async (t) => {
  const cwd = tempDir(t);
  fs.writeFileSync(path.join(cwd, "scan"), "");
  const [theirs, ours] = [debian, bin("runsvdir")].map((program) =>
    saidBy(start(t, program, { args: ["scan"], cwd })),
  );
  assert.deepEqual(await ours, await theirs);
});

test("a wrong call is usage and exit 1", async (t) => {
  for (const args of [[], ["-P"], ["-x", "dir"], ["-L"]]) {
    const { code, stdout, stderr } = await run(t, bin("runsvdir"), args);
    assert.equal(code, 1, args.join(" "));
    assert.match(
      stderr,
      /^(runsvdir: .* -- [xL]\n)?usage: .*runsvdir \[-P\] \[-L file\] \[-o format\] dir\n/,
    );
    assert.equal(stdout, "");
  }
});

test("a complaint that stands is not repeated by the next scans", async (t) => {
  const scan = tempDir(t);
  fs.symlinkSync("nothing", path.join(scan, "web"));
  const tree = startRunsvdir(t, scan);
  await tree.stderr.waitFor(/unable to stat web/);
  for (const name of ["a", "b", "c"]) {
    await isUp(sleeper(scan, name));
    fs.utimesSync(scan, new Date(), new Date());
  }
  await sleep(5500); // what cannot be resolved is looked at every 5 seconds
  assert.equal(tree.stderr.lines().length, 1, tree.stderr.text());
});

test("a closed stderr and a reader that has gone end nothing", async (t) => {
  const dir = tempDir(t);
  for (const redirection of ["2>&-", "2>/dev/full", "2>&1 | :"]) {
    const scan = fs.mkdtempSync(path.join(dir, "scan-"));
    fs.symlinkSync("nothing", path.join(scan, "a"));
    fs.mkdirSync(path.join(scan, "web"));
    fs.writeFileSync(path.join(scan, "web/run"), forever, { mode: 0o755 });
    const script = `"$1" "$2" ${redirection} & wait`;
    start(t, "/bin/sh", { args: ["-c", script, "sh", bin("runsvdir"), scan] });
    await isUp(path.join(scan, "web"));
    fs.symlinkSync("nothing", path.join(scan, "b"));
    await isUp(sleeper(scan, "later"));
  }
});
