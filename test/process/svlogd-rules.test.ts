// svlogd looks at lines: patterns, copies on standard error and by UDP.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { createSocket } from "node:dgram";
import { once } from "node:events";
import * as fs from "node:fs";
import path from "node:path";
import { type TestContext, test } from "node:test";
import { bin, inTime, run, start, waitForFile } from "../harness.ts";
import { current, makeLog, oldFiles, read, startFaulty, textOf, write } from "../svlogd.ts";

const svlogd = bin("svlogd");
/** Where nobody may send a packet to: the kernel refuses it at once. */
const broadcast = "255.255.255.255:9";

/** A port of this machine, and the next packets that come there. */
async function listen(t: TestContext) {
  const socket = createSocket("udp4");
  const packets: string[] = [];
  let wake = (): void => {};
  socket.on("message", (message) => {
    packets.push(message.toString("latin1"));
    wake();
  });
  socket.bind(0, "127.0.0.1");
  await once(socket, "listening");
  t.after(() => socket.close());
  const received = async (count: number): Promise<string[]> => {
    while (packets.length < count) {
      const packet = new Promise<void>((resolve) => {
        wake = resolve;
      });
      await inTime(packet, `packet ${packets.length + 1}`, () => packets.join(""));
    }
    return packets;
  };
  return { port: socket.address().port, received };
}

test("the last pattern that matches decides whether a line is written", async (t) => {
  const log = makeLog(t, "-*\n+a*\n-ab*\n+abc\n");
  const plain = makeLog(t);
  const input = "b\na\nab\nabc\nabcd\n\n";
  await run(t, svlogd, [log, plain], { input });
  assert.deepEqual([read(log), read(plain)], ["a\nabc\n", input]);
});

test("patterns see the first bytes of a line only, the log gets all of it", async (t) => {
  const log = makeLog(t, "-*\n+12345\n");
  const long = "12345".concat("x".repeat(200_000));
  await run(t, svlogd, ["-l", "5", log], { input: `123456\n1234\n${long}\n` });
  assert.equal(read(log), `123456\n${long}\n`);
});

test("patterns see the characters that -r and -R put in", async (t) => {
  const log = makeLog(t, "-*\n+a__\n");
  await run(t, svlogd, ["-R", "x", log], { input: "ax\x01\nab\x01\n" });
  assert.equal(read(log), "a__\n");
});

test("selected lines fill a log as any others", async (t) => {
  const log = makeLog(t, "s50\nn0\n-b*\n");
  const lines = Array.from({ length: 40 }, (_, i) => `${i % 2 === 0 ? "a" : "b"}${i + 100}\n`);
  await run(t, svlogd, ["-l", "10", log], { input: lines.join("") });
  const texts = oldFiles(log).map((name) => read(log, name));
  assert.equal(texts.join("") + read(log), lines.filter((line) => line[0] === "a").join(""));
  assert.deepEqual(
    texts.map((text) => text.length),
    [40, 40],
  );
});

test("a line that one log takes a byte of is judged whole for the others", async (t) => {
  const log = makeLog(t, "s28\nn0\n-*\n+web*\n");
  const input = `web${"x".repeat(23)}\n${"web\n".repeat(20)}`; // 27 bytes, and then one fits
  const plain = makeLog(t);
  await run(t, svlogd, [plain, log], { input });
  assert.deepEqual([textOf(plain), textOf(log)], [input, input]);
});

test("a line that has begun waits until it can be judged, a long one does not", async (t) => {
  const log = makeLog(t, "-b*\n");
  const program = start(t, svlogd, { args: ["-v", "-l", "100", log], stdin: "pipe" });
  write(program, "a\nb");
  await current(log, "a\n");
  write(program, `\nc${"c".repeat(99)}`);
  await current(log, `a\nc${"c".repeat(99)}`);
  write(program, "d\nb");
  await current(log, `a\nc${"c".repeat(99)}d\n`);
  program.signal("SIGTERM");
  await program.stderr.waitFor(/sigterm/);
  write(program, "b\nc\n");
  assert.deepEqual(await program.waitForExit(), { code: 0, signal: null });
  assert.equal(read(log), `a\nc${"c".repeat(99)}d\n`);
});

test("a last line without an end is judged, too", async (t) => {
  for (const [input, text] of [
    ["a\nb", "a\n"],
    ["b\na", "a\n"],
  ] as const) {
    const log = makeLog(t, "-b*\n");
    await run(t, svlogd, [log], { input });
    assert.equal(read(log), text);
  }
});

