// The service fw of sv/ beside others: what was there before it, who of several goes first, and
// what it makes of files that are none.
import assert from "node:assert/strict";
import * as fs from "node:fs";
import { test } from "node:test";
import { waitForFile } from "../harness.ts";
import { inNetworks, type Network, startNetwork, waitForLog } from "../network.ts";

const services = { fw: "fw" };
const ipconf = "/etc/service/fw/ipconf";
const address = { "fw/conf/eth0.ipconf/ip": "10.9.0.2/24" };

const isMtu =
  (mtu: number) =>
  (text: string): boolean =>
    text.includes(` mtu ${mtu} `);

/** One pass more, to its end. */
async function pass(network: Network): Promise<void> {
  assert.equal((await network.run("sv", "u", "fw")).code, 0);
  await network.rests("fw");
}

async function routes(network: Network): Promise<string[]> {
  const { stdout } = await network.run("/sbin/ip", "-4", "route");
  const lines = stdout.split("\n").map((line) => line.replace(/ (proto|scope|metric) .*/, ""));
  return lines.map((line) => line.trim()).filter((line) => line.includes("via"));
}

test("an mtu that nobody wants any more is what it was before", inNetworks, async (t) => {
  const network = await startNetwork(t, { services, prepare: "ip link set eth0 mtu 1450" });
  await network.rests("fw");
  for (const mtu of ["1400", "1350"]) await network.run(ipconf, "eth0:vpn", `mtu=${mtu}`);
  await network.sees("link show eth0", isMtu(1350));
  await network.run(ipconf, "eth0:vpn");
  await network.sees("link show eth0", isMtu(1450));
});

test("the first who wants an mtu has it, conf before others", inNetworks, async (t) => {
  const files = { "fw/conf/eth0.ipconf/mtu": "1400" };
  const network = await startNetwork(t, { services, files });
  await network.rests("fw");
  await network.run(ipconf, "eth0:vpn", "mtu=1350", "ip=10.9.0.2/24");
  await network.sees("addr show dev eth0", (text) => text.includes("10.9.0.2/24"));
  await network.rests("fw");
  await network.sees("link show eth0", isMtu(1400));
});

test("the first router has the default route, conf's before others", inNetworks, async (t) => {
  const files = { ...address, "fw/conf/eth0.ipconf/router": "10.9.0.1 10.9.0.3" };
  const network = await startNetwork(t, { services, files });
  await network.rests("fw");
  assert.deepEqual(await routes(network), ["default via 10.9.0.1 dev eth0"]);
  await network.run(ipconf, "eth0:dhcp", "router=10.9.0.4", "ip=10.9.0.5/24");
  await network.sees("addr show dev eth0", (text) => text.includes("10.9.0.5/24"));
  await network.rests("fw");
  assert.deepEqual(await routes(network), ["default via 10.9.0.1 dev eth0"]);
});

test("the first who names a destination has the route there", inNetworks, async (t) => {
  const files = {
    ...address,
    "fw/conf/eth0.ipconf/router": "10.9.0.1",
    "fw/conf/eth0.ipconf/routes": "10.7.0.0/16 10.9.0.3 10.7.0.0/16 10.9.0.4 0.0.0.0/0 10.9.0.5",
  };
  const network = await startNetwork(t, { services, files });
  await network.rests("fw");
  assert.deepEqual(await routes(network), [
    "default via 10.9.0.1 dev eth0",
    "10.7.0.0/16 via 10.9.0.3 dev eth0",
  ]);
});

test("an address without a prefix has its router all the same", inNetworks, async (t) => {
  const files = {
    "fw/conf/eth0.ipconf/ip": "10.3.0.2",
    "fw/conf/eth0.ipconf/router": "10.9.0.1",
  };
  const network = await startNetwork(t, { services, files });
  await network.rests("fw");
  assert.deepEqual(await routes(network), ["default via 10.9.0.1 dev eth0"]);
});

