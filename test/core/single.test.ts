import assert from "node:assert/strict";
import { test } from "node:test";
import { parseEntrypoint } from "../../src/core/entrypoint.ts";
import {
  exitCode,
  forwarded,
  forwardedSignals,
  isStop,
  isTerminalStop,
  notStarted,
} from "../../src/core/single.ts";

/** What the command gets for a signal, with these options. */
function gets(number: number, ...options: string[]): number {
  const asked = parseEntrypoint(options);
  if (typeof asked === "string") throw new Error(asked);
  return forwarded(asked, number);
}

/** KILL, STOP, CHLD, TTIN, TTOU; ILL, TRAP, BUS, FPE, SEGV. */
const own = [9, 19, 17, 21, 22, 4, 5, 7, 8, 11];

test("every signal but those of our own is forwarded", () => {
  const all = Array.from({ length: 64 }, (_, at) => at + 1);
  assert.deepEqual(
    forwardedSignals(),
    all.filter((number) => !own.includes(number)),
  );
  for (const number of all) assert.equal(gets(number), own.includes(number) ? 0 : number);
});

test("a rewritten signal is another one, or none", () => {
  const options = ["-r15:3", "-r1:0", "-r3:15"];
  assert.deepEqual(
    [15, 1, 3, 2].map((number) => gets(number, ...options)),
    [3, 0, 15, 2],
  );
});

test("what is our own stays so, whatever it is rewritten to", () => {
  assert.equal(gets(17, "-r17:15"), 0);
});

test("every code is the command's, every signal 128 and its number", () => {
  for (let code = 0; code < 256; code++) assert.equal(exitCode(code << 8, []), code);
  for (let signal = 1; signal <= 64; signal++) assert.equal(exitCode(signal, []), 128 + signal);
  assert.equal(exitCode(11 | 0x80, []), 139, "with a core dump");
});

test("codes of success are 0, whether an exit or a signal has made them", () => {
  assert.deepEqual(
    [3 << 8, 143 << 8, 15, 4 << 8].map((status) => exitCode(status, [3, 143])),
    [0, 0, 0, 4],
  );
});

test("a stop is the terminal's with TSTP, TTIN and TTOU, and somebody else's with STOP", () => {
  const statusOf = (signal: number): number => (signal << 8) | 0x7f;
  assert.deepEqual([20, 21, 22, 19].map(statusOf).map(isTerminalStop), [true, true, true, false]);
  assert.deepEqual([statusOf(19), 20 << 8, 20].map(isStop), [true, false, false]);
  assert.equal(isTerminalStop(20 << 8), false, "exit code 20");
});

test("a command that cannot be started has the exit codes that shells give it", () => {
  const codeOf = (errno: number, call: string): number => notStarted("x", errno, call, "so").code;
  assert.deepEqual(
    [2, 13, 8, 7].map((errno) => codeOf(errno, "execve")),
    [127, 126, 126, 126],
  );
  assert.equal(codeOf(11, "fork"), 111);
});
