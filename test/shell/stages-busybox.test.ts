// The scripts of stages/ where all tools are busybox's.
import assert from "node:assert/strict";
import * as fs from "node:fs";
import path from "node:path";
import { test } from "node:test";
import { inNamespaces, stageFiles, startNamespace } from "../namespace.ts";
import { isUp } from "../tree.ts";

const web = {
  "run!": `#!/bin/sh
trap 'echo web >>/run/said; exit' TERM
while :; do sleep 0.02; done
`,
};

test("a shell with poweroff built in: init acts on its signals", inNamespaces, async (t) => {
  const script = `. /etc/runit/functions; IS_CONTAINER=""; . /etc/runit/1.d/11-busybox.sh
    ls /run/runit`;
  const pid1 = ["busybox", "sh", "-c", `busybox sh -c "$0"; exit 0`, script];
  const inside = await startNamespace(t, { pid1, runit: stageFiles(), isBusybox: true });
  await inside.waitForExit();
  assert.equal(inside.stdout.text(), "busybox-signals\n");
});

test("boots and ends with busybox's tools alone", inNamespaces, async (t) => {
  const inside = await startNamespace(t, {
    pid1: ["init"],
    runit: stageFiles(),
    services: { web },
    isBusybox: true,
  });
  await isUp(inside.service("web"));
  const shell = await inside.run("readlink", "-f", "/bin/sh");
  assert.match(shell.stdout, /\/busybox\n$/);
  const orphan = "trap 'echo rest >>/run/said; exit' TERM; echo up; while :; do sleep 0.02; done";
  await inside.start("setsid", "sh", "-c", orphan).stdout.waitFor(/up/);
  inside.signal("SIGTERM");
  assert.deepEqual(await inside.waitForExit(), { code: 0, signal: null });
  assert.equal(fs.readFileSync(path.join(inside.etc, "../run/said"), "latin1"), "web\nrest\n");
  assert.doesNotMatch(inside.stderr.text(), /warning|not found/);
});
