// A machine from its first stage to its login prompt.
import assert from "node:assert/strict";
import { test } from "node:test";
import { boot, faultsOf, imageFor, inMachine, start } from "../vm.ts";

test("a busybox system in memory boots to a login with 96 MB", inMachine, async (t) => {
  const machine = await boot(t, { memoryMiB: 96 });
  await machine.login();
  assert.match((await machine.run("cat /proc/1/cmdline | tr '\\0' ' '")).output, /^\/?init \[2\]/);
  assert.deepEqual(await machine.run("sv status getty_ttyS0 >/dev/null; false"), {
    code: 1,
    output: "",
  });
});

test("Debian on a disk boots to a login, and leaves its disk clean", inMachine, async (t) => {
  const image = await imageFor(t, { disk: true });
  const machine = await start(t, image);
  await machine.login();
  const { output } = await machine.run("grep ' / ' /proc/mounts; test -w /");
  assert.match(output, /^\/dev\/vda \/ ext4 rw/m);
  machine.type("poweroff\n");
  assert.equal(await machine.ended, "power off");
  assert.equal(faultsOf(image.disks[0] ?? ""), null);
});
