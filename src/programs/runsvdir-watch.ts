// What runsvdir's listing depends on, as an inotify watch: its own directory, every component
// of its path that can be replaced (a link that runsvchdir switches), and every name on the
// way to the target of an entry. A directory is watched before it is looked at, so a change in
// between is not missed. What is mounted over one of them causes no event there, so mounts are
// watched, too.
import { linksMax } from "../core/limits.ts";
import { errnos, reason } from "../core/message.ts";
import { isLink, lstatIfThere } from "../sys/posix.ts";

/** Changes that another machine makes on these cause no event here. */
const deafFileSystems: ReadonlySet<number> = new Set([
  0x6969, // NFS
  0x01021997, // 9p
  0x65735546, // FUSE, virtiofs
  0xff534d42, // CIFS
  0xfe534d42, // SMB 2
  0x00c36400, // Ceph
]);

/** The names in a directory whose change matters; null: every name. */
type Names = Set<string> | null;

export interface Watch {
  /** The inotify descriptor; -1 as long as none can be had. */
  fd: number;
  /** Urgent data here is a change of what is mounted; -1 without /proc. */
  readonly mounts: number;
  /** By watch number, what the last scan depended on. */
  names: Map<number, Names>;
}

/** One scan: what it depends on so far. */
export interface Trail {
  readonly watch: Watch;
  readonly names: Map<number, Names>;
  /** Watch numbers of the directories noted; -1 where there is no watch. */
  readonly numbers: Map<string, number>;
  /** Directories that will not be told of, and why, for a complaint. */
  readonly deaf: { readonly directory: string; readonly why: string }[];
  /** Paths that were followed already, and where they lead. */
  readonly real: Map<string, string | null>;
}

/** A watch that nothing has been scanned for yet. */
export function newWatch(): Watch {
  const mounts = sys.open("/proc/self/mountinfo", sys.O_RDONLY, 0);
  return { fd: -1, mounts: Math.max(-1, mounts), names: new Map() };
}

/** What to wait for, besides what else is waited for. */
export function watchedFds({ fd, mounts }: Watch): readonly number[] {
  return [...(fd < 0 ? [] : [fd]), ...(mounts < 0 ? [] : [~mounts])];
}

/** Begins a scan. An inotify instance that could not be had last time is asked for again. */
export function newTrail(watch: Watch): Trail {
  if (watch.fd < 0) watch.fd = Math.max(-1, sys.inotify_init());
  return { watch, names: new Map(), numbers: new Map(), deaf: [], real: new Map() };
}

/** From here on the watch is what this scan depends on; false when something has none. */
export function adoptTrail({ watch, names, numbers }: Trail): boolean {
  for (const number of watch.names.keys()) {
    if (!names.has(number)) sys.inotify_rm_watch(watch.fd, number);
  }
  watch.names = names;
  for (const number of numbers.values()) if (number < 0) return false;
  return true;
}

/** Every name in this directory matters. */
export function noteAll(trail: Trail, directory: string): void {
  const number = watchNumber(trail, directory);
  if (number >= 0) trail.names.set(number, null);
}

function note(trail: Trail, directory: string, name: string): void {
  const number = watchNumber(trail, directory);
  const names = trail.names.get(number);
  if (number < 0 || names === null) return;
  if (names === undefined) trail.names.set(number, new Set([name]));
  else names.add(name);
}

function watchNumber(trail: Trail, directory: string): number {
  const known = trail.numbers.get(directory);
  if (known !== undefined) return known;
  const number = Math.max(-1, addWatch(trail, directory));
  trail.numbers.set(directory, number);
  return number;
}

function addWatch({ watch, deaf }: Trail, directory: string): number {
  if (watch.fd < 0) return -1;
  if (deafFileSystems.has(sys.fstype(directory))) {
    deaf.push({ directory, why: "other machines may change it" });
    return -1;
  }
  const changes = sys.IN_CREATE | sys.IN_DELETE | sys.IN_MOVED_FROM | sys.IN_MOVED_TO;
  const mask = changes | sys.IN_DELETE_SELF | sys.IN_MOVE_SELF | sys.IN_ONLYDIR;
  const number = sys.inotify_add_watch(watch.fd, directory, mask);
  const isGone = number === -errnos.ENOENT || number === -errnos.ENOTDIR;
  if (number < 0 && !isGone) deaf.push({ directory, why: reason(-number) });
  return number;
}

/** The path without links, or null where it leads nowhere; notes every name on the way. It is
 * followed from its front: however many names it has, no call is in as many others. */
export function follow(trail: Trail, path: string, links = 0): string | null {
  for (let at = path.indexOf("/", 1); at > 0; at = path.indexOf("/", at + 1)) {
    followName(trail, path.slice(0, at), links);
  }
  return followName(trail, path, links);
}

function followName(trail: Trail, path: string, links: number): string | null {
  const known = trail.real.get(path);
  if (known !== undefined) return known;
  const real = resolve(trail, path, links);
  trail.real.set(path, real);
  return real;
}

function resolve(trail: Trail, path: string, links: number): string | null {
  if (path === "/" || path === ".") return path;
  if (path === "") return null;
  const slash = path.lastIndexOf("/");
  const name = path.slice(slash + 1);
  const above = slash < 0 ? "." : slash === 0 ? "/" : path.slice(0, slash);
  const parent = followName(trail, above, links);
  if (parent === null || name === "" || name === ".") return parent;
  const full = parent === "/" ? `/${name}` : `${parent}/${name}`;
  if (name === "..") return full;
  note(trail, parent, name);
  const stat = lstatIfThere(full);
  if (stat === null || !isLink(stat)) return stat === null ? null : full;
  const target = sys.readlink(full);
  if (typeof target === "number" || links >= linksMax) return null;
  return follow(trail, target[0] === "/" ? target : `${parent}/${target}`, links + 1);
}

/** Takes the events that came; true when one of them calls for a scan. */
export function readChanges(watch: Watch, ready: readonly number[]): boolean {
  let changed = ready.includes(~watch.mounts);
  for (;;) {
    const events = watch.fd < 0 ? [] : sys.readinotify(watch.fd);
    if (typeof events === "number" || events.length === 0) return changed;
    for (let i = 0; i < events.length; i += 3) {
      const [number, mask, name] = events.slice(i, i + 3) as [number, number, string];
      changed = changed || matters(watch, number, mask, name);
    }
  }
}

function matters(watch: Watch, number: number, mask: number, name: string): boolean {
  if ((mask & sys.IN_Q_OVERFLOW) !== 0) return true;
  const names = watch.names.get(number);
  if (names === undefined) return false; // a watch that was dropped meanwhile
  if (name === "") return true; // the directory itself
  return names === null ? name[0] !== "." : names.has(name);
}
