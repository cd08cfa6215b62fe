// utmp's records, in both of glibc's layouts: which one a line is, and what is left of it.
import assert from "node:assert/strict";
import { test } from "node:test";
import { isOn, loggedOut, logoutOf, systemRecord } from "../../src/core/utmp.ts";

const seconds = 0x6b01b141;
/** Where the time is, and how many bytes it has. */
const layouts = [
  [384, 340, 4],
  [400, 344, 8],
] as const;

/** A record with every byte set, of a user on a line. */
function recordOf(size: number, user: string, line: string): string {
  const bytes = Buffer.alloc(size, 0xee);
  bytes.writeInt16LE(7, 0);
  bytes.fill(0, 8, 40).write(line, 8, "latin1");
  bytes.fill(0, 44, 76).write(user, 44, "latin1");
  return bytes.toString("latin1");
}

for (const [size, timeAt, timeBytes] of layouts) {
  test(`${size} bytes: a logout clears user and host, and sets type and time`, () => {
    const before = recordOf(size, "joe", "tty1");
    const expected = Buffer.from(before, "latin1");
    expected.writeInt16LE(8, 0);
    expected.fill(0, 44, 332);
    expected.fill(0, timeAt, timeAt + timeBytes).writeUInt32LE(seconds, timeAt);
    assert.equal(loggedOut(before, seconds), expected.toString("latin1"));
  });

  test(`${size} bytes: what wtmp gets has nothing but type, line and time`, () => {
    const expected = Buffer.alloc(size);
    expected.writeInt16LE(8, 0);
    expected.write("tty12", 8);
    expected.writeUInt32LE(seconds, timeAt);
    assert.equal(logoutOf("tty12", seconds, size), expected.toString("latin1"));
  });
}

for (const [what, type, user, line] of [
  ["boot", 2, "reboot", "~"],
  ["end", 1, "shutdown", "~~"],
] as const) {
  test(`the system's ${what}: a user ${user} on ${line}, from the kernel's release`, () => {
    for (const [size, timeAt] of layouts) {
      const expected = Buffer.alloc(size);
      expected.writeInt16LE(type, 0);
      expected.write(line, 8);
      expected.write("~~", 40);
      expected.write(user, 44);
      expected.write("6.1.0", 76);
      expected.writeUInt32LE(seconds, timeAt);
      const record = systemRecord(what, "6.1.0", seconds, size);
      assert.equal(record, expected.toString("latin1"));
      assert.equal(systemRecord(what, "x".repeat(300), seconds, size).length, size);
    }
  });
}

test("a line is whole, with a user, and may fill its field", () => {
  const full = "x".repeat(32);
  for (const [line, user, name, expected] of [
    ["tty1", "joe", "tty1", true],
    ["tty12", "joe", "tty1", false],
    ["tty1", "joe", "tty12", false],
    ["tty1", "", "tty1", false],
    ["", "joe", "", true],
    [full, "joe", full, true],
    [full, "joe", full.slice(1), false],
    [full, "joe", `${full}x`, false],
  ] as const) {
    assert.equal(isOn(recordOf(384, user, line), name), expected, `${name} on ${line} of ${user}`);
  }
});
