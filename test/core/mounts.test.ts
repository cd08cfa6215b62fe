// What stage 1 mounts and stage 3 unmounts, by what is there.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import {
  missingMounts,
  mountLine,
  networkMounts,
  networkTypes,
  swapPaths,
  unmountOrder,
} from "../../src/core/mounts.ts";

/** A line as proc(5) has it. */
function line(target: string, type: string, optional = ""): string {
  return `22 1 0:21 / ${target} rw,relatime ${optional}- ${type} source rw\n`;
}

test("missingMounts() of an empty system: each after what it is made in", () => {
  const targets = missingMounts("").map(({ target }) => target);
  assert.deepEqual(targets, [
    "/proc",
    "/sys",
    "/dev",
    "/dev/pts",
    "/dev/shm",
    "/run",
    "/sys/fs/cgroup",
  ]);
});

test("missingMounts() leaves out what is mounted, whatever type that is", () => {
  const there = [
    line("/proc", "proc"),
    line("/dev", "tmpfs", "shared:2 master:1 "),
    line("/", "x"),
  ];
  const targets = missingMounts(there.join("")).map(({ target }) => target);
  assert.deepEqual(targets, ["/sys", "/dev/pts", "/dev/shm", "/run", "/sys/fs/cgroup"]);
});

test("mountLine() can be typed", () => {
  const lines = missingMounts("").map(mountLine);
  assert.equal(lines[0], "mount -t proc -o nosuid,nodev,noexec proc /proc");
  assert.equal(
    lines[3],
    "mount -t devpts -o nosuid,noexec,gid=5,mode=620,ptmxmode=666 devpts /dev/pts",
  );
});

test("unmountOrder(): the last first, not the root, not the kernel's own", () => {
  const there = [
    line("/", "ext4"),
    line("/proc", "proc"),
    line("/home", "ext4"),
    line("/run", "tmpfs"),
    line("/run/media", "vfat"),
    line("/home/x", "nfs4", "master:1 "),
  ];
  assert.deepEqual(unmountOrder(there.join("")), ["/home/x", "/run/media", "/home"]);
});

test("unmountOrder() gives paths as they are, not as mountinfo writes them", () => {
  assert.deepEqual(unmountOrder(line("/a\\040b\\134c\\011", "ext4")), ["/a b\\c\t"]);
});

test("networkMounts(): by type and by _netdev, the last first, paths as they are", () => {
  const there = [
    line("/", "nfs4"),
    line("/usr", "nfs"),
    line("/srv/my\\040files", "fuse.glusterfs"),
    line("/local", "ext4"),
    line("/fuse", "fuse.ntfs-3g"),
    line("/home", "nfs4", "master:1 "),
    line("/by\\040hand", "xfs"),
    line("/iscsi\\0401", "ext4"),
    line("/plain", "sshfs"),
  ];
  const fstab = "#/dev/x /local ext4 _netdev\n/dev/sda  /iscsi\\0401\text4  rw,_netdev 0 0\n";
  const utab =
    "SRC=/dev/sdb TARGET=/by\\040hand ROOT=/ OPTS=_netdev\nSRC=x TARGET=/local OPTS=user\n";
  assert.deepEqual(networkMounts(there.join(""), fstab, utab), [
    "/plain",
    "/iscsi 1",
    "/by hand",
    "/home",
    "/srv/my files",
  ]);
});

test("the scripts of stages/ know the same types", () => {
  const functions = readFileSync("stages/functions", "latin1");
  const [, list = ""] = /^\techo (nfs .*)$/m.exec(functions.replaceAll("\\\n\t\t", "")) ?? [];
  assert.deepEqual(list.split(" "), networkTypes);
});

test("unmountOrder() of what is no mountinfo", () => {
  assert.deepEqual(unmountOrder("\nnonsense - \n1 2 3 / /x\n"), []);
});

test("swapPaths(): those in files and on disks, as they are", () => {
  const swaps = `Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority
/dev/vdb2                               partition\t1048572\t\t0\t\t-2
/swap\\040file                            file\t\t8188\t\t0\t\t-3
`;
  assert.deepEqual(swapPaths(swaps), ["/dev/vdb2", "/swap file"]);
  assert.deepEqual(swapPaths(""), []);
});

test("missingMounts() of this very system: none of what is mounted here", () => {
  const mountinfo = readFileSync("/proc/self/mountinfo", "latin1");
  assert.ok(!missingMounts(mountinfo).some(({ target }) => target === "/proc"));
});
