// The parts of stages/1.d and 3.d that change disks and drivers, one by one, with programs that
// only tell how they were called: nothing else can be found there, so nothing happens to this
// machine.
import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { inNamespaces, stageFiles, startNamespace } from "../namespace.ts";

/** Looks on, and changes nothing. */
const real = ["cat", "date", "grep", "sed", "sleep", "tail"];
const tellers = ["fsck", "mount", "trinit", "modprobe", "mdadm", "umount", "sync", "hwclock"];

interface World {
  readonly cmdline?: string;
  /** Shell commands before; /etc and /run are the test's own. */
  readonly before?: string;
  /** As `before`, once the part is done. */
  readonly after?: string;
  /** Programs that exit with this, and not with 0. */
  readonly codes?: Readonly<Record<string, number>>;
}

/** What the part says and calls, and its exit code. */
async function runPart(t: TestContext, part: string, world: World = {}): Promise<string[]> {
  const { cmdline = "", before = ":", after = ":", codes = {} } = world;
  const stubs = tellers.map((name) => {
    const text = `#!/bin/sh\\necho ${name} "$*"\\nexit ${codes[name] ?? 0}\\n`;
    return `printf '${text}' >/run/stubs/${name}`;
  });
  const prepare = `mkdir /run/stubs; ${stubs.join("; ")}
    chmod +x /run/stubs/*
    for name in ${real.join(" ")}; do ln -s "$(command -v "$name")" /run/stubs; done
    echo '${cmdline}' >/run/cmdline; mount --bind /run/cmdline /proc/cmdline
    ${before}`;
  const script = `. /etc/runit/functions
    PATH=/run/stubs
    IS_CONTAINER=""
    emergency_shell() { echo "emergency: $*"; }
    trap 'echo "code $?"' EXIT
    . /etc/runit/${part}
    code=$?; PATH=/bin:/usr/bin
    ${after}
    exit "$code"`;
  const inside = await startNamespace(t, {
    pid1: ["sh", "-c", 'sh -c "$0"; exit 0', script],
    runit: stageFiles(),
    prepare,
  });
  await inside.waitForExit();
  return inside.stdout.lines();
}

const fstab = "echo '/dev/vda / ext4 defaults 0 1' >/etc/fstab";
const fsck = "fsck -A -T -a -t noopts=_netdev -R"; // the root here is in use
const remount = "mount -o remount,rw /";

const roots: readonly (readonly [string, World, readonly string[]])[] = [
  ["a clean root is made writable", {}, [fsck, remount, "code 0"]],
  ["what fsck has repaired is good", { codes: { fsck: 1 } }, [fsck, remount, "code 0"]],
  [
    "an fsck that Ctrl-C has ended is no emergency",
    { codes: { fsck: 32 } },
    [fsck, remount, "code 0"],
  ],
  [
    "a root that was repaired while in use: reboot",
    { codes: { fsck: 3 } },
    [fsck, "trinit init 6", "code 100"],
  ],
  [
    "what fsck cannot repair is an emergency",
    { codes: { fsck: 4 } },
    [fsck, "emergency: fsck has found what it cannot repair", remount, "code 0"],
  ],
  ["fastboot: nothing is checked", { cmdline: "quiet fastboot" }, [remount, "code 0"]],
  ["fsck.mode=force: all is", { cmdline: "fsck.mode=force" }, [`${fsck} -f`, remount, "code 0"]],
  [
    "a root that cannot be made writable is an emergency",
    { codes: { mount: 32 } },
    [fsck, remount, "emergency: unable to make the root writable", "code 0"],
  ],
  [
    "ro in /etc/fstab is kept, and a comment is none",
    { before: "printf '#/dev/x / ext4 rw 0 1\\n/dev/vda / ext4 noatime,ro 0 1\\n' >/etc/fstab" },
    [fsck, "code 0"],
  ],
];

for (const [name, world, expected] of roots) {
  test(`40-root: ${name}`, inNamespaces, async (t) => {
    assert.deepEqual(await runPart(t, "1.d/40-root.sh", { before: fstab, ...world }), expected);
  });
}

for (const [what, before, isThere] of [
  ["a program of ours", "ln -s /run/sbin/trinit /run/stubs/poweroff", false],
  ["a link to busybox", "ln -s /run/sbin/busybox-1.36 /run/stubs/poweroff", true],
  ["a hard link to busybox", "mount --bind /run/stubs/mount /bin/busybox", true],
  ["none", ":", false],
] as const) {
  test(`11-busybox: poweroff is ${what}`, inNamespaces, async (t) => {
    const links = `ln -s "$(command -v readlink)" "$(command -v mkdir)" /run/stubs
      mkdir /run/sbin
      for name in trinit busybox-1.36; do ln /run/stubs/mount /run/sbin/$name; done
      ${before}
      [ ! /run/stubs/mount -ef /bin/busybox ] || ln /run/stubs/mount /run/stubs/poweroff`;
    const after = "[ ! -e /run/runit/busybox-signals ] || echo there";
    const said = await runPart(t, "1.d/11-busybox.sh", { before: links, after });
    assert.deepEqual(said, isThere ? ["there", "code 0"] : ["code 0"]);
  });
}

