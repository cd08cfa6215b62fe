// A machine's network in namespaces, for the tests of the networking services of sv/: the interface
// eth0, whose cable leads to another network namespace, lan, where the tests have their servers.
import * as fs from "node:fs";
import path from "node:path";
import type { TestContext } from "node:test";
import { until } from "../src/client/index.ts";
import { deadlineMs, eventually, type Program, root, waitForFile } from "./harness.ts";
import { inNamespaces, type Namespace, startNamespace } from "./namespace.ts";

/** For test(): namespaces of networks beside each other are root's, and sysfs has to be seen. */
export const inNetworks: { readonly skip: string | false } = {
  skip: process.geteuid?.() === 0 ? inNamespaces.skip : "needs root, type: sudo npm test",
};

export interface NetworkOptions {
  /** The services: the name in /etc/service, and the directory of sv/ that it is a copy of. */
  readonly services: Readonly<Record<string, string>>;
  /** Further files of them, `fw/conf/eth0.ipconf/ip`. */
  readonly files?: Readonly<Record<string, string>>;
  /** The tools are busybox's: its shell and its ip, too. */
  readonly isBusybox?: boolean;
  /** Shell commands as process 1, before it is runsvdir. */
  readonly prepare?: string;
}

export interface Network extends Namespace {
  /** A file of the machine, as seen from outside: below /etc or /run. */
  place(file: string): string;
  /** What `ip ARGUMENTS` shows there, once it is accepted. */
  sees(args: string, accepts: (text: string) => boolean): Promise<string>;
  /** Waits until a service is down and stays so. */
  rests(name: string): Promise<void>;
  /** Runs a program to its end in lan. */
  inLan(...command: readonly string[]): ReturnType<Namespace["run"]>;
  /** A DHCP server in lan, with these lines in its configuration; lan is 10.9.0.1/24. */
  serveDhcp(lines: readonly string[]): Promise<Program>;
}

/** Under another name first: runsvdir takes what it sees. */
function copyService(name: string, from: string): string {
  return `cp -r "${path.join(root, "sv", from)}" /etc/service/.new
    mv /etc/service/.new /etc/service/${name}\n`;
}

function writeFile(file: string, text: string): string {
  const place = `/etc/service/${file}`;
  return `mkdir -p "${path.dirname(place)}"\nprintf %s '${text}' >"${place}"\n`;
}

/** All tools that come first in PATH, and the shell of scripts, are busybox's. */
const useBusybox = `
  mkdir /run/tools
  for name in $(busybox --list); do ln -s /bin/busybox /run/tools/$name; done
  mount --bind /bin/busybox "$(readlink -f /bin/sh)"
`;

const makeNetwork = `
  mount -t sysfs sysfs /sys
  : >/etc/resolv.conf
  ip link set lo up
  ip netns add lan
  ip link add eth0 type veth peer name wire netns lan
  ip -n lan link set lo up
  ip -n lan addr add 10.9.0.1/24 dev wire
  ip -n lan link set wire up
`;

export async function startNetwork(t: TestContext, options: NetworkOptions): Promise<Network> {
  const { services, files = {}, isBusybox = false, prepare = "" } = options;
  const copies = Object.entries(services).map(([name, from]) => copyService(name, from));
  const texts = Object.entries(files).map(([file, text]) => writeFile(file, text));
  const path = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
  const inside = await startNamespace(t, {
    pid1: ["runsvdir", "-P", "/etc/service"],
    runit: {},
    env: { PATH: isBusybox ? `/usr/local/sbin:/run/tools:${path}` : path },
    prepare: [makeNetwork, ...copies, ...texts, isBusybox ? useBusybox : "", prepare].join("\n"),
  });
  return { ...inside, ...viewsOf(inside) };
}

type Views = Pick<Network, "place" | "sees" | "rests" | "inLan" | "serveDhcp">;

function viewsOf(inside: Namespace): Views {
  const place = (file: string): string => path.join(inside.etc, "..", file);
  const lan = ["nsenter", "--net=/run/netns/lan"];
  return {
    place,
    sees: (args, accepts) =>
      eventually(`ip ${args}`, async () => {
        const { stdout } = await inside.run("/sbin/ip", ...args.split(" "));
        return accepts(stdout) ? stdout : false;
      }),
    rests: async (name) => {
      const isOver = (now: { state: string; want: string; supervised: boolean }): boolean =>
        now.supervised && now.state === "down" && now.want === "down";
      await until(inside.service(name), isOver, deadlineMs);
    },
    inLan: (...command) => inside.run(...lan, ...command),
    serveDhcp: async (lines) => {
      const conf = ["interface wire", "start 10.9.0.50", "end 10.9.0.50", ...lines];
      fs.writeFileSync(place("run/udhcpd.conf"), `${conf.join("\n")}\nlease_file /run/leases\n`);
      fs.writeFileSync(place("run/leases"), "");
      const udhcpd = ["/bin/busybox", "udhcpd", "-f", "-a", "1", "-I", "10.9.0.1"];
      const server = inside.start(...lan, ...udhcpd, "/run/udhcpd.conf");
      await server.stderr.waitFor(/started/);
      return server;
    },
  };
}

/** The lines of a service's log, without their stamps, once there is one that matches. */
export async function waitForLog(network: Network, name: string, line: RegExp): Promise<string[]> {
  const log = path.join(network.service(name), "log/main/current");
  const linesOf = (text: string): string[] =>
    text.split("\n").map((stamped) => stamped.replace(/^\S+ /, ""));
  return linesOf(await waitForFile(log, (text) => linesOf(text).some((one) => line.test(one))));
}
