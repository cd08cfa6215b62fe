// svlogd's disk in trouble: full, read-only, gone. A small tmpfs in a mount namespace of its own,
// which is seen from outside through /proc/PID/root.
import assert from "node:assert/strict";
import * as fs from "node:fs";
import path from "node:path";
import { type TestContext, test } from "node:test";
import { bin, eventually, type Program, run, start, tempDir } from "../harness.ts";
import { inNamespaces } from "../namespace.ts";
import { oldFiles, textOf, write } from "../svlogd.ts";

const isRoot = process.geteuid?.() === 0;
const user = isRoot ? [] : ["--user"];

interface Disk {
  readonly program: Program;
  /** The log directory, as it is in there. */
  readonly log: string;
  /** Runs a line of shell in there, in the directory of the log. */
  sh(line: string): Promise<void>;
}

/** svlogd with a log on a disk of `kilobytes`. */
async function startOnDisk(
  t: TestContext,
  kilobytes: number,
  config: string,
  options: readonly string[] = [],
): Promise<Disk> {
  const mountPoint = tempDir(t);
  const script = `
    cd "$1"
    mount -t tmpfs -o size=${kilobytes}k,mode=755 disk .
    cd "$1"
    mkdir log
    printf %s "$2" >log/config
    shift 2
    cat | "$@" log`; // cat, because without a real pipe there is no journal
  const map = isRoot ? [] : ["--map-root-user"];
  const program = start(t, "/usr/bin/unshare", {
    args: [
      ...[...user, ...map, "--mount", "/bin/sh", "-ec", script, "sh", mountPoint, config],
      ...[bin("svlogd"), "-v", ...options],
    ],
    stdin: "pipe",
  });
  await program.stderr.waitFor(/new:/);
  const credentials = isRoot ? [] : [...user, "--preserve-credentials"];
  const enter = ["--target", `${program.pid}`, ...credentials, "--mount", "--"];
  return {
    program,
    log: path.join(`/proc/${program.pid}/root`, mountPoint, "log"),
    sh: async (line) => {
      const command = ["/bin/sh", "-ec", `cd "$1"; ${line}`, "sh", mountPoint];
      const { code, stderr } = await run(t, "/usr/bin/nsenter", [...enter, ...command]);
      assert.deepEqual([code, stderr], [0, ""], line);
    },
  };
}

/** Numbered lines of 100 bytes. */
function numbered(from: number, count: number): string {
  let text = "";
  for (let i = from; i < from + count; i++) text += `${`${i}`.padStart(98, ".")} \n`;
  return text;
}

/** All that is in a log; "" while a file gets another name. */
function soFar(log: string): string {
  try {
    return textOf(log);
  } catch {
    return "";
  }
}

async function hasAll(log: string, count: number): Promise<void> {
  await eventually("all lines", () => soFar(log).length >= count * 100);
  assert.equal(textOf(log), numbered(0, count));
}

test("a full disk holds the input, and nothing is lost", inNamespaces, async (t) => {
  const { program, log, sh } = await startOnDisk(t, 512, "s20000\nn0\n");
  await sh("head -c 400000 /dev/zero >ballast");
  write(program, numbered(0, 2000));
  await program.stderr.waitFor(/^svlogd: pausing: unable to .*: log: out of disk space$/);
  await sh("mount -o remount,size=2m .");
  await hasAll(log, 2000);
});

test("a full disk takes old files where the config allows it", inNamespaces, async (t) => {
  const { program, log, sh } = await startOnDisk(t, 512, "s20000\nn90\nN2\n");
  await sh("head -c 300000 /dev/zero >ballast");
  write(program, numbered(0, 3000));
  await program.stderr.waitFor(/^svlogd: warning: out of disk space, delete: log\/@\w{24}\.s$/);
  const last = numbered(2999, 1);
  await eventually("the last line", () => soFar(log).endsWith(last));
  const text = textOf(log);
  assert.equal(text, numbered(3000 - text.length / 100, text.length / 100));
  assert.ok(!program.stderr.lines().some((line) => line.includes("pausing")));
});

