// The namespaces that the tests of this tier run in.
import assert from "node:assert/strict";
import * as fs from "node:fs";
import path from "node:path";
import { test } from "node:test";
import { eventually, isAlive } from "../harness.ts";
import { inNamespaces, startNamespace } from "../namespace.ts";

const idle = ["sh", "-c", "while :; do sleep 600; done"];

test(
  "a namespace has its own processes, and its /etc is seen from both sides",
  inNamespaces,
  async (t) => {
    const services = { web: { "run!": "#!/bin/sh\n" } };
    const inside = await startNamespace(t, { pid1: idle, services, runit: { "1!": "" } });
    const title = await inside.run("cat", "/proc/1/cmdline", "/etc/runit/1");
    assert.equal(title.stdout, `${idle.join("\0")}\0`, title.stderr);
    const { code } = await inside.run("sh", "-c", "test -x /etc/service/web/run && : >/etc/new");
    assert.equal(code, 0);
    assert.ok(fs.existsSync(path.join(inside.etc, "new")));
    assert.ok(!fs.existsSync("/etc/new"));
  },
);

test("a namespace ends with its test", inNamespaces, async (t) => {
  let first = 0;
  await t.test("one with a process that wants to stay", async (inner) => {
    const inside = await startNamespace(inner, { pid1: idle, runit: {} });
    first = inside.pid;
    inside.start("sh", "-c", "trap '' TERM; while :; do sleep 600; done");
  });
  await eventually("the end of process 1", () => !isAlive(first));
});

test("a program of ours in there is the executable under test", inNamespaces, async (t) => {
  const inside = await startNamespace(t, { pid1: idle, runit: {} });
  const { stdout } = await inside.run("trinit", "--version");
  assert.match(stdout, /^trinit \d/);
});
