// The services of sv/ that watch over an interface: its link, its lease, its last resort.
import assert from "node:assert/strict";
import * as fs from "node:fs";
import { test } from "node:test";
import { commandLine, eventually, processesOf, waitForFile } from "../harness.ts";
import { inNetworks, startNetwork, waitForLog } from "../network.ts";
import { isUp } from "../tree.ts";

const templates = ["dhcp_IF", "dhcp_IF_pinger", "ifplugd_IF", "zcip_IF", "supplicant_IF"];

for (const name of templates) {
  test(`${name} itself refuses, and stays down`, inNetworks, async (t) => {
    const network = await startNetwork(t, { services: { fw: "fw", [name]: name } });
    await waitForLog(network, name, /^this is a template: copy it to \w+, for example$/);
    await network.rests(name);
  });
}

/** Leaves a line in a file for each ping that was answered. */
const wrapPing = `cat >/usr/local/sbin/ping <<'END'
#!/bin/sh
/bin/busybox ping "$@" && echo answered >>/run/answers
END
chmod +x /usr/local/sbin/ping`;

test("a router that does not answer starts dhcp anew", inNetworks, async (t) => {
  const network = await startNetwork(t, {
    services: { fw: "fw", dhcp_eth0: "dhcp_IF", dhcp_eth0_pinger: "dhcp_IF_pinger" },
    files: {
      "dhcp_eth0/run": "#!/bin/sh\nexec sleep 600\n",
      "dhcp_eth0/finish": "#!/bin/sh\nexec >>/run/ended\necho ended\n",
      "dhcp_eth0_pinger/conf/seconds": "0.1",
      "dhcp_eth0_pinger/conf/misses": "2",
      "fw/conf/eth0.ipconf/ip": "10.9.0.2/24",
    },
    prepare: wrapPing,
  });
  await isUp(network.service("dhcp_eth0"));
  await network.run("/etc/service/fw/ipconf", "eth0:dhcp", "router=10.9.0.1");
  await waitForFile(network.place("run/answers"), (text) => text !== "");
  assert.ok(!fs.existsSync(network.place("run/ended")));
  await network.inLan("ip", "link", "set", "wire", "down");
  await waitForLog(network, "dhcp_eth0_pinger", /^10.9.0.1 has not answered 2 times$/);
  await waitForFile(network.place("run/ended"));
});

test("a router that has never answered starts nothing anew", inNetworks, async (t) => {
  const network = await startNetwork(t, {
    services: { fw: "fw", dhcp_eth0: "dhcp_IF", dhcp_eth0_pinger: "dhcp_IF_pinger" },
    files: {
      "dhcp_eth0/run": "#!/bin/sh\nexec sleep 600\n",
      "dhcp_eth0_pinger/conf/seconds": "0.1",
      "dhcp_eth0_pinger/conf/misses": "2",
    },
    prepare: `printf '#!/bin/sh\\necho >>/run/misses\\nexit 1\\n' >/usr/local/sbin/ping
      chmod +x /usr/local/sbin/ping`,
  });
  const { pid } = await isUp(network.service("dhcp_eth0"));
  await network.run("/etc/service/fw/ipconf", "eth0:dhcp", "router=10.9.0.1");
  await waitForFile(network.place("run/misses"), (text) => text.length > 5);
  assert.equal((await isUp(network.service("dhcp_eth0"))).pid, pid);
  const log = `${network.service("dhcp_eth0_pinger")}/log/main/current`;
  assert.equal(fs.readFileSync(log, "latin1"), "");
});

test("a pinger that is stopped leaves nothing behind", inNetworks, async (t) => {
  const network = await startNetwork(t, {
    services: { fw: "fw", dhcp_eth0_pinger: "dhcp_IF_pinger" },
    files: { "dhcp_eth0_pinger/conf/seconds": "600" },
  });
  const sleeps = (): boolean => processesOf(t).some((pid) => /^sleep 600/.test(commandLine(pid)));
  await eventually("its pause", sleeps);
  assert.equal((await network.run("sv", "-w", "9", "stop", "dhcp_eth0_pinger")).code, 0);
  await eventually("nothing", () => !sleeps());
});

/** A stand-in for a program that Debian's busybox has not: says that it has an address. */
function standIn(name: string, line: string): string {
  const file = `/usr/local/sbin/${name}`;
  const script = `#!/bin/sh\\necho "$0 $*"\\n${line}\\nexec sleep 600\\n`;
  return `printf '${script}' >${file}; chmod +x ${file}`;
}

for (const [program, call, line] of [
  ["zcip", /zcip -f eth0 /, "interface=eth0 ip=169.254.7.7 /etc/service/zcip_eth0/handler config"],
  [
    "avahi-autoipd",
    /avahi-autoipd --script=\S+handler eth0$/,
    "/etc/service/zcip_eth0/handler BIND eth0 169.254.7.7",
  ],
] as const) {
  test(`the address that ${program} has found is set, and goes with it`, inNetworks, async (t) => {
    const services = { fw: "fw", zcip_eth0: "zcip_IF" };
    const network = await startNetwork(t, { services, prepare: standIn(program, line) });
    await waitForLog(network, "zcip_eth0", call);
    await network.sees("-4 addr show dev eth0", (text) => text.includes("169.254.7.7/16"));
    assert.equal((await network.run("sv", "-w", "9", "stop", "zcip_eth0")).code, 0);
    await network.sees("-4 addr show dev eth0", (text) => text === "");
  });
}

test("zcip_IF says what is missing, and stays down", inNetworks, async (t) => {
  const services = { fw: "fw", zcip_eth0: "zcip_IF" };
  const network = await startNetwork(t, { services, isBusybox: true });
  await waitForLog(network, "zcip_eth0", /^neither zcip nor avahi-autoipd is there$/);
  await network.rests("zcip_eth0");
});

test(
  "supplicant_IF runs wpa_supplicant with its own file, and not without",
  inNetworks,
  async (t) => {
    const network = await startNetwork(t, {
      services: { supplicant_eth0: "supplicant_IF" },
      prepare: standIn("wpa_supplicant", ":"),
    });
    await waitForLog(network, "supplicant_eth0", /^conf\/wpa_supplicant.conf is missing: /);
    await network.rests("supplicant_eth0");
    fs.mkdirSync(`${network.service("supplicant_eth0")}/conf`);
    fs.writeFileSync(`${network.service("supplicant_eth0")}/conf/wpa_supplicant.conf`, "");
    await network.run("sv", "u", "supplicant_eth0");
    await waitForLog(
      network,
      "supplicant_eth0",
      /wpa_supplicant -i eth0 -c conf\/wpa_supplicant.conf$/,
    );
  },
);
