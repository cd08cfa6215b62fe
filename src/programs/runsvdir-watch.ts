// What runsvdir's listing depends on, as inotify watches, and what a change calls for: a look at
// one entry, or at all of them. Of the scanned directory every name matters. A directory or a link
// on the way there, or to the target of an entry, is watched itself: it tells when it is renamed
// or removed, and nothing of what comes and goes beside it. Only where a name is missing, and for
// the last name of an entry's target, the directory above is watched, for that name: one that is
// somebody's working directory does not tell of its removal. What is watched is looked at
// afterwards, so a change in between is not missed. What is mounted over something causes no event
// there, so mounts are watched, too.
import { linksMax } from "../core/limits.ts";
import { errnos, reason } from "../core/message.ts";
import { isLink, lstatIfThere, type Stat } from "../sys/posix.ts";

/** Changes that another machine makes on these cause no event here. */
const deafFileSystems: ReadonlySet<number> = new Set([
  0x6969, // NFS
  0x01021997, // 9p
  0x65735546, // FUSE, virtiofs
  0xff534d42, // CIFS
  0xfe534d42, // SMB 2
  0x00c36400, // Ceph
]);

/** Which entry a change concerns: its name, or this for all of them. */
const everyEntry = "";

/** A watched directory or link. */
interface Place {
  readonly path: string;
  /** What inotify was asked for, IN_... */
  mask: number;
  /** Every name in it matters, each to the entry of that name: the scanned directory. */
  isScanned: boolean;
  /** What it is, where its own name matters. */
  self: "directory" | "link" | null;
  /** The other names that matter, and to which entry. */
  readonly names: Map<string, string>;
}

export interface Watch {
  /** The inotify descriptor; -1 as long as none can be had. */
  fd: number;
  /** Urgent data here is a change of what is mounted; -1 without /proc. */
  readonly mounts: number;
  /** By watch number, what the entries depend on. */
  places: Map<number, Place>;
  /** With more places than this most are of former targets: a scan of everything drops them. */
  placesMax: number;
}

/** The names that an entry depends on: watch number, name, watch number, name ... */
export type Notes = (number | string)[];

/** One scan, of everything or of some entries: what it depends on so far. */
export interface Trail {
  readonly watch: Watch;
  readonly places: Map<number, Place>;
  /** Directories that will not be told of, and why, for a complaint. */
  readonly deaf: { readonly directory: string; readonly why: string }[];
  /** Whether all that was looked at is watched. */
  isSure: boolean;
  /** Paths of directories that were followed already, and where they lead. */
  readonly real: Map<string, string | null>;
  /** Watch numbers by path, or -errno. */
  readonly numbers: Map<string, number>;
  /** Directories, and whether they are on a file system that others may change. */
  readonly deafness: Map<string, boolean>;
  /** Of the entry that is looked at. */
  notes: Notes;
}

/** A watch that nothing has been scanned for yet. */
export function newWatch(): Watch {
  const mounts = sys.open("/proc/self/mountinfo", sys.O_RDONLY, 0);
  return { fd: -1, mounts: Math.max(-1, mounts), places: new Map(), placesMax: 0 };
}

/** What to wait for, besides what else is waited for. */
export function watchedFds({ fd, mounts }: Watch): readonly number[] {
  return [...(fd < 0 ? [] : [fd]), ...(mounts < 0 ? [] : [~mounts])];
}

/** Begins a scan, of everything or of some entries. An inotify instance that could not be had last
 * time is asked for again. */
export function newTrail(watch: Watch, isWhole: boolean): Trail {
  if (watch.fd < 0) watch.fd = Math.max(-1, sys.inotify_init());
  return {
    watch,
    places: isWhole ? new Map() : watch.places,
    deaf: [],
    isSure: watch.fd >= 0,
    real: new Map(),
    numbers: new Map(),
    deafness: new Map(),
    notes: [],
  };
}

/** After a scan of everything: from here on the watch is what that depends on. */
export function adoptTrail(trail: Trail): void {
  const { watch, places } = trail;
  const before = watch.places;
  watch.places = places;
  for (const [number, old] of before) {
    const place = places.get(number);
    if (place === undefined) sys.inotify_rm_watch(watch.fd, number);
    else place.mask |= old.mask;
  }
  for (const [number, place] of places) if (!trim(watch, number, place)) trail.isSure = false;
  watch.placesMax = 2 * places.size;
}

