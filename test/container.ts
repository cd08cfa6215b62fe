// What the tests with a real engine share: podman, with storage of each test file's own; images out
// of tables of files; and containers, which end with their test.
import { spawnSync } from "node:child_process";
import * as fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { after, type TestContext } from "node:test";
import { execa } from "execa";
import { allNames } from "../src/applets.ts";
import type { Progress } from "../vm/cache.ts";
import { type Files, writeFiles } from "../vm/files.ts";
import { bin, type Lines, type Output, type Program, start, tempDir } from "./harness.ts";

function whyNot(): string | false {
  const missing = ["podman", "runc", "busybox"].filter(
    (name) => spawnSync("which", [name]).status !== 0,
  );
  const isRoot = process.geteuid?.() === 0;
  if ((missing.length === 0 && isRoot) || process.env.CI !== undefined) return false;
  const lacks = [...missing, isRoot ? "" : "root"].join(" ");
  return `type: sudo npm run test:container (missing: ${lacks})`;
}

/** For test(): skips where there is no engine, but never in CI. */
export const inEngine: { readonly skip: string | false } = { skip: whyNot() };

// --- The engine ----------------------------------------------------------------------------

const homePrefix = "trinit-podman-";
const settings = `[engine]
lock_type = "file"
[containers]
# What an engine sets by default, a machine that is a container itself may not raise.
default_ulimits = ["nofile=1024:1024", "nproc=1000:1000"]
netns = "none"
`;

let home = "";

/** All that the engine writes is below one directory; its locks, too, which else all share. */
function engineHome(): string {
  if (home !== "") return home;
  home = fs.mkdtempSync(path.join(os.tmpdir(), `${homePrefix}${process.pid}-`));
  fs.writeFileSync(path.join(home, "containers.conf"), settings);
  return home;
}

/** Where there was a container, it is there no more. */
async function removeHome(directory: string): Promise<void> {
  await podmanIn(directory, ["rm", "--all", "--force", "--time=0"]);
  await podmanIn(directory, ["pod", "rm", "--all", "--force", "--time=0"]);
  fs.rmSync(directory, { recursive: true, force: true, maxRetries: 3 });
}

after(async () => {
  if (home !== "") await removeHome(home);
});

/** Before the first of several files: removes what those have left who were killed, and makes what
 * takes long. */
export async function prepare(progress: Progress): Promise<void> {
  if (inEngine.skip !== false) return;
  const { findBase } = await import("./container-base.ts");
  await findBase(progress);
  for (const left of fs.readdirSync(os.tmpdir())) {
    const maker = new RegExp(`^${homePrefix}(\\d+)-`).exec(left)?.[1];
    if (maker !== undefined && !fs.existsSync(`/proc/${maker}`)) {
      await removeHome(path.join(os.tmpdir(), left));
    }
  }
}

function engineArgs(directory: string): string[] {
  const storage = ["root", "runroot", "tmpdir"].map((name) => `--${name}=${directory}/${name}`);
  return [...storage, "--storage-driver=vfs", "--runtime=runc", "--cgroup-manager=cgroupfs"];
}

function engineEnv(directory: string): Record<string, string> {
  return { CONTAINERS_CONF: path.join(directory, "containers.conf") };
}

async function podmanIn(directory: string, args: readonly string[], input = ""): Promise<Output> {
  const { exitCode, stdout, stderr } = await execa("podman", [...engineArgs(directory), ...args], {
    env: engineEnv(directory),
    reject: false,
    ...(input === "" ? { stdin: "ignore" } : { inputFile: input }),
  });
  return { code: exitCode ?? null, signal: null, stdout, stderr };
}

/** Runs podman to its end, whatever that is. */
export function tryPodman(...args: readonly string[]): Promise<Output> {
  return podmanIn(engineHome(), args);
}

/** What podman prints; it has to succeed. */
export async function podman(...args: readonly string[]): Promise<string> {
  const { code, stdout, stderr } = await tryPodman(...args);
  if (code !== 0) throw new Error(`podman ${args.join(" ")} exits ${code}: ${stderr}`);
  return stdout;
}

/** For those who start it themselves, on a terminal. */
export function podmanCommand(args: readonly string[]): {
  args: string[];
  env: Record<string, string>;
} {
  return { args: [...engineArgs(engineHome()), ...args], env: engineEnv(engineHome()) };
}

// --- Images --------------------------------------------------------------------------------

export interface ImageOptions {
  /** By their path from /, as writeFiles() has it. */
  readonly files?: Files;
  /** Directories that anybody may write to, beside /tmp. */
  readonly writable?: readonly string[];
  /** The files of each directory in /etc/service. */
  readonly services?: Readonly<Record<string, Files>>;
  /** `["/trinit", "entrypoint"]`, where none is given. */
  readonly entrypoint?: readonly string[];
  readonly cmd?: readonly string[];
  /** More of what a Dockerfile says: `STOPSIGNAL SIGQUIT`. */
  readonly instructions?: readonly string[];
  /** Of busybox; all, where none are given. */
  readonly tools?: readonly string[];
}

