// The logger of a service directory that has log/ but no log/run: svlogd -tt into log/main,
// forked, so that it shares the tree's memory, and as the owner of log/main, or, where it has no
// right to become that, as itself.
import { sentence } from "../core/message.ts";
import { close, complain, mkdir, reasonOf, SysError, statIfThere } from "../sys/posix.ts";
import { birthFile, type SuperviseFiles } from "./runsv-files.ts";
import { main as svlogd } from "./svlogd.ts";

/** Forks the logger, which reads from `input`; its pid, or -errno when fork fails. */
export function startBuiltinLogger(who: string, input: number, files: SuperviseFiles): number {
  const argv = ["svlogd", "-tt", "main"];
  const run = (): number | object => {
    try {
      prepare(input, files);
      return svlogd(argv, !isOwner(who));
    } catch (error) {
      const why = error instanceof SysError ? error.message : reasonOf(error);
      complain(sentence(who, "fatal", "unable to start the built-in logger", why));
      return 111;
    }
  };
  return sys.fork(run, [argv], [[input, files.lock]])[0] ?? -1;
}

/** In the child. The lock is held until the birth record is written: see process.c. */
function prepare(input: number, files: SuperviseFiles): void {
  sys.birth(birthFile(files.path, "run"), 0); // without /proc there is none, and no takeover
  close(files.lock);
  if (sys.dup2(input, 0) < 0) throw new SysError("dup2", 9, "log pipe");
  if (input !== 0) close(input);
  const changed = sys.chdir("log");
  if (changed < 0) throw new SysError("change to directory", -changed, "log");
  makeMain();
}

/** Becomes the owner of log/main; false when that cannot be and is not needed. */
function isOwner(who: string): boolean {
  const owner = statIfThere("main");
  // Root's own log is written as who we are: in a user namespace, nothing else may be asked for.
  if (owner === null || owner.uid === 0 || sys.geteuid() !== 0) return true;
  const given = sys.setids(owner.uid, owner.gid, [owner.gid]);
  if (typeof given === "number") return true;
  const [errno, call] = given;
  const error = new SysError(`become the owner of log/main (${call})`, errno, "");
  if (sys.writable("main") < 0) throw error;
  complain(sentence(who, "warning", `${error.message}, going on as root`));
  return false;
}

/** log/main, or what it is a link to. */
function makeMain(): void {
  if (statIfThere("main") !== null) return;
  const target = sys.readlink("main");
  const path = typeof target === "number" ? "main" : target;
  mkdir(path, 0o755);
}
