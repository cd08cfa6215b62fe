// What svlogd makes of a disk with little room, or none: it goes on as long as the config allows
// old files to go, its journal leaves the room to the log, and what it could not write is there
// for the next one, whether or not the system was started again between them.
import assert from "node:assert/strict";
import * as fs from "node:fs";
import path from "node:path";
import { test } from "node:test";
import { bin, eventually, type Program, run } from "../harness.ts";
import { inNamespaces } from "../namespace.ts";
import { makeLog, oldFiles, read, textOf } from "../svlogd.ts";
import { type Disk, makeDisk, numbered, pipeBytes, soFar } from "../svlogd-disk.ts";

const deletes = /^svlogd: warning: out of disk space, delete: log\/@\w{24}\.s$/;
const pauses = /^svlogd: pausing: unable to write to .*: log: out of disk space$/;
const drops = /^svlogd: warning: dropped (\d+) bytes in pending: log: /;

/** Lines fill the pipe before svlogd starts, and then come as fast as it reads. */
async function feedFull(disk: Disk, lines: number): Promise<{ readonly all: Promise<void> }> {
  const text = numbered(0, lines);
  await disk.feed(text.slice(0, pipeBytes));
  return { all: disk.feed(text.slice(pipeBytes)) };
}

async function hasLast(log: string, lines: number): Promise<void> {
  const last = numbered(lines - 1, 1);
  await eventually("the last line", () => soFar(log).endsWith(last));
}

/** The log has the last lines, all of them. */
function checkEnd(log: string, lines: number): void {
  const text = textOf(log);
  const kept = text.length / 100;
  assert.equal(text, numbered(lines - kept, kept));
}

function said(program: Program, pattern: RegExp): string[] {
  return program.stderr.lines().filter((line) => pattern.test(line));
}

test("a disk that old files fill goes on, however full the pipe was", inNamespaces, async (t) => {
  const disk = await makeDisk(t, 200, "s16384\nn20\nN2\n");
  await disk.sh("head -c 102400 /dev/zero >ballast");
  const { all } = await feedFull(disk, 3000);
  const program = await disk.svlogd();
  await program.stderr.waitFor(deletes);
  await all;
  await hasLast(disk.log, 3000);
  checkEnd(disk.log, 3000);
  assert.ok(oldFiles(disk.log).length >= 2);
  assert.deepEqual(said(program, pauses), []);
});

test("8 kB are enough for a log whose old files may all go", inNamespaces, async (t) => {
  const disk = await makeDisk(t, 200, "s4096\nn20\nN0\n");
  await disk.sh("head -c 188k /dev/zero >ballast"); // and 4 kB for the config
  const { all } = await feedFull(disk, 2000);
  const program = await disk.svlogd();
  await all;
  await hasLast(disk.log, 2000);
  checkEnd(disk.log, 2000);
  assert.ok(said(program, deletes).length > 0);
});

test(
  "with 8 kB left svlogd writes what fits, keeps N files, and waits",
  inNamespaces,
  async (t) => {
    const disk = await makeDisk(t, 200, "s16384\nn20\nN2\n");
    const old = [1, 2].map((n) => `@40000000600000000000000${n}.s`);
    await disk.sh(`printf 'old\\n' >log/${old[0]}; printf 'old\\n' >log/${old[1]}`);
    await disk.sh("chmod 744 log/@*; head -c 180k /dev/zero >ballast");
    const { all } = await feedFull(disk, 1000);
    const program = await disk.svlogd();
    await program.stderr.waitFor(pauses);
    const lines = read(disk.log);
    assert.ok(lines.length >= 3000, `${lines.length} bytes`);
    assert.equal(lines, numbered(0, 100).slice(0, lines.length));
    assert.deepEqual(oldFiles(disk.log), old);
    assert.ok(fs.statSync(path.join(disk.log, "pending")).size <= 4096);
    await disk.sh("rm ballast");
    await all;
    await hasLast(disk.log, 1000);
    assert.equal(textOf(disk.log), `old\nold\n${numbered(0, 1000)}`);
  },
);

