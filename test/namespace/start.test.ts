// `npm start` shows the services of sv/ as they live, and leaves nothing, whatever ends it.
import assert from "node:assert/strict";
import * as fs from "node:fs";
import path from "node:path";
import { type TestContext, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import {
  commandLine,
  eventually,
  kill,
  type Program,
  processesOf,
  root,
  run,
  start,
  tempDir,
  waitForFile,
} from "../harness.ts";
import { openTerminal } from "../terminal.ts";

/** More than scripts/start.ts has for one keystroke. */
const keystrokeMs = 600;

interface Demonstration {
  readonly program: Program;
  /** Where its temporary directory is. */
  readonly temporary: string;
}

/** Once it has said what it is: on a busy machine, that takes a while. */
async function startDemonstration(
  t: TestContext,
  env: Record<string, string> = {},
): Promise<Demonstration> {
  const temporary = tempDir(t);
  const args = ["--import", "tsx", path.join(root, "scripts/start.ts")];
  const options = { args, cwd: root, env: { TMPDIR: temporary, NO_COLOR: "", ...env } };
  const program = start(t, process.execPath, options);
  await program.stdout.waitFor(/^trinit, an init system: /);
  return { program, temporary };
}

function ownDirectories(temporary: string): string[] {
  return fs.readdirSync(temporary).filter((name) => name.startsWith("trinit-"));
}

/** No process, no directory, no mount. */
async function expectNothing(t: TestContext, { temporary }: Demonstration): Promise<void> {
  await eventually("the end of all processes", () => processesOf(t).length === 0);
  assert.deepEqual(ownDirectories(temporary), []);
  assert.ok(!fs.readFileSync("/proc/self/mountinfo", "utf8").includes(temporary));
}

async function expectEnd(t: TestContext, demonstration: Demonstration): Promise<void> {
  const { program } = demonstration;
  const asked = Date.now();
  program.signal("SIGINT");
  assert.deepEqual(await program.waitForExit(), { code: 0, signal: null });
  const took = Date.now() - asked;
  assert.ok(took <= 2000, `${took} ms`);
  assert.equal(program.stderr.text(), "");
  await expectNothing(t, demonstration);
}

test("states and log lines come as they happen, and Ctrl-C ends it through stage 3", async (t) => {
  const demonstration = await startDemonstration(t);
  const { stdout } = demonstration.program;
  const [, commands = ""] = /(\/\S+)/.exec(await stdout.waitFor(/^ {2}\. \//)) ?? [];
  await stdout.waitFor(/^ {2}nsenter --target \d+ /);
  await stdout.waitFor(/ {2}greet {2}\| hello from a one-shot service/);
  await stdout.waitFor(/^\d\d:\d\d:\d\d {2}beat {3}run {5}pid \d+ inside$/);
  const typed = `. ${commands}; sv check beat`;
  const { stdout: answer } = await run(t, "/bin/sh", ["-c", typed]);
  assert.match(answer, /^ok: run: beat: /);
  await stdout.waitFor(/ {2}beat {3}\| beat 1$/);
  await stdout.waitFor(/ {2}flaky {2}\| flaky ended: exit code 3/);
  const running = / {2}flaky {2}run {5}pid \d+ inside$/;
  const first = stdout.lines().findIndex((line) => running.test(line));
  await stdout.waitFor(running, first + 1);
  await expectEnd(t, demonstration);
  await stdout.waitFor(/ {2}init {3}- runit: enter stage: .*3$/);
  assert.match(
    stdout
      .lines()
      .filter((line) => line.includes("  beat   "))
      .at(-1) ?? "",
    /down$/,
  );
  assert.ok(!stdout.text().includes("\x1b"));
});

test("without namespaces it says so, and runs a plain tree", async (t) => {
  const fake = tempDir(t);
  const script = "#!/bin/sh\necho 'unshare failed: Operation not permitted' >&2\nexit 1\n";
  fs.writeFileSync(path.join(fake, "unshare"), script, { mode: 0o755 });
  const demonstration = await startDemonstration(t, { PATH: `${fake}:${process.env.PATH}` });
  const { stdout } = demonstration.program;
  await stdout.waitFor(/^No namespaces are to be had here/);
  await stdout.waitFor(/unshare failed: Operation not permitted$/);
  await stdout.waitFor(/ {2}greet {2}\| hello/);
  await expectEnd(t, demonstration);
});

test("a second Ctrl-C kills what does not end", async (t) => {
  const demonstration = await startDemonstration(t);
  const { program } = demonstration;
  await program.stdout.waitFor(/ {2}beat {3}run /);
  const supervisor = processesOf(t).find((pid) => commandLine(pid) === "runsv beat");
  assert.ok(supervisor !== undefined && kill(supervisor, "SIGSTOP"));
  program.signal("SIGINT");
  await program.stdout.waitFor(/ {2}init {3}- runit: enter stage: .*3$/);
  await sleep(keystrokeMs); // one that comes earlier is taken for the first
  program.signal("SIGINT");
  assert.deepEqual(await program.waitForExit(), { code: 1, signal: null });
  await expectNothing(t, demonstration);
});

test("a hangup while it starts ends it", async (t) => {
  const demonstration = await startDemonstration(t);
  const { program, temporary } = demonstration;
  const [made = ""] = await eventually("its directory", () => {
    const names = ownDirectories(temporary);
    return names.length > 0 && names;
  });
  await waitForFile(path.join(temporary, made, "sv/beat/run")).catch(() => ""); // or later
  program.signal("SIGHUP");
  const { code, signal } = await program.waitForExit();
  assert.ok(signal === null && (code === 0 || code === 1), `${code} ${signal}`);
  await expectNothing(t, demonstration);
});

test("when init ends by itself, so does it, with its code", async (t) => {
  const demonstration = await startDemonstration(t);
  const { stdout } = demonstration.program;
  await stdout.waitFor(/ {2}beat {3}run /);
  const init = processesOf(t).find((pid) => /^init \[2\]/.test(commandLine(pid)));
  assert.ok(init !== undefined && kill(init, "SIGTERM"));
  assert.deepEqual(await demonstration.program.waitForExit(), { code: 0, signal: null });
  await expectNothing(t, demonstration);
});

test("at a terminal, how to type commands stays below all lines", async (t) => {
  const script = path.join(root, "scripts/start.ts");
  const terminal = openTerminal(t, process.execPath, ["--import", "tsx", script]);
  await terminal.waitFor(/^trinit, /m);
  await terminal.waitFor(/enter stage/);
  await terminal.waitFor(/beat 1$/m);
  // The last line is written anew, and not ended, behind every other.
  await terminal.waitFor(/\| beat 2\nIn another terminal: \. \S+\/env; sv status\./);
  terminal.type("\x03");
  assert.equal(await terminal.waitForExit(), 0);
});
