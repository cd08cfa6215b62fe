// Builds what is stale, then runs tests: `tsx scripts/test.ts core process` those of test/core,
// with those of the tree itself, and of test/process; `tsx scripts/test.ts test/core/args.test.ts`
// one file. With TRINIT_BIN=dist/asan/bin the processes under test are another build's, which is
// not made here; the tier shell, which is about stages/, sv/ and completions, has no need of it.
// Whatever a run does, the machine's own services and stages are as they were: it is looked at.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { finished } from "node:stream/promises";
import { run } from "node:test";
import { spec } from "node:test/reporters";
import { changesOf, inOwnPlaces, isRoot, lookAtHost, usedByRuns } from "../test/places.ts";
import { buildFlavour } from "./build.ts";
import { Counts } from "./counts.ts";

const root = path.resolve(import.meta.dirname, "..");
/** As many files at a time; each has one process, and those that it tests. */
const concurrency = 4;
/** A virtual machine keeps a processor busy, and so does an engine. */
const concurrencyOfWorlds = 2;
/** Tiers whose files have a world of their own, each. */
const worlds = ["vm", "container"];
/** So many files that failed get a second run, one at a time: where a run is all or nothing, a
 * machine that is slow for a moment must not decide. What failed once is said; 0 without it. */
const againMax = Number(process.env.TRINIT_TEST_AGAIN ?? 0);
/** In the environment of a run that has places of its own. */
const isApart = "TRINIT_TEST_APART";
/** One file's time: what hangs is to be named, not to hang everything. */
const fileTimeoutMs = 480_000 + 2000 * Number(process.env.FUZZ_SECONDS ?? 0);

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

/** Runs the files; a file that holds no test counts as failed. */
async function runFiles(
  files: readonly string[],
  together: number,
  failedFiles = new Set<string>(),
): Promise<Counts> {
  const counts = new Counts();
  const events = run({
    files: [...files],
    concurrency: together,
    timeout: fileTimeoutMs,
  });
  events.on("test:fail", (event) => {
    counts.fail(event);
    failedFiles.add(event.file ?? event.name);
  });
  events.on("test:pass", (event) => counts.pass(event));
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

/** Runs the files here, and says how many tests there were; an exit code. */
async function runHere(files: readonly string[], isWorld: boolean): Promise<number> {
  const started = performance.now();
  const failedFiles = new Set<string>();
  const together = isWorld ? concurrencyOfWorlds : concurrency;
  let counts = await runFiles(files, together, failedFiles);
  if (counts.failed > 0 && failedFiles.size <= againMax) {
    const names = [...failedFiles].map((file) => path.relative(root, file)).join(" ");
    process.stdout.write(`${counts.summary()}; FAILED ONCE, again one at a time: ${names}\n`);
    counts = await runFiles([...failedFiles], 1);
  }
  const seconds = ((performance.now() - started) / 1000).toFixed(1);
  process.stdout.write(`${counts.summary()}, in ${seconds} s\n`);
  return counts.failed === 0 && counts.passed > 0 ? 0 : 1;
}

/** The same in a mount namespace, where what the tests leave is seen by nobody. As a user there is
 * none, and need not be: a user cannot harm what is not theirs. */
async function runApart(): Promise<number> {
  const base = mkdtempSync(path.join(os.tmpdir(), "trinit-test-"));
  const again = [process.execPath, ...process.execArgv, ...process.argv.slice(1)];
  const [file, args] = inOwnPlaces(base, usedByRuns(), again);
  const env = { ...process.env, [isApart]: "1", TMPDIR: "/tmp" };
  const child = spawn(file, args, { env, stdio: "inherit" });
  for (const signal of ["SIGTERM", "SIGHUP"] as const) {
    process.on(signal, () => void child.kill(signal));
  }
  const [code] = await once(child, "exit");
  rmSync(base, { recursive: true, force: true, maxRetries: 3 });
  return code ?? 1;
}

async function main(): Promise<number> {
  const asked = process.argv.slice(2);
  const ofTree = asked.includes("core") ? testsIn("test") : [];
  const files = [...ofTree, ...asked.flatMap(filesOf)];
  if (files.length === 0) {
    process.stderr.write("test: no tests found\n");
    return 1;
  }
  const tiers = new Set(files.map((file) => path.basename(path.dirname(file))));
  const found = worlds.filter((tier) => tiers.has(tier));
  if (process.env[isApart] !== undefined) return runHere(files, false);
  await buildFlavour("release", false);
  await buildFlavour("faults", false);
  for (const tier of found) await prepareWorld(tier);
  const before = lookAtHost();
  const isWorld = found.length > 0;
  const code = isWorld || !isRoot ? await runHere(files, isWorld) : await runApart();
  const changes = changesOf(before, lookAtHost());
  if (changes.length === 0) return code;
  process.stderr.write(`test: this run has changed the machine:\n${changes.join("\n")}\n`);
  return 1;
}

process.exit(await main());
