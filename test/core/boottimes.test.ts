// When something began, out of records and stamps: also where a clock was set in between.
import assert from "node:assert/strict";
import { test } from "node:test";
import {
  clockStarts,
  momentOf,
  parseBirth,
  parseParts,
  secondsMs,
} from "../../src/core/boottimes.ts";

const boot = "0f6f8d2e-1111-2222-3333-444455556666";

/** A stamp of that many milliseconds since 1970. */
function stamp(ms: number) {
  return { seconds: Math.floor(ms / 1000), nanoseconds: (ms % 1000) * 1e6 };
}

test("a birth record tells the start in ticks, which are 10 ms", () => {
  const record = `412 317 ${boot.padEnd(64)}\n\n\n`;
  assert.deepEqual(parseBirth(record, `${boot}\n`, 0), { pid: 412, at: 3170 });
});

test("a birth record of another boot tells nothing", () => {
  assert.equal(parseBirth(`412 317 ${boot}\n`, "another\n", 0), null);
});

test("a birth before process 1's is of another life of this container", () => {
  assert.equal(parseBirth(`412 317 ${boot.padEnd(64)}\n`, boot, 3180), null);
});

test("garbage in the place of a birth record tells nothing", () => {
  const endless = `1 ${"9".repeat(400)} ${boot} `;
  for (const text of [endless, "", "\n", "x 3 ", `1 x ${boot} `, `-1 3 ${boot} `, "1", "\0\0\0"]) {
    assert.equal(parseBirth(text, boot, 0), null, JSON.stringify(text));
  }
});

test("seconds are those of /proc/uptime", () => {
  assert.equal(secondsMs("12.34 45.60\n"), 12_340);
  for (const text of ["", "x", " 1", "-1", "1e999"]) assert.equal(secondsMs(text), null, text);
});

test("a part of stage 1 ends where the next one begins", () => {
  const parts = parseParts("1.00 10-a\n1.25 20-b\n1.50 \n", 0, 9000);
  assert.deepEqual(parts, [
    { name: "10-a", from: 1000, to: 1250 },
    { name: "20-b", from: 1250, to: 1500 },
  ]);
});

test("parts out of the bounds, or out of order, are no parts", () => {
  assert.deepEqual(parseParts("1.00 a\n2.00 \n", 1500, 9000), []);
  assert.deepEqual(parseParts("1.00 a\n2.00 \n", 0, 1900), []);
  assert.deepEqual(parseParts("2.00 a\n1.00 \n", 0, 9000), []);
  for (const text of ["", "\n\n", "a b\nc d\n", "1.00 a"]) {
    assert.deepEqual(parseParts(text, 0, 9000), [], text);
  }
});

test("a stamp is a moment, by a clock that was never set", () => {
  const starts = clockStarts({ stamp: stamp(1_000_009_000), at: 9000 }, []);
  assert.equal(momentOf(stamp(1_000_002_345), starts, 2000, 9000), 2340);
});

test("a stamp from before the clock was set is a moment by those who had that clock", () => {
  const now = { stamp: stamp(1_700_000_009_000), at: 9000 };
  const early = { stamp: stamp(1000), at: 1000 };
  const starts = clockStarts(now, [{ stamp: stamp(3500), at: 1400 }, early]);
  assert.deepEqual(starts, [1_700_000_000_000, 0], "the late one had the early one's clock");
  assert.equal(momentOf(stamp(2340), starts, 2000, 9000), 2340);
  assert.equal(momentOf(stamp(1_700_000_008_000), starts, 2000, 9000), 8000);
});

test("a stamp that was taken late is by the clock of now", () => {
  const late = { stamp: stamp(1_000_003_000), at: 1000 };
  assert.equal(clockStarts({ stamp: stamp(1_000_009_000), at: 9000 }, [late]).length, 1);
});

test("a stamp that may be of two moments is of none", () => {
  const now = { stamp: stamp(1_000_009_000), at: 9000 };
  const ahead = { stamp: stamp(1_000_000_000), at: 3000 }; // set ahead by three seconds since
  const starts = clockStarts(now, [ahead]);
  assert.equal(momentOf(stamp(1_000_003_000), starts, 2000, 9000), null);
  assert.equal(momentOf(stamp(1_000_001_000), starts, 2000, 9000), 4000, "only one is possible");
});

test("a stamp of no moment that can be is of none", () => {
  const starts = clockStarts({ stamp: stamp(1_000_009_000), at: 9000 }, []);
  assert.equal(momentOf(stamp(999_000_000), starts, 2000, 9000), null);
});

test("a moment is within its bounds, whatever the ticks have cut off", () => {
  const starts = clockStarts({ stamp: stamp(1_000_009_000), at: 9000 }, []);
  assert.equal(momentOf(stamp(1_000_001_995), starts, 2000, 9000), 2000);
  assert.equal(momentOf(stamp(1_000_009_004), starts, 2000, 9000), 9000);
  assert.equal(
    momentOf(stamp(1_000_009_000), starts, 9010, 9000),
    9010,
    "begun after now was read",
  );
});
