// `trinit entrypoint` with a command and no services: what it says, and what the command sees.
import assert from "node:assert/strict";
import * as fs from "node:fs";
import path from "node:path";
import { test } from "node:test";
import { signalsProgram, startEntrypoint } from "../entrypoint.ts";
import { bin, childrenOf, eventually, isAlive, kill, run, start, tempDir } from "../harness.ts";

const words = [bin("trinit"), "entrypoint"];
const isRoot = process.geteuid?.() === 0;

/** For `sh -c`, followed by the executable and what follows `entrypoint`: after some commands. */
function inShell(before: string): string {
  return `${before}\nexec "$0" entrypoint "$@"`;
}

test("--success: codes that count as 0, one or more", async (t) => {
  const codeOf = async (...args: string[]): Promise<number | null> =>
    (await run(t, bin("trinit"), ["entrypoint", ...args])).code;
  assert.equal(await codeOf("--success", "143", "sh", "-c", "kill $$"), 0);
  assert.equal(await codeOf("-e", "3", "-e4", "sh", "-c", "exit 4"), 0);
  assert.equal(await codeOf("-e", "3", "sh", "-c", "exit 4"), 4);
});

test("a command that is not there: 127", async (t) => {
  const lost = path.join(tempDir(t), "lost");
  fs.writeFileSync(lost, "#!/nosuch/sh\n", { mode: 0o755 });
  const cases = [
    ["nosuch", "file does not exist"],
    ["/nosuch/x", "file does not exist"],
    [lost, "its interpreter /nosuch/sh does not exist"],
  ];
  for (const [command = "", why] of cases) {
    const { code, stderr } = await run(t, bin("trinit"), ["entrypoint", command]);
    assert.deepEqual([code, stderr], [127, `trinit: fatal: unable to run ${command}: ${why}\n`]);
  }
});

test("a command that cannot be executed: 126", async (t) => {
  const text = path.join(tempDir(t), "text");
  fs.writeFileSync(text, "no program\n", { mode: 0o755 });
  const cases = [
    ["/etc/passwd", "access denied"],
    ["/tmp", "access denied"],
    [text, "exec format error, it may lack a line with #!"],
  ];
  for (const [command = "", why] of cases) {
    const { code, stderr } = await run(t, bin("trinit"), ["entrypoint", command]);
    assert.deepEqual([code, stderr], [126, `trinit: fatal: unable to run ${command}: ${why}\n`]);
  }
});

test("a command is looked for in PATH, behind what has its name and cannot be run", async (t) => {
  const directory = tempDir(t);
  fs.mkdirSync(path.join(directory, "a/here"), { recursive: true });
  fs.mkdirSync(path.join(directory, "b"));
  fs.writeFileSync(path.join(directory, "b/here"), "#!/bin/sh\nexit 5\n", { mode: 0o755 });
  const env = { PATH: `${directory}/nosuch:${directory}/a:${directory}/b` };
  assert.equal((await run(t, bin("trinit"), ["entrypoint", "here"], { env })).code, 5);
});

test("nothing to run: what to do about it, and 100", async (t) => {
  const env = { SVDIR: "/nosuch" };
  const { code, stderr } = await run(t, bin("trinit"), ["entrypoint", "-g"], { env });
  assert.equal(code, 100);
  assert.match(stderr, /^trinit: fatal: nothing to run: no command, no service in \/nosuch$/m);
  assert.match(stderr, /give a command .*--service-dir DIR, or SVDIR/);
});

test("services that are named and are not there: a warning, and the command runs", async (t) => {
  const directory = tempDir(t);
  fs.mkdirSync(path.join(directory, ".hidden"));
  fs.writeFileSync(path.join(directory, "README"), "");
  const args = ["entrypoint", "--service-dir", directory, "sh", "-c", "exit 5"];
  const { code, stderr } = await run(t, bin("trinit"), args);
  const what = `no service in ${directory}, running the command alone`;
  assert.deepEqual([code, stderr], [5, `trinit: warning: ${what}\n`]);
});

