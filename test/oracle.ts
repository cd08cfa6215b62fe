// Runs the same shell line with Debian's chpst and with ours, and demands the same of both: what
// is printed, how it ends. Where the oracle is: $TRINIT_ORACLE, or cache/oracle, where
// scripts/oracle.sh puts it.
import assert from "node:assert/strict";
import * as fs from "node:fs";
import path from "node:path";
import { type TestContext, test } from "node:test";
import { applets } from "../src/applets.ts";
import { bin, type Output, root, run, tempDir } from "./harness.ts";

const oracle = process.env.TRINIT_ORACLE ?? path.join(root, "cache/oracle");
const debian = path.resolve(oracle, "usr/bin/chpst");
const names = ["chpst", ...applets.chpst.aliases];

const inCi = process.env.CI !== undefined;

/** For tests of what only root may do: CI is root. */
export const skip = inCi || process.getuid?.() === 0 ? false : "needs root";

const isMissing = !inCi && !fs.existsSync(debian);

interface LineOptions {
  /** Makes files in the directory where the line is run. */
  readonly prepare?: (directory: string) => void;
  readonly env?: Readonly<Record<string, string>>;
}

/** A directory with all names of chpst, as links to one executable. */
function namesIn(t: TestContext, executable: string): string {
  const directory = tempDir(t);
  for (const name of names) fs.symlinkSync(executable, path.join(directory, name));
  fs.chmodSync(directory, 0o755);
  return directory;
}

async function runLine(
  t: TestContext,
  programs: string,
  line: string,
  options: LineOptions,
): Promise<Output> {
  const directory = tempDir(t);
  fs.chmodSync(directory, 0o755);
  options.prepare?.(directory);
  const env = { ...options.env, PATH: `${programs}:/usr/sbin:/usr/bin:/sbin:/bin` };
  return run(t, "/bin/sh", ["-c", line], { env, cwd: directory });
}

/** Runs a line with ours alone. */
export function runOurs(t: TestContext, line: string, options: LineOptions = {}): Promise<Output> {
  return runLine(t, namesIn(t, fs.realpathSync(bin("chpst"))), line, options);
}

/** What differs on purpose, in the usage and the version. */
function masked({ code, signal, stdout, stderr }: Output): Output {
  const said = stderr
    .replace(/ \[-[Cr] \w+\]/g, "")
    .replace(/^(\$Id: [0-9a-f]+ \$|trinit [0-9.]+)$/m, "VERSION");
  return { code, signal, stdout, stderr: said };
}

/** Every line prints the same on stdout and stderr with both, and ends in the same way. */
export function sameAsOracle(
  what: string,
  lines: readonly string[],
  options: LineOptions = {},
): void {
  const obstacle = isMissing ? "type: sh scripts/oracle.sh" : skip;
  test(`as runit's: ${what}`, { skip: obstacle }, async (t) => {
    const [theirs, ours] = [namesIn(t, debian), namesIn(t, fs.realpathSync(bin("chpst")))];
    for (const line of lines) {
      await t.test(line, async () => {
        const both = [theirs, ours].map((programs) => runLine(t, programs, line, options));
        const [expected, actual] = (await Promise.all(both)).map(masked);
        assert.deepEqual(actual, expected);
      });
    }
  });
}