test("lines go to standard error, cut to what patterns see", async (t) => {
  const log = makeLog(t, "pP: \ne*\nEc*\n-b*\n");
  const input = "a\nb\nc\n\n012345678\n0123456789\n01234567890\n";
  const { stderr } = await run(t, svlogd, ["-tt", "-l", "10", log], { input });
  const lines = stderr.split("\n").map((line) => line.replace(/^[-0-9]{10}_[:.0-9]{14} /, "@ "));
  assert.deepEqual(lines, [
    ...["@ P: a", "@ P: b", "@ P: ", "@ P: 012345678", "@ P: 0123456789...", "@ P: 0123456789..."],
    "",
  ]);
  assert.equal(read(log).split("\n").length, 7);
});

test("a u line sends what is written, a U line instead of writing it", async (t) => {
  const { port, received } = await listen(t);
  const log = makeLog(t, `u127.0.0.1:${port}\npP: \n-b*\n`);
  await run(t, svlogd, ["-l", "10", log], { input: "a\nb\n0123456789a\n" });
  assert.deepEqual(await received(2), ["P: a\n", "P: 0123456789...\n"]);
  assert.equal(read(log), "P: a\nP: 0123456789a\n");
  const only = makeLog(t, `U127.0.0.1:${port}\n-b*\n`);
  await run(t, svlogd, [only], { input: "a\nb\nend" });
  assert.deepEqual((await received(4)).slice(2), ["a\n", "end\n"]);
  assert.equal(read(only), "");
});

test("a packet that cannot be sent is a warning in the log", async (t) => {
  const failure = "warning: failure sending through udp:";
  const log = makeLog(t, `u${broadcast}\npP: \n`);
  await run(t, svlogd, ["-l", "10", log], { input: "0123456789a\n" });
  assert.equal(read(log), `${failure} P: 0123456789...\nP: 0123456789a\n`);
  const only = makeLog(t, `U${broadcast}\n`);
  await run(t, svlogd, [only], { input: "a\nb\n" });
  assert.equal(read(only), `${failure} a\n${failure} b\n`);
});

test("ten megabytes without a newline, and NUL bytes, are a line as any other", async (t) => {
  const line = "x\0".repeat(5_000_000);
  for (const config of ["s0\n", "s0\n-y*\n+x*\n"]) {
    const log = makeLog(t, config);
    const { code, stderr } = await run(t, svlogd, [log], { input: `\0\n${line}\n\0a\n` });
    assert.deepEqual([code, stderr], [0, ""]);
    assert.equal(read(log) === `\0\n${line}\n\0a\n`, true);
  }
});

test("a long stream that is cut anywhere is judged line by line", async (t) => {
  const log = makeLog(t, "s0\n-*\n+even*\n");
  const lines = Array.from({ length: 20_000 }, (_, i) => {
    return `${i % 2 === 0 ? "even" : "odd"} ${i} ${"-".repeat(i % 97)}\n`;
  });
  await run(t, svlogd, [log], { input: lines.join("") });
  assert.equal(read(log) === lines.filter((line) => line.startsWith("even")).join(""), true);
});

/** Waits for room in the pipe. */
function writeAll(fd: number, text: string): void {
  const bytes = Buffer.from(text, "latin1");
  for (let at = 0; at < bytes.length; ) at += fs.writeSync(fd, bytes, at);
}

test("what waits to be judged does not keep the journal from being emptied", async (t) => {
  const log = makeLog(t, "s0\n-odd*\n");
  // So long that what is read at once hardly ever ends with one of them.
  const lines = Array.from({ length: 4000 }, (_, i) => `${i} ${"-".repeat(900)}\n`).join("");
  const { writer } = startFaulty(t, log); // a real pipe, without which there is no journal
  writeAll(writer, `${lines}od`);
  await waitForFile(path.join(log, "current"), (text) => text.length === lines.length);
  assert.equal(read(log) === lines, true);
  assert.ok(lines.length > 3_000_000);
  assert.ok(fs.statSync(path.join(log, "pending")).size < 400_000);
  writeAll(writer, "d\neven\n");
  await waitForFile(path.join(log, "current"), (text) => text.length === lines.length + 5);
  assert.equal(read(log) === `${lines}even\n`, true);
});

test("a long alert that nobody reads does not stop the log", async (t) => {
  const log = makeLog(t, "s0\ne*\n");
  const fifo = path.join(log, "fifo");
  assert.equal(spawnSync("mkfifo", [fifo]).status, 0);
  const unread = fs.openSync(fifo, "r+");
  t.after(() => fs.closeSync(unread));
  const script = 'exec "$0" -L -b 20000 -l 10000 "$1" 2>"$1/fifo"';
  const program = start(t, "/bin/sh", { args: ["-c", script, svlogd, log], stdin: "pipe" });
  const lines = `${"x".repeat(9000)}\n`.repeat(20); // a pipe holds seven
  write(program, lines);
  await waitForFile(path.join(log, "current"), (text) => text.length === lines.length);
});
