// The error sentence: PROG SUBJECT: LEVEL: unable to VERB OBJECT: REASON, and runit's own
// words for the reasons, which scripts and people know.

export type Errno = number;

/** Linux's numbers, the same on x86_64 and aarch64. */
export const errnos = {
  EPERM: 1, ENOENT: 2, ESRCH: 3, EINTR: 4, EIO: 5, ENXIO: 6, E2BIG: 7, ENOEXEC: 8, EBADF: 9,
  ECHILD: 10, EAGAIN: 11, ENOMEM: 12, EACCES: 13, EFAULT: 14, EBUSY: 16, EEXIST: 17, EXDEV: 18,
  ENODEV: 19, ENOTDIR: 20, EISDIR: 21, EINVAL: 22, ENFILE: 23, EMFILE: 24, ENOTTY: 25,
  ETXTBSY: 26, EFBIG: 27, ENOSPC: 28, ESPIPE: 29, EROFS: 30, EMLINK: 31, EPIPE: 32,
  EDEADLK: 35, ENAMETOOLONG: 36, ENOLCK: 37, ENOSYS: 38, ENOTEMPTY: 39, ELOOP: 40, EPROTO: 71,
  EMSGSIZE: 90, EOPNOTSUPP: 95, EAFNOSUPPORT: 97, EADDRINUSE: 98, EADDRNOTAVAIL: 99,
  ENETDOWN: 100, ENETUNREACH: 101, ECONNRESET: 104, ENOBUFS: 105, ETIMEDOUT: 110,
  ECONNREFUSED: 111, EHOSTDOWN: 112, EHOSTUNREACH: 113, ESTALE: 116, EDQUOT: 122, EMEDIUMTYPE: 124,
  EKEYREJECTED: 129,
} as const; // biome-ignore format: a table

/** runit's words, as its programs say them; test/process/chpst-reasons.test.ts asks them. */
const reasons: Readonly<Record<Errno, string>> = {
  [errnos.EPERM]: "permission denied",
  [errnos.ENOENT]: "file does not exist",
  [errnos.ESRCH]: "no such process",
  [errnos.EINTR]: "interrupted system call",
  [errnos.EIO]: "input/output error",
  [errnos.ENXIO]: "device not configured",
  [errnos.E2BIG]: "argument list too long",
  [errnos.ENOEXEC]: "exec format error",
  [errnos.EBADF]: "file descriptor not open",
  [errnos.ECHILD]: "no child processes",
  [errnos.EAGAIN]: "temporary failure",
  [errnos.ENOMEM]: "out of memory",
  [errnos.EACCES]: "access denied",
  [errnos.EFAULT]: "bad address",
  [errnos.EBUSY]: "device busy",
  [errnos.EEXIST]: "file already exists",
  [errnos.EXDEV]: "cross-device link",
  [errnos.ENODEV]: "device does not support operation",
  [errnos.ENOTDIR]: "not a directory",
  [errnos.EISDIR]: "is a directory",
  [errnos.EINVAL]: "invalid argument",
  [errnos.ENFILE]: "system cannot open more files",
  [errnos.EMFILE]: "process cannot open more files",
  [errnos.ENOTTY]: "not a tty",
  [errnos.ETXTBSY]: "text busy",
  [errnos.EFBIG]: "file too big",
  [errnos.ENOSPC]: "out of disk space",
  [errnos.ESPIPE]: "unseekable descriptor",
  [errnos.EROFS]: "read-only file system",
  [errnos.EMLINK]: "too many links",
  [errnos.EPIPE]: "broken pipe",
  [errnos.EDEADLK]: "operation would cause deadlock",
  [errnos.ENAMETOOLONG]: "file name too long",
  [errnos.ENOLCK]: "no locks available",
  [errnos.ENOSYS]: "system call not available",
  [errnos.ENOTEMPTY]: "directory not empty",
  [errnos.ELOOP]: "symbolic link loop",
  [errnos.EPROTO]: "protocol error",
  [errnos.EMSGSIZE]: "message too long",
  [errnos.EOPNOTSUPP]: "operation not supported",
  [errnos.EAFNOSUPPORT]: "address family not supported",
  [errnos.EADDRINUSE]: "address already used",
  [errnos.EADDRNOTAVAIL]: "address not available",
  [errnos.ENETDOWN]: "network down",
  [errnos.ENETUNREACH]: "network unreachable",
  [errnos.ECONNRESET]: "connection reset",
  [errnos.ENOBUFS]: "out of buffer space",
  [errnos.ETIMEDOUT]: "timed out",
  [errnos.ECONNREFUSED]: "connection refused",
  [errnos.EHOSTDOWN]: "host down",
  [errnos.EHOSTUNREACH]: "host unreachable",
  [errnos.ESTALE]: "stale NFS file handle",
  [errnos.EDQUOT]: "disk quota exceeded",
  // No kernel says these of a file: sys.opennode() and sys.readown() do.
  [errnos.EMEDIUMTYPE]: "neither a fifo nor a plain file",
  [errnos.EKEYREJECTED]: "another user owns it or can write to it",
};

/** The errno in words. */
export function reason(errno: Errno): string {
  return reasons[errno] ?? `error ${errno}`;
}

/** Why a program that is there was not executed, after ENOENT: what the first line names is not.
 * `head` are its first bytes, null: unknown; `isThere` tells of a path whether it is. */
export function interpreterReason(head: string | null, isThere: (path: string) => boolean): string {
  const line = head?.startsWith("#!") ? (head.slice(2).split("\n", 1)[0] ?? "") : "";
  const path = line.split("\t").join(" ").trimStart().split(" ", 1)[0] ?? "";
  if (path === "") return "its interpreter does not exist";
  const what = isThere(path) ? "lacks an interpreter or a loader of its own" : "does not exist";
  const hint = line.endsWith("\r") ? " (the file has CRLF line ends)" : "";
  let shown = "";
  for (const byte of path) shown += byte === "\r" ? "\\r" : byte < " " ? "?" : byte;
  return `its interpreter ${shown} ${what}${hint}`;
}

export type Level = "fatal" | "warning";

/** One sentence of complaint: `runsv web: warning: unable to open supervise/ok: access denied`. */
export function sentence(who: string, level: Level, what: string, why = ""): string {
  return `${who}: ${level}: ${what}${why === "" ? "" : `: ${why}`}`;
}
