// trinit stage N: what init runs where /etc/runit/N is missing or cannot be executed. A container
// mounts and unmounts nothing: its file systems are its engine's.
import {
  lineBytes,
  networkUnmountMs,
  restContainerSeconds,
  restLookMs,
  restSeconds,
  stopContainerSeconds,
  stopSeconds,
} from "../core/limits.ts";
import { errnos, reason, sentence } from "../core/message.ts";
import {
  deviceLinks,
  type Mount,
  missingMounts,
  mountLine,
  networkMounts,
  swapPaths,
  unmountOrder,
} from "../core/mounts.ts";
import type { Millis } from "../core/time.ts";
import { waitReady } from "../sys/loop.ts";
import { close, complain, isSame, ownPaths } from "../sys/posix.ts";
import { endBegan, stepUntil, stopSecondsOr } from "./end-limits.ts";
import { runningOf } from "./parents.ts";
import { endRest, findEnding, waitForMain, whyNotUnderInit } from "./trinit-killall.ts";
import { services, stopServices } from "./trinit-services.ts";

/** When the parts of stage 1 began, for `trinit bootchart`. */
export const timesFile = "/run/runit/times";

const failed = 111;
/** Over a thousand mounts. */
const mountinfoBytes = 262144;

function warn(what: string, errno: number): void {
  complain(sentence("trinit", "warning", what, reason(errno)));
}

/** True in the stages of a machine's init: one that is not process 1 says so. */
function isMachine(): boolean {
  return sys.machine() && !sys.getenv("TRINIT_INIT");
}

function readProc(name: string): string {
  const text = sys.readfile(`/proc/${name}`, mountinfoBytes);
  if (typeof text === "string") return text;
  if (text !== -errnos.ENOENT) warn(`unable to read /proc/${name}`, -text); // a kernel without
  return "";
}

// --- Stage 1 -----------------------------------------------------------------------------

const flagBits = { nosuid: sys.MS_NOSUID, nodev: sys.MS_NODEV, noexec: sys.MS_NOEXEC } as const;

function mount(wanted: Mount): void {
  const { source, target, type, flags, options } = wanted;
  sys.mkdir(target, 0o755); // there already, mostly; where it cannot be made, mount tells
  const bits = flags.reduce((sum, flag) => sum | flagBits[flag], 0);
  const mounted = sys.mount(source, target, type, bits, options);
  if (mounted < 0) warn(`unable to ${mountLine(wanted)}`, -mounted);
}

/** What programs expect of the kernel. */
function begin(): number {
  if (!isMachine()) return 0;
  const why = whyNotUnderInit();
  if (why !== null) {
    complain(sentence("trinit", "fatal", "unable to mount anything", why));
    return failed;
  }
  const began = uptime();
  for (const missing of missingMounts(readProc("self/mountinfo"))) mount(missing);
  for (const [path, target] of deviceLinks) {
    const made = sys.symlink(target, path);
    if (made < 0 && made !== -errnos.EEXIST) warn(`unable to create ${path}`, -made);
  }
  note(timesFile, `${began} file systems\n${uptime()} \n`);
  if (isAlone() && hasOnlyBusybox()) note("/run/runit/busybox-signals", "");
  return 0;
}

/** True where this is all of stage 1, and no part of one. */
function isAlone(): boolean {
  return runningOf(sys.getpid())?.parent === 1;
}

/** Whether there is no shell but busybox's, whose poweroff, halt and reboot are signals to init. */
function hasOnlyBusybox(): boolean {
  const [shell, busybox] = [sys.stat("/bin/sh"), sys.stat("/bin/busybox")];
  if (typeof busybox === "number") return false;
  return typeof shell === "number" || isSame(shell, busybox);
}

/** Seconds since the kernel's start. */
function uptime(): string {
  const text = sys.readfile("/proc/uptime", lineBytes);
  return typeof text === "number" ? "" : (text.split(" ", 1)[0] ?? "");
}

/** A file in /run; the boot goes on without one that cannot be written. */
function note(path: string, text: string): void {
  sys.mkdir(path.slice(0, path.lastIndexOf("/")), 0o755); // there already, mostly
  const flags = sys.O_WRONLY | sys.O_CREAT | sys.O_TRUNC | sys.O_NONBLOCK; // nothing is waited for
  const fd = sys.open(path, flags, 0o644);
  if (fd < 0) return;
  sys.write(fd, text);
  close(fd);
}

// --- Stage 2 -----------------------------------------------------------------------------

