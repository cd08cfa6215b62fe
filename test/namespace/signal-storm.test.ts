// Process 1 in each of its roles while several processes send it all signals as fast as they can,
// from before its first instruction on. Five of them, sent by anybody, ended it once. Not with a
// sanitizer, which takes those of the processor for its own.
import assert from "node:assert/strict";
import path from "node:path";
import { type TestContext, test } from "node:test";
import { execaSync } from "execa";
import { eventually, type Lines, root, tempDir } from "../harness.ts";
import { quickStages, startFaultyInit, stays, story, withShell } from "../init.ts";
import { type Namespace, startNamespace, unsanitized } from "../namespace.ts";

const stormMs = 1500;
const [HUP, INT, QUIT, USR1, USR2, TERM, PWR, RTMIN3] = [1, 2, 3, 10, 12, 15, 30, 37];
/** What ends a container. */
const ends = [INT, QUIT, TERM, PWR, RTMIN3];
/** What ends a machine. */
const machineEnds = [USR1, USR2, TERM, PWR];

function stormProgram(t: TestContext): string {
  const program = path.join(tempDir(t), "storm");
  execaSync("cc", ["-O2", "-o", program, path.join(root, "test/fixtures/storm.c")]);
  return program;
}

/** Shell commands that begin it: it sends all but these. */
function begin(storm: string, except: readonly number[]): string {
  return `${storm} 1 ${stormMs} ${except.join(" ")} &`;
}

/** Waits for its end: each way of sending has sent much. */
async function isOver(lines: Lines): Promise<void> {
  const [, ...sent] = (await lines.waitFor(/^storm: /)).split(" ").map(Number);
  assert.ok(sent.length === 4 && sent.every((count) => count > 1000), sent.join(" "));
}

/** It is still the first of these processes, and takes its turns: it reaps what is left to it. */
async function isWell(inside: Namespace, title: RegExp): Promise<void> {
  const { stdout } = await inside.run("sh", "-c", "(true &); cat /proc/1/cmdline");
  assert.match(stdout, title);
  await eventually("all orphans are reaped", async () => {
    const { stdout } = await inside.run("ps", "-eo", "state=");
    return !stdout.includes("Z");
  });
  assert.doesNotMatch(inside.stderr.text(), /fault in the program/);
}

test("a machine", unsanitized, async (t) => {
  const prepare = begin(stormProgram(t), machineEnds);
  const inside = await startFaultyInit(t, ["machine"], { prepare });
  await isOver(inside.stderr);
  await isWell(inside, /^init\0\[2\]\0/);
  assert.doesNotMatch(inside.console.text(), /fault in the program/);
  inside.signal("SIGPWR");
  assert.deepEqual(await inside.waitForExit(), { code: 0, signal: null });
});

test("a container", unsanitized, async (t) => {
  const prepare = begin(stormProgram(t), ends);
  const inside = await startNamespace(t, { pid1: ["init"], runit: quickStages, prepare });
  await isOver(inside.stderr);
  await isWell(inside, /^init\0\[2\]\0/);
  inside.signal("SIGTERM");
  assert.deepEqual(await inside.waitForExit(), { code: 0, signal: null });
});

test("one command", unsanitized, async (t) => {
  const command = [stormProgram(t), "1", `${stormMs}`, "stay"]; // which is told of them all
  const inside = await startNamespace(t, { pid1: ["trinit", "entrypoint", ...command], runit: {} });
  await isOver(inside.stderr);
  await isWell(inside, /^trinit\0/);
});

test("services of a container", unsanitized, async (t) => {
  const services = { web: { "run!": stays } };
  const pid1 = ["trinit", "entrypoint"];
  const prepare = begin(stormProgram(t), ends);
  const inside = await startNamespace(t, { pid1, runit: {}, services, prepare });
  await isOver(inside.stderr);
  await isWell(inside, /^init\0/);
  assert.match((await inside.run("sv", "status", "web")).stdout, /^run: web: /);
  inside.signal("SIGTERM");
  assert.deepEqual(await inside.waitForExit(), { code: 0, signal: null });
});

test("services beside a command", unsanitized, async (t) => {
  const command = [stormProgram(t), "1", `${stormMs}`, "stay", ...ends.map(String)];
  const services = { web: { "run!": stays } };
  const pid1 = ["trinit", "entrypoint", ...command];
  const inside = await startNamespace(t, { pid1, runit: {}, services });
  await isOver(inside.stderr);
  await isWell(inside, /^init\0/);
  assert.match((await inside.run("sv", "status", "web")).stdout, /^run: web: /);
});

test("runsvdir", unsanitized, async (t) => {
  const services = { web: { "run!": stays } };
  const pid1 = ["runsvdir", "/etc/service"];
  const prepare = begin(stormProgram(t), [HUP, INT, TERM]);
  const inside = await startNamespace(t, { pid1, runit: {}, services, prepare });
  await isOver(inside.stderr);
  await isWell(inside, /^runsvdir\0/);
  inside.signal("SIGHUP");
  assert.deepEqual(await inside.waitForExit(), { code: 111, signal: null });
});

test("one that starts over meanwhile", unsanitized, async (t) => {
  const prepare = begin(stormProgram(t), ends);
  const inside = await startFaultyInit(t, [], { prepare });
  inside.arm("crash-segv.once");
  await inside.stderr.waitFor(/fault in the program, starting over/);
  await isOver(inside.stderr);
  const title = await inside.run("cat", "/proc/1/cmdline");
  assert.equal(title.stdout, "init\0[2]\0");
  inside.signal("SIGTERM");
  assert.deepEqual(await inside.waitForExit(), { code: 0, signal: null });
  const faults = story(inside.stderr.lines()).filter((line) => line.startsWith("fatal: fault"));
  assert.equal(faults.length, 1);
});

test("one with a shell on its console", unsanitized, async (t) => {
  const { runit, prepare } = withShell(quickStages, "echo rescued; sleep 1");
  const storm = begin(stormProgram(t), [...machineEnds, RTMIN3]); // of which each one waits
  const inside = await startFaultyInit(t, ["machine"], { runit, prepare: `${prepare}\n${storm}` });
  inside.arm("crash-segv");
  await inside.console.waitFor(/the second within a minute/);
  await inside.console.waitFor(/^rescued$/);
  await isOver(inside.stderr);
  await eventually("it goes on", async () => {
    const { stdout } = await inside.run("cat", "/proc/1/cmdline");
    return stdout === "init\0[2]\0";
  });
  inside.signal("SIGPWR");
  await inside.console.waitFor(/leave stage: stage 2/);
});

test("one that is told to end among them ends in order", unsanitized, async (t) => {
  const prepare = begin(stormProgram(t), machineEnds);
  const inside = await startFaultyInit(t, ["machine"], { prepare });
  inside.signal("SIGPWR");
  await inside.console.waitFor(/leave stage: \/etc\/runit\/3/);
  await inside.console.waitFor(/power off/);
  assert.deepEqual(await inside.waitForExit(), { code: 0, signal: null });
});
