// The files by which process 1 is told what to do: stopit and reboot by their owner's execute
// permission, nosync and busybox-signals by being there. init reads them, `init 0|6`, shutdown and
// stage 1 write them.
import { signals } from "../core/commands.ts";
import { errnos, reason, sentence } from "../core/message.ts";
import { complain, isLink, regularMode } from "../sys/posix.ts";
import { runningOf } from "./parents.ts";

export const stageDirectory = "/etc/runit";
/** In the place of a directory, where all stages are built in. */
export const noStages = "-";

type Mark = "stopit" | "reboot" | "nosync" | "busybox-signals";

/** The init that we descend from: a pid; 0 for process 1. */
function ownInit(): number {
  return Number(sys.getenv("TRINIT_INIT")) || 0;
}

const ownerExecute = 0o100;
const typeMask = 0o170000;

/** Where it may lie: runit's own place, or what is a link there (Void has links to /run/runit),
 * /run/runit itself, Debian's place, and where a container with a read-only root can write. An init
 * that is not process 1 has its own alone: what the others mean is somebody else's. */
function placesOf(mark: Mark): readonly string[] {
  const code = sys.getenv("TRINIT_EXITCODE");
  const beside = code ? [`${code}.${mark}`] : [];
  if (ownInit() !== 0) return beside;
  const own = `${stageDirectory}/${mark}`;
  const there = sys.lstat(own);
  const target = typeof there !== "number" && isLink(there) ? sys.readlink(own) : own;
  const first = typeof target === "number" ? own : target;
  const path = first.startsWith("/") ? first : `${stageDirectory}/${first}`;
  return [path, `/run/runit/${mark}`, `/run/runit.${mark}`, ...beside];
}

/** The permissions of a mark, or null where there is none. A directory that others can write to is
 * no reason to believe them, or to change what they have made a link to. */
function modeOf(path: string): number | null {
  const stat = sys.lstat(path);
  if (typeof stat === "number" || (stat.mode & typeMask) !== regularMode) return null;
  return stat.uid === 0 || stat.uid === sys.geteuid() ? stat.mode : null;
}

/** stopit and reboot have to be executable, the others to be there. */
export function isMarked(mark: Mark): boolean {
  const isEnough = mark === "nosync" || mark === "busybox-signals";
  const modes = placesOf(mark).map(modeOf);
  return modes.some((mode) => mode !== null && (isEnough || (mode & ownerExecute) !== 0));
}

/** Takes the permissions away, wherever it is. */
export function takeMark(mark: Mark): void {
  for (const path of placesOf(mark)) if (modeOf(path) !== null) sys.chmod(path, 0);
}

/** Gives the permission, in all places where the file is; where it is nowhere, it is made in the
 * first that can be written. 0, or the errno. */
export function setMark(mark: Mark): number {
  const paths = placesOf(mark);
  const there = paths.filter((path) => modeOf(path) !== null);
  const results = there.map((path) => sys.chmod(path, ownerExecute));
  if (results.includes(0)) return 0;
  let last = -(results[0] ?? -errnos.ENOENT);
  sys.mkdir("/run/runit", 0o755); // there already, mostly
  for (const path of paths) {
    const fd = sys.open(path, sys.O_WRONLY | sys.O_CREAT | sys.O_EXCL, ownerExecute);
    if (fd < 0) {
      if (results.length === 0) last = -fd;
      continue;
    }
    sys.fchmod(fd, ownerExecute); // whatever the umask is
    sys.close(fd);
    return 0;
  }
  return last;
}

/** True where there is such a file, and its owner may execute it. */
export function isExecutable(path: string): boolean {
  const stat = sys.stat(path);
  return typeof stat !== "number" && (stat.mode & ownerExecute) !== 0;
}

/** Tells init to end the system: "0" powers off, "6" reboots. An exit code; as runit has it,
 * everything else is answered with the usage, and 0, but for a container that was to be started. */
export function tellInit(who: string, level: string | undefined): number {
  if (level !== "0" && level !== "6") {
    complain(`usage: ${who} 0|6\n`);
    const parent = runningOf(sys.getpid())?.parent ?? sys.getpid();
    if (parent > 1) return 0;
    const what = "process 1 is another, in a container call trinit entrypoint";
    complain(sentence(who, "fatal", what)); // by an engine, or what that has put in our place
    return 100;
  }
  takeMark("reboot");
  for (const mark of level === "6" ? (["reboot", "stopit"] as const) : (["stopit"] as const)) {
    const errno = setMark(mark);
    if (errno === 0) continue;
    complain(sentence(who, "fatal", `unable to create ${stageDirectory}/${mark}`, reason(errno)));
    return 111;
  }
  const init = ownInit() || 1;
  const sent = sys.kill(init, signals.CONT);
  if (sent === 0) return 0;
  complain(sentence(who, "fatal", `unable to send a signal to process ${init}`, reason(-sent)));
  return 111;
}
