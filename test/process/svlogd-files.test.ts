import assert from "node:assert/strict";
import * as fs from "node:fs";
import path from "node:path";
import { test } from "node:test";
import { bin, eventually, run, start, tempDir } from "../harness.ts";
import { current, makeLog, oldFiles, read, rotated, startFaulty, write } from "../svlogd.ts";

const svlogd = bin("svlogd");
const usage = `usage: ${svlogd} [-ttv] [-L] [-r c] [-R abc] [-l len] [-b buflen] dir ...\n\n`;
const labelled = /^@[0-9a-f]{24} a\n$/;

function modeOf(file: string): string {
  return (fs.statSync(file).mode & 0o7777).toString(8);
}

// --- Calls and messages ------------------------------------------------------------

test("a wrong call prints the usage and exits 111", async (t) => {
  const calls = [[], ["-r", "ab", "log"], ["-r", "", "log"], ["-b", "10", "log"]];
  for (const args of [...calls, ["-l", "2000", "log"]]) {
    const { code, stderr } = await run(t, svlogd, args);
    assert.deepEqual([code, stderr], [111, usage], args.join(" "));
  }
  for (const [args, complaint] of [
    [["-x", "log"], "svlogd: illegal option -- x"],
    [["-l"], "svlogd: option requires an argument -- l"],
    [["-V", "log"], "trinit [0-9.]+"],
  ] as const) {
    const { code, stderr } = await run(t, svlogd, args);
    const [said = "", ...rest] = stderr.split("\n");
    assert.match(said, new RegExp(`^${complaint}$`));
    assert.deepEqual([code, rest.join("\n")], [111, usage]);
  }
});

test("without a log directory that works svlogd exits 111", async (t) => {
  const cwd = tempDir(t);
  fs.writeFileSync(path.join(cwd, "file"), "");
  const { code, stderr } = await run(t, svlogd, ["missing", "file"], { cwd });
  assert.deepEqual(stderr.split("\n"), [
    "svlogd: warning: unable to open log directory: missing: file does not exist",
    "svlogd: warning: unable to change directory: file: not a directory",
    "svlogd: fatal: no functional log directories.",
    "",
  ]);
  assert.equal(code, 111);
});

test("a log directory that another svlogd has is left out", async (t) => {
  const log = makeLog(t);
  const other = makeLog(t);
  const first = start(t, svlogd, { args: ["-v", log], stdin: "pipe" });
  await first.stderr.waitFor(/new:/);
  const locked = `svlogd: warning: unable to lock directory: ${log}: temporary failure\n`;
  const second = await run(t, svlogd, [log]);
  assert.equal(second.stderr, `${locked}svlogd: fatal: no functional log directories.\n`);
  assert.equal(second.code, 111);
  const third = await run(t, svlogd, [log, other], { input: "a\n" });
  assert.deepEqual([third.code, third.stderr, read(other)], [0, locked, "a\n"]);
});

test("every line of a config that has no effect, or another one, is named", async (t) => {
  const log = makeLog(t, "n3\nnonsense\nsmall\nn3 files\nu10.0\n+*\n");
  const { code, stderr } = await run(t, svlogd, [log], { input: "a\n" });
  assert.deepEqual(stderr.split("\n"), [
    `svlogd: warning: ${log}: "nonsense" in config is not understood`,
    `svlogd: warning: ${log}: "small" in config is not understood`,
    `svlogd: warning: ${log}: "n3 files" in config is taken as "n3"`,
    "svlogd: warning: unable to scan ip address: 10.0",
    "",
  ]);
  assert.deepEqual([code, read(log)], [0, "a\n"]);
});

// --- Lines ------------------------------------------------------------

test("-t, -tt and -ttt stamp every line", async (t) => {
  const log = makeLog(t, "s30\n");
  for (const [option, pattern] of [
    ["-t", labelled],
    ["-tt", /^\d{4}-\d\d-\d\d_\d\d:\d\d:\d\d\.\d{5} a\n$/],
    ["-ttt", /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{5} a\n$/],
  ] as const) {
    await run(t, svlogd, [option, log], { input: "a\n" });
    assert.match(read(log), pattern);
    fs.rmSync(path.join(log, "current"));
  }
});

