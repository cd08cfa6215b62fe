// Machines that lack what others have: a console, a /dev, room in /run, or everything.
import assert from "node:assert/strict";
import { test } from "node:test";
import { boot, inMachine } from "../vm.ts";

/** A shell for services, with all its tools built in. */
const busyboxTools = { "bin/busybox": "/bin/busybox" };

test("a machine whose console does not exist boots, and is turned off", inMachine, async (t) => {
  const machine = await boot(t, { consoles: ["hvc0"] });
  await machine.login();
  assert.notEqual((await machine.run("true </dev/console")).code, 0);
  machine.type("poweroff\n");
  assert.equal(await machine.ended, "power off");
});

/** Before the first line of init, with nothing open. */
const first = (commands: string) => ({ "init!": `#!/bin/sh\n${commands}\nexec /sbin/init\n` });

test("where there is no /dev it is made", inMachine, async (t) => {
  const files = first("exec <&- >&- 2>&-\nrm -r /dev");
  const machine = await boot(t, { files });
  await machine.login();
  assert.equal((await machine.run("ls -d /dev/console /dev/pts/ptmx")).code, 0);
  assert.match((await machine.run("readlink /proc/1/fd/2")).output, /^\/dev\/console/);
});

test("a /run that is full before anything was written to it", inMachine, async (t) => {
  const files = {
    "etc/runit/1.d/11-full.sh": `umount /run
mount -t tmpfs -o size=4k,nr_inodes=3 run /run
dd if=/dev/zero of=/run/full bs=4k count=1
: >/run/fuller
`,
    "etc/service/quiet/run!": "#!/bin/sh\nexec sleep 100000\n",
  };
  const machine = await boot(t, { files });
  await machine.login();
  await t.test("services are started and restarted", async () => {
    assert.notEqual((await machine.run("echo >/run/more")).code, 0);
    assert.match((await machine.run("sv restart quiet")).output, /^ok: run: quiet/);
  });
  await t.test("init hears what is to be done", async () => {
    machine.type("/sbin/init 6\n");
    await machine.waitFor(/leave stage: \/etc\/runit\/3/);
    assert.equal(await machine.ended, "reset");
  });
});

test("the executable and a kernel alone", inMachine, async (t) => {
  await t.test("are a machine", async (t) => {
    const machine = await boot(t, { alone: true });
    await machine.waitFor(/enter stage: built-in stage 2/);
  });
  await t.test("run a service, and are turned off", async (t) => {
    const files = {
      "etc/service/only/run!": `#!/bin/busybox sh
echo "a service of process $PPID" >/dev/console
read -r _ </dev/console
kill -USR2 1
`,
    };
    const machine = await boot(t, { alone: true, programs: busyboxTools, files });
    await machine.waitFor(/a service of process \d+/);
    machine.type("\n");
    await machine.waitFor(/leave stage: built-in stage 3/);
    assert.equal(await machine.ended, "power off");
  });
});

test("the built-in stage 3 unmounts what needs the network first", inMachine, async (t) => {
  const files = {
    "etc/service/web/run!": `#!/bin/busybox sh
mkdir -p "/net 1" /busy /run/mount
mount -t tmpfs net "/net 1" && mount -t tmpfs busy /busy && cd /busy
printf 'SRC=net TARGET=/net\\\\0401 ROOT=/ OPTS=_netdev\\n' >/run/mount/utab
printf 'SRC=busy TARGET=/busy ROOT=/ OPTS=user,_netdev\\n' >>/run/mount/utab
setsid sleep 600 &
echo "mounted $(grep -c -e /net -e /busy /proc/mounts)" >/dev/console
exec sleep 600
`,
    "etc/service/net/last": "",
    "etc/service/net/run!": `#!/bin/busybox sh
trap 'echo "left: $(grep -c -e /net -e /busy /proc/mounts)" >/dev/console; exit' TERM
read -r _ </dev/console
kill -USR2 1
while :; do sleep 0.1; done
`,
  };
  const machine = await boot(t, { alone: true, programs: busyboxTools, files });
  await machine.waitFor(/mounted 2/);
  machine.type("\n");
  await machine.waitFor(/left: 0/);
  assert.equal(await machine.ended, "power off");
});
