// Stages that are missing, fail, crash or hang, on a real machine: it boots all the same where that
// makes sense, and it can always be turned off.
import assert from "node:assert/strict";
import { test } from "node:test";
import { boot, faultsOf, imageFor, inMachine, start } from "../vm.ts";

test("built-in stages take the place of what cannot be executed", inMachine, async (t) => {
  const machine = await boot(t, {
    // The first is not there, the others may not be executed.
    files: {
      "etc/runit/1=": "nowhere",
      "etc/runit/2": "#!/bin/sh\n",
      "etc/runit/3": "#!/bin/sh\n",
    },
  });
  await t.test("they bring it to its login", async () => {
    await machine.login();
    const { output } = await machine.run("cut -d ' ' -f 2 /proc/mounts");
    const mounts = ["/proc", "/sys", "/dev", "/dev/pts", "/dev/shm", "/run", "/sys/fs/cgroup"];
    assert.deepEqual(output.split("\n").slice(0, -1).sort(), ["/", ...mounts].sort());
  });
  await t.test("they turn it off", async () => {
    machine.type("poweroff\n");
    await machine.waitFor(/leave stage: built-in stage 3/);
    assert.equal(await machine.ended, "power off");
  });
});

for (const [how, script] of [
  ["exits 100", "#!/bin/sh\nexit 100\n"],
  ["crashes", "#!/bin/sh\nkill -SEGV $$\n"],
] as const) {
  test(`a stage 1 that ${how} is followed by stage 3`, inMachine, async (t) => {
    const machine = await boot(t, { files: { "etc/runit/1!": script } });
    await machine.waitFor(/skipping stage 2/);
    await machine.waitFor(/leave stage: \/etc\/runit\/3/);
    assert.equal(await machine.ended, "power off");
  });
}

test("a stage 1 that cannot be run for what is in it", inMachine, async (t) => {
  const files = { "etc/runit/1!": "#!/no/such/shell\n" };
  const machine = await boot(t, { files });
  await machine.waitFor(/unable to start child: \/etc\/runit\/1/);
  await machine.login();
});

test("a stage 1 that hangs", inMachine, async (t) => {
  const hangs = "#!/bin/sh\necho waiting\nsleep 100000\n";
  const machine = await boot(t, { files: { "etc/runit/1!": hangs } });
  await machine.waitFor(/waiting/);
  await t.test("Ctrl-Alt-Del is heard, and answered", async () => {
    await machine.press("ctrl", "alt", "delete");
    await machine.waitFor(/signals only work in stage 2/);
  });
  await t.test("Ctrl-C ends it, and what follows is stage 3", async () => {
    machine.type("\x03");
    await machine.waitFor(/child crashed: \/etc\/runit\/1/);
    await machine.waitFor(/leave stage: \/etc\/runit\/3/);
    assert.equal(await machine.ended, "power off");
  });
});

test("a stage 2 that does not end when it is told to is killed", inMachine, async (t) => {
  const deaf = "#!/bin/sh\ntrap '' TERM\nsh </dev/console >/dev/console 2>&1\nsleep 100000\n";
  const machine = await boot(t, { services: [], files: { "etc/runit/2!": deaf } });
  await machine.atPrompt();
  machine.type("poweroff\n");
  await machine.waitFor(/stage 2 not terminated, sending sigkill/);
  await machine.waitFor(/leave stage: \/etc\/runit\/3/);
  assert.equal(await machine.ended, "power off");
});

test("a stage 3 that crashes is followed by the built-in one", inMachine, async (t) => {
  const machine = await boot(t, { files: { "etc/runit/3!": "#!/bin/sh\nkill -SEGV $$\n" } });
  await machine.login();
  machine.type("reboot\n");
  await machine.waitFor(/child crashed: \/etc\/runit\/3/);
  await machine.waitFor(/leave stage: built-in stage 3/);
  assert.equal(await machine.ended, "reset");
});

test("a stage 3 that hangs is killed, and the disk is clean all the same", inMachine, async (t) => {
  const files = {
    "etc/runit/3!": "#!/bin/sh\ntrap '' TERM\nsleep 100000\n",
    "etc/runit/timeout-3": "2000\n",
  };
  const image = await imageFor(t, { disk: true, files });
  const machine = await start(t, image);
  await machine.login();
  machine.type("init 6\n");
  await machine.waitFor(/took too long \(the limit is 2 seconds\)/);
  await machine.waitFor(/leave stage: built-in stage 3/);
  assert.equal(await machine.ended, "reset");
  assert.deepEqual(image.disks.map(faultsOf), [null]);
});
