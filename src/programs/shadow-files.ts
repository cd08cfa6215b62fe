// A service directory in which services cannot be supervised, as on the read-only root of a
// container, or on a file system without FIFOs: finds that out, and makes a shadow of it where
// something can be written. For init, and `trinit shadow`.
import { type Errno, errnos, reason } from "../core/message.ts";
import { serviceNames } from "../core/scan.ts";
import {
  type Own,
  planShadow,
  type Shadowed,
  type Step,
  shadowMark,
  shadowPlaces,
} from "../core/shadow.ts";
import {
  close,
  isDirectory,
  isFifo,
  isLink,
  isRegular,
  isSame,
  open,
  Refusal,
  rename,
  type Stat,
  SysError,
  writeAll,
} from "../sys/posix.ts";

/** A path, and a newline. */
const sourceBytes = 4097;

const remedy =
  "mount a tmpfs on /run (docker run --tmpfs /run), or let TMPDIR name a directory to write in";

/** The directory to scan: the given one, or its shadow where services cannot be supervised in it.
 * The shadow is ours for as long as this process lives and services are supervised in it. */
export function serviceTree(directory: string): string | Refusal {
  const listing = sys.readdir(directory);
  if (typeof listing === "number") return directory; // who scans it tells
  const obstacle = firstObstacle(directory, serviceNames(listing));
  if (obstacle === null) return directory;
  const source = absolute(directory);
  const services = new Map<string, Shadowed>();
  for (const name of serviceNames(listing)) {
    const service = survey(`${source}/${name}`);
    if (service !== null) services.set(name, service);
  }
  const steps = planShadow(source, listing, services);
  const failures: string[] = [];
  for (const place of shadowPlaces(sys.getenv("TMPDIR"))) {
    const why = makeShadow(place, source, steps);
    if (why === null) return place;
    failures.push(`${place}: ${why}`);
  }
  return new Refusal(`unable to supervise in ${obstacle}; ${failures.join("; ")}; ${remedy}`);
}

/** Without a slash at the end, unless it is all; links in the shadow begin with it. */
export function absolute(directory: string): string {
  let path = directory;
  while (path.length > 1 && path.endsWith("/")) path = path.slice(0, -1);
  if (path.startsWith("/")) return path;
  const here = sys.getcwd();
  return typeof here === "number" ? path : `${here}/${path}`; // it was removed
}

// --- What is there -----------------------------------------------------------------------

/** The first service that cannot be supervised where it is, and why: `web: access denied`. */
function firstObstacle(directory: string, names: readonly string[]): string | null {
  for (const name of names) {
    for (const path of [`${directory}/${name}`, `${directory}/${name}/log`]) {
      if (directoryAt(path) === null) continue;
      const why = obstacleIn(path);
      // One that cannot be read has no shadow either: its runsv tells.
      if (why > 0 && typeof sys.readdir(path) !== "number") return `${path}: ${reason(why)}`;
    }
  }
  return null;
}

/** The stat of a directory, or of what a link to one leads to. */
function directoryAt(path: string): Stat | null {
  const stat = sys.stat(path);
  return typeof stat === "number" || !isDirectory(stat) ? null : stat;
}

/** Why nobody could supervise there; 0: somebody could. */
function obstacleIn(directory: string): Errno {
  const path = `${directory}/supervise`;
  const there = sys.stat(path);
  if (typeof there !== "number") {
    const why = obstacleOf(path, ["lock", "control"]);
    return why > 0 || hasFifos(path) ? why : missingIn(path);
  }
  if (there !== -errnos.ENOENT) return -there;
  const parent = parentToBe(directory, path);
  const why = -sys.writable(parent);
  return why > 0 ? why : missingIn(parent);
}

/** Where supervise would be made: a link to nothing is a wish for a directory elsewhere. What is
 * below /run is gone at every start, and made, unless somebody else asks for it by his link. */
function parentToBe(directory: string, path: string): string {
  const target = sys.readlink(path);
  if (typeof target === "number") return directory;
  const wanted = target[0] === "/" ? target : `${directory}/${target}`;
  const parent = wanted.slice(0, wanted.lastIndexOf("/") + 1);
  const link = sys.lstat(path);
  const isTrusted = typeof link !== "number" && (link.uid === 0 || link.uid === sys.geteuid());
  if (isTrusted && parent.startsWith("/run/") && !parent.includes("/../")) {
    for (let at = parent.indexOf("/", 5); at > 0; at = parent.indexOf("/", at + 1)) {
      sys.mkdir(parent.slice(0, at), 0o755); // there already, or what is written there tells
    }
  }
  return parent;
}

/** True for a supervise that a runsv has been in. */
function hasFifos(path: string): boolean {
  return ["control", "ok"].every((name) => {
    const there = sys.lstat(`${path}/${name}`);
    return typeof there !== "number" && isFifo(there);
  });
}

