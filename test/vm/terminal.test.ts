// `npm run vm` as somebody at a terminal has it.
import assert from "node:assert/strict";
import { readdirSync } from "node:fs";
import path from "node:path";
import { type TestContext, test } from "node:test";
import { type IPty, spawn } from "node-pty";
import { writeFiles } from "../../vm/files.ts";
import { Transcript } from "../../vm/transcript.ts";
import { eventually, root, tempDir } from "../harness.ts";
import { inMachine } from "../vm.ts";

const waitMs = 60_000;
const main = ["--import", "tsx", path.join(root, "vm/main.ts")];

interface Terminal {
  readonly terminal: IPty;
  readonly shown: Transcript;
  readonly exit: Promise<number>;
  /** Where it makes what is to be gone at its end. */
  readonly scratch: string;
}

function open(
  t: TestContext,
  variables: Readonly<Record<string, string>> = {},
  words: readonly string[] = ["--memory", "96"],
): Terminal {
  const scratch = tempDir(t);
  const env = { ...process.env, ...variables, TMPDIR: scratch };
  const options = { cwd: root, cols: 90, rows: 30, env };
  const terminal = spawn(process.execPath, [...main, ...words], options);
  const shown = new Transcript();
  terminal.onData((text) => shown.add(text));
  const exit = new Promise<number>((resolve) => terminal.onExit((end) => resolve(end.exitCode)));
  t.after(() => terminal.kill("SIGKILL"));
  return { terminal, shown, exit, scratch };
}

/** Beside what tsx keeps. */
function leftIn(scratch: string): string[] {
  return readdirSync(scratch).filter((name) => name.startsWith("trinit-"));
}

test("Ctrl-C, letters and the window's size reach the guest", inMachine, async (t) => {
  const { terminal, shown, exit, scratch } = open(t);
  await shown.waitFor(/login: /, waitMs);
  terminal.write("root\n");
  await shown.waitFor(/# /, waitMs);
  // Said by what Ctrl-C is to end: before, it would be a letter to the shell's line editor.
  terminal.write("PS1=ready:; sh -c 'echo run\"\"ning; exec sleep 1000'\n");
  await shown.waitFor(/^running$/m, waitMs);
  terminal.write("\x03");
  await shown.waitFor(/ready:/, waitMs);
  terminal.write("sh -c 'echo re\"\"ads; head -n 1 | wc -c'\n");
  await shown.waitFor(/^reads$/m, waitMs);
  terminal.write("\u00fc\u20ac\n");
  await shown.waitFor(/^6$/m, waitMs);
  await shown.waitFor(/ready:/, waitMs);
  terminal.write("sh -c 'until stty size | grep -q 90; do sleep 0.1; done; stty size'\n");
  await shown.waitFor(/^30 90$/m, waitMs); // what it has been from the start
  await shown.waitFor(/ready:/, waitMs);
  terminal.write("sh -c 'while :; do stty size; sleep 0.1; done'\n");
  terminal.resize(101, 41);
  await shown.waitFor(/^41 101$/m, waitMs);
  terminal.write("\x03");
  await shown.waitFor(/ready:/, waitMs);
  terminal.write("poweroff\n");
  await shown.waitFor(/the machine has ended: power off/, waitMs);
  assert.equal(await exit, 0);
  assert.deepEqual(leftIn(scratch), []);
});

test("TERM ends the machine, and nothing is left of it", inMachine, async (t) => {
  const { terminal, shown, exit, scratch } = open(t);
  await shown.waitFor(/enter stage/, waitMs);
  assert.notDeepEqual(leftIn(scratch), []);
  terminal.kill("SIGTERM");
  assert.equal(await exit, 128 + 15);
  assert.deepEqual(leftIn(scratch), []);
});

test("before there is a machine, Ctrl-C ends what makes it", inMachine, async (t) => {
  const bin = tempDir(t);
  writeFiles(bin, { "find!": "#!/bin/sh\necho making >/dev/tty\nexec sleep 1000\n" });
  const { terminal, shown, exit, scratch } = open(t, { PATH: `${bin}:${process.env.PATH}` });
  await shown.waitFor(/^making$/m, waitMs);
  terminal.write("\x03");
  assert.notEqual(await exit, 0);
  // Who has the terminal may end before those that it has started.
  await eventually("nothing to be left", () => leftIn(scratch).length === 0);
});

for (const [options, code, words] of [
  [
    ["--memory", "99999999999"],
    1,
    /cannot set up guest memory.*vm: the machine has ended: failed/s,
  ],
  [["--memory", "abc"], 100, /fatal: --memory: not a number of MiB: abc\n.*usage: /s],
  [["--none"], 100, /fatal: Unknown option '--none'.*usage: /s],
  [["--help"], 0, /^usage: /],
] as const) {
  test(`${options.join(" ")}: says why, exits ${code}, leaves nothing`, inMachine, async (t) => {
    const { shown, exit, scratch } = open(t, {}, options);
    assert.equal(await exit, code);
    assert.match(shown.text, words);
    assert.deepEqual(leftIn(scratch), []);
  });
}
