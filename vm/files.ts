// Files out of a table: for images, and for the directories that tests make.
import { mkdirSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import path from "node:path";

/** Text by path. A path that ends in `!` is executable, `=` makes a symbolic link to the text,
 * `/` a directory. */
export type Files = Readonly<Record<string, string>>;

/** Makes them below the directory, in the place of what is there. */
export function writeFiles(directory: string, files: Files): void {
  for (const [key, text] of Object.entries(files)) {
    const file = path.join(directory, key.replace(/[!=]$/, ""));
    mkdirSync(path.dirname(file), { recursive: true });
    if (key.endsWith("/")) {
      mkdirSync(file, { recursive: true });
      continue;
    }
    rmSync(file, { force: true }); // it may be a link, or have one to it
    if (key.endsWith("=")) symlinkSync(text, file);
    else writeFileSync(file, text, { mode: key.endsWith("!") ? 0o755 : 0o644 });
  }
}
