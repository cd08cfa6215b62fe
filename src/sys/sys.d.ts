// What sys.c and process.c give: one frozen global. Same list, same order as their table;
// a test compares the two. Only src/sys uses it: programs call posix.ts.
//
// A call that fails returns the negative errno (errors(7) in core/message.ts), so every
// `number` below may be negative; nothing throws but a wrong argument. Strings are byte
// strings, one code unit 0-255 per byte; file descriptors are made close-on-exec.

type Bytes = string;

/** What stat(2) tells that we use. `mode` has the file's type and permissions. */
interface SysStat {
  /** `DEVICE:INODE`, decimal: which file it is. Both have 64 bits, too many for a number. */
  readonly id: Bytes;
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  /** Bytes; a file of 2^53 or more has 2^53 - 1. */
  readonly size: number;
}

interface SysSpawn {
  readonly path: Bytes;
  readonly argv: readonly Bytes[];
  /** Changed to in the child, after the descriptors are in place. */
  readonly cwd: Bytes | null;
  /** fds[n] becomes descriptor n of the child; -1 leaves n as it is. At most 8. */
  readonly fds: readonly number[];
  /** Where the child writes its birth record before exec: see birth(). */
  readonly birth: Bytes | null;
  /** Its environment; ours where this is missing or null. */
  readonly env?: readonly Bytes[] | null;
  /** In a session of its own. */
  readonly session?: boolean;
  /** With its descriptor 0 as the controlling terminal, if that is one: "free" only where nobody
   * has it, "take" whoever has it, which root may. */
  readonly tty?: "free" | "take" | null;
  /** In a process group of its own, which gets the terminal if that is ours: foreground(). */
  readonly foreground?: boolean;
  /** The last entry of `env`, `NAME=` and ten characters, gets the child's pid as its value. */
  readonly tellsPid?: boolean;
}