test("a directory of services that cannot be read is a wrong call", async (t) => {
  const args = ["entrypoint", "--service-dir", "/nosuch", "true"];
  const { code, stderr } = await run(t, bin("trinit"), args);
  const why = "unable to open directory /nosuch: file does not exist";
  assert.deepEqual([code, stderr], [100, `trinit: fatal: ${why}\n`]);
});

test("--drain: what stops it waits, and the same again changes nothing", async (t) => {
  const started = await startEntrypoint(t, "other", ["--drain", "1", signalsProgram(t)]);
  await started.stdout.waitFor(/^got 0$/);
  const began = performance.now();
  started.send(15);
  started.send(10);
  await started.stdout.waitFor(/^got 10$/);
  started.send(2);
  started.send(15);
  await started.stdout.waitFor(/^got 15$/);
  assert.ok(performance.now() - began >= 1000);
  assert.deepEqual(started.stdout.lines(), ["got 0", "got 10", "got 15"]);
});

test("--drain: it begins by itself when the time is over", async (t) => {
  const script = "trap 'exit 3' TERM; echo up; while :; do sleep 0.02; done";
  const started = await startEntrypoint(t, "other", ["--drain", "0.2", "sh", "-c", script]);
  await started.stdout.waitFor(/^up$/);
  const began = performance.now();
  started.send(15);
  assert.equal((await started.waitForExit()).code, 3);
  assert.ok(performance.now() - began >= 200);
});

test("a wrong call: what is wrong, the usage, 100", async (t) => {
  const { code, stderr } = await run(t, bin("trinit"), ["entrypoint", "--frob", "true"]);
  assert.equal(code, 100);
  assert.match(stderr, /^usage: trinit entrypoint .*\ntrinit: fatal: unknown option: --frob\n$/s);
});

test("--help is the usage on stdout, and 0", async (t) => {
  const { code, stdout, stderr } = await run(t, bin("trinit"), ["entrypoint", "--help"]);
  assert.deepEqual([code, stderr], [0, ""]);
  assert.match(stdout, /^usage: trinit entrypoint /);
});

test("arguments and environment are the command's, byte by byte", async (t) => {
  const script = `odd=$(printf 'caf\\351 \\377 \\001')
    export ODD="$odd" EMPTY=
    "$@" printf '%s|' "$odd" '' 'two words' -x --
    "$@" env -0`;
  const directly = await run(t, "/bin/sh", ["-c", script, "sh"]);
  const below = await run(t, "/bin/sh", ["-c", script, "sh", ...words]);
  assert.match(directly.stdout, /caf\xe9 \xff/);
  assert.deepEqual(below, directly);
});

test("working directory, limits, umask and open files are the command's", async (t) => {
  const before = "cd /usr; ulimit -n 77; umask 027; exec 7</etc/passwd";
  const script = "pwd; ulimit -n; umask; head -c 4 <&7";
  const args = ["-c", inShell(before), bin("trinit"), "sh", "-c", script];
  const { stdout } = await run(t, "/bin/sh", args);
  assert.equal(stdout, "/usr\n77\n0027\nroot");
});

test("sockets that were handed to us are for the command, and others' are not", async (t) => {
  const shown = "echo $(($LISTEN_PID == $$)) $(printenv LISTEN_PIDFDID || echo $LISTEN_FDS)";
  for (const [pid, said] of [
    ["$$", "1 1\nroot"],
    ["1", "0 7\nroot"],
  ]) {
    const listen = `export LISTEN_PID=${pid} LISTEN_FDS=1 LISTEN_PIDFDID=7`;
    const args = ["-c", inShell(`exec 3</etc/passwd; ${listen}`), bin("trinit"), "sh", "-c"];
    const { stdout, stderr } = await run(t, "/bin/sh", [...args, `${shown}; head -c 4 <&3`]);
    assert.deepEqual([stdout, stderr], [said, ""]);
  }
});