test("15-modules: names, options, a last line without its end", inNamespaces, async (t) => {
  const before = `mkdir /etc/modules-load.d
    printf '# a comment\\n\\nloop max_loop=8\\nfuse' >/etc/modules-load.d/a.conf
    printf 'tun\\n' >/etc/modules`;
  const said = await runPart(t, "1.d/15-modules.sh", { before });
  assert.deepEqual(said.slice(-4), [
    "modprobe -b loop max_loop=8",
    "modprobe -b fuse",
    "modprobe -b tun",
    "code 0",
  ]);
});

test("35-volumes: only where there is a tool for it", inNamespaces, async (t) => {
  assert.deepEqual(await runPart(t, "1.d/35-volumes.sh"), ["mdadm --assemble --scan", "code 0"]);
});

test(
  "65-leftovers: what a link of a user's in /tmp leads to is left alone",
  inNamespaces,
  async (t) => {
    const before = `mount -t tmpfs none /tmp
    mkdir -m 755 /run/theirs; ln -s /run/theirs /tmp/.X11-unix
    for name in chmod ln mkdir rm; do ln -s "$(command -v "$name")" /run/stubs; done`;
    const after = `stat -c '%a %F' /run/theirs /tmp/.X11-unix`;
    assert.deepEqual(await runPart(t, "1.d/65-leftovers.sh", { before, after }), [
      "755 directory",
      "1777 directory",
      "code 0",
    ]);
  },
);

const mounts = `mount -t tmpfs none /proc
  printf '%s\\n' '/dev/vda / ext4 rw 0 0' 'nas:/usr /usr nfs4 rw 0 0' \\
    'nas:/a /a nfs4 rw 0 0' '/dev/sdb /a/b ext4 rw 0 0' '/dev/sdc /c ext4 rw 0 0' >/proc/mounts`;

test(
  "12-netmounts: types of the network, and what fstab says, innermost first",
  inNamespaces,
  async (t) => {
    const before = `${mounts}
    printf '%s\\n' '# /dev/sdc /c ext4 _netdev' '/dev/sdb  /a/b ext4 rw,_netdev 0 0' >/etc/fstab
    echo '/dev/sde /e ext4 _netdev 0 0' >>/etc/fstab`;
    assert.deepEqual(await runPart(t, "3.d/12-netmounts.sh", { before }), [
      "umount /a/b /a",
      "sync ",
      "umount -l /a/b /a",
      "code 0",
    ]);
  },
);

test(
  "12-netmounts: paths as they are, FUSE's types, what mount was called with",
  inNamespaces,
  async (t) => {
    const shown = 'printf "umount"; for word; do printf " [%s]" "$word"; done; echo';
    const before = `mount -t tmpfs none /proc; rm -f /etc/fstab; mkdir -p /run/mount
    printf '%s\\n' 'vol /srv/my\\0401 fuse.glusterfs rw 0 0' '/dev/x /z fuse.ntfs-3g rw 0 0' \\
      '/dev/y /a\\134b\\011c ext4 rw 0 0' 'srv /p sshfs rw 0 0' >/proc/mounts
    printf '%s\\n' 'SRC=/dev/y TARGET=/a\\134b\\011c ROOT=/ OPTS=_netdev' >/run/mount/utab
    printf '#!/bin/sh\\n%s\\n' '${shown}' >/run/stubs/umount`;
    assert.deepEqual(await runPart(t, "3.d/12-netmounts.sh", { before }), [
      "umount [/p] [/a\\b\tc] [/srv/my 1]",
      "sync ",
      "umount [-l] [/p] [/a\\b\tc] [/srv/my 1]",
      "code 0",
    ]);
  },
);

test("45-mounts: what needs the network is left out, of FUSE, too", inNamespaces, async (t) => {
  const [called = ""] = await runPart(t, "1.d/45-mounts.sh", { before: fstab });
  assert.match(
    called,
    /^mount -a -t nonfs,fuse\.nfs,.*,glusterfs,fuse\.glusterfs,.* -O no_netdev$/,
  );
});

test(
  "12-netmounts: no fstab, nothing of the network: what is written goes out",
  inNamespaces,
  async (t) => {
    const before = "mount -t tmpfs none /proc; : >/proc/mounts; rm -f /etc/fstab";
    assert.deepEqual(await runPart(t, "3.d/12-netmounts.sh", { before }), ["sync ", "code 0"]);
  },
);

test("40-clock: one that cannot be read is set", inNamespaces, async (t) => {
  const before = "mount -t tmpfs none /sys; mount -t tmpfs none /dev; : >/dev/rtc0";
  assert.deepEqual(await runPart(t, "3.d/40-clock.sh", { before }), ["hwclock -w", "code 0"]);
});
