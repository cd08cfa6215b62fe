// The runner of the scenarios: each is a few lines of shell that are run twice, with Debian's
// programs and with ours, side by side; what they print, and how they end, is to be the same.
// prelude.sh has the words of their language. Where the oracle is: $TRINIT_ORACLE, or
// cache/oracle, where scripts/oracle.sh puts it.
import assert from "node:assert/strict";
import * as fs from "node:fs";
import path from "node:path";
import { type TestContext, test } from "node:test";
import { bin, root, run, tempDir } from "../harness.ts";

export interface Scenario {
  /** What is checked, a name of its own. */
  readonly what: string;
  readonly line: string;
  readonly env?: Readonly<Record<string, string>>;
  /** With Debian's sv and our runsv, and the reverse, too. */
  readonly mixed?: boolean;
  /** Where we differ on purpose, a row of docs/DIFFERENCES.md: what either prints. */
  readonly differs?: Both & { readonly id: string };
  /** Where we differ and should not. */
  readonly gap?: Both;
}

interface Both {
  readonly debian: string;
  readonly trinit: string;
}

/** A scenario waits for many things, and the machine may be slow. */
const timeoutMs = 40_000;
/** As many of one file at a time: most of their time they wait. */
const concurrency = 6;

const oracle = path.resolve(root, process.env.TRINIT_ORACLE ?? "cache/oracle");
const prelude = path.join(import.meta.dirname, "prelude.sh");
/** Where Debian has what. */
const places = {
  ...{ sv: "usr/bin", runsv: "usr/bin", runsvdir: "usr/bin", svlogd: "usr/bin", chpst: "usr/bin" },
  ...{ runsvchdir: "usr/sbin", utmpset: "usr/sbin", runit: "sbin", "runit-init": "lib/runit" },
} as const;
type Program = keyof typeof places;
const programs = Object.keys(places) as Program[];

/** Debian's are compared with themselves: does each scenario say the same twice? */
const isTwice = process.env.TRINIT_ORACLE_TWICE !== undefined;

type Origin = "debian" | "trinit";

function obstacle(): string | false {
  if (process.env.CI !== undefined) return false; // there it has to be
  if (!fs.existsSync(path.join(oracle, "usr/bin/sv"))) {
    return "SKIPPED, no runit to compare with; type: sudo sh scripts/oracle.sh";
  }
  return process.getuid?.() === 0 ? false : "SKIPPED, needs root; type: sudo npm run test:oracle";
}

function executable(origin: Origin, program: Program): string {
  if (origin === "debian" || isTwice) return path.join(oracle, places[program], program);
  return fs.realpathSync(bin("trinit"));
}

/** A directory with the programs; sv may be of another origin than the others. */
function programsOf(t: TestContext, sv: Origin, others: Origin): string {
  const directory = tempDir(t);
  for (const program of programs) {
    const target = executable(program === "sv" ? sv : others, program);
    fs.symlinkSync(target, path.join(directory, program));
  }
  fs.chmodSync(directory, 0o755);
  return directory;
}

/** What is never the same twice. */
function masked(text: string, directory: string, bins: string): string {
  return text
    .replaceAll(directory, "DIR")
    .replaceAll(bins, "BIN")
    .replace(/TRINIT_TEST=[0-9-]+/g, "TRINIT_TEST=N")
    .replace(/TRINIT_EXITCODE=.*\n/g, "") // container-code in docs/DIFFERENCES.md
    .replace(/\b(pid|PID) \d+/g, "$1 N")
    .replace(/: \d+s\b/g, ": Ns")
    .replace(/\) \d+s\b/g, ") Ns")
    .replace(/\b(pipe|socket):\[\d+\]/g, "$1:[N]")
    .replace(/@4[0-9a-f]{23}/g, "@STAMP")
    .replace(/ \[-(?:C dir|L|L file|o format|r n)\]/g, ""); // options that are ours, in the usage
}

/** What sv adds on stderr, the rows second-line and unknown-command of docs/DIFFERENCES.md. */
const answers = /, \.\/check (exits \d+|still runs|was ended by signal \d+)$/gm;
const hints = /^(! )?\w+: (unknown command |\S+: (last end|last complaint|looked for in)).*\n/gm;

/** All that there was to see, in one text. */
async function transcript(
  t: TestContext,
  sv: Origin,
  others: Origin,
  { line, env = {}, differs }: Scenario,
): Promise<string> {
  const directory = tempDir(t);
  fs.chmodSync(directory, 0o755);
  const bins = programsOf(t, sv, others);
  const search = `${bins}:/usr/sbin:/usr/bin:/sbin:/bin`;
  const text = `. ${prelude}\n>said\n${line.trim()}`;
  const args = ["-c", text, "sh"];
  const said = await run(t, "/bin/sh", args, {
    env: { ...env, PATH: search, LC_ALL: "C", PRELUDE: prelude },
    cwd: directory,
    milliseconds: timeoutMs,
  });
  const errors = said.stderr.replace(/^(?=.)/gm, "! ");
  const end = said.code === 0 ? "" : `exit ${said.code ?? said.signal}\n`;
  assert.doesNotMatch(said.stdout, /^never: /m, `waited in vain, with ${others}'s programs`);
  const seen = masked(`${said.stdout}${errors}${end}`, directory, bins);
  return differs?.id === "second-line" ? seen : seen.replace(hints, "").replace(answers, "");
}

async function compare(t: TestContext, scenario: Scenario): Promise<void> {
  const [debian, trinit] = await Promise.all([
    transcript(t, "debian", "debian", scenario),
    transcript(t, "trinit", "trinit", scenario),
  ]);
  if (isTwice) return assert.equal(trinit, debian);
  const known = scenario.differs ?? scenario.gap;
  if (known === undefined) {
    assert.equal(trinit, debian);
    return;
  }
  if (scenario.gap !== undefined) assert.notEqual(trinit, debian, "the gap is closed: unmark it");
  assert.equal(debian, known.debian, "Debian's");
  assert.equal(trinit, known.trinit, "ours");
}

async function compareMixed(t: TestContext, scenario: Scenario): Promise<void> {
  const [debian, ours, theirs] = await Promise.all([
    transcript(t, "debian", "debian", scenario),
    transcript(t, "trinit", "debian", scenario),
    transcript(t, "debian", "trinit", scenario),
  ]);
  assert.equal(ours, debian, "our sv, Debian's runsv");
  assert.equal(theirs, debian, "Debian's sv, our runsv");
}

function titleOf({ what, differs, gap }: Scenario): string {
  if (differs !== undefined) return `differs, ${differs.id}: ${what}`;
  return gap === undefined ? what : `known gap: ${what}`;
}

/** Runs the rows of a table, a few at a time. */
export function scenarios(program: string, rows: readonly Scenario[]): void {
  const skip = obstacle();
  test(`as Debian's: ${program}`, { concurrency, skip }, async (t) => {
    const tests = rows.flatMap((row) => {
      const options = { timeout: 2 * timeoutMs };
      const plain = t.test(titleOf(row), options, (own) => compare(own, row));
      if (row.mixed !== true || row.differs !== undefined) return [plain];
      return [plain, t.test(`${row.what}; mixed`, options, (own) => compareMixed(own, row))];
    });
    await Promise.all(tests);
  });
}