for (const [how, fault, room] of [
  ["gives back what is done", null, "12k"],
  ["moves what is not done where a file can have no holes", "punch", "40k"],
] as const) {
  test(`a journal on a disk that has become full ${how}`, inNamespaces, async (t) => {
    const disk = await makeDisk(t, 400, "s0\n");
    // No write to the log gets through until all is in the journal and the disk is full.
    const write = path.join(disk.faults, "write");
    fs.writeFileSync(write, "");
    if (fault !== null) fs.writeFileSync(path.join(disk.faults, fault), "");
    await disk.feed(numbered(0, 650));
    const program = await disk.faultySvlogd();
    await program.stderr.waitFor(pauses);
    await disk.sh(`head -c 1m /dev/zero >ballast 2>/dev/null || truncate -s -${room} ballast`);
    fs.rmSync(write);
    await hasLast(disk.log, 650);
    assert.equal(textOf(disk.log), numbered(0, 650));
  });
}

test(
  "what a full disk does not take survives an end in order and a new start",
  inNamespaces,
  async (t) => {
    const disk = await makeDisk(t, 200, "s0\n");
    const program = await disk.svlogd();
    await disk.feed(numbered(0, 5));
    await hasLast(disk.log, 5);
    await disk.sh("head -c 1m /dev/zero >ballast 2>/dev/null || truncate -s -8k ballast");
    await disk.feed(numbered(5, 145));
    await program.stderr.waitFor(pauses);
    program.signal("SIGTERM");
    assert.equal((await program.waitForExit()).code, 0);
    const first = read(disk.log);
    assert.ok(first.length < 15_000);
    await disk.reboot();
    await disk.sh("rm ballast");
    const next = await disk.svlogd();
    disk.endInput();
    assert.equal((await next.waitForExit()).code, 0);
    assert.equal(next.stderr.text(), "");
    assert.equal(textOf(disk.log), numbered(0, 150));
    assert.ok(!fs.existsSync(path.join(disk.log, "pending")));
  },
);

test("what is dropped since the system crashed is said with its size", inNamespaces, async (t) => {
  const disk = await makeDisk(t, 200, "s0\n");
  const program = await disk.svlogd();
  await disk.sh("head -c 1m /dev/zero >ballast 2>/dev/null || truncate -s -8k ballast");
  await disk.feed(numbered(0, 150));
  await program.stderr.waitFor(pauses);
  program.signal("SIGKILL");
  await program.waitForExit();
  await disk.reboot();
  await disk.sh("rm ballast");
  const next = await disk.svlogd();
  disk.endInput();
  assert.equal((await next.waitForExit()).code, 0);
  const line = said(next, drops)[0] ?? "";
  const dropped = Number(drops.exec(line)?.[1]);
  const kept = textOf(disk.log);
  assert.ok(dropped > 0);
  assert.equal(kept.length + dropped, 15_000);
});

// Differs, log-too-big: runit's waits for ever.
test("a log that can become no larger is put aside, and all of it is there", async (t) => {
  const log = makeLog(t, "s0\nn0\n");
  // Without the signal, a write beyond the limit is an error. 20 blocks are 10240 bytes.
  const limited = 'trap "" XFSZ; ulimit -f 20; cat | "$0" "$1"';
  const args = ["-c", limited, bin("svlogd"), log];
  const { code, stderr } = await run(t, "/bin/sh", args, { input: numbered(0, 3000) });
  assert.deepEqual([code, stderr], [0, ""]);
  assert.equal(textOf(log), numbered(0, 3000));
  for (const name of oldFiles(log)) {
    const { size } = fs.statSync(path.join(log, name));
    assert.ok(size > 10_000 && size <= 10_240, `${size} bytes`);
  }
});
