// The log in the process title: what is said on stderr by runsvdir, or by anything below it, is
// shown behind the first five characters of the operand, as Debian's runsvdir shows it.
// Differs, title-dot: a dot every 900 s, which is Debian's alone.
// Where the oracle is: $TRINIT_ORACLE, or cache/oracle, where scripts/oracle.sh puts it.
import assert from "node:assert/strict";
import * as fs from "node:fs";
import path from "node:path";
import { type TestContext, test } from "node:test";
import {
  bin,
  childrenOf,
  commandLine,
  eventually,
  type Program,
  root,
  start,
  tempDir,
} from "../harness.ts";
import { isUp, runsvOf, sleeper } from "../tree.ts";

const oracle = process.env.TRINIT_ORACLE ?? path.join(root, "cache/oracle");
const debian = path.join(oracle, "usr/bin/runsvdir");
const isThere = fs.existsSync(debian) || process.env.CI !== undefined;
const skip = isThere ? false : "type: sh scripts/oracle.sh";
const programs = [debian, bin("runsvdir")];

const log = `log: ${"x".repeat(20)}`;

/** The words of the process title, every byte of it, behind the name of the program. */
function title({ pid }: Program): string {
  const bytes = fs.readFileSync(`/proc/${pid}/cmdline`, "latin1");
  return bytes.slice(bytes.indexOf("\0") + 1);
}

/** Starts a program over a service in SCAN, which is in its own working directory. */
async function startOver(
  t: TestContext,
  program: string,
  args: readonly string[],
): Promise<Program> {
  const cwd = tempDir(t);
  sleeper(cwd, "web");
  fs.mkdirSync(path.join(cwd, "scan"));
  fs.symlinkSync("../web", path.join(cwd, "scan/web"));
  const env = { PATH: `${path.dirname(program)}:${process.env.PATH}` };
  const tree = start(t, program, { args, cwd, env, endSignal: "SIGHUP" });
  await isUp(path.join(cwd, "web"));
  return tree;
}

/** Says it on the stderr that services have. */
async function say(tree: Program, bytes: string): Promise<void> {
  const runsv = await eventually("a runsv", () =>
    childrenOf(tree.pid).find((pid) => commandLine(pid).startsWith("runsv ")),
  );
  fs.writeFileSync(`/proc/${runsv}/fd/2`, Buffer.from(bytes, "latin1"));
}

/** [what is said, the title then] */
const scrolled: readonly (readonly [string, string])[] = [
  ["", `scan\0log: ${"x".repeat(19)}.\0`],
  ["hello\nworld\n", `scan\0log: ${"x".repeat(7)}.hello\nworld\n\0`],
  ["a\0b\0", `scan\0log: xxxxx.hello\nworld\nab\0`],
  ["caf\xc3\xa9\x01\x7f\t", "scan\0log: llo\nworld\nabcaf\xc3\xa9\x01\x7f\t\0"],
  ["0123456789abcdefghijklmnopqrstuvwxyz", "scan\0log: ghijklmnopqrstuvwxyz\0"],
];

for (const program of programs) {
  const whose = program === debian ? "Debian's" : "ours";
  const options = { skip: program === debian && skip };

  test(`${whose}: what is said scrolls, byte by byte`, options, async (t) => {
    const tree = await startOver(t, program, ["scan", log]);
    for (const [bytes, expected] of scrolled) {
      if (bytes !== "") await say(tree, bytes);
      await eventually(expected, () => title(tree) === expected);
    }
    assert.equal(fs.readFileSync(`/proc/${tree.pid}/comm`, "latin1"), "runsvdir\n");
    assert.equal(tree.stderr.text(), "");
  });

  for (const [args, first, then] of [
    [["-P", "scan", "abcdefg"], "-P\0scan\0abcdeg.\0", "-P\0scan\0abcde12\0"],
    [["scan", "abcdefg", "more"], "scan\0abcdeg.\0more\0", "scan\0abcde12\0more\0"],
  ] as const) {
    test(`${whose}: ${args.join(" ")}`, options, async (t) => {
      const tree = await startOver(t, program, args);
      await eventually(first, () => title(tree) === first);
      await say(tree, "12");
      await eventually(then, () => title(tree) === then);
    });
  }

  for (const short of ["", "abcdef"]) {
    test(`${whose}: a log of ${short.length} characters is none`, options, async (t) => {
      const tree = await startOver(t, program, ["scan", short]);
      assert.equal(title(tree), `scan\0${short}\0`);
      const said = ["log must have at least seven characters.", "log service disabled."];
      const lines = said.map((what) => `runsvdir scan: warning: ${what}\n`);
      assert.equal(tree.stderr.text(), lines.join(""));
    });
  }

  test(`${whose}: its own complaints are shown, too`, options, async (t) => {
    const cwd = tempDir(t);
    const args = ["nosuch", `log: ${"x".repeat(80)}`];
    const tree = start(t, program, { args, cwd });
    const said = "runsvdir nosuch: warning: unable to stat nosuch: file does not exist\n";
    await eventually(said, () => title(tree).includes(said));
    assert.equal(title(tree).length, args.join("\0").length + 1);
  });

  test(`${whose}: the stderr of services never blocks`, options, async (t) => {
    const tree = await startOver(t, program, ["scan", log]);
    const runsv = await runsvOf(tree, "web");
    const info = fs.readFileSync(`/proc/${runsv}/fdinfo/2`, "latin1");
    const flags = Number.parseInt(/flags:\s+(\d+)/.exec(info)?.[1] ?? "", 8);
    assert.ok((flags & fs.constants.O_NONBLOCK) !== 0, info);
  });
}

test("the title shows what is said while much is said", async (t) => {
  const tree = await startOver(t, bin("runsvdir"), ["scan", log]);
  for (let i = 0; i < 20; i++) await say(tree, "y".repeat(60_000));
  await say(tree, "z".repeat(10));
  const expected = `scan\0log: ${"y".repeat(10)}${"z".repeat(10)}\0`;
  await eventually(expected, () => title(tree) === expected);
});