/** Why there can be no FIFO in a directory, or no lock, as on exFAT and some mounts of networks; 0:
 * both can be had. That cannot be told without making them. */
function missingIn(directory: string): Errno {
  const path = `${directory}/.trinit.${sys.getpid()}`;
  const made = sys.mkfifo(path, 0o600);
  sys.unlink(path);
  if (made < 0 && made !== -errnos.EEXIST) return -made;
  const fd = sys.open(path, sys.O_WRONLY | sys.O_CREAT | sys.O_EXCL, 0o600);
  if (fd < 0) return -fd;
  const locked = sys.flock(fd, sys.LOCK_EX | sys.LOCK_NB);
  close(fd);
  sys.unlink(path);
  return Math.max(0, -locked);
}

/** Why a directory, or one of these files in it, cannot be written; those may be missing. */
function obstacleOf(directory: string, files: readonly string[]): Errno {
  const own = -sys.writable(directory);
  if (own > 0) return own;
  for (const file of files) {
    const why = -sys.writable(`${directory}/${file}`);
    if (why > 0 && why !== errnos.ENOENT) return why;
  }
  return 0;
}

/** A service, as far as its shadow is concerned; null: no directory, or none that can be read. */
function survey(path: string): Shadowed | null {
  const stat = directoryAt(path);
  const service = look(path, "service");
  if (stat === null || service === null) return null;
  return { ...service, key: stat.id };
}

const innerKinds = { service: ["log", "log"], log: ["main", "main"], main: null } as const;

function look(path: string, kind: Own["kind"]): Own | null {
  const stat = directoryAt(path);
  const entries = sys.readdir(path);
  if (stat === null || typeof entries === "number") return null;
  if (kind === "main" && obstacleOf(path, ["lock", "current"]) === 0) return null;
  const inner = new Map<string, Own>();
  const below = innerKinds[kind];
  const own = below && entries.includes(below[0]) ? look(`${path}/${below[0]}`, below[1]) : null;
  if (below !== null && own !== null) inner.set(below[0], own);
  return { kind, mode: stat.mode, owner: [stat.uid, stat.gid], entries, inner };
}

// --- What is made ------------------------------------------------------------------------

/** Makes the shadow; why not, or null. What has been made by then is removed. */
function makeShadow(place: string, source: string, steps: readonly Step[]): string | null {
  const claimed = claim(place);
  if (typeof claimed === "string") return claimed;
  try {
    const why = missingIn(place);
    if (why > 0) throw new SysError("supervise in", why, place);
    writeMark(`${place}/${shadowMark}`, source);
    for (const step of steps) make(place, step);
    // A service that gives up root finds its own files by their paths.
    if (sys.geteuid() === 0) sys.chmod(place, 0o711);
    return null; // the descriptor stays open: the lock is on it
  } catch (error) {
    if (!(error instanceof SysError)) throw error;
    removeTree(place);
    close(claimed);
    return error.message;
  }
}

/** A file, not a link: where a disk is full, this is the moment to see it. */
function writeMark(path: string, source: string): void {
  const fd = open(path, sys.O_WRONLY | sys.O_CREAT | sys.O_EXCL, 0o644);
  try {
    writeAll(fd, `${source}\n`, path);
  } finally {
    close(fd);
  }
}

function make(place: string, step: Step): void {
  const path = `${place}/${step.path}`;
  const made = step.kind === "link" ? sys.symlink(step.target, path) : sys.mkdir(path, 0o700);
  if (made < 0) throw new SysError("create", -made, path);
  if (step.kind === "link") return;
  sys.chmod(path, step.mode); // whatever the umask is
  if (step.owner !== null) sys.chown(path, ...step.owner); // root's privilege: others do without
}

/** A new directory, with a lock on it, by its descriptor; or why there is none. Whatever has the
 * name is neither followed nor used; an old shadow of ours that nobody is in makes room. */
function claim(place: string): number | string {
  const made = sys.mkdir(place, 0o700);
  if (made === 0) return lockOwn(place);
  if (made !== -errnos.EEXIST) return reason(-made);
  const old = lockOwn(place);
  if (typeof old === "string") return old;
  const why = clear(place);
  const again = why === null ? sys.mkdir(place, 0o700) : 0;
  close(old);
  if (why !== null) return why;
  return again < 0 ? reason(-again) : lockOwn(place);
}

/** A descriptor of a directory that is ours, locked: two that begin at once do not meet in it. */
function lockOwn(place: string): number | string {
  const there = sys.lstat(place);
  if (typeof there === "number") return reason(-there);
  if (!isDirectory(there) || there.uid !== sys.geteuid()) return "is another's";
  const fd = sys.open(place, sys.O_RDONLY | sys.O_NONBLOCK, 0);
  if (fd < 0) return reason(-fd);
  const locked = sys.flock(fd, sys.LOCK_EX | sys.LOCK_NB);
  const opened = sys.fstat(fd);
  const isIt = typeof opened !== "number" && isSame(opened, there);
  if (locked === 0 && isIt) return fd;
  close(fd);
  return "is in use";
}

