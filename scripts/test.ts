// Builds what is stale, then runs tests: `tsx scripts/test.ts core process` those of test/core,
// with those of the tree itself, and of test/process; `tsx scripts/test.ts test/core/args.test.ts`
// one file. With TRINIT_BIN=dist/asan/bin the processes under test are another build's, which is
// not made here; the tier shell, which is about stages/, sv/ and completions, has no need of it.
import { existsSync, readdirSync } from "node:fs";
import path from "node:path";
import { finished } from "node:stream/promises";
import { run } from "node:test";
import { spec } from "node:test/reporters";
import { buildFlavour } from "./build.ts";

const root = path.resolve(import.meta.dirname, "..");
/** As many files at a time; each has one process, and those that it tests. */
const concurrency = 4;
/** A virtual machine keeps a processor busy, and so does an engine. */
const concurrencyOfWorlds = 2;
/** Tiers whose files have a world of their own, each. */
const worlds = ["vm", "container"];
/** A shared machine may be slow for a moment: in CI as many failed files get a second run, by
 * themselves. What failed once is said, and its cause is to be found. */
const retriedMax = 2;
/** One file's time: what hangs is to be named, not to hang everything. */
const fileTimeoutMs = 240_000 + 2000 * Number(process.env.FUZZ_SECONDS ?? 0);

function testsIn(directory: string): string[] {
  const names = readdirSync(path.join(root, directory)).filter((name) => name.endsWith(".test.ts"));
  return names.sort().map((name) => path.join(root, directory, name));
}

function filesOf(argument: string): string[] {
  if (argument.endsWith(".test.ts")) return [path.resolve(argument)];
  const directory = path.join("test", argument);
  if (!existsSync(path.join(root, directory))) throw new Error(`no such tier: ${argument}`);
  return testsIn(directory);
}

interface Counts {
  passed: number;
  failed: number;
  /** The files that something failed in. */
  readonly failedFiles: Set<string>;
}

/** Runs the files; a file that holds no test counts as failed. */
async function runFiles(files: readonly string[], isWorld: boolean): Promise<Counts> {
  const counts: Counts = { passed: 0, failed: 0, failedFiles: new Set() };
  const events = run({
    files: [...files],
    concurrency: isWorld ? concurrencyOfWorlds : concurrency,
    timeout: fileTimeoutMs,
  });
  events.on("test:fail", ({ file, name }) => {
    counts.failed++;
    counts.failedFiles.add(file ?? name);
  });
  events.on("test:pass", ({ name, file }) => {
    if (file !== undefined && path.resolve(name) === file) {
      counts.failed++;
      counts.failedFiles.add(file);
      process.stderr.write(`${path.relative(root, file)}: no test in it\n`);
    } else counts.passed++;
  });
  const report = events.compose(new spec());
  report.pipe(process.stdout, { end: false });
  await finished(report);
  return counts;
}

/** Loaded here, since what it needs is not everywhere. */
async function prepareWorld(tier: string): Promise<void> {
  const { prepare } = await import(`../test/${tier}.ts`);
  await prepare((text: string) => process.stderr.write(`test: ${text}\n`));
}

async function main(): Promise<number> {
  const asked = process.argv.slice(2);
  const ofTree = asked.includes("core") ? testsIn("test") : [];
  const files = [...ofTree, ...asked.flatMap(filesOf)];
  if (files.length === 0) {
    process.stderr.write("test: no tests found\n");
    return 1;
  }
  await buildFlavour("release", false);
  await buildFlavour("faults", false);
  const tiers = new Set(files.map((file) => path.basename(path.dirname(file))));
  const found = worlds.filter((tier) => tiers.has(tier));
  for (const tier of found) await prepareWorld(tier);
  const started = performance.now();
  let { passed, failed, failedFiles } = await runFiles(files, found.length > 0);
  if (failed > 0 && failedFiles.size <= retriedMax && process.env.CI !== undefined) {
    const names = [...failedFiles].map((file) => path.relative(root, file)).join(" ");
    process.stdout.write(`FAILED ONCE, a bug in the test or in trinit: ${names}; again, alone\n`);
    const again = await runFiles([...failedFiles], found.length > 0);
    failed = again.failed;
    if (again.passed === 0) failed++;
  }
  const seconds = ((performance.now() - started) / 1000).toFixed(1);
  process.stdout.write(`${passed} passed, ${failed} failed, in ${seconds} s\n`);
  return failed === 0 && passed > 0 ? 0 : 1;
}

process.exit(await main());
