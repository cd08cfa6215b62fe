// The network of a machine, from QEMU's own DHCP server to address, route and resolver, and back.
import assert from "node:assert/strict";
import { test } from "node:test";
import type { Machine } from "../../vm/qemu.ts";
import { boot, inMachine, type TestMachine } from "../vm.ts";

const services = ["getty_ttyS0", "fw", "dhcp_eth0=dhcp_IF", "ifplugd_eth0=ifplugd_IF"];

/** What QEMU does not tell a machine that shall reach nothing. */
const files = {
  "etc/sv/dhcp_eth0/conf/router": "10.0.2.2\n",
  "etc/sv/dhcp_eth0/conf/dns": "10.0.2.3\n",
};

/** Waits until a command succeeds there; its output. */
async function until(machine: Machine, command: string): Promise<string> {
  const { code, output } = await machine.run(`until ${command}; do sleep 0.1; done`);
  assert.equal(code, 0);
  return output;
}

const hasAddress = "ip -4 addr show dev eth0 | grep -o 10.0.2.15/24";
const hasNone = "! ip -4 addr show dev eth0 | grep -q inet";
const hasRoute = "ip route | grep -o 'default via 10.0.2.2 dev eth0'";

for (const [what, options] of [
  ["a busybox system", {}],
  ["Debian", { disk: true }],
] as const satisfies readonly (readonly [string, TestMachine])[]) {
  test(`${what} has its address while there is a link`, inMachine, async (t) => {
    const machine = await boot(t, { ...options, services, files });
    await machine.login();
    await until(machine, hasAddress);
    await until(machine, hasRoute);
    assert.match(await until(machine, "grep . /etc/resolv.conf"), /^nameserver 10\.0\.2\.3$/m);
    await machine.link(false);
    await until(machine, hasNone);
    await until(machine, "! grep . /etc/resolv.conf");
    await machine.link(true);
    await until(machine, hasAddress);
    await until(machine, hasRoute);
    assert.equal((await machine.run("sv d ifplugd_eth0; sv -w 20 stop dhcp_eth0")).code, 0);
    await until(machine, hasNone);
    machine.type("poweroff\n");
    assert.equal(await machine.ended, "power off");
  });
}

test("two requests while fw runs are one more pass", inMachine, async (t) => {
  const machine = await boot(t, { services: ["getty_ttyS0", "fw"] });
  await machine.login();
  await machine.run("cd /etc/sv/fw; mkdir -p conf/lo.ipconf; mkfifo conf/lo.ipconf/ip");
  await until(machine, "[ -e supervise/exit ]"); // the pass of the boot
  await machine.run("sv u fw; exec 3>conf/lo.ipconf/ip"); // it reads
  await machine.run("sv u fw; sv u fw; echo 10.77.0.1/32 >&3; exec 3>&-");
  await until(machine, "ip addr show dev lo | grep 10.77.0.1");
  await machine.run("exec 3>conf/lo.ipconf/ip; exec 3>&-");
  await until(machine, "! ip addr show dev lo | grep 10.77.0.1");
  await until(machine, "[ $(cat supervise/stat) = down ]");
  assert.equal((await machine.run("cat supervise/exit")).output, "0 0 2\n");
});
