// The kernel that the virtual machine boots, and its modules: Debian's linux-image-cloud-amd64,
// unpacked and not installed; a file of the caller's; or the host's own.
import { existsSync, readdirSync, rmSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { execa } from "execa";
import { keep, type Progress } from "./cache.ts";

export interface Kernel {
  readonly image: string;
  /** .../lib/modules/VERSION, with an index; null: it has none, or nobody knows where. */
  readonly modules: string | null;
}

/** Of `file`, if there is one; its modules are looked for where its name says its version. */
export async function findKernel(file: string | undefined, progress: Progress): Promise<Kernel> {
  if (file !== undefined) return { image: file, modules: modulesBeside(file) };
  if (!existsSync("/etc/debian_version") || process.arch !== "x64") return hostKernel();
  const boot = path.join(await keep("kernel", (work) => fetchKernel(work, progress)), "boot");
  const image = readdirSync(boot).find((name) => name.startsWith("vmlinuz"));
  if (image === undefined) throw new Error(`no kernel in ${boot}`);
  return { image: path.join(boot, image), modules: modulesBeside(path.join(boot, image)) };
}

function hostKernel(): Kernel {
  const image = `/boot/vmlinuz-${os.release()}`;
  const found = [image, "/boot/vmlinuz"].find((name) => existsSync(name));
  if (found === undefined) throw new Error("no kernel here: name one with --kernel FILE");
  return { image: found, modules: modulesBeside(image) };
}

/** As packages lay them out: ROOT/boot/vmlinuz-VERSION and ROOT/lib/modules/VERSION. */
function modulesBeside(image: string): string | null {
  const version = path.basename(image).replace(/^vmlinuz-?/, "");
  const root = path.resolve(path.dirname(image), "..");
  const modules = path.join(root, "lib/modules", version);
  return version !== "" && existsSync(modules) ? modules : null;
}

async function fetchKernel(work: string, progress: Progress): Promise<void> {
  progress("fetching Debian's linux-image-cloud-amd64");
  const { stdout } = await execa("apt-cache", ["depends", "linux-image-cloud-amd64"]);
  const name = /Depends: (linux-image-\S+)/.exec(stdout)?.[1];
  if (name === undefined) throw new Error("apt knows no linux-image-cloud-amd64: apt-get update");
  // As root, since the directory is nobody else's to write to.
  await execa("apt-get", ["download", "-q", "-o", "APT::Sandbox::User=root", name], { cwd: work });
  const [file] = readdirSync(work);
  await execa("dpkg-deb", ["-x", `${file}`, "."], { cwd: work });
  rmSync(path.join(work, `${file}`));
  const [version = ""] = readdirSync(path.join(work, "lib/modules"));
  await execa("busybox", ["depmod", "-b", work, version]);
}
