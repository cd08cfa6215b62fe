// log() understands what any of the loggers writes: trinit's, and Debian's where that is there.
import assert from "node:assert/strict";
import * as fs from "node:fs";
import path from "node:path";
import { type TestContext, test } from "node:test";
import { type LogLine, log } from "../../src/client/index.ts";
import { bin, root, run, tempDir } from "../harness.ts";

const oracle = process.env.TRINIT_ORACLE ?? path.join(root, "cache/oracle");
const debian = path.join(oracle, "usr/bin");

/** What a log directory holds, to its end. */
async function linesIn(directory: string): Promise<LogLine[]> {
  const lines: LogLine[] = [];
  const signal = AbortSignal.abort();
  for await (const line of log(directory, { directory: ".", signal })) lines.push(line);
  return lines;
}

async function write(t: TestContext, program: string, args: readonly string[], input: string) {
  const directory = tempDir(t);
  const { code, stderr } = await run(t, program, [...args, directory], { input });
  assert.equal(code, 0, stderr);
  return directory;
}

for (const [program, args] of [
  [bin("svlogd"), ["-t"]],
  [bin("svlogd"), ["-tt"]],
  [bin("svlogd"), ["-ttt"]],
  [path.join(debian, "svlogd"), ["-t"]],
  [path.join(debian, "svlogd"), ["-tt"]],
  [path.join(debian, "multilog"), ["t"]],
] as const) {
  const name = `${program.startsWith(debian) ? "Debian's " : ""}${path.basename(program)} ${args}`;
  const skip = !fs.existsSync(program) && "type: sh scripts/oracle.sh";
  test(`the stamps of ${name} are dates`, { skip }, async (t) => {
    const before = Date.now();
    const [first, second, ...rest] = await linesIn(await write(t, program, args, "one\n two\n"));
    assert.deepEqual([first?.text, second?.text, rest], ["one", " two", []]);
    for (const line of [first, second]) {
      const time = line?.stamp?.getTime() ?? Number.NaN;
      assert.ok(time >= before - 1 && time <= Date.now() + 1, `${line?.stamp}`);
    }
  });
}

test("a line without a stamp is its text, whatever it begins with", async (t) => {
  const texts = [
    "plain",
    "",
    "@400000006553f100 too short",
    "@400000006553f10012345678no space",
    "@c00000006553f10012345678 not a label",
    "2026-13-01_00:00:00.00000 no month",
    "gr\u00fc\u00df dich",
  ];
  const input = Buffer.from(`${texts.join("\n")}\n`).toString("latin1");
  const found = await linesIn(await write(t, bin("svlogd"), [], input));
  assert.deepEqual(
    found,
    texts.map((text) => ({ stamp: null, text })),
  );
});

test("a label is 2^62 + 10 + seconds, and knows no leap seconds", async (t) => {
  const directory = tempDir(t);
  const known = "@400000006553f10a00bc614e known\n";
  fs.writeFileSync(path.join(directory, "current"), known);
  const [line] = await linesIn(directory);
  assert.equal(line?.stamp?.toISOString(), "2023-11-14T22:13:20.012Z");
});