/** An entry depends on these names no longer. */
export function dropNotes(watch: Watch, entry: string, notes: Notes): void {
  for (let i = 0; i < notes.length; i += 2) {
    const [number, name] = [notes[i] as number, notes[i + 1] as string];
    const place = watch.places.get(number);
    if (place === undefined || place.names.get(name) !== entry) continue;
    place.names.delete(name);
    trim(watch, number, place);
  }
}

/** Asks for no more than matters; false when something else has that path by now. */
function trim(watch: Watch, number: number, place: Place): boolean {
  const mask = maskOf(place);
  if (mask === place.mask) return true;
  place.mask = mask;
  if (mask !== 0) {
    const asked = mask | sys.IN_DONT_FOLLOW;
    return sys.inotify_add_watch(watch.fd, place.path, asked) === number;
  }
  watch.places.delete(number);
  sys.inotify_rm_watch(watch.fd, number);
  return true;
}

const changes = sys.IN_CREATE | sys.IN_DELETE | sys.IN_MOVED_FROM | sys.IN_MOVED_TO;
const ownEnd = sys.IN_DELETE_SELF | sys.IN_MOVE_SELF;

/** What inotify is asked for, by what matters of a place. A link that is removed or replaced loses
 * its only name, which changes an attribute of it. */
const masks = {
  scanned: changes | ownEnd,
  names: changes,
  directory: ownEnd,
  link: ownEnd | sys.IN_ATTRIB,
} as const;

function maskOf({ isScanned, self, names }: Place): number {
  const own = self === null ? 0 : masks[self];
  return own | (isScanned ? masks.scanned : names.size > 0 ? masks.names : 0);
}

/** Every name in this directory matters. */
export function noteAll(trail: Trail, directory: string): void {
  const place = heardPlace(trail, directory, "scanned");
  if (place !== null) place.isScanned = true;
}

/** A directory's own name matters, in the one above it; `path` has no links. */
export function noteName(trail: Trail, path: string): void {
  const slash = path.lastIndexOf("/");
  const above = slash < 0 ? "." : slash === 0 ? "/" : path.slice(0, slash);
  const name = path.slice(slash + 1);
  if (name !== "" && name !== "." && name !== "..") note(trail, above, name, everyEntry);
}

/** A name in this directory matters to an entry, or to every entry. */
function note(trail: Trail, directory: string, name: string, entry: string): void {
  const place = heardPlace(trail, directory, "names");
  if (place === null) return;
  const other = place.names.get(name) ?? entry;
  place.names.set(name, other === entry ? entry : everyEntry);
  if (entry !== everyEntry) trail.notes.push(trail.numbers.get(directory) ?? -1, name);
}

/** A directory whose names matter, watched; null, and said, where it cannot be. */
function heardPlace(trail: Trail, directory: string, role: "scanned" | "names"): Place | null {
  const isMute = isDeaf(trail, directory) || trail.watch.fd < 0;
  const number = isMute ? -1 : watchPath(trail, directory, role);
  const place = trail.places.get(number);
  if (place !== undefined) return place;
  trail.isSure = false;
  const isGone = number === -errnos.ENOENT || number === -errnos.ENOTDIR;
  if (!isMute && !isGone) trail.deaf.push({ directory, why: reason(-number) });
  return null;
}

/** True for a directory in which other machines may change names. */
function isDeaf(trail: Trail, directory: string): boolean {
  const known = trail.deafness.get(directory);
  if (known !== undefined) return known;
  const deaf = deafFileSystems.has(sys.fstype(directory));
  trail.deafness.set(directory, deaf);
  if (deaf) trail.deaf.push({ directory, why: "other machines may change it" });
  return deaf;
}

/** The watch number of what is there under a path, watched for one thing more; or -errno. */
function watchPath(trail: Trail, path: string, role: keyof typeof masks): number {
  const { watch, places, numbers } = trail;
  const known = numbers.get(path) ?? 0;
  const mask = masks[role];
  if (known < 0 || ((places.get(known)?.mask ?? 0) & mask) === mask) return known;
  const how = sys.IN_DONT_FOLLOW | sys.IN_MASK_ADD;
  const number = sys.inotify_add_watch(watch.fd, path, mask | how);
  numbers.set(path, number);
  if (number < 0) return number;
  const place = places.get(number) ?? newPlace(path);
  place.mask |= mask;
  places.set(number, place);
  return number;
}

function newPlace(path: string): Place {
  return { path, mask: 0, isScanned: false, self: null, names: new Map() };
}

/** The path of a directory without links, or null where it leads nowhere. It is followed from its
 * front: however many names it has, no call is in as many others. */