/** The executable as the Dockerfile has it, and busybox under its own names. */
async function fillRoot(tree: string, options: ImageOptions): Promise<void> {
  const { files = {}, services = {}, writable = [], tools } = options;
  fs.copyFileSync(bin("trinit"), path.join(tree, "trinit"));
  const links = allNames().map(([name]) => [`bin/${name}=`, "../trinit"]);
  writeFiles(tree, { ...Object.fromEntries(links), "sbin/init=": "../trinit" });
  writeFiles(tree, { "run/": "", "tmp/": "", "etc/service/": "" });
  for (const name of ["tmp", ...writable]) fs.chmodSync(path.join(tree, name), 0o1777);
  const { stdout: busybox } = await execa("which", ["busybox"]);
  for (const name of tools ?? (await execa(busybox, ["--list"])).stdout.split("\n")) {
    const place = path.join(tree, "bin", name);
    if (!fs.existsSync(place) && name !== "busybox") fs.symlinkSync("busybox", place);
  }
  if (tools?.length !== 0) fs.copyFileSync(busybox, path.join(tree, "bin/busybox"));
  writeFiles(tree, files);
  for (const [name, of] of Object.entries(services)) {
    writeFiles(path.join(tree, "etc/service", name), of);
  }
}

const images = new Map<string, string>();

/** The image's name; the same options are the same image. */
export async function makeImage(t: TestContext, options: ImageOptions = {}): Promise<string> {
  const key = JSON.stringify(options);
  const known = images.get(key);
  if (known !== undefined) return known;
  const work = tempDir(t);
  const tree = path.join(work, "tree");
  fs.mkdirSync(tree);
  await fillRoot(tree, options);
  await execa("tar", ["-C", tree, "-cf", path.join(work, "tar"), "."]);
  const { entrypoint = ["/trinit", "entrypoint"], cmd, instructions = [] } = options;
  const changes = [`ENTRYPOINT ${JSON.stringify(entrypoint)}`, ...instructions];
  if (cmd !== undefined) changes.push(`CMD ${JSON.stringify(cmd)}`);
  const name = `localhost/test-${images.size}`;
  const told = changes.map((change) => `--change=${change}`);
  await podman("import", "--quiet", ...told, path.join(work, "tar"), name);
  images.set(key, name);
  return name;
}

// --- Containers ----------------------------------------------------------------------------

export interface ContainerOptions extends ImageOptions {
  /** An image that is there already. */
  readonly image?: string;
  /** Options of `podman run`. */
  readonly flags?: readonly string[];
  /** What comes behind the image's name. */
  readonly args?: readonly string[];
}

export interface Container {
  readonly name: string;
  readonly stdout: Lines;
  readonly stderr: Lines;
  /** Its exit code, as the engine has it. */
  exitCode(): Promise<number | null>;
  kill(signal: string): Promise<void>;
  /** As `docker stop` does it; the milliseconds that it took. */
  stop(...flags: readonly string[]): Promise<number>;
  /** Runs a program in there to its end. */
  exec(...command: readonly string[]): Promise<Output>;
  /** The process id of its first process, out here. */
  pid(): Promise<number>;
}

let containersMade = 0;

/** The arguments of `podman run`, and the container's name. */
export async function runArgs(
  t: TestContext,
  options: ContainerOptions,
): Promise<{ name: string; args: string[] }> {
  const image = options.image ?? (await makeImage(t, imageOptions(options)));
  const name = `test-${process.pid}-${++containersMade}`;
  const { flags = [], args = [] } = options;
  return { name, args: ["run", `--name=${name}`, ...flags, image, ...args] };
}

function imageOptions({ image: _, flags: __, args: ___, ...rest }: ContainerOptions): ImageOptions {
  return rest;
}

/** Starts a container; its output is there as it comes. */
export async function startContainer(
  t: TestContext,
  options: ContainerOptions = {},
): Promise<Container> {
  const { name, args } = await runArgs(t, options);
  const command = podmanCommand(args);
  const program = start(t, "podman", { ...command, endSignal: "SIGKILL" });
  t.after(() => tryPodman("rm", "--force", "--time=0", name));
  return containerOf(name, program);
}

function containerOf(name: string, program: Program): Container {
  return {
    name,
    stdout: program.stdout,
    stderr: program.stderr,
    exitCode: async () => (await program.waitForExit()).code,
    kill: async (signal) => {
      await podman("kill", `--signal=${signal}`, name);
    },
    stop: async (...flags) => {
      const began = performance.now();
      await podman("stop", ...flags, name);
      return performance.now() - began;
    },
    exec: (...command) => tryPodman("exec", name, ...command),
    pid: async () => Number(await podman("inspect", "--format={{.State.Pid}}", name)),
  };
}

/** Runs a container to its end. */
export async function runContainer(t: TestContext, options: ContainerOptions): Promise<Output> {
  const { stdout, stderr, exitCode } = await startContainer(t, options);
  const code = await exitCode();
  await Promise.all([stdout.closed, stderr.closed]);
  return { code, signal: null, stdout: stdout.text(), stderr: stderr.text() };
}
