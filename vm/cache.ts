// What takes long to make and changes seldom, in cache/vm; `rm -r cache/vm` forgets it.
import { existsSync, mkdirSync, mkdtempSync, renameSync, rmSync } from "node:fs";
import path from "node:path";

const cache = path.resolve(import.meta.dirname, "../cache/vm");

/** Who wants to know what takes its time. */
export type Progress = (text: string) => void;

/** A directory of the cache. Where it is missing it is filled beside its place, and moved there
 * when it is complete; of several who do so at a time the first one's stays. */
export async function keep(
  name: string,
  fill: (directory: string) => Promise<void>,
): Promise<string> {
  const directory = path.join(cache, name);
  if (existsSync(directory)) return directory;
  mkdirSync(cache, { recursive: true });
  const work = mkdtempSync(`${directory}.new-`);
  try {
    await fill(work);
    renameSync(work, directory);
  } catch (error) {
    rmSync(work, { recursive: true, force: true });
    if (!existsSync(directory)) throw error;
  }
  return directory;
}
