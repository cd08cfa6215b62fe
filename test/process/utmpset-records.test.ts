// utmpset beside Debian's, each with files of its own in a mount namespace: what it says, how it
// ends, and every byte of utmp and wtmp but the time.
// Where the oracle is: $TRINIT_ORACLE, or cache/oracle, where scripts/oracle.sh puts it.
import assert from "node:assert/strict";
import * as fs from "node:fs";
import path from "node:path";
import { type TestContext, test } from "node:test";
import { bin, inTime, type Output, root, run, start, tempDir, waitForFile } from "../harness.ts";

const oracle = process.env.TRINIT_ORACLE ?? path.join(root, "cache/oracle");
const debian = path.join(oracle, "usr/sbin/utmpset");
const inCi = process.env.CI !== undefined;
const isAble = process.getuid?.() === 0 && fs.existsSync("/usr/bin/unshare");
const skip = isAble || inCi ? false : "needs root and unshare";
const skipBoth = skip !== false || inCi || fs.existsSync(debian) ? skip : "sh scripts/oracle.sh";
const isGlibc64 = process.arch === "x64"; // the only layout that Debian's is here for
const size = isGlibc64 ? 384 : 400;
const timeAt = isGlibc64 ? 340 : 344;

/** A record with every byte set, of a user on a line. */
function recordOf(user: string, line: string): Buffer {
  const bytes = Buffer.alloc(size, 0xee);
  bytes.writeInt16LE(7, 0);
  bytes.fill(0, 8, 40).write(line, 8);
  bytes.fill(0, 44, 76).write(user, 44);
  return bytes;
}

const boot = recordOf("reboot", "~");
const two = Buffer.concat([
  boot,
  recordOf("", "tty1"),
  recordOf("joe", "tty1"),
  recordOf("joe", "tty2"),
]);

interface Files {
  readonly utmp?: Buffer;
  readonly wtmp?: Buffer;
}

interface Result extends Files {
  readonly output: Output;
}

/** The namespace has a /run and a /var/log of its own; the files come from, and go to, here. */
const inNamespace = `mount -t tmpfs t /run && mount -t tmpfs t /var/log || exit 99
[ ! -e utmp ] || cp utmp /run/utmp
[ ! -e wtmp ] || cp wtmp /var/log/wtmp
"$@"
code=$?
rm -f utmp wtmp
[ ! -e /run/utmp ] || cp /run/utmp utmp
[ ! -e /var/log/wtmp ] || cp /var/log/wtmp wtmp
exit $code
`;

async function runWith(
  t: TestContext,
  program: string,
  args: readonly string[],
  files: Files,
): Promise<Result> {
  const cwd = tempDir(t);
  for (const [name, bytes] of Object.entries(files)) fs.writeFileSync(path.join(cwd, name), bytes);
  const words = ["-m", "/bin/sh", "-c", inNamespace, "sh", program, ...args];
  const env = { ASAN_OPTIONS: "detect_leaks=0" }; // some run under strace
  const output = await run(t, "/usr/bin/unshare", words, { cwd, env });
  const read = (name: string): Files => {
    const file = path.join(cwd, name);
    return fs.existsSync(file) ? { [name]: masked(fs.readFileSync(file)) } : {};
  };
  return { output, ...read("utmp"), ...read("wtmp") };
}

/** Without the times of now. */
function masked(file: Buffer): Buffer {
  const now = Date.now() / 1000;
  for (let at = timeAt; at + 4 <= file.length; at += size) {
    if (Math.abs(file.readUInt32LE(at) - now) < 60) file.writeUInt32LE(0, at);
  }
  return file;
}

const usage = (program: string): string => `usage: ${program} [-w] line\n\n`;

/** [the call, the files before it] */
const calls: readonly (readonly [readonly string[], Files])[] = [
  [[], {}],
  [["-w"], {}],
  [["-x", "tty1"], { utmp: two }],
  [["tty1"], { utmp: two }],
  [["--", "tty2"], { utmp: two }],
  [["tty1", "tty2"], { utmp: two }],
  [["-w", "tty1"], { utmp: two, wtmp: boot }],
  [["-ww", "tty1"], { utmp: two }],
  [["tty"], { utmp: two }],
  [[""], { utmp: two }],
  [["/dev/tty1"], { utmp: two }],
  [["-w", "tty3"], { utmp: two, wtmp: boot }],
  [["-w", "x".repeat(33)], { utmp: two, wtmp: boot }],
  [["tty2"], { utmp: two.subarray(0, -1) }],
  [["tty1"], { utmp: Buffer.alloc(0) }],
  [["-w", "tty1"], { wtmp: boot }],
];

