// What people type to end a machine, and where the request is written down.
import assert from "node:assert/strict";
import * as fs from "node:fs";
import path from "node:path";
import { test } from "node:test";
import { faultsBin, tempDir } from "../harness.ts";
import { type FaultyInit, quickStages, startFaultyInit } from "../init.ts";
import { inNamespaces, startNamespace } from "../namespace.ts";

/** Types it, and the machine's last word. */
async function lastWord(inside: FaultyInit, command: readonly string[]): Promise<string> {
  const { code, stderr } = await inside.run(...command);
  assert.equal(stderr, "");
  assert.ok(code === 0 || code === null, `${code}`); // null: the end came before its own
  const word = await inside.console.waitFor(/power off|system reboot/);
  assert.deepEqual(await inside.waitForExit(), { code: 0, signal: null });
  assert.ok(inside.console.text().includes("leave stage: /etc/runit/3"));
  return word.replace("- runit: ", "");
}

const commands = {
  "init 0": "power off...",
  "init 6": "system reboot.",
  "runit-init 6": "system reboot.",
  poweroff: "power off...",
  halt: "power off...",
  reboot: "system reboot.",
  "shutdown -h now": "power off...",
  "shutdown -r now": "system reboot.",
  "trinit reboot": "system reboot.",
};

for (const [command, word] of Object.entries(commands)) {
  test(command, inNamespaces, async (t) => {
    const inside = await startFaultyInit(t, ["machine"]);
    assert.equal(await lastWord(inside, command.split(" ")), word);
  });
}

test(
  "differs, stage1-stop: a machine whose stage 1 hangs can be rebooted",
  inNamespaces,
  async (t) => {
    const faults = tempDir(t);
    fs.writeFileSync(path.join(faults, "machine"), "");
    const inside = await startNamespace(t, {
      pid1: ["init"],
      runit: { ...quickStages, "1!": "#!/bin/sh\nsleep 600\n" },
      trinit: faultsBin("trinit"),
      console: true,
      env: { TRINIT_FAULTS: faults },
    });
    await inside.console.waitFor(/enter stage: .*1$/);
    await inside.run("reboot");
    assert.deepEqual(await inside.waitForExit(), { code: 0, signal: null });
    assert.match(inside.console.text(), /leave stage: \/etc\/runit\/3\n(.*\n)*.*system reboot/);
    assert.doesNotMatch(inside.console.text(), /enter stage: .*2$/m);
  },
);

test("init 0 takes a reboot back, and the request is used up", inNamespaces, async (t) => {
  const slow = "#!/bin/sh\ntrap '' TERM\nexec sleep 600\n";
  const inside = await startFaultyInit(t, ["machine"], { runit: { ...quickStages, "2!": slow } });
  await inside.run("init", "6");
  const mode = (name: string): number => fs.statSync(path.join(inside.etc, "runit", name)).mode;
  assert.equal(mode("reboot") & 0o777, 0o100);
  assert.equal(await lastWord(inside, ["init", "0"]), "power off...");
  assert.equal(mode("stopit") & 0o777, 0);
});

test("the layout of Void: links to files in /run/runit", inNamespaces, async (t) => {
  const runit = { ...quickStages, "stopit=": "/run/runit/stopit", "reboot=": "/run/runit/reboot" };
  const prepare = "mkdir /run/runit; install -m 0 /dev/null /run/runit/stopit";
  const inside = await startFaultyInit(t, ["machine"], { runit, prepare });
  assert.equal(await lastWord(inside, ["reboot"]), "system reboot.");
});

test("the layout of Debian: /run/runit.stopit", inNamespaces, async (t) => {
  const prepare = "install -m 0 /dev/null /run/runit.stopit; mount -o remount,bind,ro /etc";
  const inside = await startFaultyInit(t, ["machine"], { prepare });
  assert.equal(await lastWord(inside, ["poweroff"]), "power off...");
});

test("/etc that is read-only: the request is in /run/runit", inNamespaces, async (t) => {
  const prepare = "mount -o remount,bind,ro /etc";
  const inside = await startFaultyInit(t, ["machine"], { prepare });
  assert.equal(await lastWord(inside, ["reboot"]), "system reboot.");
});

test("nobody but root can ask", inNamespaces, async (t) => {
  const inside = await startFaultyInit(t, ["machine"]);
  const nobody = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"];
  const { code, stderr } = await inside.run(...nobody, "init", "0");
  assert.equal(code, 111);
  assert.match(stderr, /^init: fatal: unable to create \/etc\/runit\/stopit: access denied\n$/);
  const still = await inside.run("cat", "/proc/1/cmdline");
  assert.equal(still.stdout, "init\0[2]\0");
});