/** Becomes runsvdir, with these options. */
function supervise(options: readonly string[]): number {
  const directory = services();
  for (let at = directory.indexOf("/", 1); at > 0; at = directory.indexOf("/", at + 1)) {
    sys.mkdir(directory.slice(0, at), 0o755);
  }
  sys.mkdir(directory, 0o755); // runsvdir tells where it is not there
  const argv = ["runsvdir", "-P", ...options, directory];
  for (const path of ownPaths()) {
    const [errno] = sys.execve(path, argv, sys.environ(), []);
    warn(`unable to run ${path}`, errno);
  }
  return failed;
}

// --- Stage 3 -----------------------------------------------------------------------------

/** File systems that need the network, before that goes, by a process of its own: a server that
 * does not answer is not waited for. What is in use, or hangs, is no longer there for others. */
function unmountNetwork(): void {
  const [fstab, utab] = ["/etc/fstab", "/run/mount/utab"].map((path) => {
    const text = sys.readfile(path, mountinfoBytes);
    return typeof text === "string" ? text : "";
  });
  const list = (): readonly string[] =>
    networkMounts(readProc("self/mountinfo"), fstab ?? "", utab ?? "");
  const targets = list();
  if (targets.length === 0) return;
  const unmount = (): number => {
    for (const target of targets) sys.umount(target, 0);
    return 0;
  };
  const [pid = 0] = sys.fork(unmount, [["trinit", "umount"]], [[]]);
  const until = sys.monotonic() + networkUnmountMs;
  while (pid > 0 && sys.waitpid(pid, sys.WNOHANG) === null && sys.monotonic() < until) {
    waitReady([], sys.monotonic() + restLookMs);
  }
  for (const target of list()) {
    const detached = sys.umount(target, sys.MNT_DETACH);
    if (detached < 0) warn(`unable to umount -l ${target}`, -detached);
  }
}

/** What a disk holds is written to it: unmounted, or where something is in the way, read-only. A
 * file that is swapped to would be. */
function unmountAll(): void {
  for (const path of swapPaths(readProc("swaps"))) {
    const off = sys.swapoff(path);
    if (off < 0) warn(`unable to swapoff ${path}`, -off);
  }
  for (const target of unmountOrder(readProc("self/mountinfo"))) {
    const unmounted = sys.umount(target, 0);
    if (unmounted < 0 && !makeReadOnly(target)) warn(`unable to umount ${target}`, -unmounted);
  }
  makeReadOnly("/", true);
}

function makeReadOnly(target: string, isLast = false): boolean {
  const made = sys.mount("", target, "", sys.MS_REMOUNT | sys.MS_RDONLY, "");
  if (made < 0 && isLast) warn(`unable to mount -o remount,ro ${target}`, -made);
  return made >= 0;
}

/** Nothing runs any more and all is on the disk. Where this is not init's stage 3, it ends at what
 * harms nobody else. */
function end(): number {
  const init = findEnding();
  const isHere = typeof init === "number";
  const until = stopsAt(endBegan());
  stopServices(until, false, init);
  if (isHere && isMachine()) unmountNetwork();
  stopServices(Math.max(until, stepUntil(1000)), true, init);
  waitForMain();
  if (!isHere) {
    complain(`trinit: stage 3 ends with the services, since ${init}`);
    return 0;
  }
  endRest(isMachine() ? restSeconds : restContainerSeconds, init);
  if (isMachine()) unmountAll();
  return 0;
}

/** How long services have that say nothing of it themselves; from now on without `began`. */
function stopsAt(began: Millis | null): Millis {
  const seconds = stopSecondsOr(isMachine() ? stopSeconds : stopContainerSeconds);
  return (began ?? sys.monotonic()) + seconds * 1000;
}

/** `trinit down [-l]`; null: a wrong call. A stage 3 of the image may have done much
 * before: only the last services have what is left of the end. */
export function down([option, ...others]: readonly string[]): number | null {
  if (others.length > 0 || (option ?? "-l") !== "-l") return null;
  const isLast = option !== undefined;
  const until = isLast ? Math.max(stopsAt(endBegan()), stepUntil(1000)) : stopsAt(null);
  stopServices(until, isLast, findEnding());
  return 0;
}

/** `trinit stage N`, and the options of runsvdir for 2; null: a wrong call. */
export function stage(argv: readonly string[]): number | null {
  const [, number, ...options] = argv;
  if (number === "2") return supervise(options);
  if (options.length > 0) return null;
  if (number === "1") return begin();
  return number === "3" ? end() : null;
}