declare const sys: {
  /** True when a test has armed the fault point of this name; always false in a release. */
  fault(name: Bytes): boolean;
  /** Runs the collector of cycles; bytes freed. For tests: supervisors must free none. */
  collect(): number;

  /** A descriptor, with O_CLOEXEC and O_NOCTTY added. */
  open(path: Bytes, flags: number, mode: number): number;
  /** As open, without waiting, and only of a FIFO or a plain file that has this name and no other:
   * for a directory where another user may have put something else, as a link or a device, which is
   * neither followed nor opened: -EMEDIUMTYPE. */
  opennode(path: Bytes, flags: number, mode: number): number;
  /** As open, of a name in an open directory. */
  openat(directory: number, name: Bytes, flags: number): number;
  close(fd: number): number;
  /** A buffer whose pages take memory only once they are used. */
  buffer(size: number): Uint8Array;
  /** Reads into buffer[from, to); bytes read, 0 at the end of the file. */
  read(fd: number, buffer: Uint8Array, from: number, to: number): number;
  /** As read, at a place in the file, in bytes. */
  pread(fd: number, buffer: Uint8Array, from: number, to: number, offset: number): number;
  /** Bytes written, which may be fewer than asked. */
  write(fd: number, bytes: Bytes | Uint8Array, from?: number, to?: number): number;
  pwrite(fd: number, bytes: Bytes, offset: number): number;
  /** Moves at most `size` bytes from a pipe into a file at `offset`, without waiting: 0 when the
   * pipe has no writer left, -EAGAIN when it is empty, -EINVAL where it is no pipe. */
  splice(from: number, to: number, offset: number, size: number): number;
  /** Bytes that the file system of a descriptor has free for us; negative where it does not say. */
  freespace(fd: number): number;
  /** Gives back the space of a file's bytes [from, to), which read as 0 from then on; its size
   * stays. -EOPNOTSUPP on a file system that cannot. */
  punch(fd: number, from: number, to: number): number;
  /** The first `max` bytes of a file, with `itself` as opennode() opens it; a FIFO is not waited
   * for. */
  readfile(path: Bytes, max: number, itself?: boolean): Bytes | number;
  /** As readfile, of a file that passes isown(): else -EKEYREJECTED. */
  readown(path: Bytes, max: number, itself?: boolean): Bytes | number;
  /** True for what belongs to root or to us, and nobody else can write: by its mode, in which our
   * own group may write unless we are root, or since it is mounted read-only. */
  isown(fd: number): boolean;
  fsync(fd: number): number;
  ftruncate(fd: number, size: number): number;
  fchmod(fd: number, mode: number): number;
  chmod(path: Bytes, mode: number): number;
  /** Of a link itself. */
  chown(path: Bytes, uid: number, gid: number): number;
  isatty(fd: number): boolean;
  /** flock(2); -EAGAIN with LOCK_NB while somebody else has it. */
  flock(fd: number, operation: number): number;
  /** fcntl(2)'s lock on all of a file, which is another one than flock's; -EAGAIN or -EACCES while
   * somebody else has it. */
  lockfile(fd: number): number;
  /** [read end, write end]. */
  pipe(): [number, number] | number;
  /** The copy is not close-on-exec. */
  dup2(from: number, to: number): number;
  stat(path: Bytes): SysStat | number;
  lstat(path: Bytes): SysStat | number;
  fstat(fd: number): SysStat | number;
  /** The magic number of the file system, as statfs(2) lists them. */
  fstype(path: Bytes): number;
  readlink(path: Bytes): Bytes | number;
  /** The working directory, also where there is no /proc; -ENOENT when it was removed. */
  getcwd(): Bytes | number;
  /** Names without . and .., in no order; of a path, or of a descriptor, once. */
  readdir(directory: Bytes | number): Bytes[] | number;
  rename(from: Bytes, to: Bytes): number;
  unlink(path: Bytes): number;
  /** Removes a name from an open directory; with AT_REMOVEDIR an empty directory: -ENOTDIR where it
   * is none, -ENOTEMPTY, and -EBUSY where something is mounted on it, be it empty or not. */
  unlinkat(directory: number, name: Bytes, flags: number): number;
  mkdir(path: Bytes, mode: number): number;
  rmdir(path: Bytes): number;
  /** 0 when we may write there, as far as rights and mounts tell. */
  writable(path: Bytes): number;
  mkfifo(path: Bytes, mode: number): number;
  chdir(path: Bytes): number;
  symlink(target: Bytes, path: Bytes): number;

  /** Waits until a descriptor can be read, or has ended; those that are ready, [] after
   * `milliseconds` (-1: for ever). At most 64. -EINTR is possible. ~fd waits for urgent data
   * instead, which is how /proc/self/mountinfo tells of a mount. */
  poll(fds: readonly number[], milliseconds: number): number[] | number;
  /** A descriptor that stands for many: it is ready while one of those added to it is. */
  epoll_create(): number;
  /** Waits for one more, until it is closed by all who have it. -ENOSPC beyond the user's limit. */
  epoll_add(epoll: number, fd: number): number;
  /** Those that are ready now, at most 64; does not wait. */
  epoll_wait(epoll: number): number[] | number;
  /** Blocks these signals and delivers them to a descriptor; programs started later get them
   * back with their default action, or, with `keeps`, as they were: ignored, or blocked. Once per
   * process. */
  signalfd(signals: readonly number[], keeps?: boolean): number;
  /** The numbers that came in, at most 16, [] when there are none. What our own writing to a closed
   * pipe brings about is none. With `typed`, an INT that a terminal, or Ctrl-Alt-Del, has sent is
   * -INT: none that a process sends looks so. */
  readsignals(fd: number, typed?: boolean): number[] | number;
  inotify_init(): number;
  /** A watch number, the same for the same inode. */
  inotify_add_watch(fd: number, path: Bytes, mask: number): number;
  inotify_rm_watch(fd: number, watch: number): number;
  /** Triples: watch, mask, name ("" for the directory itself); [] when there are none. */
  readinotify(fd: number): (number | Bytes)[] | number;
  /** SIGIO from now on for every name that is renamed or removed in an open directory. For who
   * waits once: closing an inotify instance takes the kernel over 10 ms, this takes none. */
  dnotify(fd: number): number;

  getpid(): number;
  geteuid(): number;
  setsid(): number;
  /** Gives up an identity: setgroups, then setgid, then setuid, or [errno, call] when `call`
   * failed. Groups that are already so need no right. At most 64 groups. */
  setids(uid: number, gid: number, groups: readonly number[]): number | [number, Bytes];
  /** [soft, hard]; -1 is no limit, 2^53 - 1 that or more. */
  getrlimit(resource: number): [number, number] | number;
  /** -1 is no limit; what is undefined stays as it is. */
  setrlimit(resource: number, soft?: number, hard?: number): number;
  getenv(name: Bytes): Bytes | null;
  /** For programs that are started later; null: without it. */
  setenv(name: Bytes, value: Bytes | null): number;
  /** All of the environment, as it is. */
  environ(): Bytes[];
  /** nice(2); 0 also for a level below 0. */
  nice(increment: number): number;
  chroot(path: Bytes): number;
  /** Not close-on-exec any more. */
  inherit(fd: number): number;
  /** Becomes a program, with the signals as they were before us. `limits` are pairs of a resource
   * and a soft limit, -1 for none, cut at the hard limit; at most 16. They are set last, since
   * this program might not go on under them. Returns only when it cannot: [errno, call], and all
   * is as before; `call` is "getrlimit", "setrlimit" or "execve". */
  execve(
    path: Bytes,
    argv: readonly Bytes[],
    env: readonly Bytes[],
    limits: readonly number[],
  ): [number, Bytes];
  /** kill(2); -EPERM for pid 0 and -1, which this call never reaches. */
  kill(pid: number, signal: number): number;
  /** [pid, wait status]; null when no child has ended, or there is none. */
  waitpid(pid: number, flags: number): [number, number] | null | number;
  /** A descriptor that is ready once the process has ended. -ENOSYS before Linux 5.3. */
  pidfd_open(pid: number): number;
  /** kill(2) of that very process. -ENOSYS before Linux 5.1. */
  pidfd_send_signal(pidfd: number, signal: number): number;
  /** Orphaned descendants become our children, and so do services whose runsv was killed. */
  subreaper(): number;
  /** The signal that we get when our parent ends. */
  parentdeath(signal: number): number;
  /** Hands over the terminal, where it is on descriptor 0, 1 or 2, from one process group to
   * another; 0 is our own. -ENOTTY for none, -EPERM when somebody else is in the foreground. TTOU
   * has to be among the signals of signalfd(). */
  foreground(from: number, to: number): number;
  /** What ps shows: the words as the command line, the first as the name. At most 1024 bytes. */
  settitle(words: readonly Bytes[]): number;
  /** Overwrites bytes of the command line that this process was started with; never beyond it. */
  retitle(at: number, bytes: Bytes): number;
  /** Writes `PID START BOOT` of a child of ours, or with 0 of this process, into a file: START is
   * field 22 of proc(5)'s stat, clock ticks since boot, BOOT the kernel's boot id. Fails where
   * there is no /proc. */
  birth(path: Bytes, child: number): number;
  /** The pid of a birth record while that very process lives; 0 when it has ended, the system was
   * booted since, or there is no such record of root's or ours. */
  living(path: Bytes): number;
  /** Forks one child per argv, at most 1000. Returns in the parent only, pids or -errno in their
   * order: child i closes all but 0-2 and keepFds[i] (at most 4), gets argvs[i] as its title (at
   * most 1024 bytes), and does what host.c does with main(i). Signals stay as they are until its
   * own signalfd. */
  fork(
    main: (index: number) => number | object,
    argvs: readonly (readonly Bytes[])[],
    keepFds: readonly (readonly number[])[],
  ): number[];
  /** Starts a program; its pid, or [errno, call] when `call` failed, "fork" or up to "execve". */
  spawn(spec: SysSpawn): number | [number, Bytes];

  /** True in the initial PID namespace, as /proc/self/ns/pid tells; false where it does not. */
  machine(): boolean;
  /** kill(-1); -EPERM for whoever is not process 1. */
  killall(signal: number): number;
  /** reboot(2), with RB_...; -EPERM but for process 1 of a machine. */
  reboot(how: number): number;
  /** sync(2), and the root read-only, which may take for ever: -ETIMEDOUT after so long. -EPERM but
   * for process 1 of a machine. */
  sync(milliseconds: number): number;
  /** mount(2); -EPERM unless process 1 runs this executable, as for those below. */
  mount(source: Bytes, target: Bytes, type: Bytes, flags: number, options: Bytes): number;
  umount(path: Bytes, flags: number): number;
  swapoff(path: Bytes): number;
  /** Reaps every child that has ended and forgets all but those in `mine` (at most 8): [0, pid,
   * wait status, ...], or with a 1 in front when there may be more than one call reaps. */
  reapall(mine: readonly number[]): readonly number[];
  /** True when a line can be written without waiting, or within so long. */
  canwrite(fd: number, milliseconds: number): boolean;
  /** The path this executable was started by. */
  execfn(): Bytes;
  /** Starts this executable over as the same process; the signals that are blocked stay so until
   * it listens. Returns only when it cannot. */
  become(argv: readonly Bytes[]): number;
  /** What a successor gets as argv[2], with `--resumed` before it, should the engine fail from
   * now on. At most 127 bytes. Process 1 only. */
  remember(note: Bytes): number;

  /** Milliseconds, with microseconds behind the point, from a clock that nobody sets. */
  monotonic(): number;
  /** [seconds since 1970, nanoseconds]. */
  realtime(): [number, number];
  /** Copies lines from input[from, to) to output, with prefix before every line that begins here;
   * `midline` says that the first one does not. [bytes taken, bytes made, midline]; a line that
   * does not fit is not taken. `table` has what each of the 256 bytes of a line becomes. */
  stamplines(
    input: Uint8Array,
    from: number,
    to: number,
    output: Uint8Array,
    prefix: Bytes,
    midline: boolean,
    table?: Uint8Array | null,
  ): [number, number, boolean];
  /** Copies whole lines from input[from, to) to output as they stand in a JSON string (see
   * core/json.ts), each between head and tail, which take the newline's place. [bytes taken, bytes
   * made]; a line that does not fit is not taken. */
  jsonlines(
    input: Uint8Array,
    from: number,
    to: number,
    output: Uint8Array,
    head: Bytes,
    tail: Bytes,
  ): [number, number];
  /** A socket for sendto(), which does not wait. */
  udpsocket(): number;
  /** Sends buffer[from, to) as one packet; `ip` has 32 bits, the first byte on top. */
  sendto(
    fd: number,
    buffer: Uint8Array,
    from: number,
    to: number,
    ip: number,
    port: number,
  ): number;

  readonly O_RDONLY: number;
  readonly O_WRONLY: number;
  readonly O_RDWR: number;
  readonly O_CREAT: number;
  readonly O_TRUNC: number;
  readonly O_EXCL: number;
  readonly O_APPEND: number;
  readonly O_NONBLOCK: number;
  readonly O_DIRECTORY: number;
  readonly O_NOFOLLOW: number;
  readonly O_PATH: number;
  readonly AT_REMOVEDIR: number;
  readonly LOCK_EX: number;
  readonly LOCK_NB: number;
  readonly LOCK_SH: number;
  readonly LOCK_UN: number;
  readonly WNOHANG: number;
  readonly WUNTRACED: number;
  /** The size of glibc's records in utmp(5) on this machine. */
  readonly UTMP_BYTES: number;
  readonly RLIMIT_AS: number;
  readonly RLIMIT_CORE: number;
  readonly RLIMIT_CPU: number;
  readonly RLIMIT_DATA: number;
  readonly RLIMIT_FSIZE: number;
  readonly RLIMIT_MEMLOCK: number;
  readonly RLIMIT_NOFILE: number;
  readonly RLIMIT_NPROC: number;
  readonly RLIMIT_RSS: number;
  readonly RLIMIT_STACK: number;
  readonly IN_CREATE: number;
  readonly IN_DELETE: number;
  readonly IN_MOVED_FROM: number;
  readonly IN_MOVED_TO: number;
  readonly IN_DELETE_SELF: number;
  readonly IN_MOVE_SELF: number;
  readonly IN_CLOSE_WRITE: number;
  readonly IN_CLOSE_NOWRITE: number;
  readonly IN_ATTRIB: number;
  readonly IN_ONLYDIR: number;
  readonly IN_IGNORED: number;
  readonly IN_Q_OVERFLOW: number;
  readonly IN_DONT_FOLLOW: number;
  readonly IN_MASK_ADD: number;
  readonly RB_AUTOBOOT: number;
  readonly RB_POWER_OFF: number;
  readonly RB_HALT_SYSTEM: number;
  readonly RB_DISABLE_CAD: number;
  readonly MS_RDONLY: number;
  readonly MS_NOSUID: number;
  readonly MS_NODEV: number;
  readonly MS_NOEXEC: number;
  readonly MS_REMOUNT: number;
  readonly MNT_DETACH: number;
};

/** Set by the build: true where fault points exist. */
declare const FAULTS: boolean;
/** Set by the build: the version in package.json. */
declare const VERSION: string;
