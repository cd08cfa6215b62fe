import assert from "node:assert/strict";
import { constants } from "node:os";
import { test } from "node:test";
import { signalNumber } from "../../src/core/signals.ts";

test("every name that the system knows has its number, with SIG in front or without", () => {
  const aliases = ["SIGIOT", "SIGPOLL", "SIGUNUSED"];
  for (const [name, number] of Object.entries(constants.signals)) {
    if (aliases.includes(name)) continue;
    assert.equal(signalNumber(name), number, name);
    assert.equal(signalNumber(name.slice(3)), number, name);
  }
});

test("numbers from 1 to 64 are signals", () => {
  for (let number = 1; number <= 64; number++) assert.equal(signalNumber(`${number}`), number);
});

test("real-time signals count from RTMIN up and from RTMAX down", () => {
  assert.deepEqual(["RTMIN", "RTMIN+3", "RTMIN+30"].map(signalNumber), [34, 37, 64]);
  assert.deepEqual(["RTMAX", "SIGRTMAX-1", "RTMAX-30"].map(signalNumber), [64, 63, 34]);
});

test("everything else is no signal", () => {
  const wrong = ["", "0", "65", "-1", "1x", "term", "SIG", "SIG15", "RTMIN-1", "RTMAX+1"];
  wrong.push("RTMIN+", "RTMIN+31", "RTMAX-31", "RTMIN3", "0015", " 15", "constructor");
  for (const text of wrong) assert.equal(signalNumber(text), null, text);
});
