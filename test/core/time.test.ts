// TAI64N labels against the tai64 package, readable stamps against Date.
import assert from "node:assert/strict";
import { test } from "node:test";
import { TAI64 } from "tai64";
import { decodeTai64n, encodeTai64n, labelText, utcText } from "../../src/core/time.ts";

/** What runit, daemontools and s6 add: the package's toUnix would apply leap seconds. */
const labelOfUnix = 2n ** 62n + 10n;

/** Seconds that are spread over many years, always the same. */
function* someSeconds(count: number): Generator<number> {
  yield* [0, 1, 86399, 86400, 951782400, 951868799, 1709164800, 2147483647, 2147483648];
  yield* [4294967285, 4294967286, 4294967295, 4294967296, 253402300799];
  for (let i = 0, state = 12345; i < count; i++) {
    state = (Math.imul(state, 1103515245) + 12345) >>> 0;
    yield state * 3 + (i % 86400);
  }
}

test("labels are those that the tai64 package reads, 10 seconds from 1970", () => {
  for (const seconds of someSeconds(2000)) {
    const bytes = encodeTai64n({ seconds, nanoseconds: 999_999_999 });
    const label = TAI64.fromByteArray([...Buffer.from(bytes.slice(0, 8), "latin1")]);
    assert.equal(BigInt(`0x${label.toHexString()}`) - labelOfUnix, BigInt(seconds));
    assert.deepEqual(decodeTai64n(bytes), { seconds, nanoseconds: 999_999_999 });
    const text = labelText({ seconds, nanoseconds: 999_999_999 });
    assert.equal(text, `@${label.toHexString()}3b9ac9ff`);
  }
});

test("a label before 1970 is read back, too", () => {
  const stamp = { seconds: -1_000_000, nanoseconds: 0 };
  assert.deepEqual(decodeTai64n(encodeTai64n(stamp)), stamp);
});

test("readable stamps are those of Date, with hundred-thousandths", () => {
  for (const seconds of someSeconds(5000)) {
    const nanoseconds = (seconds * 7919) % 1_000_000_000;
    const date = new Date(seconds * 1000).toISOString().slice(0, 19);
    const fraction = String(Math.floor(nanoseconds / 10000)).padStart(5, "0");
    if (seconds > 253402300799) continue; // the year 10000
    assert.equal(utcText({ seconds, nanoseconds }, "T"), `${date}.${fraction}`);
    assert.equal(utcText({ seconds, nanoseconds }, "_"), `${date.replace("T", "_")}.${fraction}`);
  }
});
