// chpst: runs a program in a changed process state. core/chpst.ts turns its options, and those of
// the programs of daemontools that it also is, into a plan and has the usage of each; here the
// plan is carried out, in its order, and the program takes our place.
import { isElsewhere, type Lock, type Plan, placesOf, planCall } from "../core/chpst.ts";
import { changeEnvironment } from "../core/environment.ts";
import { groupsMax } from "../core/limits.ts";
import { errnos, type Level, reason, sentence } from "../core/message.ts";
import { type Identity, parseIdentity } from "../core/users.ts";
import { baseName } from "../core/verbs.ts";
import {
  chroot,
  complain,
  exec,
  execReason,
  getgrnam,
  getpwnam,
  Refusal,
  reasonOf,
  SysError,
} from "../sys/posix.ts";
import { answer } from "./answer.ts";
import { readVariables } from "./variables.ts";

const wrongCall = 100;
const failed = 111;

export function main(argv: readonly string[]): number {
  const plan = planCall(baseName(argv[0] ?? ""), argv, VERSION);
  if ("lines" in plan) {
    if (plan.question !== undefined) return answer(plan.question, plan.lines.join("").trimEnd());
    for (const line of plan.lines) complain(line);
    return wrongCall;
  }
  try {
    const changes = changeState(plan);
    if (changes !== null) become(plan, changes);
    return 0;
  } catch (error) {
    if (error instanceof SysError) say("fatal", error.what, reason(error.errno));
    else if (error instanceof Refusal) say("fatal", error.message);
    else say("fatal", "fault in the program", reasonOf(error));
    return failed;
  }
}

/** By whatever name it is called: as runit's. */
function say(level: Level, what: string, why = ""): void {
  complain(sentence("chpst", level, what, why));
}

/** Throws when a call has failed: `unable to WHAT: REASON`. */
function must(what: string, result: number): number {
  if (result < 0) throw new SysError(what, -result, "");
  return result;
}

/** Everything up to the limits; how the environment is to be changed, or null when there is a lock
 * that could not be had and does not matter. */
function changeState(plan: Plan): readonly string[] | null {
  if (plan.session) sys.setsid(); // not for the leader of a group, which is as good
  const changes = plan.directory === null ? [] : variablesIn(plan.directory, plan);
  if (plan.root !== null) chroot(plan.root);
  if (plan.workingDirectory !== null) {
    must(`change directory: ${plan.workingDirectory}`, sys.chdir(plan.workingDirectory));
  }
  if (plan.nice !== 0) must("set nice level", sys.nice(plan.nice));
  if (plan.environmentUser !== null) {
    const { uid, gids } = identityOf(plan.environmentUser, plan.accounts);
    changes.push(`GID=${gids[0]}`, `UID=${uid}`);
  }
  if (plan.user !== null) takeIdentity(identityOf(plan.user, plan.accounts));
  if (plan.lock !== null && !takeLock(plan.lock, plan.lockMatters)) return null;
  for (const fd of plan.closed) must(`close ${standardName(fd)}`, sys.close(fd));
  return changes;
}

function standardName(fd: number): string {
  return fd === 0 ? "stdin" : fd === 1 ? "stdout" : "stderr";
}

// --- The environment ----------------------------------------------------------------------

/** The variables that the files of a directory stand for. */
function variablesIn(directory: string, { strict, verbose }: Plan): string[] {
  // The name with a dot behind it tells a directory that may not be entered from one that may
  // not be listed.
  const entered = sys.stat(directory === "" ? "" : `${directory}/.`);
  if (typeof entered === "number") must(`switch to directory: ${directory}`, entered);
  const names = sys.readdir(directory);
  if (typeof names === "number") throw new SysError(`open directory: ${directory}`, -names, "");
  return readVariables(directory, names, (error) => {
    if (strict) throw error;
    if (verbose) say("warning", error.what, reason(error.errno));
  });
}

// --- Who it runs as ------------------------------------------------------------------------

function identityOf(text: string, accounts: boolean): Identity {
  const named = accounts ? { user: text, groups: [] } : parseIdentity(text);
  if (named === null) throw new Refusal(`invalid uid/gids: ${text.slice(1)}`);
  if ("uid" in named) return named;
  if (named.groups.length > groupsMax) throw new Refusal(`too many groups: ${text}`);
  try {
    const { uid, gid } = getpwnam(named.user);
    const gids = named.groups.map((group) => getgrnam(group).gid);
    return { uid, gids: gids.length === 0 ? [gid] : gids };
  } catch (error) {
    if (error instanceof Refusal) {
      throw new Refusal(`unknown ${accounts ? "account" : "user/group"}: ${text}`);
    }
    if (!(error instanceof SysError)) throw error;
    const file = accounts ? "password" : "password/group";
    throw new SysError(`get ${file} file entry`, error.errno, "");
  }
}

function takeIdentity({ uid, gids }: Identity): void {
  const given = sys.setids(uid, gids[0] ?? 0, gids);
  if (typeof given !== "number") throw new SysError(given[1], given[0], "");
}

// --- The lock --------------------------------------------------------------------------------

/** Takes the lock, which the program holds for as long as it lives; false when it cannot be had
 * and does not matter. */
function takeLock({ path, wait }: Lock, matters: boolean): boolean {
  const flags = sys.O_WRONLY | sys.O_CREAT | sys.O_APPEND | sys.O_NONBLOCK;
  const fd = sys.open(path, flags, 0o600);
  if (fd < 0 && !matters) return false;
  must(`open lock: ${path}`, fd);
  const locked = sys.flock(fd, wait ? sys.LOCK_EX : sys.LOCK_EX | sys.LOCK_NB);
  if (locked < 0 && !matters) return false;
  must(`lock: ${path}`, locked);
  sys.inherit(fd);
  return true;
}

// --- The program -----------------------------------------------------------------------------

/** Runs the program in our place; returns by throwing why that cannot be. */
function become(plan: Plan, changes: readonly string[]): never {
  const environment = changeEnvironment(sys.environ(), changes);
  let why = reason(errnos.ENOENT);
  for (const path of placesOf(plan.program, sys.getenv("PATH"))) {
    const [errno, call] = exec(path, plan.argv, environment, plan.limits);
    if (call !== "execve") throw new SysError(`${call}()`, errno, "");
    const words = execReason(path, errno);
    if (errno !== errnos.ENOENT || words !== reason(errno)) why = words;
    if (!isElsewhere(errno)) break;
  }
  throw new Refusal(`unable to run: ${plan.program}: ${why}`);
}
