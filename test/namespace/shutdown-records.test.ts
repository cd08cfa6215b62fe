// What halt -B and halt -w write down for last(1), in a /run and a /var/log of their own.
import assert from "node:assert/strict";
import os from "node:os";
import { type TestContext, test } from "node:test";
import { inNamespaces, type Namespace, startNamespace } from "../namespace.ts";

function start(t: TestContext, files: string): Promise<Namespace> {
  const prepare = `mount -t tmpfs none /var/log; cd /; ${files}`;
  return startNamespace(t, { pid1: ["sleep", "600"], runit: {}, prepare });
}

const size = process.arch === "x64" ? 384 : 400;

/** [type, line, user, host] of each record. */
async function recordsIn(inside: Namespace, file: string): Promise<unknown[]> {
  const { stdout } = await inside.run("base64", file);
  const bytes = Buffer.from(stdout, "base64");
  const text = (at: number, length: number): string =>
    bytes.toString("latin1", at, at + length).replace(/\0.*/, "");
  return Array.from({ length: bytes.length / size }, (_, index) => {
    const at = index * size;
    return [bytes.readInt16LE(at), text(at + 8, 32), text(at + 44, 32), text(at + 76, 256)];
  });
}

const started = [2, "~", "reboot", os.release()];
const ended = [1, "~~", "shutdown", os.release()];

test("the start is in utmp and wtmp, the end in wtmp", inNamespaces, async (t) => {
  const inside = await start(t, "true >/run/utmp; true >/var/log/wtmp");
  for (const word of ["-B", "-w"]) {
    assert.deepEqual(await inside.run("halt", word), {
      code: 0,
      signal: null,
      stdout: "",
      stderr: "",
    });
  }
  assert.deepEqual(await recordsIn(inside, "/run/utmp"), [started]);
  assert.deepEqual(await recordsIn(inside, "/var/log/wtmp"), [started, ended]);
});

test("a file that nobody has made is not made", inNamespaces, async (t) => {
  const inside = await start(t, ":");
  for (const word of ["-B", "-w"]) assert.equal((await inside.run("halt", word)).code, 0);
  assert.equal((await inside.run("find", "/run", "/var/log", "-type", "f")).stdout, "");
});

test("a disk that is read-only is passed over", inNamespaces, async (t) => {
  const inside = await start(t, "true >/var/log/wtmp; mount -o remount,ro /var/log");
  const { code, stderr } = await inside.run("halt", "-w");
  assert.deepEqual([code, stderr], [0, ""]);
});

test("what cannot be written is said", inNamespaces, async (t) => {
  const inside = await start(t, "mkdir /var/log/wtmp");
  const { code, stderr } = await inside.run("halt", "-w");
  const line = "halt: warning: unable to open /var/log/wtmp: is a directory\n";
  assert.deepEqual([code, stderr], [111, line]);
});
