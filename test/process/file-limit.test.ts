// A write beyond the limit of a file's size (chpst -f, ulimit -f) is an error like any other: the
// signal of it ended every program, a supervisor with its whole tree.
import assert from "node:assert/strict";
import * as fs from "node:fs";
import path from "node:path";
import { test } from "node:test";
import { bin, run, serviceDir, start, tempDir } from "../harness.ts";
import { makeLog, textOf, write } from "../svlogd.ts";
import { isUp } from "../tree.ts";

const prlimit = "/usr/bin/prlimit";
const isMissing = !fs.existsSync(prlimit) && process.env.CI === undefined;
const skip = isMissing ? "no prlimit" : false;
const xfsz = 1 << 24;

function ignoredBy(status: string): number {
  return Number(`0x${/^SigIgn:\s+[0-9a-f]{8}([0-9a-f]{8})$/m.exec(status)?.[1] ?? "0"}`);
}

test("a supervisor whose files may have no byte, and its service", { skip }, async (t) => {
  const told = path.join(tempDir(t), "fifo");
  assert.equal((await run(t, "/usr/bin/mkfifo", [told])).code, 0);
  const script = `#!/bin/sh\ncat /proc/self/status >${told}\nexec sleep 600\n`;
  const web = serviceDir(tempDir(t), "web", { "run!": script });
  const runsv = start(t, prlimit, { args: ["--fsize=0", bin("runsv"), web] });
  const status = await run(t, "/bin/cat", [told]);
  assert.equal(ignoredBy(status.stdout) & xfsz, 0, "the service has it as it was");
  const own = fs.readFileSync(`/proc/${runsv.pid}/status`, "latin1");
  assert.notEqual(ignoredBy(own) & xfsz, 0);
});

test("a supervisor that was started with it ignored", { skip }, async (t) => {
  const web = serviceDir(tempDir(t), "web", { "run!": "#!/bin/sh\nexec sleep 600\n" });
  const args = ["-c", 'trap \'\' XFSZ; exec "$0" "$1"', bin("runsv"), web];
  start(t, "/bin/sh", { args });
  const { pid } = await isUp(web);
  const status = fs.readFileSync(`/proc/${pid}/status`, "latin1");
  assert.notEqual(ignoredBy(status) & xfsz, 0, "so has its service");
});

test("svlogd begins another file", { skip }, async (t) => {
  const log = makeLog(t, "s1000000\n");
  const args = ["--fsize=8192", bin("svlogd"), log];
  const program = start(t, prlimit, { args, stdin: "pipe" });
  const lines = `${"x".repeat(99)}\n`.repeat(200);
  write(program, lines);
  program.stdin?.end();
  assert.deepEqual(await program.waitForExit(), { code: 0, signal: null });
  assert.equal(textOf(log), lines);
});

test("a program whose words do not fit", { skip }, async (t) => {
  const file = path.join(tempDir(t), "out");
  const args = [
    "-c",
    'exec "$0" --fsize=0 "$1" status /nosuch >"$2" 2>&1',
    prlimit,
    bin("sv"),
    file,
  ];
  const { code, signal } = await run(t, "/bin/sh", args);
  assert.deepEqual([typeof code, signal], ["number", null]);
});
