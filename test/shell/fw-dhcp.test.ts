// The services fw and dhcp_IF of sv/, from the lease to the address, route and resolver, and back.
import assert from "node:assert/strict";
import * as fs from "node:fs";
import { type TestContext, test } from "node:test";
import { commandLine, eventually, processesOf, waitForFile } from "../harness.ts";
import { inNetworks, type Network, type NetworkOptions, startNetwork } from "../network.ts";

const lease = ["option subnet 255.255.255.0", "option router 10.9.0.1", "option dns 10.9.0.1"];

/** A machine that has a lease. */
async function startLeased(
  t: TestContext,
  options: Partial<NetworkOptions> = {},
): Promise<Network> {
  const network = await startNetwork(t, {
    ...options,
    files: { "dhcp_eth0/down": "" },
    services: { fw: "fw", dhcp_eth0: "dhcp_IF", ...options.services },
  });
  await network.serveDhcp([...lease, "option domain example.org"]);
  await network.run("sv", "u", "dhcp_eth0");
  await network.sees("-4 addr show dev eth0", (text) => text.includes("10.9.0.50/24"));
  await network.sees("route", (text) => text.includes("default via 10.9.0.1 dev eth0"));
  const resolver = await waitForFile(network.place("etc/resolv.conf"), (text) => text !== "");
  assert.equal(resolver, "search example.org\nnameserver 10.9.0.1\n");
  return network;
}

const isEmpty = (text: string): boolean => text === "";

for (const [tools, isBusybox] of [
  ["Debian's tools", false],
  ["busybox's tools alone", true],
] as const) {
  test(`a lease becomes address, route and resolver, with ${tools}`, inNetworks, async (t) => {
    const network = await startLeased(t, { isBusybox });
    assert.equal(
      (await network.run("/bin/busybox", "ping", "-c", "1", "-W", "9", "10.9.0.1")).code,
      0,
    );
  });

  test(`no DHCP, no address, with ${tools}`, inNetworks, async (t) => {
    const network = await startLeased(t, { isBusybox });
    assert.equal((await network.run("sv", "-w", "9", "stop", "dhcp_eth0")).code, 0);
    await network.sees("-4 addr show dev eth0", isEmpty);
    await network.sees("route", isEmpty);
    await waitForFile(network.place("etc/resolv.conf"), isEmpty);
  });
}

test("what conf of dhcp says goes before what the server says", inNetworks, async (t) => {
  const network = await startNetwork(t, {
    services: { fw: "fw", dhcp_eth0: "dhcp_IF" },
    files: {
      "dhcp_eth0/down": "",
      "dhcp_eth0/conf/router": "",
      "dhcp_eth0/conf/dns": "10.9.0.7 10.9.0.8\n",
    },
  });
  await network.serveDhcp(lease);
  await network.run("sv", "u", "dhcp_eth0");
  const resolver = await waitForFile(network.place("etc/resolv.conf"), (text) => text !== "");
  assert.equal(resolver, "nameserver 10.9.0.7\nnameserver 10.9.0.8\n");
  await network.rests("fw");
  assert.ok((await network.run("ip", "-4", "addr")).stdout.includes("10.9.0.50/24"));
  assert.doesNotMatch((await network.run("ip", "route")).stdout, /default/);
});

test("what a hostile server says is no command", inNetworks, async (t) => {
  const network = await startNetwork(t, {
    services: { fw: "fw", dhcp_eth0: "dhcp_IF" },
    files: { "dhcp_eth0/down": "" },
  });
  const evil = "$(>/run/evil);>/run/evil";
  await network.serveDhcp([...lease, `option domain ${evil}`, `option search ${evil}`]);
  await network.run("sv", "u", "dhcp_eth0");
  await waitForFile(network.place("etc/resolv.conf"), (text) => text !== "");
  await network.rests("fw");
  const resolver = fs.readFileSync(network.place("etc/resolv.conf"), "latin1");
  assert.equal(resolver, "nameserver 10.9.0.1\n");
  assert.ok(!fs.existsSync(network.place("run/evil")));
});

test("a client that was killed leaves no address", inNetworks, async (t) => {
  const network = await startLeased(t);
  assert.equal((await network.run("sv", "once", "dhcp_eth0")).code, 0);
  assert.equal((await network.run("sv", "kill", "dhcp_eth0")).code, 0);
  await network.sees("-4 addr show dev eth0", isEmpty);
  await network.sees("route", isEmpty);
});

test(
  "the link goes, the address goes; it comes back, so does the address",
  inNetworks,
  async (t) => {
    const network = await startLeased(t, { services: { ifplugd_eth0: "ifplugd_IF" } });
    await network.inLan("ip", "link", "set", "wire", "down");
    await network.sees("-4 addr show dev eth0", isEmpty);
    await network.rests("dhcp_eth0");
    await network.inLan("ip", "link", "set", "wire", "up");
    await network.sees("-4 addr show dev eth0", (text) => text.includes("10.9.0.50/24"));
  },
);

test("an mtu that would end IPv6 is not taken from a server", inNetworks, async (t) => {
  const network = await startNetwork(t, {
    services: { fw: "fw", dhcp_eth0: "dhcp_IF" },
    files: { "dhcp_eth0/down": "" },
  });
  await network.serveDhcp([...lease, "option mtu 576"]);
  await network.run("sv", "u", "dhcp_eth0");
  await network.sees("-4 addr show dev eth0", (text) => text.includes("10.9.0.50/24"));
  await network.rests("fw");
  assert.match((await network.run("/sbin/ip", "link", "show", "eth0")).stdout, / mtu 1500 /);
});

test("what a killed client has heard is not left after it", inNetworks, async (t) => {
  const network = await startNetwork(t, {
    services: { fw: "fw", dhcp_eth0: "dhcp_IF" },
    files: { "dhcp_eth0/down": "", "dhcp_eth0/conf/metric": "7" },
    prepare: "mkfifo /etc/service/dhcp_eth0/conf/dns",
  });
  await network.serveDhcp(lease);
  await network.run("sv", "o", "dhcp_eth0");
  const dns = `${network.service("dhcp_eth0")}/conf/dns`;
  const fifo = await fs.promises.open(dns, "w"); // the handler reads
  await network.run("sv", "kill", "dhcp_eth0");
  await network.rests("dhcp_eth0");
  await fifo.close();
  const handlers = (): boolean =>
    processesOf(t).some((pid) => /handler|ipconf/.test(commandLine(pid)));
  await eventually("no handler any more", () => !handlers());
  assert.ok(!fs.existsSync(network.place("run/service/fw/eth0:dhcp.ipconf")));
});

// A quick server's lease may be there before runsv has written down who the client is.
test("a lease is taken, whatever supervise/pid says", inNetworks, async (t) => {
  const client = `#!/bin/sh
: >supervise/pid
while [ "$1" != -s ]; do shift; done
ip=10.9.0.9 mask=24 "$2" bound
exec sleep 600
`;
  const network = await startNetwork(t, {
    services: { fw: "fw", dhcp_eth0: "dhcp_IF" },
    files: { "dhcp_eth0/down": "" },
    prepare: `printf '%s' '${client}' >/usr/local/sbin/udhcpc; chmod +x /usr/local/sbin/udhcpc`,
  });
  await network.run("sv", "u", "dhcp_eth0");
  await network.sees("-4 addr show dev eth0", (text) => text.includes("10.9.0.9/24"));
});
