// The service fw of sv/: what it makes of the files that it is given, and what it leaves alone.
import assert from "node:assert/strict";
import * as fs from "node:fs";
import { test } from "node:test";
import { inNetworks, type Network, startNetwork, waitForLog } from "../network.ts";

const services = { fw: "fw" };

/** Exit code, wait status and how often it was started again, once fw is through. */
async function lastExit(network: Network): Promise<string> {
  await network.rests("fw");
  return fs.readFileSync(`${network.service("fw")}/supervise/exit`, "latin1").trim();
}

/** What `ip route` shows, without the lines of the kernel's own. */
async function routes(network: Network, family: "-4" | "-6"): Promise<string[]> {
  const { stdout } = await network.run("/sbin/ip", family, "route");
  const lines = stdout.split("\n").map((line) => line.trim().replace(/ (proto|pref) .*/, ""));
  return lines.filter((line) => line.includes("metric") && !line.includes("metric 256"));
}

async function addresses(network: Network, device: string): Promise<string[]> {
  const { stdout } = await network.run("/sbin/ip", "-o", "addr", "show", "dev", device);
  const all = [...stdout.matchAll(/ inet6? (\S+)/g)].map(([, address]) => address ?? "");
  return all.filter((address) => !address.startsWith("fe80:"));
}

for (const [tools, isBusybox] of [
  ["Debian's tools", false],
  ["busybox's tools alone", true],
] as const) {
  test(`what conf says is set, with ${tools}`, inNetworks, async (t) => {
    const network = await startNetwork(t, {
      services,
      isBusybox,
      files: {
        "fw/conf/eth0.ipconf/ip": "10.9.0.2/24 2001:db8::2/64\n",
        "fw/conf/eth0.ipconf/router": "10.9.0.1 2001:db8::1\n",
        "fw/conf/eth0.ipconf/routes": "10.8.0.0/16 10.9.0.3 10.7.0.0/16 0.0.0.0\n",
        "fw/conf/eth0.ipconf/metric": "7",
        "fw/conf/eth0.ipconf/mtu": "1400",
        "fw/conf/eth0.ipconf/dns": "10.9.0.1 2001:db8::1",
        "fw/conf/eth0.ipconf/search": "example.org example.com",
      },
    });
    assert.equal(await lastExit(network), "0 0 0");
    assert.deepEqual(await addresses(network, "eth0"), ["10.9.0.2/24", "2001:db8::2/64"]);
    assert.deepEqual(await routes(network, "-4"), [
      "default via 10.9.0.1 dev eth0 metric 7",
      "10.7.0.0/16 dev eth0 scope link metric 7",
      "10.8.0.0/16 via 10.9.0.3 dev eth0 metric 7",
    ]);
    assert.deepEqual(await routes(network, "-6"), ["default via 2001:db8::1 dev eth0 metric 7"]);
    assert.match((await network.run("/sbin/ip", "link", "show", "eth0")).stdout, / mtu 1400 /);
    assert.equal(
      fs.readFileSync(network.place("etc/resolv.conf"), "latin1"),
      "search example.org example.com\nnameserver 10.9.0.1\nnameserver 2001:db8::1\n",
    );
  });
}

test("what is wanted no more goes, what others have set stays", inNetworks, async (t) => {
  const network = await startNetwork(t, {
    services,
    files: {
      "fw/conf/eth0.ipconf/ip": "10.9.0.2/24 10.9.0.3/24",
      "fw/conf/eth0.ipconf/router": "10.9.0.1",
    },
    prepare: "ip addr add 10.9.9.9/32 dev eth0; ip route add 10.5.0.0/16 dev lo metric 5",
  });
  assert.equal(await lastExit(network), "0 0 0");
  fs.writeFileSync(`${network.service("fw")}/conf/eth0.ipconf/ip`, "10.9.0.3/24\n");
  assert.equal((await network.run("sv", "u", "fw")).code, 0);
  await network.sees("-4 addr show dev eth0", (text) => !text.includes("10.9.0.2/"));
  assert.equal(await lastExit(network), "0 0 1");
  assert.deepEqual(await addresses(network, "eth0"), ["10.9.9.9/32", "10.9.0.3/24"]);
  assert.match(
    (await routes(network, "-4")).join("\n"),
    /^default via 10.9.0.1 dev eth0 metric \d+\n10.5/,
  );
});