for (const [args, files] of calls) {
  test(`as Debian's: utmpset ${args.join(" ")}`, {
    skip: isGlibc64 ? skipBoth : "another layout",
  }, async (t) => {
    const [theirs, ours] = await Promise.all([
      runWith(t, debian, args, files),
      runWith(t, bin("utmpset"), args, files),
    ]);
    const { stderr } = ours.output;
    const output = { ...ours.output, stderr: stderr.replace(usage(bin("utmpset")), usage(debian)) };
    assert.deepEqual({ ...ours, output }, theirs);
  });
}

test("a line that fills its field is found", { skip }, async (t) => {
  const line = "x".repeat(32);
  const { output, utmp } = await runWith(t, bin("utmpset"), [line], {
    utmp: recordOf("joe", line),
  });
  assert.equal(output.code, 0);
  assert.equal(utmp?.readInt16LE(0), 8);
});

test("half a record at the end of wtmp is overwritten: later ones are readable", {
  skip,
}, async (t) => {
  const files = { utmp: two, wtmp: Buffer.concat([boot, boot.subarray(0, 100)]) };
  const { wtmp } = await runWith(t, bin("utmpset"), ["-w", "tty2"], files);
  assert.equal(wtmp?.length, 2 * size);
  assert.equal(wtmp?.toString("latin1", size + 8, size + 13), "tty2\0");
});

test("a full disk: said, and nothing is left of the record", { skip }, async (t) => {
  const inject = ["strace", "-qq", "-o", "/dev/null", "-e", "inject=pwrite64:error=ENOSPC:when=2"];
  const [program = "", ...words] = inject;
  const files = { utmp: two, wtmp: boot };
  const args = [...words, bin("utmpset"), "-w", "tty2"];
  const { output, wtmp } = await runWith(t, program, args, files);
  const why = "unable to logout line tty2 in wtmp: out of disk space";
  assert.deepEqual([output.code, output.stderr], [111, `utmpset: warning: ${why}\n`]);
  assert.deepEqual(wtmp, boot);
});

for (const [whose, take] of [
  ["runit's", "fcntl.flock(f, fcntl.LOCK_EX)"],
  ["libc's", "fcntl.lockf(f, fcntl.LOCK_EX)"],
] as const) {
  test(`it waits for ${whose} lock on utmp`, { skip }, async (t) => {
    const cwd = tempDir(t);
    fs.writeFileSync(path.join(cwd, "utmp"), two);
    const script = `import fcntl, subprocess, sys, time
f = open("/run/utmp", "r+b"); ${take}
p = subprocess.Popen(sys.argv[1:])
while open(f"/proc/{p.pid}/syscall").read().split()[0] not in sys.stdin.readline().split(): pass
print(f.read() == open("utmp", "rb").read()); f.close(); sys.exit(p.wait())
`;
    fs.writeFileSync(path.join(cwd, "hold.py"), script);
    const words = ["-m", "/bin/sh", "-c", inNamespace, "sh"];
    const args = [...words, "python3", "hold.py", bin("utmpset"), "tty1"];
    const holder = start(t, "/usr/bin/unshare", { args, cwd, stdin: "pipe" });
    const waiting = process.arch === "x64" ? "7\n" : "73\n"; // poll, ppoll
    const asking = setInterval(() => holder.stdin?.write(waiting), 20);
    t.after(() => clearInterval(asking));
    assert.equal(await holder.stdout.waitFor(/./), "True");
    assert.deepEqual(await holder.waitForExit(), { code: 0, signal: null });
    assert.notDeepEqual(await waitForFile(path.join(cwd, "utmp")), two.toString("latin1"));
  });
}

test("who may only read utmp cannot keep it from being written", { skip }, async (t) => {
  const cwd = tempDir(t);
  fs.writeFileSync(path.join(cwd, "utmp"), two);
  const script = `import fcntl, os, subprocess, sys
f = open("/run/utmp", "rb"); os.seteuid(65534)
fcntl.flock(f, fcntl.LOCK_SH); fcntl.lockf(f, fcntl.LOCK_SH)
os.seteuid(0); sys.exit(subprocess.call(sys.argv[1:]))
`;
  fs.writeFileSync(path.join(cwd, "hold.py"), script);
  const args = ["-m", "/bin/sh", "-c", inNamespace, "sh"];
  args.push("python3", "hold.py", bin("utmpset"), "tty1");
  const held = start(t, "/usr/bin/unshare", { args, cwd });
  const { code } = await inTime(held.exited, "utmpset", () => held.stderr.text(), 20_000);
  const warning = "utmpset: warning: unable to lock /var/run/utmp: temporary failure\n";
  assert.deepEqual([code, held.stderr.text()], [0, warning.repeat(2)]);
  assert.notDeepEqual(fs.readFileSync(path.join(cwd, "utmp")), two);
});
