// trinit install: this executable under all its names, and what people read and type with it. All
// files are written beside their places first, and renamed when every one of them is on the disk:
// an installation that fails leaves what was there.
import { applets, linkedNames, sharedFiles } from "../applets.ts";
import { sharedMarkBytes } from "../core/limits.ts";
import { errnos, sentence } from "../core/message.ts";
import { baseName } from "../core/verbs.ts";
import {
  close,
  complain,
  executable,
  fsync,
  isLink,
  lstatIfThere,
  mkdir,
  open,
  ownPaths,
  readIfThere,
  readlink,
  regularMode,
  rename,
  replaceLink,
  type Stat,
  SysError,
  tryRead,
  writeBuffer,
} from "../sys/posix.ts";

const failed = 111;
const copyBytes = 65536;
const typeMask = 0o170000;
const foreign = "something else has that name";

/** What follows `install`. */
interface Order {
  readonly directory: string;
  /** Those of init, too: beside another init, a `reboot` of ours would do nothing. */
  readonly withInit: boolean;
  /** Where manuals and completions go, or null. */
  readonly share: string | null;
}

/** A file that is to be copied. */
interface Copy {
  readonly from: string;
  readonly to: string;
  readonly mode: number;
}

/** What the words ask for; null: a wrong call. */
function parse(words: readonly string[]): Order | null {
  let withInit = false;
  let share: string | null = null;
  let at = 0;
  for (; words[at]?.startsWith("-"); at++) {
    if (words[at] === "--init") withInit = true;
    else if (words[at] === "--share") share = words[++at] ?? "-";
    else return null;
  }
  const [directory, ...more] = words.slice(at);
  if (directory === undefined || more.length > 0 || share?.startsWith("-")) return null;
  return { directory, withInit, share };
}

function isRegular({ mode }: Stat): boolean {
  return (mode & typeMask) === regularMode;
}

/** Writes the copy beside its place, onto the disk. */
function stage({ from, to, mode }: Copy): void {
  const next = `${to}.new`;
  const source = open(from, sys.O_RDONLY);
  sys.unlink(next); // what an installation that was cut short has left, or somebody's link
  const target = open(next, sys.O_WRONLY | sys.O_CREAT | sys.O_EXCL, mode);
  const buffer = new Uint8Array(copyBytes);
  for (let got = tryRead(source, buffer, from); got; got = tryRead(source, buffer, from)) {
    writeBuffer(target, buffer, got, next);
  }
  sys.fchmod(target, mode); // whatever the umask is
  fsync(target, next);
  close(target);
  close(source);
}

/** All copies, or none of them. */
function copyAll(copies: readonly Copy[]): void {
  try {
    for (const copy of copies) stage(copy);
  } catch (error) {
    for (const { to } of copies) sys.unlink(`${to}.new`);
    throw error;
  }
  for (const { to } of copies) rename(`${to}.new`, to);
}

/** True for a manual or a completion of some trinit: its head says so, which the build sees to. */
function isShared(path: string): boolean {
  const there = lstatIfThere(path);
  if (there === null || !isRegular(there)) return false;
  return (readIfThere(path, sharedMarkBytes) ?? "").includes("trinit");
}

/** True for a link to some trinit. */
function isOurLink(path: string): boolean {
  const there = lstatIfThere(path);
  return there !== null && isLink(there) && baseName(readlink(path)) === "trinit";
}

/** False, and said, when something that is not ours has the name. */
function isFree(path: string, isOurs: (path: string) => boolean): boolean {
  if (lstatIfThere(path) === null || isOurs(path)) return true;
  complain(sentence("trinit", "warning", `unable to install ${path}`, foreign));
  return false;
}

/** Where the files that came with this executable are: beside it, or where it installed them. */
function findShare(files: readonly string[]): string {
  const path = executable();
  const directory = path.slice(0, path.lastIndexOf("/"));
  const beside = `${directory}/share`;
  for (const share of [beside, `${directory}/../share`]) {
    if (files.every((file) => isShared(`${share}/${file}`))) return share;
  }
  throw new SysError("find all manuals and completions in", errnos.ENOENT, beside);
}

/** Makes the directories on the way to a file below `base`, which is there. */
function makeParents(base: string, file: string): void {
  for (let slash = file.indexOf("/"); slash >= 0; slash = file.indexOf("/", slash + 1)) {
    const directory = `${base}/${file.slice(0, slash)}`;
    if (!mkdir(directory, 0o755)) continue;
    const fd = open(directory, sys.O_RDONLY | sys.O_DIRECTORY | sys.O_NOFOLLOW);
    sys.fchmod(fd, 0o755); // whatever the umask is
    close(fd);
  }
}

/** The copies of manuals and completions; what they need is there and what they go to, made. */
function sharedCopies(share: string, withInit: boolean): Copy[] {
  const files = sharedFiles(withInit);
  const source = findShare(files);
  for (const file of files) makeParents(share, file);
  return files.map((file) => ({ from: `${source}/${file}`, to: `${share}/${file}`, mode: 0o644 }));
}

/** Installs; the exit code. null: a wrong call. */
export function install(words: readonly string[]): number | null {
  const order = parse(words);
  if (order === null) return null;
  const { directory, withInit, share } = order;
  const program = { from: ownPaths()[0] ?? "", to: `${directory}/trinit`, mode: 0o755 };
  const there = lstatIfThere(program.to);
  if (there !== null && !isRegular(there)) {
    complain(sentence("trinit", "fatal", `unable to install ${program.to}`, foreign));
    return failed;
  }
  const wanted = share === null ? [] : sharedCopies(share, withInit);
  const copies = wanted.filter(({ to }) => isFree(to, isShared));
  copyAll([program, ...copies]);
  let code = copies.length === wanted.length ? 0 : failed;
  for (const [name, applet] of linkedNames()) {
    if (applet === "trinit" || (!withInit && applets[applet].family === "init")) continue;
    const path = `${directory}/${name}`;
    if (isFree(path, isOurLink)) replaceLink("trinit", path);
    else code = failed;
  }
  return code;
}
