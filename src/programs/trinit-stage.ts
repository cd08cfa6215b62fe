// trinit stage N: what init runs where /etc/runit/N is missing or cannot be executed. A container
// mounts and unmounts nothing: its file systems are its engine's.
import { leadingNumber } from "../core/args.ts";
import {
  lineBytes,
  restContainerSeconds,
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
  swapPaths,
  unmountOrder,
} from "../core/mounts.ts";
import { serviceNames, servicesDirectory } from "../core/scan.ts";
import type { Millis } from "../core/time.ts";
import { close, complain, pipe, tryRead } from "../sys/posix.ts";
import { openOk } from "./sv-service.ts";
import { endRest, whyNotEnding, whyNotUnderInit } from "./trinit-killall.ts";

/** When the parts of stage 1 began, for `trinit bootchart`. */
export const timesFile = "/run/runit/times";

const self = "/proc/self/exe";
const failed = 111;
/** Over a thousand mounts. */
const mountinfoBytes = 262144;

function warn(what: string, errno: number): void {
  complain(sentence("trinit", "warning", what, reason(errno)));
}

/** $SVDIR, or what is built in. */
export function services(): string {
  return sys.getenv("SVDIR") || servicesDirectory;
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
  if (!sys.machine()) return 0;
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
  noteTimes(`${began} file systems\n${uptime()} \n`);
  return 0;
}

/** Seconds since the kernel's start. */
function uptime(): string {
  const text = sys.readfile("/proc/uptime", lineBytes);
  return typeof text === "number" ? "" : (text.split(" ", 1)[0] ?? "");
}

/** What cannot be written is only missing in a picture. */
function noteTimes(text: string): void {
  sys.mkdir(timesFile.slice(0, timesFile.lastIndexOf("/")), 0o755); // there already, mostly
  const flags = sys.O_WRONLY | sys.O_CREAT | sys.O_TRUNC | sys.O_NONBLOCK; // nothing is waited for
  const fd = sys.open(timesFile, flags, 0o644);
  if (fd < 0) return;
  sys.write(fd, text);
  close(fd);
}

// --- Stage 2 -----------------------------------------------------------------------------

/** Becomes runsvdir. */
function supervise(): number {
  const directory = services();
  for (let at = directory.indexOf("/", 1); at > 0; at = directory.indexOf("/", at + 1)) {
    sys.mkdir(directory.slice(0, at), 0o755);
  }
  sys.mkdir(directory, 0o755); // runsvdir tells where it is not there
  const argv = ["runsvdir", "-P", directory];
  for (const path of [self, sys.execfn()]) {
    const [errno] = sys.execve(path, argv, sys.environ(), []);
    warn(`unable to run ${path}`, errno);
  }
  return failed;
}

// --- Stage 3 -----------------------------------------------------------------------------

/** The services that a runsv is there for. */
function supervised(directory: string): readonly string[] {
  const names = sys.readdir(directory);
  if (typeof names === "number") {
    if (names !== -errnos.ENOENT) warn(`unable to open directory ${directory}`, -names);
    return [];
  }
  const base = directory.startsWith("/") ? directory : `./${directory}`; // as sv wants to have it
  const paths = serviceNames(names).map((name) => `${base}/${name}`);
  return paths.filter((path) => {
    const ok = openOk(path);
    if (typeof ok === "number") close(ok);
    return typeof ok === "number";
  });
}

/** Every service down, and those last that others need to the end. */
function stopServices(seconds: number): void {
  const until = sys.monotonic() + seconds * 1000;
  const isLast = (path: string): boolean => typeof sys.stat(`${path}/last`) !== "number";
  stopThese(
    supervised(services()).filter((path) => !isLast(path)),
    until,
  );
  stopThese(supervised(services()), until);
}

/** Down, and the log written: sv waits, and kills what does not end in time. It tells of every
 * service; those that have ended well are not worth a line. */
function stopThese(paths: readonly string[], until: Millis): void {
  if (paths.length === 0) return;
  const seconds = Math.max(1, Math.ceil((until - sys.monotonic()) / 1000));
  const [output, input] = pipe();
  const argv = ["sv", "-w", `${seconds}`, "force-shutdown", ...paths];
  const sv = { argv, cwd: null, fds: [-1, input, -1], birth: null };
  let started: ReturnType<typeof sys.spawn> = 0;
  for (const path of [self, sys.execfn()]) {
    started = sys.spawn({ ...sv, path });
    if (typeof started === "number") break;
    warn(`unable to run ${path}`, started[0]);
  }
  close(input);
  for (const line of readLines(output)) if (!line.startsWith("ok: ")) complain(line);
  close(output);
  if (typeof started === "number") sys.waitpid(started, 0);
}

/** All lines, once the other end is closed. */
function readLines(fd: number): readonly string[] {
  const buffer = new Uint8Array(4096);
  let text = "";
  for (let got = tryRead(fd, buffer, "pipe"); got; got = tryRead(fd, buffer, "pipe")) {
    text += String.fromCharCode(...buffer.subarray(0, got));
  }
  return text.split("\n").slice(0, -1);
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
  const isMachine = sys.machine();
  const given = leadingNumber(sys.getenv("SVWAIT") ?? "");
  stopServices(given ?? (isMachine ? stopSeconds : stopContainerSeconds));
  const why = whyNotEnding();
  if (why !== null) {
    complain(`trinit: stage 3 ends with the services, since ${why}`);
    return 0;
  }
  endRest(isMachine ? restSeconds : restContainerSeconds);
  if (isMachine) unmountAll();
  return 0;
}

const stages: Readonly<Record<string, () => number>> = { "1": begin, "2": supervise, "3": end };

/** `trinit stage N`; null: a wrong call. */
export function stage(argv: readonly string[]): number | null {
  const [, number] = argv;
  if (argv.length !== 2 || number === undefined || !Object.hasOwn(stages, number)) return null;
  return stages[number]?.() ?? null;
}
