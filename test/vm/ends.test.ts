// What people type, press and send to end a machine, and what QEMU says its end was.
import assert from "node:assert/strict";
import { test } from "node:test";
import type { Machine } from "../../vm/qemu.ts";
import { bootOnce, inMachine, start, type TestMachine } from "../vm.ts";

/** As sv/acpid, with the least that is needed. */
const acpid = {
  "etc/service/acpid/conf/PWRF/00000080!": "#!/bin/sh\nexec trinit init 0\n",
  "etc/service/acpid/run!": `#!/bin/sh
exec busybox acpid -d -c "$PWD/conf" -p /run/acpid.pid >/dev/null 2>&1
`,
};

const typed = (text: string) => (machine: Machine) => machine.type(`${text}\n`);

const words = {
  poweroff: "power off",
  halt: "power off",
  reboot: "reset",
  shutdown: "power off",
  "shutdown -h now": "power off",
  "shutdown -P now": "power off",
  "shutdown -r now": "reset",
  "kill -PWR 1": "power off",
} as const;

const keys = {
  "Ctrl-Alt-Del": [(machine: Machine) => machine.press("ctrl", "alt", "delete"), "reset"],
  "the power button": [(machine: Machine) => machine.powerButton(), "power off"],
} as const;

const systems: Readonly<Record<string, TestMachine>> = {
  // Its own init, of which this shell thinks first, is none that could be told anything.
  "busybox's shell": { files: acpid },
  bash: { disk: true },
};

for (const [shell, options] of Object.entries(systems)) {
  test(`what is typed to end a machine, at ${shell}`, inMachine, async (t) => {
    const saved = await bootOnce(t, options);
    const init = options.disk === true ? "init" : "/sbin/init";
    const all = { [`${init} 0`]: "power off", [`${init} 6`]: "reset", ...words };
    const ways = Object.entries(all).map(([word, end]) => [word, [typed(word), end]] as const);
    const pressed = options.disk === true ? [] : Object.entries(keys);
    for (const [way, [act, end]] of [...ways, ...pressed]) {
      await t.test(`${way}: ${end}`, async (t) => {
        const machine = await start(t, saved, saved);
        await act(machine);
        await machine.waitFor(/leave stage: \/etc\/runit\/3/);
        assert.equal(await machine.ended, end);
      });
    }
  });
}
