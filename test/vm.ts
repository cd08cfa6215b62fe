// What the tests in the virtual machine share: a machine of their own, on an image of their own.
import { spawnSync } from "node:child_process";
import path from "node:path";
import type { TestContext } from "node:test";
import {
  fillCache,
  type Image,
  type ImageOptions,
  makeAlone,
  makeDisk,
  makeInitramfs,
} from "../vm/image.ts";
import { type Machine, type MachineOptions, startMachine } from "../vm/qemu.ts";
import { tempDir } from "./harness.ts";

function whyNot(): string | false {
  const missing = ["qemu-system-x86_64", "busybox", "debootstrap"].filter(
    (name) => spawnSync("which", [name]).status !== 0,
  );
  const isRoot = process.geteuid?.() === 0;
  if ((missing.length === 0 && isRoot) || process.env.CI !== undefined) return false;
  return `type: sudo npm run test:vm (missing: ${[...missing, isRoot ? "" : "root"].join(" ")})`;
}

/** For test(): skips where there is no QEMU, but never in CI. */
export const inMachine: { readonly skip: string | false } = { skip: whyNot() };

/** Before the first of several files that all would make what is not there. */
export async function prepare(progress: (text: string) => void): Promise<void> {
  if (inMachine.skip === false) await fillCache(progress);
}

export interface TestMachine extends ImageOptions, Partial<Omit<MachineOptions, "kernel">> {
  /** Debian on a disk, instead of busybox in an initramfs. */
  readonly disk?: boolean;
  /** Nothing but the executable. */
  readonly alone?: boolean;
}

/** What `start` goes on from. */
export type Saved = Image & { readonly saved: string };

/** A machine that was just started, and ends with the test. */
export async function boot(t: TestContext, options: TestMachine = {}): Promise<Machine> {
  return start(t, await imageFor(t, options), options);
}

export async function imageFor(t: TestContext, options: TestMachine): Promise<Image> {
  const make = options.disk ? makeDisk : options.alone ? makeAlone : makeInitramfs;
  return make(path.join(tempDir(t), "image"), options);
}

export async function start(
  t: TestContext,
  image: Image,
  options: Partial<Omit<MachineOptions, "kernel">> = {},
): Promise<Machine> {
  const machine = await startMachine({ ...options, ...image });
  t.after(() => machine.kill());
  return machine;
}

/** A machine that has booted, is logged in, and has done this: how to go on from there, as often as
 * one likes. */
export async function bootOnce(
  t: TestContext,
  options: TestMachine,
  command: string,
): Promise<Saved> {
  const image = await imageFor(t, options);
  const machine = await start(t, image, options);
  await machine.login();
  await machine.run(command);
  const saved = `${image.initramfs}.saved`;
  await machine.save(saved);
  return { ...image, saved };
}

/** A disk with nothing on it but an empty file system. */
export function makeFileSystem(t: TestContext): string {
  const disk = path.join(tempDir(t), "disk");
  const { status } = spawnSync("mke2fs", ["-q", "-t", "ext4", disk, "16M"]);
  if (status !== 0) throw new Error("unable to make a file system");
  return disk;
}

/** What e2fsck says of a disk that nobody uses: null where it has nothing to say, and no journal is
 * to be replayed, as where it was unmounted. */
export function faultsOf(disk: string): string | null {
  const { status, stdout } = spawnSync("e2fsck", ["-fn", disk], { encoding: "utf8" });
  return status === 0 && !stdout.includes("skipping journal recovery") ? null : stdout;
}
