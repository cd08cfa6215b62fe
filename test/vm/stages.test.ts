// The stages of a machine, where they do what is not everyday's: shells for emergencies, what
// hangs, the order of the end. In a system of busybox's tools.
import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import type { Files } from "../../vm/files.ts";
import type { Machine } from "../../vm/qemu.ts";
import { boot, inMachine } from "../vm.ts";

const getty = {
  "etc/service/getty/run!": "#!/bin/sh\nexec chpst -P getty -L 115200 ttyS0 dumb\n",
};

function bootWith(t: TestContext, files: Files, append = ""): Promise<Machine> {
  return boot(t, { services: [], files: { ...getty, ...files }, append });
}

/** At a shell that has not asked who is there. */
async function takeShell(machine: Machine): Promise<void> {
  await machine.waitFor(/a shell on the console; the boot goes on when it ends\n/);
  await machine.atPrompt();
}

const rootIsShadowed = "root:x:0:0:root:/root:/bin/sh\n";
const badFstab = { "etc/fstab": "/dev/missing /mnt ext4 defaults 0 0\n" };

test("a disk is missing: a shell with job control, and then a login", inMachine, async (t) => {
  const machine = await bootWith(t, badFstab);
  await machine.waitFor(/- stage 1: unable to mount all of \/etc\/fstab\n/);
  await takeShell(machine);
  machine.type("sh -c 'echo up; sleep 600; :'\n");
  await machine.waitFor(/^up$/m);
  machine.type("\x1a");
  await machine.waitFor(/Stopped/);
  machine.type("fg\n");
  await machine.waitFor(/^sh -c .*\n/m);
  machine.type("\x03");
  await machine.waitFor(/^vm:#:/m);
  assert.deepEqual(await machine.run("jobs"), { code: 0, output: "" });
  machine.type("exit\n");
  await machine.login();
});

test("a root with a password is asked for it before there is a shell", inMachine, async (t) => {
  const shadow = "root:$1$salt$qJH7.N4xYta3aEG/dfqo/0:1::::::\n"; // of "password"
  const machine = await bootWith(t, {
    ...badFstab,
    "etc/shadow": shadow,
    "etc/passwd": rootIsShadowed,
  });
  await machine.waitFor(/a shell on the console/);
  await machine.waitFor(/password for system maintenance/);
  machine.type("password\n");
  await machine.waitFor(/# /);
  machine.type("exit\n");
  await machine.waitFor(/enter stage: \/etc\/runit\/2/);
});

test(
  "`emergency`: a shell before any disk is touched, and `reboot` there",
  inMachine,
  async (t) => {
    const machine = await bootWith(t, badFstab, "emergency");
    await takeShell(machine);
    assert.doesNotMatch(machine.console.text, /mounting \/etc\/fstab/);
    machine.type("reboot\n");
    assert.equal(await machine.ended, "reset");
    assert.match(machine.console.text, /leave stage: \/etc\/runit\/3/);
  },
);

test("`single`: a shell when all is mounted, and services when it ends", inMachine, async (t) => {
  const machine = await bootWith(t, { "etc/fstab": "none /mnt tmpfs defaults 0 0\n" }, "single");
  await takeShell(machine);
  assert.equal((await machine.run("grep /mnt /proc/mounts")).code, 0);
  assert.match((await machine.run("cat /proc/1/cmdline")).output, /\[1\]/);
  machine.type("exit\n");
  await machine.login();
});

test("Ctrl-C ends what hangs in stage 1, and the boot goes on", inMachine, async (t) => {
  const machine = await bootWith(t, { "etc/runit/1.d/41-hangs.sh": "echo hangs; sleep 600\n" });
  await machine.waitFor(/hangs\n/);
  machine.type("\x03");
  await machine.waitFor(/41-hangs.sh has failed/);
  await machine.login();
});

test("what stage 1 has left in the background goes on", inMachine, async (t) => {
  const machine = await bootWith(t, {
    "etc/runit/1.d/98-left.sh": "sleep 100000 &\necho $! >/run/left\n",
  });
  await machine.login();
  const { output } = await machine.run("tr '\\0' ' ' <\"/proc/$(cat /run/left)/cmdline\"");
  assert.match(output, /^(busybox )?sleep 100000 $/);
});

/** A service that tells the console that it ends, a moment after it was told to. */
function teller(name: string): string {
  return `#!/bin/sh
trap 'sleep 0.5; echo ${name} ends >/dev/console; exit' TERM
while :; do sleep 0.1; done
`;
}

test("a service with a file `last` ends when all others have", inMachine, async (t) => {
  const machine = await bootWith(t, {
    "etc/service/net/run!": teller("net"),
    "etc/service/net/last": "",
    "etc/service/web/run!": teller("web"),
  });
  await machine.login();
  await machine.run("until sv check net web; do sleep 0.1; done");
  machine.type("poweroff\n");
  assert.equal(await machine.ended, "power off");
  const told = machine.console.text.match(/^\w+ ends$/gm);
  assert.deepEqual(told, ["web ends", "net ends"]);
});

test("no console: nobody is waited for in an emergency", inMachine, async (t) => {
  const machine = await bootWith(t, {
    ...badFstab,
    "etc/runit/1.d/39-none.sh": "rm /dev/console\n",
  });
  await machine.waitFor(/a shell on the console/);
  await machine.login();
});

test("a full /run: said, and the machine boots and ends", inMachine, async (t) => {
  const fill = 'mount -o remount,nr_inodes="$(find /run | wc -l)" /run\n';
  const machine = await bootWith(t, { "etc/runit/1.d/11-full.sh": fill });
  await machine.waitFor(/No space left on device/);
  await machine.login();
  machine.type("poweroff\n");
  assert.equal(await machine.ended, "power off");
});

test("drivers that are loaded when somebody opens them have nodes", inMachine, async (t) => {
  const lines = "# a comment\\nfuse fuse c10:229\\nnull null c1:99\\ntun net/tun c10:200";
  const machine = await bootWith(t, {
    "etc/runit/1.d/13-index.sh": `index=/lib/modules/$(uname -r)
      mkdir -p "$index"; printf '${lines}\\n' >"$index/modules.devname"\n`,
  });
  await machine.login();
  const { output } = await machine.run("stat -c '%n %t %T' /dev/fuse /dev/null /dev/net/tun");
  assert.equal(output, "/dev/fuse a e5\n/dev/null 1 3\n/dev/net/tun a c8\n");
});
