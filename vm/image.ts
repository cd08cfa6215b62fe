// What the virtual machine boots: an initramfs that is a whole system of busybox and trinit, or a
// disk with Debian's minimal system, which a small initramfs finds. What changes seldom is kept in
// cache/vm; the executable, the stages and the services are put on top each time.
import { createHash } from "node:crypto";
import * as fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { execa } from "execa";
import { keep, type Progress, withWork } from "./cache.ts";
import { type Files, writeFiles } from "./files.ts";
import { findKernel } from "./kernel.ts";

export interface ImageOptions {
  /** The kernel's file; Debian's, where none is named. */
  readonly kernel?: string | undefined;
  /** What `npm run build` has made: dist, or dist/faults. */
  readonly build?: string;
  /** Services to be started, from sv/: `NAME`, or `NAME=TEMPLATE`, which is copied. */
  readonly services?: readonly string[];
  /** More files, and in the place of others. */
  readonly files?: Files;
  /** Programs of this machine by their path in the other, in the place of others. */
  readonly programs?: Readonly<Record<string, string>>;
  readonly progress?: Progress;
}

/** What a machine is started with. */
export interface Image {
  readonly kernel: string;
  readonly initramfs: string;
  /** Of the caller; to be written to. */
  readonly disks: readonly string[];
}

const root = path.resolve(import.meta.dirname, "..");

/** A login where somebody looks. */
export const defaultServices: readonly string[] = ["getty_ttyS0"];

/** What the machine that QEMU makes needs: the buses, the disk, the network, the power button. */
const modules = ["virtio_pci", "virtio_blk", "virtio_net", "button", "evdev", "nf_tables"];
/** What is there, too, for whoever loads it. */
const otherModules = ["loop"];

/** Of the Debian system on the disk, beside the minimal one. */
const packages = [
  ...["busybox-static", "cron", "dropbear-bin", "iproute2", "iputils-ping", "kmod", "nftables"],
  ...["procps", "udev", "util-linux-extra"],
];
const diskMiB = 768;

const etc: Files = {
  "etc/hostname": "trinit\n",
  "etc/modules": `${modules.join("\n")}\n`,
  // Tells the shell how large the terminal is from which it is used.
  "etc/service/winsize/run!": `#!/bin/sh
# What the outside writes to the second line is the size of the terminal on the first. It is asked
# for: what was written before this reads is lost.
set -eu
exec 3<>/dev/ttyS1
stty raw -echo <&3
echo size >&3
while read -r rows columns; do
	stty -F /dev/ttyS0 rows "$rows" cols "$columns"
done <&3
`,
};

/** Of the system in the initramfs; root has no password. */
const busyboxEtc: Files = {
  "etc/passwd": "root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/false\n",
  "etc/shadow": "root:::0:99999:7:::\nnobody:*::0:99999:7:::\n",
  "etc/group": "root:x:0:\ntty:x:5:\nutmp:x:43:\nnogroup:x:65534:\n",
  "etc/profile": "PS1='\\w # '\nexport PS1\n",
  "proc/": "",
  "sys/": "",
  "dev/": "",
  "run/": "",
  "tmp/": "",
  "root/": "",
  "mnt/": "",
  "var/lib/": "",
  "var/log/": "",
  "var/run=": "/run",
};

/** Of the disk; Debian's locked root gets no password, too. */
const debianEtc: Files = {
  "etc/fstab": "/dev/vda / ext4 defaults 0 1\n",
  "etc/resolv.conf": "",
};

/** The first program of a disk's machine: what the kernel lacks to find its root. */
const findRoot = `#!/bin/sh
mount -t devtmpfs dev /dev
mount -t proc proc /proc
modprobe virtio_pci
modprobe virtio_blk
until mount -o ro /dev/vda /root 2>/dev/null; do sleep 0.1; done
umount /proc
mount -o move /dev /root/dev
exec switch_root /root /sbin/init
`;

/** A system in memory. */
export async function makeInitramfs(target: string, options: ImageOptions = {}): Promise<Image> {
  const { image, base } = await findBase(options);
  await withTree(target, async (tree) => {
    putTrinit(tree, options);
    writeFiles(tree, { "init=": "sbin/init" });
    putOthers(tree, options);
    await pack(base, tree, target);
  });
  return { kernel: image, initramfs: target, disks: [] };
}

