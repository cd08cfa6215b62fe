// `npm run vm` as somebody at a terminal has it.
import assert from "node:assert/strict";
import path from "node:path";
import { test } from "node:test";
import { spawn } from "node-pty";
import { Transcript } from "../../vm/transcript.ts";
import { root } from "../harness.ts";
import { inMachine } from "../vm.ts";

const waitMs = 60_000;

test("Ctrl-C and the size of the window reach the guest", inMachine, async (t) => {
  const main = path.join(root, "vm/main.ts");
  const options = { cwd: root, cols: 90, rows: 30 };
  const terminal = spawn("npx", ["tsx", main, "--memory", "96"], options);
  const shown = new Transcript();
  terminal.onData((text) => shown.add(text));
  const exit = new Promise<number>((resolve) => terminal.onExit((end) => resolve(end.exitCode)));
  t.after(() => terminal.kill("SIGKILL"));

  await shown.waitFor(/login: /, waitMs);
  terminal.write("root\n");
  await shown.waitFor(/# /, waitMs);
  // Said by what Ctrl-C is to end: before, it would be a letter to the shell's line editor.
  terminal.write("PS1=ready:; sh -c 'echo run\"\"ning; exec sleep 1000'\n");
  await shown.waitFor(/^running$/m, waitMs);
  terminal.write("\x03");
  await shown.waitFor(/ready:/, waitMs);
  terminal.write("sh -c 'while :; do stty size; sleep 0.1; done'\n");
  terminal.resize(101, 41);
  await shown.waitFor(/^41 101$/m, waitMs);
  terminal.write("\x03");
  await shown.waitFor(/ready:/, waitMs);
  terminal.write("poweroff\n");
  await shown.waitFor(/the machine has ended: power off/, waitMs);
  assert.equal(await exit, 0);
});
