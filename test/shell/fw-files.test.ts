// Where the service fw of sv/ writes the resolver's file, and what it loads into the firewall.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import * as fs from "node:fs";
import { test } from "node:test";
import { eventually, waitForFile } from "../harness.ts";
import { inNetworks, startNetwork, waitForLog } from "../network.ts";

const services = { fw: "fw" };
const dns = { "fw/conf/eth0.ipconf/dns": "10.9.0.1", "fw/conf/eth0.ipconf/ip": "10.9.0.2/24" };
const text = "nameserver 10.9.0.1\n";
const file = "run/service/fw/resolv.conf";
const bound = "mount --bind /etc/resolv.conf /etc/resolv.conf";
const readOnly = "mount -o remount,bind,ro /etc/resolv.conf";

test("a resolv.conf that is read-only is said, and the rest is set", inNetworks, async (t) => {
  const prepare = `echo mine >/etc/resolv.conf; ${bound}; ${readOnly}`;
  const network = await startNetwork(t, { services, files: dns, prepare });
  await waitForLog(network, "fw", /^unable to write \/etc\/resolv.conf, see \/run\//);
  await waitForLog(network, "fw", /^not all is set: exit code 1/);
  await network.sees("addr show dev eth0", (shown) => shown.includes("10.9.0.2/24"));
  assert.equal(fs.readFileSync(network.place(file), "latin1"), text);
  assert.deepEqual(
    fs.readdirSync(network.etc).filter((name) => name.includes(".new")),
    [],
  );
});

test("a resolv.conf that is mounted is written in its place", inNetworks, async (t) => {
  const network = await startNetwork(t, { services, files: dns, prepare: bound });
  await waitForFile(network.place("etc/resolv.conf"), (now) => now === text);
  await network.rests("fw");
  assert.deepEqual(
    fs.readdirSync(network.etc).filter((name) => name.includes(".new")),
    [],
  );
});

test("a resolv.conf that is a link into /run needs no writing", inNetworks, async (t) => {
  const prepare = `ln -sf /${file} /etc/resolv.conf`;
  const network = await startNetwork(t, { services, files: dns, prepare });
  await network.rests("fw");
  assert.equal((await network.run("cat", "/etc/resolv.conf")).stdout, text);
  assert.ok(fs.lstatSync(network.place("etc/resolv.conf")).isSymbolicLink());
});

test("conf/resolver names another file than /etc/resolv.conf", inNetworks, async (t) => {
  const files = { ...dns, "fw/conf/resolver": "/run/upstream\n" };
  const network = await startNetwork(t, { services, files });
  await waitForFile(network.place("run/upstream"), (now) => now === text);
  await network.rests("fw");
  assert.equal(fs.readFileSync(network.place("etc/resolv.conf"), "latin1"), "");
});

test("a resolv.conf stays as it is where nobody knows a name server", inNetworks, async (t) => {
  const prepare = "echo mine >/etc/resolv.conf";
  const files = { "fw/conf/eth0.ipconf/ip": "10.9.0.2/24" };
  const network = await startNetwork(t, { services, files, prepare });
  await network.sees("addr show dev eth0", (shown) => shown.includes("10.9.0.2/24"));
  await network.rests("fw");
  assert.equal(fs.readFileSync(network.place("etc/resolv.conf"), "latin1"), "mine\n");
});

const hasNft = spawnSync("nft", ["--version"]).status === 0;
const skip =
  hasNft || process.env.CI !== undefined ? inNetworks.skip : "type: apt-get install nftables";

test("conf/fw.nft is loaded, and again at each pass", { skip }, async (t) => {
  const rules = (name: string): string => `flush ruleset\ntable inet ${name} {}\n`;
  const files = { "fw/conf/fw.nft": rules("first") };
  const network = await startNetwork(t, { services, files });
  await network.rests("fw");
  const list = async (): Promise<string> => (await network.run("nft", "list", "tables")).stdout;
  assert.equal(await list(), "table inet first\n");
  fs.writeFileSync(`${network.service("fw")}/conf/fw.nft`, rules("second"));
  await network.run("sv", "u", "fw");
  await eventually("the second table", async () => (await list()) === "table inet second\n");
});

test("rules that cannot be loaded keep no address from being set", inNetworks, async (t) => {
  const files = { ...dns, "fw/conf/fw.nft": "no such thing\n" };
  const network = await startNetwork(t, { services, files });
  await waitForLog(network, "fw", /^unable to load conf\/fw.nft$/);
  await network.sees("addr show dev eth0", (shown) => shown.includes("10.9.0.2/24"));
});
