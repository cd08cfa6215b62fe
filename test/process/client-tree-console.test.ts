// The console of a tree: a terminal that stage 1 has as its own, or pipes.
import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import type { Isolation, TreeExit, TreeOptions } from "../../src/client/index.ts";
import { stagesOf, startTestTree, type TestTree, treeOptions } from "../client-tree.ts";
import { inTime } from "../harness.ts";

/** A tree whose stage 1 is this script, and which ends after it. */
async function withStage1(
  t: TestContext,
  script: string,
  options: Partial<TreeOptions>,
): Promise<TestTree | null> {
  const stages = stagesOf(t, { "1!": `#!/bin/sh\n${script}\nexit 100\n` });
  return startTestTree(t, { ...treeOptions(t), stages, ...options });
}

function endOf({ tree, console }: TestTree): Promise<TreeExit> {
  return inTime(tree.exited, "the end of the tree", () => console.text());
}

for (const isolation of ["root", "user"] as const satisfies readonly Isolation[]) {
  test(`${isolation}: the terminal belongs to stage 1, and Ctrl-C interrupts it`, async (t) => {
    const script = "trap 'exit 100' INT\necho ready >/dev/tty\nsleep 600 & wait\nexit 3";
    const started = await withStage1(t, script, { isolation, console: "pty" });
    if (started === null) return;
    await started.console.waitFor(/^ready\r$/);
    await started.tree.write("\x03");
    assert.deepEqual(await endOf(started), { code: 100, signal: null });
  });

  test(`${isolation}: what is written is read, and /dev/console is the terminal`, async (t) => {
    const script = 'read -r line\necho "got $line" >/dev/console';
    const started = await withStage1(t, script, { isolation, console: "pty" });
    if (started === null) return;
    await started.tree.write("a line\n");
    await started.console.waitFor(/^got a line\r$/);
  });
}

test("a terminal has the size that it is given", async (t) => {
  const script = "stty size\nread -r line\nstty size";
  const size = { console: "pty", columns: 132, rows: 43 } as const;
  const started = await withStage1(t, script, size);
  if (started === null) return;
  await started.console.waitFor(/^43 132\r$/);
  started.tree.resize(100, 50);
  await started.tree.write("\n");
  await started.console.waitFor(/^50 100\r$/);
});

test("pipes: output and errors in one, and what is written is read", async (t) => {
  const script =
    'echo out\necho err >&2\nread -r line\necho "got $line"; [ -e /dev/console ] || echo none';
  const started = await withStage1(t, script, { console: "pipe" });
  if (started === null) return;
  await started.tree.write("a line\n");
  await endOf(started);
  await started.console.waitFor(/^none$/);
  const lines = started.console.lines().filter((line) => !line.startsWith("-"));
  assert.deepEqual(lines, ["out", "err", "got a line", "none"]);
});

test("the console ends with the tree, in UTF-8 to its last byte", async (t) => {
  for (const console of ["pty", "pipe"] as const) {
    const options = { ...treeOptions(t), console };
    const stages = stagesOf(t, { "1!": "#!/bin/sh\nprintf 'gr\\303\\274\\303\\237e'\nexit 100\n" });
    const started = await startTestTree(t, { ...options, stages });
    if (started === null) return;
    let text = "";
    for await (const piece of started.tree.console.setEncoding("utf8")) text += piece;
    assert.match(text, /gr\u00fc\u00dfe/);
  }
});
