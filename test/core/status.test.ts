// The 20 bytes of supervise/status, both ways.
import assert from "node:assert/strict";
import { test } from "node:test";
import {
  decodeComplaint,
  decodeEnds,
  decodeStat,
  decodeStatus,
  encodeComplaint,
  encodeEnds,
  encodeStatus,
  type Status,
  statText,
} from "../../src/core/status.ts";

const since = { seconds: 0x68f0_0000, nanoseconds: 0x0123_4567 };
const up: Status = { state: "run", want: "up", pid: 0x1234, paused: false, gotTerm: false, since };
const down: Status = { ...up, state: "down", want: "down", pid: 0 };

function hex(bytes: string): string {
  return Buffer.from(bytes, "latin1").toString("hex");
}

test("the bytes are runit's", () => {
  for (const [status, tail] of [
    [up, "34120000 00 75 00 01"],
    [{ ...up, paused: true }, "34120000 01 75 00 01"],
    [{ ...up, want: "down", gotTerm: true }, "34120000 00 64 01 01"],
    [{ ...up, state: "finish", pid: 0x7fff_ffff }, "ffffff7f 00 75 00 02"],
    [down, "00000000 00 64 00 00"],
  ] as const) {
    const expected = `4000000068f0000a01234567${tail.replaceAll(" ", "")}`;
    assert.equal(hex(encodeStatus(status)), expected);
  }
});

test("what was encoded is decoded to the same", () => {
  for (const state of ["down", "run", "finish"] as const) {
    for (const want of ["up", "down"] as const) {
      for (const pid of [0, 1, 255, 256, 65535, 4194304]) {
        for (const [paused, gotTerm] of [
          [true, false],
          [false, true],
        ] as const) {
          const status: Status = { state, want, pid, paused, gotTerm, since };
          assert.deepEqual(decodeStatus(encodeStatus(status)), status);
        }
      }
    }
  }
});

test("what is no record is null", () => {
  const record = encodeStatus(up);
  const bad = [
    "",
    record.slice(1),
    `${record}x`,
    record.slice(0, 18),
    `${record.slice(0, 19)}\x03`,
  ];
  for (const bytes of bad) assert.equal(decodeStatus(bytes), null);
});

test("supervise/stat says it in one line", () => {
  for (const [status, want, ending, text] of [
    [up, "up", false, "run\n"],
    [down, "down", false, "down\n"],
    [down, "exit", false, "down\n"],
    [down, "end", false, "down, want end\n"],
    [{ ...up, paused: true }, "up", false, "run, paused\n"],
    [up, "down", true, "run, told to end, want down\n"],
    [{ ...up, gotTerm: true }, "down", true, "run, got TERM, want down\n"],
    [{ ...up, gotTerm: true }, "exit", true, "run, got TERM, want exit\n"],
    [{ ...up, state: "finish" }, "down", false, "finish, want down\n"],
    [{ ...up, state: "finish" }, "end", false, "finish, want end\n"],
  ] as const) {
    assert.equal(statText(status, { want, ending }), text);
    const told = text.includes("told to end");
    assert.deepEqual(decodeStat(text), { isEnd: want === "end", ending: told });
  }
});

test("supervise/exit: three numbers, nothing before the first end", () => {
  for (const [code, status, restarts, text] of [
    [0, 0, 0, "0 0 0\n"],
    [111, 0, 7, "111 0 7\n"],
    [-1, 139, 1000, "-1 139 1000\n"],
  ] as const) {
    const ends = { exit: { code, status }, restarts };
    assert.equal(encodeEnds(ends), text);
    assert.deepEqual(decodeEnds(text), ends);
  }
  assert.equal(encodeEnds({ exit: null, restarts: 0 }), "");
  for (const garbage of [
    "",
    "\n",
    "0 0\n",
    "0 0 0 0\n",
    "a b c\n",
    "1  2\n",
    "1.5 0 0\n",
    "0 0 NaN",
    "1e300 0 0\n",
    "0x10 0 0\n",
    "-9 0 0\n",
    "01 0 0\n",
  ]) {
    assert.equal(decodeEnds(garbage), null, garbage);
  }
});

test("supervise/complaint: a label and one line", () => {
  const since = { seconds: 1_795_000_000, nanoseconds: 5_000_000 };
  const line = encodeComplaint({ since, text: "runsv two\nlines: warning: a\nb" });
  assert.equal(line, "@400000006afd86ca004c4b40 runsv two lines: warning: a b\n");
  assert.deepEqual(decodeComplaint(line), { since, text: "runsv two lines: warning: a b" });
  const escapes = decodeComplaint(`${line.slice(0, 26)}\x1b]0;x\x07 \x7f caf\xe9\n`);
  assert.equal(escapes?.text, "?]0;x? ? caf\xe9");
  for (const garbage of ["", "\n", "runsv web: warning: disk full\n", "@400000006afd\n"]) {
    assert.equal(decodeComplaint(garbage), null, garbage);
  }
});
