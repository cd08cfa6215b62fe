// The files by which process 1 is told what to do: stopit, reboot, nosync and ctrlaltdel, each by
// its owner's execute permission. init reads them, `init 0|6` and shutdown write them.
import { signals } from "../core/commands.ts";
import { errnos, reason, sentence } from "../core/message.ts";
import { complain } from "../sys/posix.ts";

export const stageDirectory = "/etc/runit";

/** Where they may lie: runit's own place, which Void makes links of to /run/runit, and Debian's. */
const places = ["/etc/runit/", "/run/runit/", "/run/runit."] as const;

type Mark = "stopit" | "reboot" | "nosync" | "ctrlaltdel";

const ownerExecute = 0o100;

/** nosync has to be there, the others have to be executable. */
export function isMarked(mark: Mark): boolean {
  return places.some((place) => {
    const stat = sys.stat(place + mark);
    return typeof stat !== "number" && (mark === "nosync" || (stat.mode & ownerExecute) !== 0);
  });
}

/** Takes the permissions away, wherever it is. */
export function takeMark(mark: Mark): void {
  for (const place of places) sys.chmod(place + mark, 0);
}

/** Gives the permission, in all places where the file is; where it is nowhere, it is made in the
 * first that can be written. 0, or the errno. */
function setMark(mark: Mark): number {
  let last: number = errnos.ENOENT;
  let done = false;
  for (const place of places) {
    const result = sys.chmod(place + mark, ownerExecute);
    if (result === 0) done = true;
    else if (result !== -errnos.ENOENT) last = -result;
  }
  if (done) return 0;
  sys.mkdir("/run/runit", 0o755); // there already, mostly
  for (const place of places) {
    const fd = sys.open(place + mark, sys.O_WRONLY | sys.O_CREAT, ownerExecute);
    if (fd < 0) {
      last = -fd;
      continue;
    }
    sys.fchmod(fd, ownerExecute); // whatever the umask is
    sys.close(fd);
    return 0;
  }
  return last;
}

/** Tells process 1 to end the system: "0" powers off, "6" reboots. An exit code; as runit has it,
 * everything else is answered with the usage, and 0. */
export function tellInit(who: string, level: string | undefined): number {
  if (level !== "0" && level !== "6") {
    complain(`usage: ${who} 0|6\n`);
    return 0;
  }
  takeMark("reboot");
  for (const mark of level === "6" ? (["reboot", "stopit"] as const) : (["stopit"] as const)) {
    const errno = setMark(mark);
    if (errno === 0) continue;
    complain(sentence(who, "fatal", `unable to create ${places[0]}${mark}`, reason(errno)));
    return 111;
  }
  const sent = sys.kill(1, signals.CONT);
  if (sent === 0) return 0;
  complain(sentence(who, "fatal", "unable to send a signal to process 1", reason(-sent)));
  return 111;
}
