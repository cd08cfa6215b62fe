// A small disk for svlogd: a tmpfs in a mount namespace of its own, which stays while svlogd comes
// and goes, and a FIFO outside of it that svlogd reads. Another boot of the system is another boot
// id in that namespace.
import { spawnSync } from "node:child_process";
import * as fs from "node:fs";
import path from "node:path";
import type { TestContext } from "node:test";
import { promisify } from "node:util";
import { bin, faultsBin, type Program, run, start, tempDir } from "./harness.ts";
import { textOf } from "./svlogd.ts";

const isRoot = process.geteuid?.() === 0;
const write = promisify(fs.write);

export interface Disk {
  /** The log directory, as it is seen from outside. */
  readonly log: string;
  /** Runs lines of shell in there, in the directory of the log. */
  sh(lines: string): Promise<void>;
  /** Starts svlogd in there, with the FIFO as its input. */
  svlogd(options?: readonly string[]): Promise<Program>;
  /** The same of the build with fault points: those that have a file in `faults` are armed. */
  faultySvlogd(): Promise<Program>;
  readonly faults: string;
  /** Writes all of a text into the FIFO, which waits for a reader. */
  feed(text: string): Promise<void>;
  /** Closes the writing end. */
  endInput(): void;
  /** From now on the system seems to have been started again. */
  reboot(): Promise<void>;
}

/** Bytes that a pipe holds. */
export const pipeBytes = 65536;

/** A disk of so many kilobytes with a directory `log`. */
export async function makeDisk(t: TestContext, kilobytes: number, config: string): Promise<Disk> {
  const mountPoint = tempDir(t);
  const files = tempDir(t);
  const fifo = path.join(files, "fifo");
  if (spawnSync("mkfifo", [fifo]).status !== 0) throw new Error("mkfifo");
  const both = fs.openSync(fifo, "r+");
  const writer = fs.openSync(fifo, "w");
  const reader = fs.openSync(fifo, fs.constants.O_RDONLY | fs.constants.O_NONBLOCK);
  fs.closeSync(both);
  let isOpen = true;
  const endInput = () => {
    if (isOpen) fs.closeSync(writer);
    isOpen = false;
  };
  t.after(() => {
    endInput();
    fs.closeSync(reader);
  });
  const script = `
    cd "$1"
    mount -t tmpfs -o size=${kilobytes}k,mode=755 disk .
    cd "$1"
    mkdir log
    printf %s "$2" >log/config
    echo ready
    exec sleep 1000000`;
  const holder = start(t, "/usr/bin/unshare", {
    args: [
      ...(isRoot ? [] : ["--user", "--map-root-user"]),
      ...["--mount", "/bin/sh", "-ec", script, "sh", mountPoint, config],
    ],
  });
  await holder.stdout.waitFor(/ready/);
  const credentials = isRoot ? [] : ["--user", "--preserve-credentials"];
  const enter = ["--target", `${holder.pid}`, ...credentials, "--mount", "--"];
  let boots = 0;
  const sh = async (lines: string): Promise<void> => {
    const command = ["/bin/sh", "-ec", `cd "$1"; ${lines}`, "sh", mountPoint];
    const { code, stderr } = await run(t, "/usr/bin/nsenter", [...enter, ...command]);
    if (code !== 0 || stderr !== "") throw new Error(`${lines}: exit ${code}: ${stderr}`);
  };
  const svlogd = async (options: readonly string[], program: string): Promise<Program> => {
    const line = 'cd "$1"; exec <"$2"; shift 2; echo begun; exec "$@" log';
    const command = ["/bin/sh", "-ec", line, "sh", mountPoint, fifo, program, ...options];
    const env = { TRINIT_FAULTS: files };
    const started = start(t, "/usr/bin/nsenter", { args: [...enter, ...command], env });
    await started.stdout.waitFor(/begun/);
    return started;
  };
  return {
    log: path.join(`/proc/${holder.pid}/root`, mountPoint, "log"),
    sh,
    svlogd: (options = []) => svlogd(options, bin("svlogd")),
    faultySvlogd: () => svlogd([], faultsBin("svlogd")),
    faults: files,
    feed: async (text) => {
      const bytes = Buffer.from(text, "latin1");
      for (let at = 0; at < bytes.length; ) at += (await write(writer, bytes, at)).bytesWritten;
    },
    endInput,
    reboot: async () => {
      const id = path.join(files, `boot-${++boots}`);
      fs.writeFileSync(id, `00000000-0000-0000-0000-${`${boots}`.padStart(12, "0")}\n`);
      await sh(`mount --bind '${id}' /proc/sys/kernel/random/boot_id`);
    },
  };
}

/** Numbered lines of 100 bytes. */
export function numbered(from: number, count: number): string {
  let text = "";
  for (let i = from; i < from + count; i++) text += `${`${i}`.padStart(98, ".")} \n`;
  return text;
}

/** All that is in a log; "" while a file gets another name. */
export function soFar(log: string): string {
  try {
    return textOf(log);
  } catch {
    return "";
  }
}
