// `trinit entrypoint` with services at a terminal: whose Ctrl-C is.
import assert from "node:assert/strict";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { bin, serviceDir, tempDir } from "../harness.ts";
import { openTerminal } from "../terminal.ts";

const web = { "run!": "#!/bin/sh\necho up\nexec sleep 600\n" };

test("Ctrl-C is CMD's, and its end the container's", async (t) => {
  const directory = tempDir(t);
  serviceDir(directory, "web", web);
  const script = "trap 'exit 5' INT; echo ready; while :; do sleep 0.02; done";
  const options = ["--service-dir", directory, "--", "sh", "-c", script];
  const terminal = openTerminal(t, bin("trinit"), ["entrypoint", ...options]);
  await terminal.waitFor(/^ready$/m);
  terminal.type("\x03");
  assert.equal(await terminal.waitForExit(), 5);
});

test("without CMD, Ctrl-C brings the services down", async (t) => {
  const directory = tempDir(t);
  serviceDir(directory, "web", web);
  const terminal = openTerminal(t, bin("trinit"), ["entrypoint", "--service-dir", directory]);
  await terminal.waitFor(/^web \| up$/m);
  terminal.type("\x03");
  assert.equal(await terminal.waitForExit(), 0);
});

test("an INT that is sent and not typed changes nothing, a second Ctrl-C kills all", async (t) => {
  const directory = tempDir(t);
  const deaf = "#!/bin/sh\ntrap 'echo told' TERM\necho up\nwhile :; do sleep 0.02; done\n";
  serviceDir(directory, "web", { "run!": deaf });
  const terminal = openTerminal(t, bin("trinit"), ["entrypoint", "--service-dir", directory]);
  await terminal.waitFor(/^web \| up$/m);
  terminal.type("\x03");
  await terminal.waitFor(/web \| told$/m);
  for (const signal of ["SIGINT", "SIGTERM", "SIGINT", "SIGTERM"] as const) {
    process.kill(terminal.pid, signal);
    await sleep(100); // nothing happens
  }
  assert.doesNotMatch(terminal.text(), /killing/);
  terminal.type("\x03");
  assert.equal(await terminal.waitForExit(), 137);
  assert.match(terminal.text(), /interrupted again, killing all processes/);
});