test("a prefix stands behind the stamp, in its own directory only", async (t) => {
  const log = makeLog(t, "pweb: \n");
  const plain = makeLog(t);
  await run(t, svlogd, ["-t", log, plain], { input: "a\nb\n" });
  assert.match(read(log), /^@\w{24} web: a\n@\w{24} web: b\n$/);
  assert.match(read(plain), /^@\w{24} a\n@\w{24} b\n$/);
});

test("-r and -R replace bytes of the lines", async (t) => {
  const input = "a\x01b\x80c[]\t\x7f\n";
  for (const [args, line] of [
    [["-r", "*"], "a*b*c[]**\n"],
    [["-r", "*", "-R", "[b"], "a****".slice(0, 4).concat("c*]**\n")],
    [["-R", "["], "a_b_c_]__\n"],
  ] as const) {
    const log = makeLog(t);
    await run(t, svlogd, [...args, log], { input });
    assert.equal(read(log), line);
  }
});

test("any byte survives, and a last line without an end gets one", async (t) => {
  const log = makeLog(t);
  const bytes = String.fromCharCode(...Array.from({ length: 256 }, (_, byte) => byte));
  await run(t, svlogd, [log], { input: `${bytes}\n\nend` });
  assert.equal(read(log), `${bytes}\n\nend\n`);
});

test("a line written to a quiet log is there within 5 ms", async (t) => {
  // What the machine and this process take is measured with cat, in turns.
  const logs = ["svlogd", "cat"].map((name) => {
    const log = makeLog(t);
    const line = 'exec cat >>"$0/current"';
    const program =
      name === "cat"
        ? start(t, "/bin/sh", { args: ["-c", line, log], stdin: "pipe" })
        : start(t, svlogd, { args: [log], stdin: "pipe" });
    return { log, program, times: [] as number[] };
  });
  for (let text = "", i = 0; i <= 40; i++) {
    text += `${i}\n`;
    for (const { log, program, times } of logs) {
      const before = performance.now();
      write(program, `${i}\n`);
      await current(log, text);
      if (i > 0) times.push(performance.now() - before);
    }
  }
  // The lower quartile: half of the times say how busy the machine is.
  const [ours = 0, cats = 0] = logs.map(({ times }) => times.sort((a, b) => a - b)[10]);
  assert.ok(ours - cats < 5, `${ours} ms, cat ${cats} ms`);
});

// --- Files ------------------------------------------------------------

test("current is 0644 while it is open, 0744 afterwards, and nothing else is left", async (t) => {
  const log = makeLog(t);
  const program = start(t, svlogd, { args: [log], stdin: "pipe" });
  write(program, "a\n");
  await current(log, "a\n");
  assert.equal(modeOf(path.join(log, "current")), "644");
  program.stdin?.end();
  assert.deepEqual(await program.waitForExit(), { code: 0, signal: null });
  assert.equal(modeOf(path.join(log, "current")), "744");
  assert.equal(modeOf(path.join(log, "lock")), "600");
  assert.deepEqual(fs.readdirSync(log).sort(), ["current", "lock"]);
});

test("a log is rotated at the end of a line and the oldest files go", async (t) => {
  const log = makeLog(t, "s50\nn3\n");
  const lines = Array.from({ length: 60 }, (_, i) => `${i + 100}\n`);
  const { stderr } = await run(t, svlogd, ["-v", "-l", "10", log], { input: lines.join("") });
  const old = oldFiles(log);
  assert.deepEqual(
    old.map((name) => read(log, name).length),
    [40, 40, 40],
  );
  assert.equal(old.map((name) => modeOf(path.join(log, name))).join(" "), "744 744 744");
  assert.equal(old.map((name) => read(log, name)).join("") + read(log), lines.slice(-30).join(""));
  const steps = stderr.split("\n").map((line) => line.replaceAll(/@\w{24}/g, "@"));
  assert.equal(steps.filter((line) => line.endsWith("/current @.s 40")).length, 6);
  assert.equal(steps.filter((line) => line === `svlogd: info: delete: ${log}/@.s`).length, 3);
});

