// A mount namespace in which next to nothing can be written, for the tests of shadows: services in
// /mnt/service, read-only; /run, /tmp and /dev/shm, each a tmpfs of its own that is read-only, too,
// unless asked for. Nothing of it is seen outside, but through /proc/PID/root.
import * as fs from "node:fs";
import path from "node:path";
import type { TestContext } from "node:test";
import { allNames } from "../src/applets.ts";
import { type Files, writeFiles } from "../vm/files.ts";
import { bin, type Output, type Program, root, run, start, tempDir } from "./harness.ts";

const isRoot = process.geteuid?.() === 0;
const oracle = process.env.TRINIT_ORACLE ?? path.join(root, "cache/oracle");

/** For tests that need Debian's programs. */
export const withOracle: { readonly skip: string | false } = {
  skip: fs.existsSync(path.join(oracle, "usr/bin/sv")) ? false : "type: sh scripts/oracle.sh",
};

/** For tests of more than one user. */
export const withUsers: { readonly skip: string | false } = { skip: isRoot ? false : "needs root" };

interface WorldOptions {
  /** What is in /mnt: `service/web/run!`, and whatever else. */
  readonly files: Files;
  /** The file systems that can be written. */
  readonly writable?: readonly string[];
  /** Shell commands, before anything is read-only. */
  readonly prepare?: string;
  /** In a user namespace, though root could do without. */
  readonly isUser?: boolean;
}

interface RunOptions {
  readonly env?: Readonly<Record<string, string>>;
  readonly uid?: number;
  /** What ends it after the test: HUP, as runsvdir wants it, unless told otherwise. */
  readonly endSignal?: NodeJS.Signals;
}

export interface World {
  /** The path outside of a path in there. */
  at(inside: string): string;
  /** Runs a line of shell in there. */
  sh(line: string, options?: RunOptions): Promise<Output>;
  /** Starts a program in there. */
  start(command: readonly string[], options?: RunOptions): Program;
}

const setUp = `
  mount --bind "$1/mnt" /mnt
  mount --bind "$2" /mnt/trinit
  [ ! -d "$3" ] || mount --bind "$3" /mnt/oracle
  mount --bind /mnt/service /mnt/service
  for place in /run /dev/shm /tmp; do mount -t tmpfs -o mode=1777 tmpfs "$place"; done
  eval "$4"
  mount -o remount,bind,ro /mnt/service
  for place in /run /dev/shm /tmp; do
    case " $5 " in *" $place "*) ;; *) mount -o remount,ro "$place" ;; esac
  done
  echo ready
  exec sleep infinity`;

const searchPath = "/mnt/sbin:/usr/sbin:/usr/bin:/sbin:/bin";

export async function startWorld(t: TestContext, options: WorldOptions): Promise<World> {
  const base = tempDir(t);
  const mnt = path.join(base, "mnt");
  for (const name of ["sbin", "service", "oracle"]) {
    fs.mkdirSync(path.join(mnt, name), { recursive: true });
  }
  fs.chmodSync(mnt, 0o755);
  fs.writeFileSync(path.join(mnt, "trinit"), "");
  for (const [name] of allNames()) fs.symlinkSync("../trinit", path.join(mnt, "sbin", name));
  writeFiles(mnt, options.files);
  const isUser = options.isUser === true || !isRoot;
  const trinit = fs.realpathSync(bin("trinit"));
  const words = [trinit, oracle, options.prepare ?? "", (options.writable ?? []).join(" ")];
  const holder = start(t, "/usr/bin/unshare", {
    args: [
      ...(isUser ? ["--user", "--map-root-user"] : []),
      ...["--mount", "/bin/sh", "-ec", setUp, "sh", base, ...words],
    ],
  });
  await holder.stdout.waitFor(/^ready$/);
  const enter = ["--target", `${holder.pid}`, "--mount"];
  const user = isUser ? ["--user", "--preserve-credentials"] : [];
  const inside = (command: readonly string[], uid?: number): string[] => {
    const ids = [`--reuid=${uid}`, `--regid=${uid}`, "--clear-groups"];
    const as = uid === undefined ? [] : ["setpriv", ...ids];
    return [...enter, ...user, "--", ...as, ...command];
  };
  const environment = (env = {}): Record<string, string> => ({ PATH: searchPath, ...env });
  return {
    at: (name) => path.join(`/proc/${holder.pid}/root`, name),
    sh: (line, { env, uid } = {}) =>
      run(t, "/usr/bin/nsenter", inside(["/bin/sh", "-ec", line], uid), { env: environment(env) }),
    start: (command, { env, uid, endSignal } = {}) =>
      start(t, "/usr/bin/nsenter", {
        args: inside(command, uid),
        env: environment(env),
        endSignal: endSignal ?? "SIGHUP",
      }),
  };
}
