// A virtual machine, and what one does with it: look at its console and type there, press its
// power button, pull its cable, turn it off. Used by `npm run vm`, the tests and the measurements.
import { EventEmitter, once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer, type Server, type Socket } from "node:net";
import os from "node:os";
import path from "node:path";
import { createInterface } from "node:readline";
import { type IPty, spawn } from "node-pty";
import { Transcript } from "./transcript.ts";

export interface MachineOptions {
  /** Path of the kernel. */
  readonly kernel: string;
  /** Path of the initramfs. */
  readonly initramfs: string;
  /** Disks, /dev/vda first: raw images, which are written to. */
  readonly disks?: readonly string[];
  readonly memoryMiB?: number;
  /** More words for the kernel's command line. */
  readonly append?: string;
  /** Of the terminal that it runs on. */
  readonly columns?: number;
  readonly rows?: number;
  /** KVM, where that is known to work; otherwise every instruction is translated. */
  readonly kvm?: boolean;
  /** Goes on from what `save` has left in this file, instead of booting; what it writes to its
   * disks is forgotten, so that the next can go on from the same. */
  readonly saved?: string;
  /** The consoles of the kernel, the last of which is /dev/console; they may not exist. */
  readonly consoles?: readonly string[];
}

/** Why a machine is no more: turned off or reset by its system, ended by us, or QEMU has failed,
 * and has said at the console why. */
export type End = "power off" | "reset" | "panic" | "killed" | "failed";

/** What a command at the console came to. */
export interface Result {
  readonly code: number;
  readonly output: string;
}

export const defaultMemoryMiB = 128;
/** A machine that is translated takes its time, on a host with other work even more. */
const waitMs = 120_000;
const defaultColumns = 160;
const defaultRows = 48;
/** Of the shell: what nothing else prints. */
const prompt = "vm:#:";
const promptLine = /^vm:#:/m;

export async function startMachine(options: MachineOptions): Promise<Machine> {
  const directory = mkdtempSync(path.join(os.tmpdir(), "trinit-vm-"));
  const control = await listen(path.join(directory, "control"));
  const size = await listen(path.join(directory, "size"));
  const { columns = defaultColumns, rows = defaultRows } = options;
  const pty = spawn("qemu-system-x86_64", qemuArguments(options, directory), {
    cols: columns,
    rows,
    name: "dumb",
  });
  const machine = new Machine(pty, control, size, directory);
  try {
    if (options.saved !== undefined) await machine.load(options.saved);
  } catch (error) {
    await machine.kill();
    throw error;
  }
  return machine;
}

function qemuArguments(options: MachineOptions, directory: string): string[] {
  const { kernel, initramfs, disks = [], memoryMiB = defaultMemoryMiB, append, kvm } = options;
  const { saved, consoles = ["tty0", "ttyS0"] } = options;
  // no_timer_check: on a host that is busy the kernel's look at its timer may be too early, and
  // that is a panic.
  // net.ifnames=0: udev leaves the network card its name, which is eth0 without udev, too.
  const kernelWords = ["panic=-1", "no_timer_check", "net.ifnames=0", "quiet", append];
  const words = [...consoles.map((name) => `console=${name}`), ...kernelWords];
  const snapshot = saved === undefined ? "off" : "on";
  const drives = disks.flatMap((disk) => [
    "-drive",
    `file=${disk},format=raw,if=virtio,snapshot=${snapshot}`,
  ]);
  return [
    ...["-no-user-config", "-nodefaults", "-display", "none", "-no-reboot"],
    ...(kvm ? ["-accel", "kvm", "-cpu", "host"] : ["-accel", "tcg", "-cpu", "max"]),
    ...["-m", `${memoryMiB}`, "-kernel", kernel, "-initrd", initramfs],
    // ttyS0 is the terminal, where Ctrl-A x ends QEMU; on ttyS1 the guest hears its size.
    ...["-chardev", "stdio,id=console,mux=on,signal=off", "-serial", "chardev:console"],
    ...["-mon", "chardev=console,mode=readline"],
    ...["-chardev", `socket,id=size,path=${directory}/size`, "-serial", "chardev:size"],
    ...["-chardev", `socket,id=control,path=${directory}/control`],
    ...["-mon", "chardev=control,mode=control"],
    // A network that reaches nothing but the DHCP and DNS server that QEMU is itself.
    ...["-netdev", "user,id=net0,restrict=on", "-device", "virtio-net-pci,netdev=net0,romfile="],
    ...["-vga", "std"], // a console for the keyboard, where Ctrl-Alt-Del comes from
    ...["-append", words.join(" ").trim()],
    ...(saved === undefined ? [] : ["-incoming", "defer"]),
    ...drives,
  ];
}