test("a line that is longer than a log may be is continued in the next one", async (t) => {
  const log = makeLog(t, "s1000\n");
  const line = `${"y".repeat(3000)}\n`;
  await run(t, svlogd, ["-l", "100", log], { input: line });
  const texts = oldFiles(log).map((name) => read(log, name));
  assert.deepEqual([...texts.map((text) => text.length), read(log)], [1000, 1000, 1000, "\n"]);
});

test("a line that has begun near the maximum goes on to it", async (t) => {
  // It used to spin: there was no room to the place where a log is full at the end of a line.
  const log = makeLog(t, "s1000\n");
  const program = start(t, svlogd, { args: ["-l", "100", log], stdin: "pipe" });
  write(program, "x".repeat(950));
  await current(log, "x".repeat(950));
  write(program, `${"y".repeat(100)}\n`);
  await current(log, `${"y".repeat(50)}\n`);
  assert.deepEqual(
    oldFiles(log).map((name) => read(log, name)),
    [`${"x".repeat(950)}${"y".repeat(50)}`],
  );
});

test("a current that was not closed is put aside", async (t) => {
  const log = makeLog(t);
  fs.writeFileSync(path.join(log, "current"), "before\n", { mode: 0o644 });
  await run(t, svlogd, [log], { input: "after\n" });
  const [old = "", ...more] = oldFiles(log);
  assert.deepEqual(more, []);
  assert.match(old, /^@[0-9a-f]{24}\.u$/);
  assert.deepEqual([read(log, old), read(log)], ["before\n", "after\n"]);
});

test("a current that was closed is continued", async (t) => {
  const log = makeLog(t);
  await run(t, svlogd, [log], { input: "before\n" });
  await run(t, svlogd, [log], { input: "after\n" });
  assert.equal(read(log), "before\nafter\n");
});

test("a log that is too old is rotated once it is not empty", async (t) => {
  const log = makeLog(t, "t1\n");
  const program = start(t, svlogd, { args: ["-v", log], stdin: "pipe" });
  await program.stderr.waitFor(/new:/);
  write(program, "a\n");
  await program.stderr.waitFor(/rename: .* 2$/);
  await rotated(log, 1);
  assert.deepEqual(
    oldFiles(log).map((name) => read(log, name)),
    ["a\n"],
  );
});

// --- Signals ------------------------------------------------------------

test("ALRM rotates now, unless the log is empty", async (t) => {
  const log = makeLog(t);
  const program = start(t, svlogd, { args: ["-v", log], stdin: "pipe" });
  await program.stderr.waitFor(/new:/);
  program.signal("SIGALRM");
  await program.stderr.waitFor(/^svlogd: info: sigalarm received\.$/);
  // Input that comes before it waits again belongs to the log that is rotated.
  const place = `/proc/${program.pid}/wchan`; // where in the kernel it sleeps
  await eventually("svlogd waits", () => fs.readFileSync(place, "latin1").includes("poll"));
  write(program, "a\n");
  await current(log, "a\n");
  write(program, "b\n"); // it used to remember a signal that came for an empty log
  await current(log, "a\nb\n");
  program.signal("SIGALRM");
  await program.stderr.waitFor(/rename: .* 4$/);
  await rotated(log, 1);
  assert.deepEqual(
    oldFiles(log).map((name) => read(log, name)),
    ["a\nb\n"],
  );
});

test("HUP reads the config again", async (t) => {
  const log = makeLog(t);
  const program = start(t, svlogd, { args: ["-v", log], stdin: "pipe" });
  write(program, "a\n");
  await current(log, "a\n");
  fs.writeFileSync(path.join(log, "config"), "pnew: \n");
  program.signal("SIGHUP");
  await program.stderr.waitFor(/append:/);
  write(program, "b\n");
  await current(log, "a\nnew: b\n");
});