export function follow(trail: Trail, path: string, links = 0): string | null {
  followAbove(trail, path, links);
  return followName(trail, path, links);
}

function followAbove(trail: Trail, path: string, links: number): void {
  for (let at = path.indexOf("/", 1); at > 0; at = path.indexOf("/", at + 1)) {
    followName(trail, path.slice(0, at), links);
  }
}

function followName(trail: Trail, path: string, links: number): string | null {
  const known = trail.real.get(path);
  if (known !== undefined) return known;
  const real = resolve(trail, path, null, links);
  trail.real.set(path, real);
  return real;
}

/** Follows an entry that is a link: `parent` is the path of its directory, without links. */
export function followLink(
  trail: Trail,
  parent: string,
  path: string,
  entry: string | null,
  links = 0,
): string | null {
  const target = sys.readlink(path);
  if (typeof target === "number" || links >= linksMax) return null;
  let next = target[0] === "/" ? target : `${parent}/${target}`;
  if (entry === null) return follow(trail, next, links + 1);
  while (next.endsWith("/") || next.endsWith("/.")) next = next.slice(0, -1);
  followAbove(trail, next, links + 1);
  return resolve(trail, next, entry, links + 1);
}

/** Follows the last name of a path; `entry` is whose target it is, null for what all depend on. */
function resolve(trail: Trail, path: string, entry: string | null, links: number): string | null {
  if (path === "/" || path === ".") return path;
  if (path === "") return null;
  const slash = path.lastIndexOf("/");
  const name = path.slice(slash + 1);
  const above = slash < 0 ? "." : slash === 0 ? "/" : path.slice(0, slash);
  const parent = followName(trail, above, links);
  if (parent === null || name === "" || name === ".") return parent;
  const full = parent === "/" ? `/${name}` : `${parent}/${name}`;
  if (name === "..") return full;
  const stat = look(trail, parent, name, full, entry);
  if (stat === null || !isLink(stat)) return stat === null ? null : full;
  return followLink(trail, parent, full, entry, links);
}

/** What has a name, watched: by itself, or where it may go without a word, by its name. */
function look(
  trail: Trail,
  parent: string,
  name: string,
  full: string,
  entry: string | null,
): Stat | null {
  const before = entry === null ? lstatIfThere(full) : null;
  if (before !== null && trail.watch.fd >= 0 && !isDeaf(trail, parent)) {
    const role = isLink(before) ? "link" : "directory";
    const place = trail.places.get(watchPath(trail, full, role));
    const after = lstatIfThere(full);
    if (place !== undefined && after?.id === before.id) {
      place.self = role;
      return after;
    }
  }
  note(trail, parent, name, entry ?? everyEntry);
  return lstatIfThere(full);
}

/** What has changed since the last scan. */
export interface Changes {
  /** Everything has to be looked at. */
  isWhole: boolean;
  /** Entries that have to be looked at, by their names. */
  readonly names: Set<string>;
}

/** Takes the events that came; true when one of them calls for a scan, of what is in `changed`. */
export function readChanges(watch: Watch, ready: readonly number[], changed: Changes): boolean {
  if (ready.includes(~watch.mounts)) changed.isWhole = true;
  let isAny = changed.isWhole;
  while (watch.fd >= 0) {
    const events = sys.readinotify(watch.fd);
    if (typeof events === "number" || events.length === 0) break;
    for (let i = 0; i < events.length; i += 3) {
      const place = watch.places.get(events[i] as number);
      const [mask, name] = [events[i + 1] as number, events[i + 2] as string];
      const entry = concerned(place, mask, name);
      if (entry !== null) addChange(changed, entry);
      const isEntry = place?.isScanned === true && name !== "" && name[0] !== ".";
      if (isEntry) addChange(changed, name);
      isAny ||= isEntry || entry !== null;
    }
  }
  if (isAny && watch.places.size > watch.placesMax) changed.isWhole = true;
  return isAny;
}

function addChange(changed: Changes, entry: string): void {
  if (entry === everyEntry) changed.isWhole = true;
  else changed.names.add(entry);
}

/** The entry that depends on what an event tells of, everyEntry, or null: none. In the scanned
 * directory that is one whose link leads to another name there. */
function concerned(place: Place | undefined, mask: number, name: string): string | null {
  if ((mask & sys.IN_Q_OVERFLOW) !== 0) return everyEntry;
  if (place === undefined) return null; // a watch that was dropped meanwhile
  if (name === "") return everyEntry; // it is itself renamed, or removed
  return place.names.get(name) ?? null;
}
