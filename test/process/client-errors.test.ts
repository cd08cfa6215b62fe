// Every cause for which there is no answer has a code of its own.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { closeSync, constants, openSync, writeSync } from "node:fs";
import { test } from "node:test";
import { control, ServiceError, status, until, watch } from "../../src/client/index.ts";
import { serviceDir, tempDir } from "../harness.ts";

const record = "\x40\0\0\0\0\0\0\x0a".padEnd(17, "\0");

function withStatus(parent: string, text: string): string {
  return serviceDir(parent, "web", { "supervise/status": text });
}

test("no-such-service: no directory of that name", async (t) => {
  const missing = `${tempDir(t)}/web`;
  await assert.rejects(status(missing), {
    name: "ServiceError",
    code: "no-such-service",
    message: `unable to read the status of '${missing}': no such directory`,
  });
  await assert.rejects(control(missing, "up"), { code: "no-such-service" });
  await assert.rejects(watch(missing).next(), { code: "no-such-service" });
});

test("not-supervised: runsv has never run there, or has ended", async (t) => {
  const web = serviceDir(tempDir(t), "web", {});
  await assert.rejects(status(web), { code: "not-supervised", message: /never run there$/ });
  await assert.rejects(control(web, "up"), { code: "not-supervised" });
  serviceDir(web, "supervise", {});
  execFileSync("mkfifo", [`${web}/supervise/control`]);
  await assert.rejects(control(web, "up"), { code: "not-supervised", message: /is not running$/ });
});

test("not-responding: the FIFO is full", async (t) => {
  const web = serviceDir(tempDir(t), "web", { "supervise/": "" });
  const fifo = `${web}/supervise/control`;
  execFileSync("mkfifo", [fifo]);
  const reader = openSync(fifo, constants.O_RDWR | constants.O_NONBLOCK);
  t.after(() => closeSync(reader));
  assert.throws(() => {
    for (;;) writeSync(reader, "u".repeat(4096));
  }, /EAGAIN/);
  await assert.rejects(control(web, "up"), { code: "not-responding" });
});

for (const [what, text] of [
  ["18 bytes, as daemontools writes", `${record}u`],
  ["nothing", ""],
  ["a state that is none", `${record}u\0\x07`],
] as const) {
  test(`bad-status: ${what}`, async (t) => {
    await assert.rejects(status(withStatus(tempDir(t), text)), { code: "bad-status" });
  });
}

test("no-permission: supervise/ belongs to somebody else", async (t) => {
  if (process.geteuid?.() !== 0) return t.skip("needs root, to become somebody else");
  const web = serviceDir(tempDir(t), "web", { "supervise/": "" });
  execFileSync("chmod", ["700", `${web}/supervise`]);
  execFileSync("chmod", ["711", `${web}/..`]);
  process.seteuid?.(65534);
  try {
    await assert.rejects(status(web), { code: "no-permission" });
    await assert.rejects(control(web, "up"), { code: "no-permission" });
  } finally {
    process.seteuid?.(0);
  }
});

test("timeout: the last status is in the message", async (t) => {
  const web = withStatus(tempDir(t), `${record}u\0\0`);
  const waiting = until(web, ({ state }) => state === "run", 1000);
  await assert.rejects(waiting, (error) => {
    assert.ok(error instanceof ServiceError);
    assert.equal(error.code, "timeout");
    assert.match(error.message, /waited 1000 ms for '.*\/web' in vain: .*state: 'down'/s);
    return true;
  });
});

test("a verb that is none is refused before anything is opened", async () => {
  await assert.rejects(control("/nowhere", "fly" as "up"), TypeError);
});
