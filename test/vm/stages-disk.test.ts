// The stages of a machine with Debian on its disk: what they leave there, and what they find there.
import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { execa } from "execa";
import type { Image } from "../../vm/image.ts";
import type { Machine } from "../../vm/qemu.ts";
import { faultsOf, imageFor, inMachine, start } from "../vm.ts";

const getty = {
  "etc/service/getty/run!": "#!/bin/sh\nexec chpst -P getty -L 115200 ttyS0 dumb\n",
};

function makeImage(t: TestContext, files: Record<string, string> = {}): Promise<Image> {
  return imageFor(t, { disk: true, services: [], files: { ...getty, ...files } });
}

async function powerOff(machine: Machine): Promise<void> {
  machine.type("poweroff\n");
  assert.equal(await machine.ended, "power off");
}

test("an init that was replaced while it ran leaves a clean disk", inMachine, async (t) => {
  const image = await makeImage(t);
  const machine = await start(t, image);
  await machine.login();
  const replaced = await machine.run("cd /sbin; cp trinit new; mv new trinit; sync");
  assert.equal(replaced.code, 0);
  await powerOff(machine);
  assert.doesNotMatch(machine.console.text, /still writable/);
  assert.equal(faultsOf(image.disks[0] ?? ""), null);
});

test("an init whose executable is gone leaves a clean disk, and no swap", inMachine, async (t) => {
  const image = await makeImage(t, {
    "etc/fstab": "/dev/vda / ext4 defaults 0 1\n/swap none swap sw 0 0\n",
    "etc/runit/1.d/42-swap.sh":
      "dd if=/dev/zero of=/swap bs=1M count=8\nchmod 600 /swap\nmkswap /swap\n",
  });
  const machine = await start(t, image);
  await machine.login();
  const left = `setsid sh -c 'trap "echo told >/var/left; exit" TERM
    : >/run/left; while :; do sleep 0.1; done' & until [ -e /run/left ]; do sleep 0.1; done`;
  assert.equal((await machine.run(left)).code, 0);
  machine.type("mv /sbin/trinit /sbin/gone; kill -USR1 1\n");
  assert.equal(await machine.ended, "power off");
  const [disk = ""] = image.disks;
  assert.doesNotMatch(machine.console.text, /unable to (mount|swapoff)/);
  assert.equal(faultsOf(disk), null);
  assert.equal((await execa("debugfs", ["-R", "cat /var/left", disk])).stdout, "told");
});

test("who and last know when the system has run", inMachine, async (t) => {
  const image = await makeImage(t);
  const first = await start(t, image);
  await first.login();
  assert.match((await first.run("who -b")).output, /system boot/);
  await powerOff(first);
  const second = await start(t, image);
  await second.login();
  const { output } = await second.run("last -x | cut -c 1-22");
  const lines = output.split("\n").filter((line) => /^(reboot|shutdown)/.test(line));
  assert.deepEqual(
    lines.map((line) => line.split(" ")[0]),
    ["reboot", "shutdown", "reboot"],
  );
  await second.kill();
});

test(
  "a root that /etc/fstab has read-only stays so, and the machine works",
  inMachine,
  async (t) => {
    const image = await makeImage(t, {
      "etc/fstab": "/dev/vda / ext4 ro 0 1\n",
      "etc/service/getty/supervise=": "/run/supervise.getty",
      "etc/service/winsize/supervise=": "/run/supervise.winsize",
    });
    const machine = await start(t, image);
    await machine.login();
    assert.match((await machine.run("grep ' / ' /proc/mounts")).output, / ext4 ro/);
    await powerOff(machine);
    assert.equal(faultsOf(image.disks[0] ?? ""), null);
  },
);