test("two interfaces have a default route each", inNetworks, async (t) => {
  const network = await startNetwork(t, {
    services,
    files: {
      "fw/conf/eth1.ipconf/ip": "10.1.0.2/24",
      "fw/conf/eth1.ipconf/router": "10.1.0.1",
      "fw/conf/eth0.ipconf/ip": "10.9.0.2/24",
      "fw/conf/eth0.ipconf/router": "10.9.0.1",
    },
    prepare: "ip link add eth1 type veth peer name other; ip link set other up",
  });
  assert.equal(await lastExit(network), "0 0 0");
  const found = (await routes(network, "-4")).map((line) => line.replace(/ metric.*/, ""));
  assert.deepEqual(found.sort(), [
    "default via 10.1.0.1 dev eth1",
    "default via 10.9.0.1 dev eth0",
  ]);
});

test("a router beside the network of a single address is reached", inNetworks, async (t) => {
  const network = await startNetwork(t, {
    services,
    files: {
      "fw/conf/eth0.ipconf/ip": "10.3.0.2/32",
      "fw/conf/eth0.ipconf/router": "10.9.0.1",
    },
  });
  assert.equal(await lastExit(network), "0 0 0");
  assert.match((await routes(network, "-4")).join("\n"), /^default via 10.9.0.1 dev eth0/);
});

test("an interface that fails keeps no other from being set", inNetworks, async (t) => {
  const network = await startNetwork(t, {
    services,
    files: { "fw/conf/absent.ipconf/ip": "10.1.0.2/24", "fw/conf/eth0.ipconf/ip": "10.9.0.2/24" },
  });
  assert.equal(await lastExit(network), "1 0 0");
  assert.deepEqual(await addresses(network, "eth0"), ["10.9.0.2/24"]);
  await waitForLog(network, "fw", /^absent: unable to set absent up$/);
  await waitForLog(network, "fw", /^not all is set: exit code 1, wait status 0$/);
});

test("a hostile lease is data, and bad data", inNetworks, async (t) => {
  const network = await startNetwork(t, { services });
  await network.rests("fw");
  const evil = "$(>/run/evil) `touch /run/evil` ; touch /run/evil * \x1b[31m";
  const { code } = await network.run(
    ...["/etc/service/fw/ipconf", "eth0:dhcp"],
    `ip=10.9.0.2/24 -force 10.9.0.300/24 ${evil}`,
    `router=-f ${evil}`,
    `routes=-f 10.9.0.1 10.5.0.0/16 ${evil}`,
    `dns=10.9.0.1\nsearch\t-x ${evil}`,
    `search=-x example.org\n;nameserver 6.6.6.6 ${evil}`,
    `metric=1 -f ${evil}`,
    `mtu=-1 ${evil}`,
  );
  assert.equal(code, 0);
  await network.sees("-4 addr show dev eth0", (text) => text.includes("10.9.0.2/24"));
  assert.equal(await lastExit(network), "1 0 1");
  assert.deepEqual(await addresses(network, "eth0"), ["10.9.0.2/24"]);
  assert.deepEqual(await routes(network, "-4"), []);
  const resolver = fs.readFileSync(network.place("etc/resolv.conf"), "latin1");
  assert.equal(resolver, "search example.org 6.6.6.6 touch\nnameserver 10.9.0.1\n");
  assert.ok(!fs.existsSync(network.place("run/evil")));
  assert.doesNotMatch((await waitForLog(network, "fw", /left out$/)).join("\n"), /touch|\[31m/);
});
