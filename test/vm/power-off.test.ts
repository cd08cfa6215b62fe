// What a machine with disks does before its power goes: nothing is lost, nothing is left unclean,
// and nothing holds it up for ever.
import assert from "node:assert/strict";
import { test } from "node:test";
import { execa } from "execa";
import { faultsOf, imageFor, inMachine, makeFileSystem, start } from "../vm.ts";

/** Its logger has its last line to write when it has ended. */
const lastWords = {
  "etc/service/words/run!": `#!/bin/sh
trap 'sleep 2; date >/var/words; echo the last line; exit' TERM
echo the first line
while :; do sleep 0.1; done
`,
  "etc/service/words/log/run!": `#!/bin/sh
mkdir -p /var/log/words
exec svlogd /var/log/words
`,
};

/** A process that is nobody's service, with some work to do when it is told to end; out of the
 * session of its shell, which would end it with HUP when the login goes. */
const byHand = `setsid sh -c '
trap "sleep 1; date >/var/hand; exit" TERM
while :; do sleep 0.1; done' &`;
/** One that does not end, and has a file open. */
const busy = `sh -c 'trap "" TERM HUP; exec 3>/mnt/busy; while :; do sleep 1; done' &`;

async function textOf(disk: string, file: string): Promise<string> {
  return (await execa("debugfs", ["-R", `cat ${file}`, disk])).stdout;
}

test("a machine with disks, swap and much that runs, after poweroff", inMachine, async (t) => {
  const second = makeFileSystem(t);
  const image = await imageFor(t, {
    disk: true,
    files: {
      ...lastWords,
      "etc/fstab": `/dev/vda / ext4 defaults 0 1
/dev/vdb /mnt ext4 defaults 0 2
/swap none swap sw 0 0
`,
      // Once the root can be written to, before what is in /etc/fstab is turned on.
      "etc/runit/1.d/42-swap.sh":
        "dd if=/dev/zero of=/swap bs=1M count=8\nchmod 600 /swap\nmkswap /swap\n",
    },
  });
  const [first = ""] = image.disks;
  const machine = await start(t, { ...image, disks: [first, second] });
  await machine.login();
  assert.match((await machine.run("cat /proc/swaps")).output, /^\/swap /m);
  assert.match((await machine.run("grep /mnt /proc/mounts")).output, /^\/dev\/vdb \/mnt ext4 rw/);
  // A file system in a file of another one, and a file that is only a disk.
  await machine.run("modprobe loop; truncate -s 8M /mnt/file /mnt/disk; mke2fs -q /mnt/file");
  assert.equal((await machine.run("mount -o loop /mnt/file /media")).code, 0);
  await machine.run("losetup -f /mnt/disk");
  assert.match((await machine.run("cat /sys/block/loop*/loop/backing_file")).output, /disk/);
  await machine.run(`${byHand}\n${busy}`);
  await machine.run("until [ -e /mnt/busy ]; do sleep 0.1; done; echo unwritten >/mnt/last");
  await machine.run("until grep first /var/log/words/current; do sleep 0.1; done");
  const began = performance.now();
  machine.type("poweroff\n");
  const end = await machine.ended;
  const seconds = (performance.now() - began) / 1000;

  await t.test("it is off before long, whatever does not end", () => {
    assert.equal(end, "power off");
    assert.ok(seconds < 100, `${seconds} s`);
  });
  await t.test("no file system is left unclean", () => {
    assert.deepEqual([first, second].map(faultsOf), [null, null]);
    assert.doesNotMatch(machine.console.text, /still writable|unable to umount/);
  });
  await t.test("a service was told to end, and had its time", async () => {
    assert.notEqual(await textOf(first, "/var/words"), "");
  });
  await t.test("the last line of a service is in its log", async () => {
    assert.match(await textOf(first, "/var/log/words/current"), /first line\n.*the last line$/s);
  });
  await t.test("a process started by hand was told to end, and had its time", async () => {
    assert.notEqual(await textOf(first, "/var/hand"), "");
  });
  await t.test("what was written last is on the disk", async () => {
    assert.equal(await textOf(second, "/last"), "unwritten");
  });
});