/** A socket that QEMU connects to when it starts, before the guest does. */
function listen(file: string): Promise<Server> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once("error", reject);
    server.listen(file, () => resolve(server));
  });
}

function connected(server: Server): Promise<Socket> {
  return new Promise((resolve) => {
    server.once("connection", (socket) => {
      socket.on("error", () => {}); // QEMU is gone, which `ended` tells
      resolve(socket);
    });
  });
}

/** What QEMU says on its control socket, as far as it is of use here. */
interface Message {
  readonly event?: string;
  readonly data?: { readonly reason?: string; readonly status?: string };
  readonly error?: { readonly desc: string };
  readonly QMP?: object;
  readonly return?: unknown;
}

export class Machine implements AsyncDisposable {
  /** All that its console has shown. */
  readonly console = new Transcript();
  /** How it ended, once QEMU has. */
  readonly ended: Promise<End>;
  readonly #pty: IPty;
  readonly #control: Promise<Socket>;
  readonly #size: Promise<Socket>;
  #reason: End = "failed";
  #isOver = false;
  #answered: ((message: Message) => void)[] = [];
  readonly #events = new EventEmitter();
  #commands = 0;

  constructor(pty: IPty, control: Server, size: Server, directory: string) {
    this.#pty = pty;
    this.#control = connected(control).then(async (socket) => {
      const lines = createInterface(socket);
      lines.on("line", (line) => this.#hear(JSON.parse(line) as Message));
      lines.on("error", () => {}); // the socket's
      await this.#send(socket, "qmp_capabilities", {});
      return socket;
    });
    this.#size = connected(size).then((socket) => {
      const tell = () => socket.write(`${this.#pty.rows} ${this.#pty.cols}\n`);
      const lines = createInterface(socket);
      lines.on("line", (line) => line.trim() === "size" && tell());
      lines.on("error", () => {}); // the socket's
      return socket;
    });
    pty.onData((text) => this.console.add(text));
    this.ended = new Promise((resolve) => {
      pty.onExit(() => {
        this.#isOver = true;
        size.close();
        rmSync(directory, { recursive: true, force: true });
        this.console.end();
        control.close(() => resolve(this.#reason)); // when all that QEMU has said is heard
      });
    });
  }

  get pid(): number {
    return this.#pty.pid;
  }

  #hear(message: Message): void {
    if (message.event !== undefined) this.#events.emit(message.event, message.data);
    if (message.event === "SHUTDOWN") {
      const reasons: Record<string, End> = {
        "guest-shutdown": "power off",
        "guest-reset": "reset",
        "guest-panic": "panic",
      };
      this.#reason = reasons[message.data?.reason ?? ""] ?? "killed";
    }
    if (message.return === undefined && message.error === undefined) return;
    this.#answered.shift()?.(message);
  }

  /** A command of the QEMU Machine Protocol. */
  async #command(name: string, argument: object = {}): Promise<void> {
    const answer = this.#control.then((socket) => this.#send(socket, name, argument));
    const { error } = await this.#beforeEnd(answer);
    if (error !== undefined) throw new Error(`QEMU: ${name}: ${error.desc}`);
  }

  /** What QEMU is to say; throws when it ends without. */
  #beforeEnd<T>(what: Promise<T>): Promise<T> {
    const end = this.ended.then((end): never => {
      throw new Error(`the machine has ended: ${end}; its console shows: ${this.console.last}`);
    });
    return Promise.race([what, end]);
  }

  #send(socket: Socket, execute: string, argument: object): Promise<Message> {
    const answer = new Promise<Message>((resolve) => this.#answered.push(resolve));
    socket.write(`${JSON.stringify({ execute, arguments: argument })}\n`);
    return answer;
  }

  // --- At the console ----------------------------------------------------------------------

  type(text: string): void {
    if (!this.#isOver) this.#pty.write(text);
  }

  /** Calls back with what it prints, as it is. */
  onOutput(handle: (text: string) => void): void {
    this.#pty.onData(handle);
  }

  /** The next that the console shows of this; throws where it does not come in time. */
  waitFor(pattern: RegExp, timeoutMs = waitMs): Promise<RegExpExecArray> {
    return this.console.waitFor(pattern, timeoutMs);
  }

  /** As root, who has no password there. */
  async login(): Promise<void> {
    await this.waitFor(/login: /);
    this.type("root\n");
    await this.atPrompt();
  }

  /** A shell shows its prompt; then `run` can be used. */
  async atPrompt(): Promise<void> {
    await this.waitFor(/[#$] /);
    this.type(`export TERM=dumb PS1=${prompt}\n`);
    await this.waitFor(promptLine);
  }

  /** Types a command at a shell's prompt, and waits for its end. */
  async run(command: string, timeoutMs = waitMs): Promise<Result> {
    const mark = `${++this.#commands}`;
    // In two words, so that what is typed is not taken for what is printed.
    this.type(`echo "<""${mark}<"; { ${command}\n}; echo ">""${mark}> $?"\n`);
    await this.waitFor(new RegExp(`<${mark}<\\n`), timeoutMs);
    const pattern = new RegExp(`([^]*?)>${mark}> (\\d+)\\n`);
    const [, output = "", code = ""] = await this.waitFor(pattern, timeoutMs);
    await this.waitFor(promptLine, timeoutMs);
    return { code: Number(code), output };
  }

  /** The size of the terminal; the guest is told. */
  resize(columns: number, rows: number): void {
    if (this.#isOver) return;
    try {
      this.#pty.resize(columns, rows);
    } catch {
      return; // it is closed, which is how its end begins
    }
    void this.#size.then((socket) => socket.write(`${rows} ${columns}\n`));
  }

  // --- From outside ------------------------------------------------------------------------

  /** Presses these keys at once: `ctrl`, `alt`, `delete`. */
  async press(...keys: readonly string[]): Promise<void> {
    await this.#command("send-key", { keys: keys.map((data) => ({ type: "qcode", data })) });
  }

  async powerButton(): Promise<void> {
    await this.#command("system_powerdown");
  }

  /** Plugs the network cable in, or pulls it. */
  async link(up: boolean): Promise<void> {
    await this.#command("set_link", { name: "net0", up });
  }

  /** Writes all of it but its disks to a file, and ends it: what follows begins there. */
  async save(file: string): Promise<void> {
    await this.#command("migrate-set-capabilities", {
      capabilities: [{ capability: "events", state: true }],
    });
    const isOver = new Promise<string>((resolve) => {
      this.#events.on("MIGRATION", ({ status }: { readonly status: string }) => {
        if (status === "completed" || status === "failed") resolve(status);
      });
    });
    await this.#command("migrate", { uri: `exec:cat >'${file}'` });
    const status = await this.#beforeEnd(isOver);
    if (status === "failed") throw new Error("QEMU: unable to save the machine");
    await this.kill();
  }

  /** What is typed before it runs would be lost. */
  async load(file: string): Promise<void> {
    const runs = once(this.#events, "RESUME");
    // Where it cannot be read QEMU is told something: it would wait for the first byte.
    await this.#command("migrate-incoming", { uri: `exec:cat '${file}' || echo` });
    await this.#beforeEnd(runs);
  }

  /** As if the power failed. */
  async kill(): Promise<End> {
    if (!this.#isOver) {
      this.#reason = "killed";
      this.#pty.kill("SIGKILL");
    }
    return this.ended;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.kill();
  }
}