test("a lossy svlogd drops what a full disk does not take", inNamespaces, async (t) => {
  const { program, log, sh } = await startOnDisk(t, 256, "s20000\nn0\n", ["-L"]);
  await sh("head -c 200000 /dev/zero >ballast");
  write(program, numbered(0, 2000));
  await program.stderr.waitFor(
    /^svlogd: warning: unable to .*: out of disk space, dropping lines$/,
  );
  await sh("rm ballast");
  await program.stderr.waitFor(/^svlogd: warning: [1-9]\d* lines were dropped: log$/);
  write(program, numbered(2000, 1));
  await eventually("the last line", () => textOf(log).endsWith(numbered(2000, 1)));
  const dropped = program.stderr.lines().flatMap((line) => {
    return Number(/warning: (\d+) lines? (?:was|were) dropped/.exec(line)?.[1] ?? 0);
  });
  const kept = textOf(log);
  assert.equal(kept.length / 100 + dropped.reduce((a, b) => a + b), 2001);
  for (const line of kept.split("\n").slice(0, -1)) assert.match(line, /^\.+\d+ $/);
});

test("a log that becomes read-only holds the input", inNamespaces, async (t) => {
  const { program, log, sh } = await startOnDisk(t, 1024, "s20000\nn0\n");
  // A file that is open for writing keeps a mount from becoming read-only: so one on top of it.
  await sh("mount --bind log log; mount -o remount,bind,ro log");
  write(program, numbered(0, 500));
  await program.stderr.waitFor(/^svlogd: pausing: unable to .*: log: read-only file system$/);
  await sh("umount log");
  await hasAll(log, 500);
});

test("a log directory that is removed is waited for", inNamespaces, async (t) => {
  const { program, log, sh } = await startOnDisk(t, 1024, "s20000\nn0\n");
  write(program, "before\n");
  await eventually("the line", () => textOf(log) === "before\n");
  await sh("rm -r log");
  write(program, numbered(0, 300));
  await program.stderr.waitFor(/^svlogd: warning: current was removed or replaced: log$/);
  const pausing = "svlogd: pausing: unable to open log directory: log: file does not exist";
  await program.stderr.waitFor(new RegExp(`^${pausing}$`));
  await sh("mkdir log");
  await hasAll(log, 300);
  assert.equal(oldFiles(log).length, 0); // the config is gone, too
});

test("what waits for a full disk is not lost with its directory", inNamespaces, async (t) => {
  const { program, log, sh } = await startOnDisk(t, 512, "s0\n");
  await sh("head -c 400000 /dev/zero >ballast");
  write(program, numbered(0, 2000));
  await program.stderr.waitFor(/pausing/);
  const done = textOf(log).length; // the disk may have taken a part of a line
  await sh("rm -r log ballast; mkdir log");
  await eventually("the last line", () => soFar(log).endsWith(numbered(1999, 1)));
  const text = textOf(log);
  assert.ok(text.length >= 200_000 - done, `${text.length} bytes after ${done}`);
  assert.equal(text, numbered(0, 2000).slice(-text.length));
});

test("a lossy svlogd goes on with its other logs", inNamespaces, async (t) => {
  const other = path.join(tempDir(t), "other");
  fs.mkdirSync(other);
  const { program, log, sh } = await startOnDisk(t, 1024, "", ["-L", other]);
  await sh("rm -r log");
  write(program, "a\n");
  await program.stderr.waitFor(/unable to open log directory: log: .*, dropping lines$/);
  await eventually("the line", () => textOf(other) === "a\n");
  await sh("mkdir log");
  await program.stderr.waitFor(/^svlogd: warning: 1 line was dropped: log$/);
  write(program, "b\n");
  await eventually("the line", () => textOf(log) === "b\n");
  assert.equal(textOf(other), "a\nb\n");
});
