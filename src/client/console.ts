// What a tree of services writes to and is typed into: a pseudo-terminal, or two pipes.
import type { ChildProcess, StdioOptions } from "node:child_process";
import { closeSync, constants, openSync, write as writeDescriptor } from "node:fs";
import { PassThrough, type Readable, type Writable } from "node:stream";
import { setTimeout as sleep } from "node:timers/promises";
import { ReadStream } from "node:tty";
import { promisify } from "node:util";
import { ServiceError } from "./error.ts";

export interface Console {
  /** What it prints; it ends when nobody is left who could print. */
  readonly output: Readable;
  /** Standard input and output for the first process. */
  readonly descriptor: number | "pipe";
  /** The terminal's path, "" for pipes. */
  readonly terminal: string;
  write(text: string): Promise<void>;
  resize(columns: number, rows: number): void;
  /** With its streams, once the first process is there, if pipes were asked for. */
  connect(stdin: Writable | null, stdout: Readable | null): void;
  /** The tree has ended: what was printed comes, and then the end. */
  finish(): void;
  /** Nobody wants what is still to be read. */
  destroy(): void;
}

/** The part of node-pty that opens a terminal and starts nothing on it: its spawn() would make
 * the first process the leader of the session that has the terminal, and then stage 1 of an init
 * in a user namespace cannot have it. */
interface NativePty {
  open(columns: number, rows: number): { master: number; slave: number; pty: string };
  resize(descriptor: number, columns: number, rows: number): void;
}

async function loadPty(): Promise<NativePty> {
  try {
    const { native } = (await import("node-pty")) as unknown as { native: NativePty };
    return native;
  } catch (error) {
    const message = "unable to open a terminal: node-pty is not there, type: npm run setup";
    throw new ServiceError("no-terminal", message, error);
  }
}

/** The ends of terminals that are ours: node-pty would have every child inherit them. */
const masters = new Set<number>();

/** Standard input and output from the console and a pipe for errors; nothing else is inherited. */
export function spawnWith(
  { descriptor }: Console,
  start: (stdio: StdioOptions) => ChildProcess,
): ChildProcess {
  const nothing = openSync("/dev/null", "r");
  const stdio: (number | "pipe" | "ignore")[] = [descriptor, descriptor, "pipe"];
  for (const master of masters) {
    while (stdio.length < master) stdio.push("ignore");
    stdio[master] = nothing;
  }
  try {
    return start(stdio);
  } finally {
    closeSync(nothing);
  }
}

const writeSome = promisify(writeDescriptor);

/** Writes all of it, though the terminal may be full for a while, unless it is closed. */
async function writeAll(descriptor: number, bytes: Buffer, isClosed: () => boolean): Promise<void> {
  for (let at = 0; at < bytes.length && !isClosed(); ) {
    try {
      at += (await writeSome(descriptor, bytes, at)).bytesWritten;
    } catch (error) {
      if (isClosed()) return;
      if (!(error instanceof Error && "code" in error && error.code === "EAGAIN")) throw error;
      await sleep(10);
    }
  }
}

/** A terminal of this size. */
export async function openTerminal(columns: number, rows: number): Promise<Console> {
  const native = await loadPty();
  const { master, slave, pty } = native.open(columns, rows);
  masters.add(master);
  // A descriptor of our own: node-pty's does not block, and is given to every child.
  const descriptor = openSync(pty, constants.O_RDWR | constants.O_NOCTTY);
  closeSync(slave);
  const output = new PassThrough();
  const reader = new ReadStream(master);
  let writing: Promise<void> = Promise.resolve();
  let isOver = false;
  reader.on("error", (error: NodeJS.ErrnoException) => {
    if (error.code === "EIO")
      output.end(); // nobody has the other end any more
    else output.destroy(error);
  });
  reader.on("close", () => masters.delete(master));
  reader.pipe(output);
  const finish = (): void => {
    if (!isOver) closeSync(descriptor);
    isOver = true;
  };
  return {
    output,
    descriptor,
    terminal: pty,
    write: (text) => {
      const written = writing.then(() => writeAll(master, Buffer.from(text), () => isOver));
      writing = written.catch(() => {}); // who has written it hears of it
      return written;
    },
    resize: (width, height) => {
      if (!isOver) native.resize(master, width, height);
    },
    connect: () => {},
    finish,
    destroy: () => {
      finish();
      reader.destroy();
      output.destroy();
    },
  };
}

/** Pipes: standard output and error in one, which is what the first process has. */
export function openPipes(): Console {
  const output = new PassThrough();
  let input: Writable | null = null;
  return {
    output,
    descriptor: "pipe",
    terminal: "",
    write: async (text) => {
      if (input?.writable) input.write(text);
    },
    resize: () => {},
    connect: (stdin, stdout) => {
      input = stdin;
      input?.on("error", () => {}); // nobody reads it: what is typed is lost, as on a terminal
      stdout?.pipe(output);
    },
    finish: () => {
      input?.destroy();
    },
    destroy: () => {
      input?.destroy();
      output.destroy();
    },
  };
}