/** The executable as the kernel's first program, and nothing else but the files given. */
export async function makeAlone(target: string, options: ImageOptions = {}): Promise<Image> {
  const { kernel, build = "dist", progress = () => {} } = options;
  const { image } = await findKernel(kernel, progress);
  await withTree(target, async (tree) => {
    fs.copyFileSync(path.join(root, build, "trinit"), path.join(tree, "init"));
    putOthers(tree, options);
    await archive(tree, target);
  });
  return { kernel: image, initramfs: target, disks: [] };
}

/** A disk with Debian on it, and the initramfs beside it, which finds it. */
export async function makeDisk(target: string, options: ImageOptions = {}): Promise<Image> {
  const { image, base, modules } = await findBase(options);
  const debian = await findDebian(options.progress ?? (() => {}));
  const initramfs = `${target}.initramfs`;
  await withTree(initramfs, async (tree) => {
    writeFiles(tree, { "init!": findRoot });
    await pack(base, tree, initramfs);
  });
  await withWork("disk", async (tree) => {
    // Links, which is why it is in the cache; what is written is unlinked before.
    await execa("cp", ["-al", `${debian}/.`, tree]);
    if (modules !== null) {
      copyTree(path.join(modules, "lib/modules"), path.join(tree, "usr/lib/modules"));
      // Its modprobe wants another kind of index than busybox's.
      await execa("chroot", [tree, "depmod", "-a", ...fs.readdirSync(`${modules}/lib/modules`)]);
    }
    writeFiles(tree, debianEtc);
    putTrinit(tree, options);
    putOthers(tree, options);
    fs.rmSync(target, { force: true });
    const [type, from] = [
      ["-q", "-F", "-t", "ext4"],
      ["-d", tree],
    ];
    await execa("mke2fs", [...type, ...from, target, `${diskMiB}M`]);
  });
  return { kernel: image, initramfs, disks: [target] };
}

/** The executable under all of its names, the stages, the services. */
function putTrinit(
  tree: string,
  { build = "dist", services = defaultServices }: ImageOptions,
): void {
  const sbin = path.join(tree, fs.existsSync(path.join(tree, "usr/sbin")) ? "usr/sbin" : "sbin");
  fs.mkdirSync(sbin, { recursive: true });
  for (const name of fs.readdirSync(path.join(root, build, "bin"))) {
    fs.rmSync(path.join(sbin, name), { force: true });
    fs.symlinkSync("trinit", path.join(sbin, name));
  }
  fs.rmSync(path.join(sbin, "trinit"), { force: true });
  fs.copyFileSync(path.join(root, build, "trinit"), path.join(sbin, "trinit"));
  copyTree(path.join(root, "stages"), path.join(tree, "etc/runit"));
  copyTree(path.join(root, "sv"), path.join(tree, "etc/sv"));
  writeFiles(tree, etc);
  for (const service of services) {
    const [name = "", template = name] = service.split("=");
    const directory = path.join(tree, "etc/sv", name);
    if (template !== name) copyTree(path.join(root, "sv", template), directory);
    writeFiles(tree, { [`etc/service/${name}=`]: `/etc/sv/${name}` });
  }
}

/** What is this image's own. */
function putOthers(tree: string, { programs = {}, files = {} }: ImageOptions): void {
  for (const [place, program] of Object.entries(programs)) {
    const copy = path.join(tree, place);
    fs.mkdirSync(path.dirname(copy), { recursive: true });
    fs.rmSync(copy, { force: true });
    fs.copyFileSync(program, copy);
    fs.chmodSync(copy, 0o755);
  }
  writeFiles(tree, files);
}

function copyTree(from: string, to: string): void {
  fs.cpSync(from, to, { recursive: true, verbatimSymlinks: true });
}

async function withTree(target: string, fill: (tree: string) => Promise<void>): Promise<void> {
  const tree = fs.mkdtempSync(`${target}.`);
  try {
    fs.chmodSync(tree, 0o755);
    await fill(tree);
  } finally {
    fs.rmSync(tree, { recursive: true, force: true });
  }
}

/** Archives that follow each other are one to the kernel. */
async function pack(base: string, tree: string, target: string): Promise<void> {
  fs.copyFileSync(base, target);
  await archive(tree, target);
}

/** At the end of the target, if there is one. */
async function archive(tree: string, target: string): Promise<void> {
  const list = execa("find", [".", "-mindepth", "1"], { cwd: tree });
  const cpio = ["cpio", "-o", "-H", "newc", "-R", "0:0"];
  const stdout = { file: target, append: true };
  await list.pipe(execa("busybox", cpio, { cwd: tree, stdout, stderr: "ignore" }));
}

