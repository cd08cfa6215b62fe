// Whoever asks the service fw of sv/ for a pass gets one that has seen what was left before, and no
// more passes than that takes.
import assert from "node:assert/strict";
import * as fs from "node:fs";
import { type TestContext, test } from "node:test";
import { type Program, start, waitForFile } from "../harness.ts";
import { inNetworks, type Network, startNetwork, waitForLog } from "../network.ts";

const services = { fw: "fw" };
const ipconf = "/etc/service/fw/ipconf";

async function restarts(network: Network): Promise<string> {
  await network.rests("fw");
  const exit = fs.readFileSync(`${network.service("fw")}/supervise/exit`, "latin1");
  return exit.trim().split(" ")[2] ?? "";
}

/** Comes to stand at the other end of a FIFO once somebody reads it, who then waits for us. */
async function meet(t: TestContext, fifo: string): Promise<Program> {
  const script = 'exec >"$0"; echo met >&2; exec cat';
  const writer = start(t, "/bin/sh", { args: ["-c", script, fifo], stdin: "pipe" });
  await writer.stderr.waitFor(/^met$/);
  return writer;
}

test("two requests while it runs are one more pass", inNetworks, async (t) => {
  const file = "conf/eth0.ipconf/ip";
  const network = await startNetwork(t, {
    services,
    files: { "fw/conf/eth0.ipconf/metric": "1" },
    prepare: `mkfifo /etc/service/fw/${file}`,
  });
  const fifo = `${network.service("fw")}/${file}`;
  const first = await meet(t, fifo);
  for (const who of ["a", "b"]) {
    assert.equal((await network.run(ipconf, `lo:${who}`, `dns=10.0.0.${who}`)).code, 0);
  }
  first.stdin?.end("10.9.0.2/24\n");
  await network.sees("addr show dev eth0", (text) => text.includes("10.9.0.2/24"));
  const second = await meet(t, fifo);
  second.stdin?.end("10.9.0.3/24\n");
  await network.sees("addr show dev eth0", (text) => text.includes("10.9.0.3/24"));
  assert.equal(await restarts(network), "1");
  const resolver = fs.readFileSync(network.place("etc/resolv.conf"), "latin1");
  assert.equal(resolver, "nameserver 10.0.0.a\nnameserver 10.0.0.b\n");
});

test(
  "a request before its first act is answered by the pass that begins",
  inNetworks,
  async (t) => {
    const network = await startNetwork(t, {
      services,
      prepare: `mkfifo /run/gate
      rm /usr/local/sbin/sv
      printf '#!/bin/sh\\n%s\\nexec trinit sv "$@"\\n' \\
        '[ "$1" != o ] || cat /run/gate' >/usr/local/sbin/sv
      chmod +x /usr/local/sbin/sv`,
    });
    const gate = await meet(t, network.place("run/gate"));
    assert.equal((await network.run(ipconf, "eth0:dhcp", "ip=10.9.0.2/24")).code, 0);
    gate.stdin?.end();
    await network.sees("addr show dev eth0", (text) => text.includes("10.9.0.2/24"));
    assert.equal(await restarts(network), "0");
  },
);

test("of many requests at any time the last is heeded", inNetworks, async (t) => {
  const network = await startNetwork(t, { services });
  const loop = 'for n in $(seq 40); do "$0" "eth0:$1" ip=10.9.$1.$n/24 || exit; done';
  const loops = ["1", "2", "3"].map((who) => network.run("sh", "-c", loop, ipconf, who));
  for (const { code } of await Promise.all(loops)) assert.equal(code, 0);
  await network.rests("fw");
  const { stdout } = await network.run("ip", "-o", "-4", "addr", "show", "dev", "eth0");
  const set = [...stdout.matchAll(/inet (\S+)/g)].map(([, address]) => address);
  assert.deepEqual(set, ["10.9.1.40/24", "10.9.2.40/24", "10.9.3.40/24"]);
  const left = fs
    .readdirSync(network.place("run/service/fw"))
    .filter((name) => name.startsWith("."));
  assert.equal(left.length, 3, "nothing is left of those before");
});

test("a pass that was killed leaves nothing that the next does not know", inNetworks, async (t) => {
  const network = await startNetwork(t, {
    services,
    files: { "fw/conf/eth0.ipconf/ip": "10.9.0.2/24 10.9.0.3/24" },
    prepare: `mkfifo /run/gate
      printf '#!/bin/sh\\n%s\\nexec /sbin/ip "$@"\\n' \\
        '[ "$4" != 10.9.0.3/24 ] || [ ! -e /run/gate ] || cat /run/gate' >/usr/local/sbin/ip
      chmod +x /usr/local/sbin/ip`,
  });
  await meet(t, network.place("run/gate"));
  fs.rmSync(network.place("run/gate"));
  assert.equal((await network.run("sv", "kill", "fw")).code, 0);
  await waitForLog(network, "fw", /^not all is set: exit code -1, wait status 9$/);
  assert.match((await network.run("ip", "addr", "show", "eth0")).stdout, /10\.9\.0\.2/);
  fs.writeFileSync(`${network.service("fw")}/conf/eth0.ipconf/ip`, "10.9.0.4/24\n");
  assert.equal((await network.run("sv", "u", "fw")).code, 0);
  await network.sees("-4 addr show dev eth0", (text) => text.includes("10.9.0.4/24"));
  const { stdout } = await network.run("ip", "-4", "addr", "show", "dev", "eth0");
  assert.doesNotMatch(stdout, /10\.9\.0\.[23]\//);
});

test("an ipconf is taken away, and nothing is asked where there is none", inNetworks, async (t) => {
  const network = await startNetwork(t, { services });
  await network.rests("fw");
  assert.equal((await network.run(ipconf, "eth0:vpn", "dns=10.9.0.1")).code, 0);
  await waitForFile(network.place("etc/resolv.conf"), (text) => text === "nameserver 10.9.0.1\n");
  await network.rests("fw");
  assert.equal((await network.run(ipconf, "eth0:vpn")).code, 0);
  await waitForFile(network.place("etc/resolv.conf"), (text) => text === "");
  assert.equal(await restarts(network), "2");
  assert.equal((await network.run(ipconf, "eth0:vpn")).code, 0);
  assert.equal(await restarts(network), "2");
});
