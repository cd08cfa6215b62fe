// What takes long to make and changes seldom, in cache/vm; `rm -r cache/vm` forgets it.
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readdirSync, renameSync } from "node:fs";
import path from "node:path";
import { execa } from "execa";

const cache = path.resolve(import.meta.dirname, "../cache/vm");

/** Who wants to know what takes its time. */
export type Progress = (text: string) => void;

/** A directory below the cache's, for a while. First those are removed whose makers were killed. */
export async function withWork(name: string, use: (work: string) => Promise<void>): Promise<void> {
  mkdirSync(cache, { recursive: true });
  for (const left of readdirSync(cache)) {
    const maker = /\.new-(\d+)-/.exec(left)?.[1];
    if (maker !== undefined && !existsSync(`/proc/${maker}`)) await remove(path.join(cache, left));
  }
  const work = mkdtempSync(path.join(cache, `${name}.new-${process.pid}-`));
  try {
    chmodSync(work, 0o755);
    await use(work);
  } finally {
    await remove(work);
  }
}

/** Without what debootstrap, when it was killed, has left mounted there. */
async function remove(directory: string): Promise<void> {
  await execa("rm", ["-rf", "--one-file-system", directory]);
}

/** A directory of the cache. Where it is missing it is filled beside its place, and moved there
 * when it is complete; of several who do so at a time the first one's stays. */
export async function keep(
  name: string,
  fill: (directory: string) => Promise<void>,
): Promise<string> {
  const directory = path.join(cache, name);
  if (existsSync(directory)) return directory;
  try {
    await withWork(name, async (work) => {
      await fill(work);
      renameSync(work, directory);
    });
  } catch (error) {
    if (!existsSync(directory)) throw error;
  }
  return directory;
}
