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
  --watch            build and boot anew when the source, the stages or the services change
`;

/** Logs of the kernel and of all others, the power button, a login on the screen that is not shown,
 * and the network from QEMU's own DHCP server. */
const services = [
  ...defaultServices,
  ...["getty_tty1", "klog", "syslog", "acpid", "cron", "fw", "dhcp_eth0=dhcp_IF"],
];

const root = path.resolve(import.meta.dirname, "..");
let machine: Machine | null = null;

function say(text: string): void {
  process.stderr.write(`vm: ${text}\r\n`);
}

function sayFatal(error: unknown): void {
  say(`fatal: ${error instanceof Error ? error.message : error}`);
}

type Options = ReturnType<typeof readOptions>;

function readOptions() {
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
  const memoryMiB = Number(values.memory);
  if (!(memoryMiB > 0)) throw new Error(`--memory: not a number of MiB: ${values.memory}`);
  return { ...values, memoryMiB };
}

async function makeImage(options: Options, directory: string): Promise<Image> {
  await buildFlavour("release", false);
  const wanted = [...services, ...options.service];
  const imageOptions = { kernel: options.kernel, services: wanted, progress: say };
  return options.disk
    ? makeDisk(path.join(directory, "disk"), imageOptions)
    : makeInitramfs(path.join(directory, "initramfs"), imageOptions);
}

async function boot(options: Options, image: Image): Promise<Machine> {
  const { columns, rows } = process.stdout;
  say("booting; Ctrl-A x ends it, Ctrl-A h tells what else QEMU knows; log in as root");
  const { memoryMiB, append, kvm } = options;
  const size = process.stdout.isTTY ? { columns, rows } : {};
  const started = await startMachine({ ...image, memoryMiB, append, kvm, ...size });
  started.onOutput((text) => process.stdout.write(text));
  return started;
}

/** Until it is turned off, if nothing changes before; the exit code. */
async function run(options: Options, directory: string): Promise<number> {
  const changed = options.watch ? nextChange() : new Promise<"changed">(() => {});
  try {
    const image = await makeImage(options, directory);
    machine = await boot(options, image);
  } catch (error) {
    if (!options.watch) throw error;
    sayFatal(error);
  }
  setRaw(machine !== null);
  const end = await (machine === null ? changed : Promise.race([machine.ended, changed]));
  setRaw(false);
  if (end !== "changed") {
    say(`the machine has ended: ${end}`);
    return end === "failed" ? 1 : 0;
  }
  say("something has changed");
  await machine?.kill();
  machine = null;
  return run(options, directory);
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

/** Ctrl-C is the machine's as long as there is one. */
function setRaw(isRaw: boolean): void {
  if (process.stdin.isTTY) process.stdin.setRawMode(isRaw);
}

function connectTerminal(): void {
  const { stdin, stdout, stderr } = process;
  stdin.setEncoding("utf8").on("data", (text) => machine?.type(`${text}`));
  stdout.on("resize", () => machine?.resize(stdout.columns, stdout.rows));
  // A terminal that is gone: its SIGHUP ends all.
  for (const stream of [stdin, stdout, stderr]) stream.on("error", () => {});
}

/** The exit code of a shell's command that a signal has ended. */
function stopped(): Promise<number> {
  return new Promise((resolve) => {
    for (const name of ["SIGHUP", "SIGINT", "SIGTERM"]) {
      process.on(name, (_name, number: number) => resolve(128 + number));
    }
  });
}

async function play(options: Options): Promise<number> {
  const stop = stopped();
  const directory = scratch();
  try {
    connectTerminal();
    return await Promise.race([stop, run(options, directory)]);
  } catch (error) {
    sayFatal(error);
    return 1;
  } finally {
    await machine?.kill();
    setRaw(false);
    rmSync(directory, { recursive: true, force: true });
  }
}

function main(): Promise<number> | number {
  try {
    const options = readOptions();
    if (!options.help) return play(options);
    process.stdout.write(usage);
    return 0;
  } catch (error) {
    sayFatal(error);
    process.stderr.write(usage);
    return 100;
  }
}

process.exit(await main());
