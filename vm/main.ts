// `npm run vm`: boots a virtual machine with this tree's init, and is the terminal on its console.
import { rmSync } from "node:fs";
import path from "node:path";
import { parseArgs } from "node:util";
import { watch } from "chokidar";
import { buildFlavour } from "../scripts/build.ts";
import { defaultServices, type Image, makeDisk, makeInitramfs, scratch } from "./image.ts";
import { defaultMemoryMiB, type Machine, startMachine } from "./qemu.ts";

const usage = `usage: npm run vm -- [options]
  --disk             Debian's minimal system on a disk, instead of busybox in an initramfs
  --memory MIB       memory of the machine, ${defaultMemoryMiB}
  --append WORDS     more words for the kernel's command line
  --kernel FILE      this kernel; its modules are looked for in ../lib/modules
  --service NAME     a service of sv/ to be started, may be repeated; NAME=TEMPLATE copies one
  --kvm              with KVM, where that works
  --watch            build and boot anew when the source, the stages or the services change`;

const { values } = parseArgs({
  options: {
    disk: { type: "boolean", default: false },
    memory: { type: "string", default: `${defaultMemoryMiB}` },
    append: { type: "string", default: "" },
    kernel: { type: "string" },
    service: { type: "string", multiple: true, default: [] },
    kvm: { type: "boolean", default: false },
    watch: { type: "boolean", default: false },
    help: { type: "boolean", short: "h", default: false },
  },
});

/** Logs of the kernel and of all others, the power button, a login on the screen that is not shown,
 * and the network from QEMU's own DHCP server. */
const services = [
  ...defaultServices,
  ...["getty_tty1", "klog", "syslog", "acpid", "cron", "fw", "dhcp_eth0=dhcp_IF"],
];

const root = path.resolve(import.meta.dirname, "..");
const directory = scratch();
let machine: Machine | null = null;

function say(text: string): void {
  process.stderr.write(`vm: ${text}\r\n`);
}

async function makeImage(): Promise<Image> {
  await buildFlavour("release", false);
  const wanted = [...services, ...values.service];
  const options = { kernel: values.kernel, services: wanted, progress: say };
  return values.disk
    ? makeDisk(path.join(directory, "disk"), options)
    : makeInitramfs(path.join(directory, "initramfs"), options);
}

async function boot(): Promise<Machine> {
  const image = await makeImage();
  const { columns, rows } = process.stdout;
  say("booting; Ctrl-A x ends it, Ctrl-A h tells what else QEMU knows; log in as root");
  const started = await startMachine({
    ...image,
    memoryMiB: Number(values.memory),
    append: values.append,
    kvm: values.kvm,
    ...(process.stdout.isTTY ? { columns, rows } : {}),
  });
  started.onOutput((text) => process.stdout.write(text));
  return started;
}

/** Until it is turned off, if nothing changes before. */
async function run(): Promise<void> {
  const changed = values.watch ? nextChange() : new Promise<"changed">(() => {});
  machine = await boot();
  const end = await Promise.race([machine.ended, changed]);
  if (end !== "changed") return say(`the machine has ended: ${end}`);
  say("something has changed");
  await machine.kill();
  return run();
}

function nextChange(): Promise<"changed"> {
  const paths = ["src", "stages", "sv"].map((name) => path.join(root, name));
  const watcher = watch(paths, { ignoreInitial: true, awaitWriteFinish: true });
  return new Promise((resolve) => {
    watcher.once("all", () => {
      void watcher.close();
      resolve("changed");
    });
  });
}

function connectTerminal(): void {
  const { stdin, stdout } = process;
  if (stdin.isTTY) stdin.setRawMode(true);
  stdin.on("data", (bytes) => machine?.type(bytes.toString("latin1")));
  stdout.on("resize", () => machine?.resize(stdout.columns, stdout.rows));
}

async function main(): Promise<number> {
  if (values.help) {
    process.stdout.write(`${usage}\n`);
    return 0;
  }
  try {
    connectTerminal();
    await run();
    return 0;
  } catch (error) {
    say(`fatal: ${error instanceof Error ? error.message : error}`);
    return 1;
  } finally {
    await machine?.kill();
    rmSync(directory, { recursive: true, force: true });
  }
}

process.exit(await main());
