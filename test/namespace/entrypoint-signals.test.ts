// Signals on their way to a command, with `trinit entrypoint` as process 1 and as any other.
import assert from "node:assert/strict";
import { test } from "node:test";
import { type Place, type Started, signalsProgram, startEntrypoint } from "../entrypoint.ts";
import { childrenOf, kill, type Lines } from "../harness.ts";
import { inNamespaces, unsanitized } from "../namespace.ts";

/** KILL and STOP, which nobody catches; the faults of a processor end who is not process 1; the
 * others are sent below. */
const special = [9, 19, 4, 5, 7, 8, 11, 17, 21, 22];

const forwarded = Array.from({ length: 64 }, (_, at) => at + 1).filter(
  (number) => !special.includes(number),
);

/** The numbers that a program of signalsProgram() has said. */
function numbersOf(lines: Lines, name = "got"): number[] {
  const own = lines.lines().filter((line) => line.startsWith(`${name} `));
  return own.map((line) => Number(line.split(" ")[1]));
}

/** Sends the signals one after the other, once the one before has arrived. */
async function sendAll(started: Started, numbers: readonly number[]): Promise<void> {
  for (const number of numbers) {
    started.send(number);
    await started.stdout.waitFor(new RegExp(` ${number}$`));
  }
}

for (const place of ["first", "other"] as const satisfies readonly Place[]) {
  test(`${place}: every signal is forwarded, real-time ones too`, inNamespaces, async (t) => {
    const started = await startEntrypoint(t, place, [signalsProgram(t)]);
    await started.stdout.waitFor(/^got 0$/);
    await sendAll(started, forwarded);
    assert.deepEqual(numbersOf(started.stdout), [0, ...forwarded]);
  });

  test(`${place}: CHLD, TTIN and TTOU are not forwarded`, inNamespaces, async (t) => {
    const started = await startEntrypoint(t, place, [signalsProgram(t)]);
    await started.stdout.waitFor(/^got 0$/);
    for (const number of [17, 21, 22]) started.send(number);
    await sendAll(started, [10]);
    assert.deepEqual(numbersOf(started.stdout), [0, 10]);
  });

  test(`${place}: every one of many real-time signals arrives`, inNamespaces, async (t) => {
    const started = await startEntrypoint(t, place, [signalsProgram(t)]);
    await started.stdout.waitFor(/^got 0$/);
    for (let sent = 0; sent < 100; sent++) started.send(40);
    await sendAll(started, [64]); // comes last: the smaller number goes first
    assert.equal(numbersOf(started.stdout).filter((number) => number === 40).length, 100);
  });

  test(`${place}: a signal is rewritten, and one to 0 is dropped`, inNamespaces, async (t) => {
    const options = ["--rewrite", "15:3", "-r", "HUP:0", "-rRTMIN+3:TERM"];
    const started = await startEntrypoint(t, place, [...options, signalsProgram(t)]);
    await started.stdout.waitFor(/^got 0$/);
    started.send(15);
    await started.stdout.waitFor(/ 3$/);
    started.send(1);
    started.send(37);
    await started.stdout.waitFor(/ 15$/);
    assert.deepEqual(numbersOf(started.stdout), [0, 3, 15]);
  });
}

test("process 1 takes no notice of a fault that somebody sends", unsanitized, async (t) => {
  const started = await startEntrypoint(t, "first", [signalsProgram(t)]);
  await started.stdout.waitFor(/^got 0$/);
  for (const number of [4, 5, 7, 8, 11]) started.send(number);
  await sendAll(started, [10]);
  assert.deepEqual(numbersOf(started.stdout), [0, 10]);
});

/** Two commands in one process group, of which one has started the other. */
const both = '"$0" below & exec "$0" command';

test("a signal reaches the command alone", inNamespaces, async (t) => {
  const started = await startEntrypoint(t, "other", ["sh", "-c", both, signalsProgram(t)]);
  await started.stdout.waitFor(/^command 0$/);
  await started.stdout.waitFor(/^below 0$/);
  started.send(10);
  await started.stdout.waitFor(/^command 10$/);
  const [command = 0] = childrenOf(started.pid);
  for (const below of childrenOf(command)) kill(below, "SIGUSR2");
  await started.stdout.waitFor(/^below 12$/);
  assert.deepEqual(numbersOf(started.stdout, "below"), [0, 12]);
});

test("-g: a signal reaches all of the command's process group", inNamespaces, async (t) => {
  const started = await startEntrypoint(t, "other", ["-g", "sh", "-c", both, signalsProgram(t)]);
  await started.stdout.waitFor(/^command 0$/);
  await started.stdout.waitFor(/^below 0$/);
  started.send(10);
  await started.stdout.waitFor(/^command 10$/);
  await started.stdout.waitFor(/^below 10$/);
});