/** Takes an old shadow away; why not, or null. */
function clear(place: string): string | null {
  const names = sys.readdir(place);
  if (typeof names === "number") return reason(-names);
  if (names.length > 0 && !isMarked(place)) return "is there already";
  if (isLive(place, names)) return "is in use";
  const old = `${place}.shadow.old`;
  if (isMarked(old)) removeTree(old); // of one that was killed here
  try {
    rename(place, old);
  } catch (error) {
    if (!(error instanceof SysError)) throw error;
    return reason(error.errno);
  }
  removeTree(old);
  return null;
}

/** True for a shadow: a directory of somebody else's may hold anything by the mark's name. */
function isMarked(place: string): boolean {
  const mark = `${place}/${shadowMark}`;
  const there = sys.lstat(mark);
  if (typeof there === "number" || !isRegular(there)) return false;
  return sys.readfile(mark, 1) === "/";
}

/** What a link farm stands for, an absolute path, while a runsv runs in it; else null. Only a farm
 * of root's, our own, or that of the owner of process 1 counts: in /tmp it may be anybody's. */
export function liveShadowOf(place: string): string | null {
  const parts = [place, `${place}/${shadowMark}`].map((path) => sys.lstat(path));
  const [top, mark] = parts;
  if (top === undefined || typeof top === "number" || !isDirectory(top)) return null;
  if (mark === undefined || typeof mark === "number" || !isRegular(mark)) return null;
  const first = sys.stat("/proc/1");
  const trusted = [0, sys.geteuid(), typeof first === "number" ? 0 : first.uid];
  if (!trusted.includes(top.uid) || !trusted.includes(mark.uid)) return null;
  const source = sys.readfile(`${place}/${shadowMark}`, sourceBytes);
  const names = sys.readdir(place);
  if (typeof source === "number" || source[0] !== "/" || typeof names === "number") return null;
  return names.some((name) => isSupervised(`${place}/${name}`))
    ? source.slice(0, source.lastIndexOf("\n"))
    : null;
}

/** True while a runsv is in it, or something that a killed one has left. */
function isLive(place: string, names: readonly string[]): boolean {
  const own = names.map((name) => `${place}/${name}`).filter((path) => !isLinkAt(path));
  return own.flatMap((path) => [path, `${path}/log`]).some(isSupervised);
}

function isLinkAt(path: string): boolean {
  const there = sys.lstat(path);
  return typeof there === "number" || isLink(there);
}

/** The FIFO tells it of a runsv in another container, whose number says nothing here. */
function isSupervised(directory: string): boolean {
  const path = `${directory}/supervise`;
  const fd = sys.opennode(`${path}/ok`, sys.O_WRONLY, 0);
  if (fd >= 0) close(fd);
  return fd >= 0 || ["run", "finish"].some((state) => sys.living(`${path}/${state}.birth`) > 0);
}

/** Removes a shadow of ours as far as that can be done. */
function removeTree(top: string): void {
  const fd = sys.open(top, sys.O_RDONLY | sys.O_DIRECTORY | sys.O_NOFOLLOW, 0);
  if (fd < 0) return;
  const root = sys.fstat(fd);
  if (typeof root !== "number" && root.uid === sys.geteuid()) {
    empty(fd, shadowMark, shadowLevels);
    sys.unlinkat(fd, shadowMark, 0); // the last to go: whoever comes after us may finish
    sys.rmdir(top);
  }
  close(fd);
}

/** A service, its log, that's main, and what the services themselves have made there. */
const shadowLevels = 16;

/** Removes what is in an open directory, but a name. A service's directory may belong to another
 * user, who puts a link in the place of one below it while we are at work: so every name is one in
 * a directory that we have open. No link is followed, and nothing that is mounted is touched. */
function empty(directory: number, but: string, levels: number): void {
  const names = sys.readdir(directory);
  for (const name of typeof names === "number" ? [] : names) {
    if (name === but) continue;
    const removed = sys.unlinkat(directory, name, sys.AT_REMOVEDIR);
    if (removed === -errnos.ENOTDIR) sys.unlinkat(directory, name, 0);
    if (removed !== -errnos.ENOTEMPTY || levels === 0) continue; // or something is mounted there
    const flags = sys.O_RDONLY | sys.O_DIRECTORY | sys.O_NOFOLLOW;
    const inner = sys.openat(directory, name, flags);
    if (inner < 0) continue;
    empty(inner, "", levels - 1);
    close(inner);
    sys.unlinkat(directory, name, sys.AT_REMOVEDIR);
  }
}
