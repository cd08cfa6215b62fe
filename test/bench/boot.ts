// How a machine does, in QEMU: `tsx test/bench/boot.ts [PIECE ...]`, where the pieces are
//   times       from the kernel starting init to the login prompt, beside Debian's runit on the
//               same image and with the same stages, in turns; in memory, and on a disk
//   memory      what init, runsvdir and ten services with loggers take in the guest, beside runit
//   endurance   boots and power-offs of one disk in a row: none hangs, none leaves it unclean
// ROUNDS: boots of each kind (5). BOOTS: those of endurance (50).
import { readFileSync, rmSync } from "node:fs";
import path from "node:path";
import type { Files } from "../../vm/files.ts";
import { type Image, type ImageOptions, makeDisk, makeInitramfs, scratch } from "../../vm/image.ts";
import { type Machine, startMachine } from "../../vm/qemu.ts";
import { median } from "../bench.ts";
import { faultsOf } from "../vm.ts";

const root = path.resolve(import.meta.dirname, "../..");
const rounds = Number(process.env.ROUNDS ?? 5);
const boots = Number(process.env.BOOTS ?? 50);
const work = scratch();

// --- Two inits -----------------------------------------------------------------------------

type Side = "trinit" | "runit";

/** Debian's programs in the place of ours, and what they are linked with. */
function runitPrograms(): Record<string, string> {
  const oracle = path.join(root, "cache/oracle");
  const libraries = ["/lib64/ld-linux-x86-64.so.2", "/lib/x86_64-linux-gnu/libc.so.6"];
  return {
    "sbin/init": `${oracle}/lib/runit/runit-init`,
    "sbin/runit": `${oracle}/sbin/runit`,
    ...Object.fromEntries(
      ["chpst", "runsv", "runsvdir", "sv", "svlogd"].map((name) => [
        `sbin/${name}`,
        `${oracle}/usr/bin/${name}`,
      ]),
    ),
    ...Object.fromEntries(libraries.map((library) => [library.slice(1), library])),
  };
}

