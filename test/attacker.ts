// Another user, for the tests of what he may do to root (docs/SECURITY.md): a process of nobody's,
// and directories that are given to him.
import * as fs from "node:fs";
import path from "node:path";
import type { TestContext } from "node:test";
import { type Program, type StartOptions, start, tempDir } from "./harness.ts";

export const asRoot = { skip: process.geteuid?.() === 0 ? false : "needs root" };
export const nobody = 65534;

/** A directory of this test's own that everybody may enter. */
export function openDir(t: TestContext): string {
  const directory = tempDir(t);
  fs.chmodSync(directory, 0o755);
  return directory;
}

/** Gives files to nobody; what is not there is a directory that is made. */
export function give(...paths: readonly string[]): void {
  for (const one of paths) {
    if (!fs.existsSync(one)) fs.mkdirSync(one, { recursive: true });
    fs.lchownSync(one, nobody, nobody);
  }
}

/** Starts a program as nobody. */
export function asNobody(
  t: TestContext,
  command: readonly string[],
  options: StartOptions = {},
): Program {
  const ids = ["--reuid", `${nobody}`, "--regid", `${nobody}`, "--clear-groups"];
  return start(t, "/usr/bin/setpriv", { ...options, args: [...ids, ...command] });
}

/** A file of root's, which nobody may at most read. */
export function rootFile(directory: string, mode: number): string {
  const file = path.join(directory, `root-${mode.toString(8)}`);
  fs.writeFileSync(file, "secret\n", { mode });
  fs.chmodSync(file, mode);
  return file;
}
