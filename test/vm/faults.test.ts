// Faults of process 1 itself on a real machine, made on purpose by a test build: the kernel does
// not panic, services live on, and the machine can be turned off.
import assert from "node:assert/strict";
import { test } from "node:test";
import { boot, inMachine } from "../vm.ts";

/** Words of this form on the kernel's command line are init's environment. */
const append = "TRINIT_FAULTS=/run/faults";
const build = "dist/faults";
const quiet = { "etc/service/quiet/run!": "#!/bin/sh\nexec sleep 100000\n" };

test("a fault in process 1", inMachine, async (t) => {
  const machine = await boot(t, { build, append, files: quiet });
  await machine.login();
  await machine.run("mkdir /run/faults; quiet=$(cat /etc/service/quiet/supervise/pid)");

  await t.test("a fault that somebody sends is none", async () => {
    await machine.run("kill -SEGV 1; kill -ILL 1; kill -ABRT 1; kill -9 1");
    assert.equal((await machine.run("grep SigQ /proc/1/status")).code, 0);
    assert.doesNotMatch(machine.console.text, /fault in the program/);
  });

  await t.test("it starts over, and its services do not notice", async () => {
    await machine.run(": >/run/faults/crash-segv.once; kill -CONT 1");
    await machine.waitFor(/- runit: fatal: fault in the program, starting over/);
    const { output } = await machine.run("sv status quiet; echo $quiet; cat /proc/1/comm");
    assert.match(output, /^run: quiet: \(pid (\d+)\).*\n\1\ninit\n$/);
  });

  await t.test("it has its console open three times, and nothing from before", async () => {
    const { output } = await machine.run("ls -l /proc/1/fd | grep -c /dev/console");
    assert.equal(output, "3\n");
  });

  await t.test("it still knows how the machine is turned off", async () => {
    machine.type("poweroff\n");
    await machine.waitFor(/leave stage: \/etc\/runit\/3/);
    assert.equal(await machine.ended, "power off");
  });
});

test("a second fault within a minute: a shell on the console", inMachine, async (t) => {
  const machine = await boot(t, {
    build,
    append,
    services: [],
    files: {
      ...quiet,
      "etc/service/ready/run!": "#!/bin/sh\necho services run >/dev/console\nexec sleep 100000\n",
      "etc/runit/ctrlaltdel!": `#!/bin/sh
[ ! -d /run/faults ] || exec trinit init 0
mkdir /run/faults
: >/run/faults/crash-segv
`,
    },
  });
  await machine.waitFor(/services run/);
  await machine.press("ctrl", "alt", "delete");
  await machine.waitFor(/a shell on the console, init goes on when it ends/);
  await machine.atPrompt();
  const { output } = await machine.run("sv status quiet; ps -o pid,comm | grep '^ *1 '");
  assert.match(output, /^run: quiet: .*\n +1 init\n$/);
  await machine.run("rm /run/faults/crash-segv");
  machine.type("exit\n");
  await machine.press("ctrl", "alt", "delete");
  await machine.waitFor(/leave stage: \/etc\/runit\/3/);
  assert.equal(await machine.ended, "power off");
});