// --- What is kept --------------------------------------------------------------------------

/** For many who will make images at the same time: each would make what is not there. */
export async function fillCache(progress: Progress): Promise<void> {
  await findBase({ progress });
  await findDebian(progress);
}

interface Base {
  /** Of the kernel. */
  readonly image: string;
  /** Archive of a system that lacks an init. */
  readonly base: string;
  /** A tree with the modules. */
  readonly modules: string | null;
}

async function findBase({ kernel, progress = () => {} }: ImageOptions): Promise<Base> {
  const found = await findKernel(kernel, progress);
  const busybox = fs.realpathSync((await execa("which", ["busybox"])).stdout);
  const key = createHash("sha256").update(fs.readFileSync(import.meta.filename));
  for (const file of [busybox, found.image]) key.update(`${file} ${fs.statSync(file).mtimeMs}`);
  const directory = await keep(`base-${key.digest("hex").slice(0, 16)}`, async (work) => {
    progress("making the initramfs");
    const tree = path.join(work, "tree");
    await putBusybox(tree, busybox);
    writeFiles(tree, busyboxEtc);
    if (found.modules !== null) {
      await putModules(path.join(work, "modules"), found.modules);
      copyTree(path.join(work, "modules"), tree);
    }
    await archive(tree, path.join(work, "base.cpio"));
    fs.rmSync(tree, { recursive: true });
  });
  return {
    image: found.image,
    base: path.join(directory, "base.cpio"),
    modules: found.modules && path.join(directory, "modules"),
  };
}

/** Under all of its names; those that are trinit's are replaced. */
async function putBusybox(tree: string, busybox: string): Promise<void> {
  const bin = path.join(tree, "bin");
  fs.mkdirSync(bin, { recursive: true });
  fs.copyFileSync(busybox, path.join(bin, "busybox"));
  const { stdout } = await execa(busybox, ["--list"]);
  const ours = new Set(fs.readdirSync(path.join(root, "dist/bin")));
  for (const name of stdout.split("\n")) {
    if (name !== "busybox" && !ours.has(name)) fs.symlinkSync("busybox", path.join(bin, name));
  }
}

/** Those that are needed, and what they need; with an index of just these. */
async function putModules(tree: string, all: string): Promise<void> {
  const version = path.basename(all);
  const index = new Map(
    fs
      .readFileSync(path.join(all, "modules.dep"), "utf8")
      .split("\n")
      .map((line) => {
        const [file = "", needs = ""] = line.split(":");
        const name = path
          .basename(file)
          .replace(/\.ko.*$/, "")
          .replaceAll("-", "_");
        return [name, [file, ...needs.split(" ").filter((need) => need !== "")]] as const;
      }),
  );
  const directory = path.join(tree, "lib/modules", version);
  for (const file of new Set(
    [...modules, ...otherModules].flatMap((name) => index.get(name) ?? []),
  )) {
    const target = path.join(directory, file);
    fs.mkdirSync(path.dirname(target), { recursive: true });
    fs.copyFileSync(path.join(all, file), target);
  }
  for (const name of ["modules.order", "modules.builtin"]) {
    fs.copyFileSync(path.join(all, name), path.join(directory, name));
  }
  await execa("busybox", ["depmod", "-b", tree, version]);
}

/** Debian's minimal system and a few packages, as a directory. */
function findDebian(progress: Progress): Promise<string> {
  const key = createHash("sha256").update(packages.join(" ")).digest("hex").slice(0, 16);
  return keep(`debian-${key}`, async (work) => {
    progress("making a Debian system: debootstrap takes a minute or two");
    const make = '. scripts/minbase.sh; make_minbase "$1" "$2"';
    await execa("sh", ["-euc", make, "vm", work, packages.join(",")], { cwd: root });
    // Root has no password; documentation is nothing a machine needs to boot.
    await execa("sed", ["-i", "s/^root:[^:]*:/root::/", path.join(work, "etc/shadow")]);
    for (const name of ["doc", "info", "locale", "man"]) {
      fs.rmSync(path.join(work, "usr/share", name), { recursive: true, force: true });
    }
  });
}

/** Where images are made that nobody names. */
export function scratch(): string {
  return fs.mkdtempSync(path.join(os.tmpdir(), "trinit-image-"));
}