test("an address of others stays when ours goes, in the same network", inNetworks, async (t) => {
  const network = await startNetwork(t, { services, files: address });
  await network.rests("fw");
  await network.run("/sbin/ip", "addr", "add", "10.9.0.9/24", "dev", "eth0");
  fs.rmSync(`${network.service("fw")}/conf/eth0.ipconf`, { recursive: true });
  await pass(network);
  const shown = await network.sees("-4 addr show dev eth0", (text) => !text.includes("10.9.0.2/"));
  assert.match(shown, /10\.9\.0\.9\/24/);
});

for (const isBusybox of [false, true]) {
  const tools = isBusybox ? "busybox's tools alone" : "Debian's tools";
  test(
    `an address that others have set never becomes ours, with ${tools}`,
    inNetworks,
    async (t) => {
      const prepare = "ip addr add 10.9.0.2/24 dev eth0";
      const network = await startNetwork(t, { services, files: address, prepare, isBusybox });
      await network.rests("fw");
      await pass(network);
      fs.rmSync(`${network.service("fw")}/conf/eth0.ipconf`, { recursive: true });
      await pass(network);
      await network.sees("-4 addr show dev eth0", (text) => text.includes("10.9.0.2/24"));
    },
  );
}

test("an ipconf that is a file is said", inNetworks, async (t) => {
  const files = { ...address, "fw/conf/lo.ipconf": "10.1.0.1/32\n" };
  const network = await startNetwork(t, { services, files });
  await waitForLog(network, "fw", /^lo: the ipconf is a file, and no directory$/);
  await waitForLog(network, "fw", /^not all is set: exit code 1, wait status 0$/);
});

test("a file that cannot be read is said, and the rest is set", inNetworks, async (t) => {
  const prepare = "mkdir /etc/service/fw/conf/eth0.ipconf/mtu";
  const network = await startNetwork(t, { services, files: address, prepare });
  await waitForLog(network, "fw", /^eth0: unable to read mtu$/);
  await waitForLog(network, "fw", /^not all is set: exit code 1, wait status 0$/);
  await network.sees("addr show dev eth0", (text) => text.includes("10.9.0.2/24"));
});

test("resolv.conf is what it was when nobody names a server any more", inNetworks, async (t) => {
  const network = await startNetwork(t, { services, prepare: "echo mine >/etc/resolv.conf" });
  await network.rests("fw");
  const file = network.place("etc/resolv.conf");
  for (const server of ["10.9.0.1", "10.9.0.2"]) {
    await network.run(ipconf, "eth0:vpn", `dns=${server}`);
    await waitForFile(file, (text) => text === `nameserver ${server}\n`);
    await network.rests("fw");
  }
  await network.run(ipconf, "eth0:vpn");
  await waitForFile(file, (text) => text === "mine\n");
});

for (const isBusybox of [false, true]) {
  const shell = isBusybox ? "busybox's shell" : "Debian's shell";
  for (const [what, text] of [
    ["ends in CR", "/run/upstream\r\n"],
    ["is relative", "upstream\n"],
    ["is empty", ""],
  ] as const) {
    test(`a conf/resolver that ${what} is no file's name to ${shell}`, inNetworks, async (t) => {
      const files = { "fw/conf/resolver": text, "fw/conf/eth0.ipconf/dns": "10.9.0.1" };
      const network = await startNetwork(t, { services, files, isBusybox });
      await waitForLog(network, "fw", /^conf\/resolver: no absolute path in there, see \/run/);
      await waitForLog(network, "fw", /^not all is set: exit code 1, wait status 0$/);
      const made = fs.readdirSync(network.place("run")).filter((name) => name.includes("upstream"));
      assert.deepEqual(made, []);
    });
  }
}

test("ipconf is called by any path", inNetworks, async (t) => {
  const network = await startNetwork(t, {
    services,
    prepare: "mv /etc/service/fw /etc/fw; ln -s ../fw /etc/service/network",
  });
  await network.rests("network");
  const calls = ["cd /etc; fw/ipconf", "cd /etc/fw; ./ipconf", "cd /etc/fw; sh ipconf"];
  for (const call of [...calls, "ln -s /etc/fw/ipconf /run/up; /run/up"]) {
    const { code, stderr } = await network.run("sh", "-c", `${call} eth0:vpn dns=10.9.0.1`);
    assert.deepEqual([code, stderr], [0, ""], call);
  }
});
