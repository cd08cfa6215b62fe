// The file systems of the kernel, which every program expects and which hold nothing: what stage 1
// mounts. And what stage 3 unmounts, which is everything else. Pure: programs/trinit-stage.ts acts.

export type MountFlag = "nosuid" | "nodev" | "noexec";

export interface Mount {
  readonly type: string;
  readonly source: string;
  readonly target: string;
  readonly flags: readonly MountFlag[];
  /** What the file system itself understands. */
  readonly options: string;
}

const strict = ["nosuid", "nodev", "noexec"] as const;
/** In this order: some are made in others. The group 5 is tty's everywhere. */
const kernelMounts: readonly Mount[] = [
  { type: "proc", source: "proc", target: "/proc", flags: strict, options: "" },
  { type: "sysfs", source: "sys", target: "/sys", flags: strict, options: "" },
  { type: "devtmpfs", source: "dev", target: "/dev", flags: ["nosuid"], options: "mode=755" },
  {
    type: "devpts",
    source: "devpts",
    target: "/dev/pts",
    flags: ["nosuid", "noexec"],
    options: "gid=5,mode=620,ptmxmode=666",
  },
  {
    type: "tmpfs",
    source: "shm",
    target: "/dev/shm",
    flags: ["nosuid", "nodev"],
    options: "mode=1777",
  },
  { type: "tmpfs", source: "run", target: "/run", flags: ["nosuid", "nodev"], options: "mode=755" },
  { type: "cgroup2", source: "cgroup2", target: "/sys/fs/cgroup", flags: strict, options: "" },
];

/** The links that devtmpfs does not make: [path, target]. */
export const deviceLinks = [
  ["/dev/fd", "/proc/self/fd"],
  ["/dev/stdin", "/proc/self/fd/0"],
  ["/dev/stdout", "/proc/self/fd/1"],
  ["/dev/stderr", "/proc/self/fd/2"],
] as const;

/** The line that one could type instead. */
export function mountLine({ type, source, target, flags, options }: Mount): string {
  const all = options === "" ? flags : [...flags, options];
  return `mount -t ${type} -o ${all.join(",")} ${source} ${target}`;
}

interface Mounted {
  readonly target: string;
  readonly type: string;
}

/** proc(5)'s mountinfo, in the order of mounting. */
function parseMounts(mountinfo: string): readonly Mounted[] {
  const found: Mounted[] = [];
  for (const line of mountinfo.split("\n")) {
    const words = line.split(" ");
    const type = words[words.indexOf("-", 6) + 1]; // optional fields come before the dash
    const target = words[4];
    if (words.length >= 10 && target !== undefined && type !== undefined) {
      found.push({ target: unescaped(target), type });
    }
  }
  return found;
}

/** A path as it is: proc(5) has space, tab, newline and backslash as \ and three octal digits. */
function unescaped(text: string): string {
  const [first = "", ...rest] = text.split("\\");
  const parts = rest.map(
    (part) => String.fromCharCode(Number.parseInt(part.slice(0, 3), 8)) + part.slice(3),
  );
  return first + parts.join("");
}

/** What of the kernel's is not mounted yet. */
export function missingMounts(mountinfo: string): readonly Mount[] {
  const there = parseMounts(mountinfo).map(({ target }) => target);
  return kernelMounts.filter(({ target }) => !there.includes(target));
}

/** What is never written to a disk: these stay to the end. */
const kernelTypes: readonly string[] = [
  ...["proc", "sysfs", "devtmpfs", "devpts", "tmpfs", "ramfs", "rootfs", "cgroup", "cgroup2"],
  ...["securityfs", "debugfs", "tracefs", "configfs", "bpf", "pstore", "efivarfs", "mqueue"],
  ...["hugetlbfs", "binfmt_misc", "autofs", "fusectl", "selinuxfs", "nsfs", "rpc_pipefs", "nfsd"],
];

/** What is to be unmounted, the last one first; never the root. */
export function unmountOrder(mountinfo: string): readonly string[] {
  const others = parseMounts(mountinfo).filter(
    ({ target, type }) => target !== "/" && !kernelTypes.includes(type),
  );
  return others.map(({ target }) => target).reverse();
}

/** Types whose disks are elsewhere, or fuse.TYPE; stages/functions has the same list. */
export const networkTypes: readonly string[] = [
  ...["nfs", "nfs4", "cifs", "smb3", "smbfs", "ncp", "ncpfs", "afs", "coda", "ceph", "glusterfs"],
  ...["gfs", "gfs2", "ocfs2", "lustre", "pvfs2", "orangefs", "beegfs", "davfs", "davfs2", "sshfs"],
  ...["curlftpfs", "s3fs", "rclone", "mfs", "gcsfuse"],
];

const fuse = "fuse.";

/** What needs the network, the last one first: by its type, or by `_netdev` in fstab(5) or in
 * utab, where mount(8) has what it was called with. Never the root and /usr, where umount is. */
export function networkMounts(mountinfo: string, fstab: string, utab: string): readonly string[] {
  const marked = [...markedIn(fstab.split("\n").map(fstabEntry)), ...markedIn(utabEntries(utab))];
  const found = parseMounts(mountinfo).filter(({ target, type }) => {
    const known = type.startsWith(fuse) ? type.slice(fuse.length) : type;
    return networkTypes.includes(known) || marked.includes(target);
  });
  const targets = found.map(({ target }) => target).reverse();
  return targets.filter((target) => target !== "/" && target !== "/usr");
}

/** Where it is mounted, and with which options. */
type Entry = readonly [string, string];

function markedIn(entries: readonly Entry[]): readonly string[] {
  const marked = entries.filter(([, options]) => options.split(",").includes("_netdev"));
  return marked.map(([target]) => unescaped(target));
}

function fstabEntry(line: string): Entry {
  const fields = line.split("\t").join(" ").split(" ");
  const [device = "#", target = "", , options = ""] = fields.filter((field) => field !== "");
  return device.startsWith("#") ? ["", ""] : [target, options];
}

/** `SRC=... TARGET=... ROOT=... OPTS=...` each. */
function utabEntries(utab: string): readonly Entry[] {
  const lines = utab.split("\n").map((line) => line.split(" "));
  return lines.map((words) => {
    const after = (name: string): string =>
      words.find((word) => word.startsWith(name))?.slice(name.length) ?? "";
    return [after("TARGET="), after("OPTS=")];
  });
}

/** The files and disks of /proc/swaps, whose first line has no path. */
export function swapPaths(swaps: string): readonly string[] {
  const paths = swaps.split("\n").map((line) => line.split(" ", 1)[0] ?? "");
  return paths.filter((path) => path.startsWith("/")).map(unescaped);
}
