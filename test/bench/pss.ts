// What init, runsvdir and ten services with loggers take beside runit's: `tsx test/bench/pss.ts`,
// as root. Each tree runs in namespaces and on a tmpfs of its own, with copies of the programs and
// libraries, so that what is shared is shared within the tree. The services' own memory is not
// counted, but with a Debian userland they share the C library with runit. Of a memory file all
// pages count, whoever has them mapped. ROUNDS: 3. TRINIT: the executable (dist/trinit).
// TRINIT_ORACLE: where Debian's runit is unpacked (cache/oracle).
import * as fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { execa, execaSync } from "execa";
import { childrenOf } from "../../src/client/processes.ts";
import { descendants, waitUntil } from "../bench.ts";

const root = path.resolve(import.meta.dirname, "../..");
const oracle = process.env.TRINIT_ORACLE ?? path.join(root, "cache/oracle");
const trinit = process.env.TRINIT ?? path.join(root, "dist/trinit");
const rounds = Number(process.env.ROUNDS ?? 3);
const services = 10;
const programs = ["init", "runsvdir", "runsv", "svlogd"];
const logScript = "#!/bin/sh\nexec svlogd -tt main\n";

interface Variant {
  readonly name: string;
  readonly isOurs: boolean;
  readonly isScripted: boolean;
}

const variants: readonly Variant[] = [
  { name: "runit", isOurs: false, isScripted: true },
  { name: "trinit, log/run", isOurs: true, isScripted: true },
  { name: "trinit, built in", isOurs: true, isScripted: false },
];

type Userland = "busybox" | "debian";

/** What is counted, by where it is: kB. */
const places = ["code", "data", "stack", "memory file", "anonymous"] as const;
type Sums = Record<(typeof places)[number], number>;

// --- A tree ------------------------------------------------------------------------------------

function put(file: string, text: string): void {
  fs.mkdirSync(path.dirname(file), { recursive: true });
  fs.writeFileSync(file, text, { mode: 0o755 });
}

function copy(from: string, to: string): void {
  fs.mkdirSync(path.dirname(to), { recursive: true });
  fs.copyFileSync(fs.realpathSync(from), to);
}

/** A program with the libraries that it is linked with. */
function install(base: string, from: string, to: string): void {
  copy(from, path.join(base, to));
  const { stdout } = execaSync("ldd", [from], { reject: false });
  for (const [library] of stdout.matchAll(/\/\S+\.so\S*/g)) copy(library, path.join(base, library));
}

function makeTools(base: string, userland: Userland): void {
  if (userland === "debian") {
    install(base, "/bin/dash", "bin/sh");
    install(base, "/bin/sleep", "bin/sleep");
    return;
  }
  install(base, "/bin/busybox", "bin/busybox");
  for (const name of ["sh", "sleep"]) fs.symlinkSync("busybox", path.join(base, "bin", name));
}

function makePrograms(base: string, isOurs: boolean): void {
  if (isOurs) {
    copy(trinit, path.join(base, "sbin/trinit"));
    for (const name of programs) fs.symlinkSync("trinit", path.join(base, "sbin", name));
    return;
  }
  install(base, path.join(oracle, "sbin/runit"), "sbin/init"); // which sees that it is process 1
  for (const name of programs.slice(1)) install(base, `${oracle}/usr/bin/${name}`, `bin/${name}`);
}

function fill(base: string, { isOurs, isScripted }: Variant, userland: Userland): void {
  for (const name of ["proc", "dev", "run"]) fs.mkdirSync(path.join(base, name));
  makeTools(base, userland);
  makePrograms(base, isOurs);
  put(path.join(base, "etc/runit/1"), "#!/bin/sh\n");
  put(path.join(base, "etc/runit/2"), "#!/bin/sh\nexec runsvdir -P /etc/service\n");
  put(path.join(base, "etc/runit/3"), "#!/bin/sh\n");
  for (let i = 0; i < services; i++) {
    const dir = path.join(base, "etc/service", `s${i}`);
    put(path.join(dir, "run"), "#!/bin/sh\necho up\nexec sleep 1000000\n");
    fs.mkdirSync(path.join(dir, "log/main"), { recursive: true });
    if (isScripted) put(path.join(dir, "log/run"), logScript);
  }
}

/** Process 1 of a tree, and how it ends with all that is in it. */
interface Tree {
  readonly pid: number;
  stop(): Promise<void>;
}

const enter = 'mount -t proc proc "$1/proc" && cd "$1" && exec chroot . /sbin/init';

