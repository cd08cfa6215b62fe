// Disks that are damaged when a machine starts.
import assert from "node:assert/strict";
import { test } from "node:test";
import { execa } from "execa";
import { faultsOf, imageFor, inMachine, makeFileSystem, start } from "../vm.ts";

/** fsck does not dare to make another root directory without being asked. */
const loseRoot = ["clri <2>", "ssv state 2"];
/** A block that is counted as free and is not. */
const miscount = ["freeb 40000 1", "ssv state 2"];

async function damage(disk: string, commands: readonly string[]): Promise<void> {
  for (const command of commands) await execa("debugfs", ["-w", "-R", command, disk]);
}

test("a disk that fsck cannot repair is repaired by hand", inMachine, async (t) => {
  const image = await imageFor(t, {
    disk: true,
    files: { "etc/fstab": "/dev/vda / ext4 defaults 0 1\n/dev/vdb /mnt ext4 defaults 0 2\n" },
  });
  const second = makeFileSystem(t);
  await damage(second, loseRoot);
  const disks = [...image.disks, second];
  const machine = await start(t, { ...image, disks });
  await machine.waitFor(/- stage 1: fsck has found what it cannot repair/);
  await machine.atPrompt();
  assert.equal((await machine.run("fsck.ext4 -fy /dev/vdb")).code, 1);
  machine.type("exit\n");
  await machine.login();
  assert.match((await machine.run("grep /mnt /proc/mounts")).output, /^\/dev\/vdb \/mnt ext4 rw/);
  machine.type("poweroff\n");
  assert.equal(await machine.ended, "power off");
  assert.deepEqual(disks.map(faultsOf), [null, null]);
});

test("a root that was repaired: the machine boots anew", inMachine, async (t) => {
  const image = await imageFor(t, { disk: true });
  const [disk = ""] = image.disks;
  await damage(disk, miscount);
  const machine = await start(t, image);
  await machine.waitFor(/- stage 1: the root was repaired: rebooting/);
  assert.equal(await machine.ended, "reset");
  assert.equal(faultsOf(disk), null);
  const next = await start(t, image);
  await next.login();
});