test("a signal that is ignored is ignored in the command, too, and no other is", async (t) => {
  const script = "kill -HUP $$; kill -USR1 $$; exit 4";
  const args = (before: string): string[] => ["-c", inShell(before), bin("trinit"), "sh", "-c"];
  assert.equal((await run(t, "/bin/sh", [...args("trap '' HUP USR1"), script])).code, 4);
  assert.equal((await run(t, "/bin/sh", [...args("trap '' USR1"), script])).code, 129);
});

test("a signal that is blocked is blocked in the command, too", async (t) => {
  const script = "kill -USR1 $$; exit 4";
  const args = ["--block-signal=USR1", ...words, "sh", "-c", script];
  assert.equal((await run(t, "/usr/bin/env", args)).code, 4);
});

test("a closed stderr is no fault, and is closed in the command", async (t) => {
  const args = ["-c", inShell("exec 2>&-"), bin("trinit"), "-v", "sh", "-c"];
  const script = "[ -e /proc/self/fd/2 ] || exit 5";
  assert.equal((await run(t, "/bin/sh", [...args, script])).code, 5);
});

test("a stderr that nobody reads is no fault, and no signal for the command", async (t) => {
  const script = `exec 3>&1
    { "$0" entrypoint -v "$1" 2>&1 >&3 & echo "pid $!" >&3; } | :`;
  const args = ["-c", script, bin("trinit"), signalsProgram(t)];
  const shell = start(t, "/bin/sh", { args, endSignal: "SIGKILL" });
  await shell.stdout.waitFor(/^got 0$/);
  const pid = Number((await shell.stdout.waitFor(/^pid/)).slice(4));
  for (const number of [10, 12]) {
    process.kill(pid, number);
    await shell.stdout.waitFor(new RegExp(`^got ${number}$`));
  }
  const lines = shell.stdout.lines().filter((line) => line.startsWith("got"));
  assert.deepEqual(lines, ["got 0", "got 10", "got 12"]);
});

test("-v tells what is done", async (t) => {
  const started = await startEntrypoint(t, "other", ["-v", "-rHUP:USR1", "-e138", "sleep", "600"]);
  await started.stderr.waitFor(/^trinit: sleep has pid \d+$/);
  started.send(1);
  await started.stderr.waitFor(/^trinit: signal 1: 10 to \d+$/);
  assert.equal((await started.waitForExit()).code, 0);
  await started.stderr.waitFor(/^trinit: \d+ has ended with status 10$/);
});

test("without -v it says nothing", async (t) => {
  const { stderr } = await run(t, bin("trinit"), ["entrypoint", "sh", "-c", "kill $$"]);
  assert.equal(stderr, "");
});

test("orphans come to it, and are reaped", async (t) => {
  const script = "sh -c 'sleep 600 & echo $!'; exec sleep 600";
  const started = await startEntrypoint(t, "other", ["sh", "-c", script]);
  const orphan = Number(await started.stdout.waitFor(/^\d+$/));
  await eventually("its parent", () => childrenOf(started.pid).includes(orphan));
  kill(orphan, "SIGKILL");
  await eventually("its end", () => !isAlive(orphan, true));
});

test("--parent-death: the end of its parent is a signal for the command", async (t) => {
  const script = '"$0" entrypoint -p TERM "$1" & wait';
  const args = ["-c", script, bin("trinit"), signalsProgram(t)];
  const shell = start(t, "/bin/sh", { args });
  await shell.stdout.waitFor(/^got 0$/);
  shell.signal("SIGKILL");
  await shell.stdout.waitFor(/^got 15$/);
});

const asNobody = { skip: isRoot ? false : "only root can be somebody else, type: sudo npm test" };

test("another user without any capability runs a command", asNobody, async (t) => {
  const ids = ["--reuid=65534", "--regid=65534", "--clear-groups", "--no-new-privs"];
  const args = [...ids, "--inh-caps=-all", "--bounding-set=-all", ...words];
  const { code, stdout, stderr } = await run(t, "/usr/bin/setpriv", [
    ...args,
    ...["sh", "-c", "id -u; kill -TERM $$"],
  ]);
  assert.deepEqual([code, stdout, stderr], [143, "65534\n", ""]);
});