/** Mounted in a way that works under either: `trinit stage 1` wants our init. */
const pseudofs: Files = {
  "etc/runit/1.d/10-pseudofs.sh": `mount -t sysfs sysfs /sys
mount -t devtmpfs dev /dev 2>/dev/null
mkdir -p /dev/pts /dev/shm
mount -t devpts devpts /dev/pts
mount -t tmpfs shm /dev/shm
mount -t tmpfs run /run
`,
  // Before it does anything else.
  "etc/runit/1!": readFileSync(path.join(root, "stages/1"), "utf8").replace(
    /^(#!.*)$/m,
    "$1\n[ -e /proc/self ] || mount -t proc proc /proc",
  ),
};

async function imageOf(
  side: Side,
  kind: "memory" | "disk",
  options: ImageOptions = {},
): Promise<Image> {
  const make = kind === "disk" ? makeDisk : makeInitramfs;
  const programs = side === "runit" ? runitPrograms() : {};
  return make(path.join(work, `${side}-${kind}`), {
    ...options,
    programs,
    files: { ...pseudofs, ...options.files },
  });
}

// --- What is measured ----------------------------------------------------------------------

/** Milliseconds from the kernel's word that it starts init to the prompt. */
async function timeBoot(image: Image): Promise<number> {
  const machine = await startMachine({ ...image, append: "loglevel=7" });
  try {
    await machine.waitFor(/Run \/(sbin\/)?init as init process/);
    const began = performance.now();
    await machine.waitFor(/login: /);
    return performance.now() - began;
  } finally {
    await machine.kill();
  }
}

async function times(): Promise<void> {
  for (const kind of ["memory", "disk"] as const) {
    const images = [await imageOf("trinit", kind), await imageOf("runit", kind)];
    const found: number[][] = [[], []];
    for (let round = 0; round < rounds; round++) {
      for (const [side, image] of images.entries()) found[side]?.push(await timeBoot(image));
    }
    report(`init to login, in ms, ${kind}`, found);
  }
}

const count = 10;

/** Services that do nothing, each with a logger. */
function services(logger: "script" | "built in"): Files {
  const files: Record<string, string> = { "etc/service/winsize/down": "" };
  for (let number = 1; number <= count; number++) {
    const service = `etc/service/s${number}`;
    files[`${service}/run!`] = "#!/bin/sh\nexec sleep 100000\n";
    files[`${service}/log/main/`] = "";
    if (logger === "script") files[`${service}/log/run!`] = "#!/bin/sh\nexec svlogd -tt main\n";
  }
  return files;
}

/** In kB; of the supervisors and the loggers, not of the services and the shells. */
const sumPss = `total=0
for process in /proc/[0-9]*; do
	read -r name <"$process/comm" || continue
	case $name in
	init|runit|runsvdir|runsv|svlogd) ;;
	*) continue ;;
	esac
	while read -r key value _; do
		[ "$key" != Pss: ] || total=$((total + value))
	done <"$process/smaps_rollup"
done
echo "pss $total"`;

async function pssOf(machine: Machine): Promise<number> {
  await machine.login();
  await machine.run("until [ $(pidof svlogd | wc -w) = 10 ]; do sleep 0.1; done");
  const { output } = await machine.run(sumPss);
  return Number(/^pss (\d+)$/m.exec(output)?.[1]);
}

async function memory(): Promise<void> {
  const kinds = [
    ["trinit", "built in"],
    ["trinit", "script"],
    ["runit", "script"],
  ] as const;
  const found: number[][] = kinds.map(() => []);
  for (let round = 0; round < rounds; round++) {
    for (const [index, [side, logger]] of kinds.entries()) {
      const image = await imageOf(side, "memory", { files: services(logger) });
      const machine = await startMachine(image);
      found[index]?.push(await pssOf(machine));
      await machine.kill();
    }
  }
  const [builtIn, script, theirs] = found as [number[], number[], number[]];
  report(`init and ${count} logged services, PSS in kB, log/run`, [script, theirs]);
  report(`init and ${count} logged services, PSS in kB, built-in loggers`, [builtIn, theirs]);
}

/** One disk, which is looked at after each time: what was left unclean would be found. */
async function endurance(): Promise<void> {
  const image = await imageOf("trinit", "disk");
  for (let boot = 1; boot <= boots; boot++) {
    const machine = await startMachine(image);
    await machine.login();
    machine.type("poweroff\n");
    const end = await machine.ended;
    const faults = faultsOf(`${image.disks[0]}`);
    if (end !== "power off") throw new Error(`boot ${boot}: ${end}: ${machine.console.text}`);
    if (faults !== null) throw new Error(`boot ${boot}: the disk is not clean: ${faults}`);
    process.stdout.write(`\r${boot} boots and power-offs, every file system clean`);
  }
  process.stdout.write("\n");
}

// --- Report --------------------------------------------------------------------------------

function report(what: string, [ours = [], theirs = []]: readonly number[][]): void {
  const [mine, other] = [median(ours), median(theirs)];
  const all = [ours, theirs].map((numbers) => numbers.map(Math.round).join(" ")).join(" | ");
  console.log(`${what}: ${Math.round(mine)} and runit's ${Math.round(other)}`);
  console.log(`  ${(mine / other).toFixed(2)} times runit's; medians of ${rounds}: ${all}`);
}

const pieces: Readonly<Record<string, () => Promise<void>>> = { times, memory, endurance };

try {
  const asked = process.argv.slice(2);
  for (const name of asked.length > 0 ? asked : Object.keys(pieces)) {
    const piece = pieces[name];
    if (piece === undefined) throw new Error(`no such piece: ${name}`);
    await piece();
  }
} finally {
  rmSync(work, { recursive: true, force: true });
}
