// Everything that runs when a system ends and is not part of its ending: who that is, and whether
// somebody who wants to end it is in the place to. Pure: programs/trinit-killall.ts acts.

/** What a proc(5) stat tells of a process. */
export interface Running {
  readonly pid: number;
  readonly name: string;
  readonly parent: number;
  readonly session: number;
  /** A thread of the kernel, which cannot be ended. */
  readonly isKernel: boolean;
  /** Nothing of it is left but that its parent has not heard of its end. */
  readonly isZombie: boolean;
  /** Clock ticks from boot to its start; pid and start name one process for ever. */
  readonly start: string;
}

const kernelThreadFlag = 0x00200000;

/** The process of a proc(5) stat, or null where it is none: it ended meanwhile. */
export function parseRunning(stat: string): Running | null {
  const [open, close] = [stat.indexOf("("), stat.lastIndexOf(")")];
  if (open < 0 || close < open) return null;
  const fields = stat.slice(close + 2).split(" "); // from the third field on, which is the state
  const field = (number: number): string => fields[number - 3] ?? "";
  const [state, threads] = [field(3), Number(field(20))];
  return {
    pid: Number(stat.slice(0, open)),
    name: stat.slice(open + 1, close),
    parent: Number(field(4)),
    session: Number(field(6)),
    isKernel: (Number(field(9)) & kernelThreadFlag) !== 0,
    // A first thread that has ended before the others looks like a zombie, and is none.
    isZombie: state === "X" || (state === "Z" && threads <= 1),
    start: field(22),
  };
}

/** All but init, the kernel's, the session of `self`, and who `self` descends from; of an init that
 * is not process 1, its descendants alone. */
export function restOf(all: readonly Running[], self: number, init = 1): readonly Running[] {
  const byPid = new Map(all.map((one) => [one.pid, one]));
  const own = new Set([1]);
  for (let pid = self; pid > 0 && !own.has(pid); pid = byPid.get(pid)?.parent ?? 0) own.add(pid);
  const session = byPid.get(self)?.session;
  const there = init === 1 ? all.filter(isThere) : descendantsOf(all, init);
  return there.filter((one) => one.session !== session && !own.has(one.pid));
}

function isThere({ isKernel, isZombie }: Running): boolean {
  return !isKernel && !isZombie;
}

/** What a process has started, and those have, and so on. */
export function descendantsOf(all: readonly Running[], ancestor: number): readonly Running[] {
  const own = new Set([ancestor]);
  for (let size = 0; size !== own.size; ) {
    size = own.size;
    for (const { pid, parent } of all) if (own.has(parent)) own.add(pid);
  }
  own.delete(ancestor);
  return all.filter((one) => own.has(one.pid) && isThere(one));
}

/** Whether it asks to be left alone to the end, as what a disk cannot do without does: a daemon of
 * root's with an @ in front of its command line. */
export function isSpared(commandLine: string, uid: number): boolean {
  return uid === 0 && commandLine.startsWith("@");
}

/** Who is still to be told to end; `told` has the keys of those who were. What one of these has
 * started since, as a script does to put things in order, is left to it while it is there. */
export function untold(rest: readonly Running[], told: ReadonlySet<string>): readonly Running[] {
  const ending = new Set(rest.filter((one) => told.has(keyOf(one))).map(({ pid }) => pid));
  let others = rest.filter(({ pid }) => !ending.has(pid));
  for (let left = -1; left !== others.length; ) {
    left = others.length;
    others = others.filter(({ pid, parent }) => {
      if (ending.has(parent)) ending.add(pid);
      return !ending.has(parent);
    });
  }
  return others;
}

/** A name for it that no other process will have. */
export function keyOf({ pid, start }: Running): string {
  return `${pid} ${start}`;
}

const namedMax = 8;

/** `12 sh, 13 sleep`; of many, the first and how many more. */
export function listNames(processes: readonly Running[]): string {
  const named = processes.slice(0, namedMax).map(({ pid, name }) => `${pid} ${name}`);
  const more = processes.length - named.length;
  return named.join(", ") + (more > 0 ? ` and ${more} more` : "");
}

/** An executable that runs: which file that is, and its path. */
export interface Executable {
  /** Device and inode. */
  readonly id: string;
  readonly path: string;
}

/** Why this is nobody to mount and end things, or null where process 1 is init, running the same
 * executable, or the one that this has replaced since. */
export function notUnderInit(first: Executable, own: Executable): string | null {
  const replaced = first.path === `${own.path} (deleted)`;
  return first.id === own.id || replaced ? null : "process 1 is not trinit's init";
}

/** The same for ending everything. `title` is the command line of process 1, which has the number
 * of the stage in it. */
export function notEnding(title: string, first: Executable, own: Executable): string | null {
  const now = title.split("\0")[1] === "[3]";
  return notUnderInit(first, own) ?? (now ? null : "init is not in stage 3");
}