/** Takes a copy of a descriptor, as a processor has one before its exec is over. */
const holder = `
import ctypes, os, sys
pid, target = int(sys.argv[1]), os.path.realpath(sys.argv[2])
own = "/proc/%d/fd" % pid
fd = next(n for n in os.listdir(own) if os.path.realpath(own + "/" + n) == target)
copy = ctypes.CDLL(None).syscall(438, os.pidfd_open(pid), int(fd), 0) # pidfd_getfd
print("held" if copy >= 0 else "failed", flush=True)
sys.stdin.read()
`;

test("HUP takes a directory again whose lock a child has a copy of", async (t) => {
  const log = makeLog(t);
  const program = start(t, svlogd, { args: ["-v", log], stdin: "pipe" });
  await program.stderr.waitFor(/new:/);
  const args = ["-c", holder, `${program.pid}`, path.join(log, "lock")];
  const child = start(t, "python3", { args, stdin: "pipe" });
  await child.stdout.waitFor(/^held$/);
  program.signal("SIGHUP");
  await program.stderr.waitFor(/append:/);
  write(program, "a\n");
  await current(log, "a\n");
});

test("TERM waits for the end of the line that has begun", async (t) => {
  const log = makeLog(t);
  const program = start(t, svlogd, { args: ["-v", log], stdin: "pipe" });
  write(program, "begun");
  await current(log, "begun");
  program.signal("SIGTERM");
  await program.stderr.waitFor(/^svlogd: info: sigterm received\.$/);
  write(program, ", ended\nanother\n");
  assert.deepEqual(await program.waitForExit(), { code: 0, signal: null });
  assert.equal(read(log), "begun, ended\n");
});

// --- Trouble ------------------------------------------------------------

test("a full disk holds the input, and then all of it is there", async (t) => {
  const log = makeLog(t);
  const { program, writer, fault, unfault } = startFaulty(t, log);
  await program.stderr.waitFor(/new:/);
  fault("write");
  fs.writeSync(writer, "a\n");
  await program.stderr.waitFor(/^svlogd: pausing: unable to write to current: .*\/log: \w/);
  fs.writeSync(writer, "b\n");
  unfault("write");
  await current(log, "a\nb\n");
});

test("a full disk does not keep svlogd from ending, the next one has the rest", async (t) => {
  const log = makeLog(t);
  const { program, writer, fault } = startFaulty(t, log);
  await program.stderr.waitFor(/new:/);
  fault("write");
  fs.writeSync(writer, "a\nb\n");
  await program.stderr.waitFor(/pausing/);
  program.signal("SIGTERM");
  assert.deepEqual(await program.waitForExit(), { code: 0, signal: null });
  assert.equal(read(log), "");
  await run(t, svlogd, [log], { input: "c\n" });
  assert.equal(read(log), "a\nb\nc\n");
});

test("without splice the lines are there all the same", async (t) => {
  const log = makeLog(t);
  const { program, both, writer, fault } = startFaulty(t, log);
  fault("splice");
  fs.writeSync(writer, "a\n");
  await current(log, "a\n");
  assert.equal(fs.existsSync(path.join(log, "pending")), false);
  fs.closeSync(both);
  program.signal("SIGTERM");
  assert.deepEqual(await program.waitForExit(), { code: 0, signal: null });
});

test("a full disk takes old files while more than the minimum are left", async (t) => {
  const log = makeLog(t, "s30\nn5\nN2\n");
  const { program, writer, fault, unfault } = startFaulty(t, log);
  await program.stderr.waitFor(/new:/);
  for (let i = 0; i < 4; i++) {
    fs.writeSync(writer, `${"x".repeat(29)}\n`);
    await rotated(log, i + 1);
  }
  const before = oldFiles(log);
  fault("write");
  fs.writeSync(writer, "a\n");
  await program.stderr.waitFor(/pausing/);
  const gone = program.stderr.lines().filter((line) => line.includes("out of disk space, delete"));
  assert.equal(gone.length, before.length - 2);
  assert.deepEqual(oldFiles(log), before.slice(-2));
  unfault("write");
  await current(log, "a\n");
});
