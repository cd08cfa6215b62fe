// The services of sv/ for an interface, where a program that they need is missing.
import { test } from "node:test";
import { eventually } from "../harness.ts";
import { inNetworks, startNetwork, waitForLog } from "../network.ts";

/** Shell commands after which the program is not found, but busybox may have it. */
const hide = (tool: string): string => `
  for place in /usr/local/sbin /usr/sbin /usr/bin /sbin /bin; do
    [ ! -e $place/${tool} ] || mount --bind /dev/null $place/${tool}
  done`;

/** Shell commands after which busybox has it not. */
const hideApplet = (tool: string): string => `
  cp /bin/busybox /run/busybox
  cat >/run/less <<'END'
#!/bin/sh
[ "$1" != ${tool} ] || exit 127
exec /run/busybox "$@"
END
  chmod +x /run/less
  mount --bind /run/less /bin/busybox`;

for (const [from, name, tool, said] of [
  ["dhcp_IF", "dhcp_eth0", "ip", /^neither ip nor busybox's ip is there$/],
  ["dhcp_IF", "dhcp_eth0", "udhcpc", /^neither udhcpc nor busybox's udhcpc is there$/],
  ["dhcp_IF_pinger", "dhcp_eth0_pinger", "ping", /^neither ping nor busybox's ping is there$/],
  ["ifplugd_IF", "ifplugd_eth0", "ip", /^neither ip nor busybox's ip is there$/],
  ["zcip_IF", "zcip_eth0", "ip", /^neither ip nor busybox's ip is there$/],
  ["supplicant_IF", "supplicant_eth0", "wpa_supplicant", /^there is no wpa_supplicant$/],
] as const) {
  test(`${from} without ${tool} says so, and stays down`, inNetworks, async (t) => {
    const network = await startNetwork(t, {
      services: { fw: "fw", [name]: from },
      files: { [`${name}/conf/wpa_supplicant.conf`]: "" },
      prepare: hide(tool) + hideApplet(tool),
    });
    await waitForLog(network, name, said);
    await network.rests(name);
  });
}

test("ifplugd_IF takes busybox's ip where there is no other", inNetworks, async (t) => {
  const services = { fw: "fw", ifplugd_eth0: "ifplugd_IF" };
  const network = await startNetwork(t, { services, prepare: hide("ip") });
  await waitForLog(network, "ifplugd_eth0", /^link: 1$/);
});

test("fw takes busybox's ip where there is no other", inNetworks, async (t) => {
  const files = { "fw/conf/eth0.ipconf/ip": "10.9.0.2/24" };
  const network = await startNetwork(t, { services: { fw: "fw" }, files, prepare: hide("ip") });
  await eventually("the address", async () => {
    const { stdout } = await network.run("/bin/busybox", "ip", "addr", "show", "dev", "eth0");
    return stdout.includes("10.9.0.2/24");
  });
});