async function start(base: string, variant: Variant, userland: Userland): Promise<Tree> {
  execaSync("mount", ["-t", "tmpfs", "tmpfs", base]);
  fill(base, variant, userland);
  const flags = ["--pid", "--mount", "--net", "--uts", "--ipc", "--fork", "--kill-child"];
  const child = execa("unshare", [...flags, "sh", "-ec", enter, "sh", base], {
    env: { PATH: "/usr/sbin:/sbin:/usr/bin:/bin" },
    extendEnv: false,
    reject: false,
    stdio: "ignore",
  });
  const logs = Array.from({ length: services }, (_, i) => `etc/service/s${i}/log/main/current`);
  await waitUntil("the first lines", () => logs.every((log) => hasText(path.join(base, log))));
  await sleep(2000); // and all sleep again
  return {
    pid: childrenOf(child.pid ?? 0)[0] ?? 0,
    stop: async () => {
      child.kill("SIGKILL");
      await child;
      execaSync("umount", [base]);
    },
  };
}

function hasText(file: string): boolean {
  return fs.existsSync(file) && fs.statSync(file).size > 0;
}

// --- What it takes -----------------------------------------------------------------------------

function noSums(): Sums {
  return { code: 0, data: 0, stack: 0, "memory file": 0, anonymous: 0 };
}

function placeOf(permissions: string, name: string): keyof Sums {
  if (name.startsWith("/memfd:")) return "memory file";
  if (name === "[stack]") return "stack";
  if (name.startsWith("/")) return permissions.startsWith("rw") ? "data" : "code";
  return "anonymous"; // .bss, too
}

/** Pss by place; of memory files what is private. The inodes of these go into `files`. */
function sumsOf(pid: number, files: Map<string, number>): Sums {
  const sums = noSums();
  const text = fs.readFileSync(`/proc/${pid}/smaps`, "latin1");
  const mapping = /^0*([0-9a-f]+)-0*([0-9a-f]+) (\S+) \S+ \S+ (\d+) *(.*)\n((?:\w+: .*\n)+)/gm;
  for (const [, from, to, permissions = "", inode = "", name = "", fields = ""] of text.matchAll(
    mapping,
  )) {
    const place = placeOf(permissions, name);
    const field = place === "memory file" ? "Private_Dirty" : "Pss";
    sums[place] += Number(new RegExp(`^${field}: +(\\d+)`, "m").exec(fields)?.[1]);
    if (place !== "memory file") continue;
    files.set(inode, fs.statSync(`/proc/${pid}/map_files/${from}-${to}`).blocks / 2);
  }
  return sums;
}

function add(to: Sums, more: Sums): void {
  for (const place of places) to[place] += more[place];
}

interface Found {
  readonly sum: number;
  /** By program, and whole memory files. */
  readonly parts: Map<string, Sums>;
}

async function measure(variant: Variant, userland: Userland): Promise<Found> {
  const base = fs.mkdtempSync(path.join(os.tmpdir(), "trinit-pss-"));
  const parts = new Map(programs.map((name) => [name, noSums()]));
  const files = new Map<string, number>();
  const tree = await start(base, variant, userland);
  let count = 0;
  for (const pid of [tree.pid, ...descendants(tree.pid)]) {
    const name = fs.readFileSync(`/proc/${pid}/comm`, "latin1").trim();
    const part = parts.get(name);
    if (part === undefined) continue;
    add(part, sumsOf(pid, files));
    count++;
  }
  await tree.stop();
  fs.rmdirSync(base);
  if (count !== 2 + 2 * services) throw new Error(`${count} processes of ${variant.name}`);
  const kept = [...files.values()].reduce((sum, size) => sum + size, 0);
  parts.set("shared", { ...noSums(), "memory file": kept });
  return { sum: [...parts.values()].reduce((sum, part) => sum + total(part), 0), parts };
}

function total(sums: Sums): number {
  return places.reduce((sum, place) => sum + sums[place], 0);
}

// --- What is said ------------------------------------------------------------------------------

function row(name: string, columns: readonly (string | number)[]): void {
  console.log(name.padEnd(18) + columns.map((one) => `${one}`.padStart(12)).join(""));
}

function median(found: readonly Found[]): Found {
  return found.toSorted((a, b) => a.sum - b.sum)[found.length >> 1] as Found;
}

async function compare(userland: Userland): Promise<void> {
  const found = new Map<Variant, Found[]>(variants.map((variant) => [variant, []]));
  for (let round = 0; round < rounds; round++) {
    for (const [variant, list] of found) list.push(await measure(variant, userland));
  }
  const [runit] = [...found.values()].map(median) as [Found];
  for (const [{ name }, list] of found) {
    const { sum, parts } = median(list);
    const ratio = (sum / runit.sum).toFixed(2);
    console.log(`\n${name}, services of ${userland}: ${Math.round(sum)} kB, ${ratio} x runit`);
    row("", ["all", ...places]);
    for (const [program, sums] of parts) {
      row(program, [total(sums), ...places.map((place) => sums[place])].map(Math.round));
    }
  }
}

if (process.geteuid?.() !== 0) throw new Error("only root can see all of it");
for (const userland of ["busybox", "debian"] as const) await compare(userland);
