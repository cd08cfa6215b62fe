// Completion of sv and trinit in fish: what it offers, and a key pressed in a shell on a terminal.
import assert from "node:assert/strict";
import * as fs from "node:fs";
import path from "node:path";
import { type TestContext, test } from "node:test";
import { allNames } from "../../src/applets.ts";
import { vocabulary } from "../../src/core/verbs.ts";
import { run, tempDir } from "../harness.ts";
import { installedEnv, missing, openShell } from "../shells.ts";

/** fish's environment; null when the test has been skipped. */
async function environment(t: TestContext): Promise<Record<string, string> | null> {
  const reason = missing("fish");
  if (reason === null) return installedEnv(t);
  t.skip(reason);
  return null;
}

/** The words that are offered at the end of each line. */
async function offered(
  t: TestContext,
  env: Record<string, string>,
  lines: readonly string[],
): Promise<string[][]> {
  const script = 'for line in $argv; complete -C "$line"; echo; end';
  const { code, stdout } = await run(t, "fish", ["-c", script, ...lines], { env });
  assert.equal(code, 0);
  const blocks = stdout.split(/(?<=^|\n)\n/).slice(0, -1);
  return blocks.map((block) =>
    block
      .split("\n")
      .slice(0, -1)
      .map((line) => line.split("\t")[0] ?? ""),
  );
}

test("every word of sv, and every name of trinit", async (t) => {
  const env = await environment(t);
  if (env === null) return;
  const [words = [], names = [], ...rest] = await offered(t, env, [
    "sv ",
    "trinit ",
    "sv -v -w 5 force-sh",
    "sv -",
    "sv -w ",
  ]);
  assert.deepEqual(words.sort(), [...vocabulary].sort());
  for (const [name] of allNames()) if (name !== "trinit") assert.ok(names.includes(name), name);
  assert.deepEqual(rest, [["force-shutdown"], ["-V", "-v", "-w"], []]);
});

test("services, paths, and what trinit hands on to sv", async (t) => {
  const env = await environment(t);
  if (env === null) return;
  const services = ['$x"y', "a:b", "db", "getty@tty1", "it's", "k=v", "my service", "web", "www"];
  const parent = tempDir(t);
  fs.mkdirSync(path.join(parent, "services"));
  const expected: Readonly<Record<string, readonly string[]>> = {
    "sv up ": services,
    "sv -w 9 stop web d": ["db"],
    "sv status --j": ["--json"],
    "sv up --j": [],
    "sv status web --j": [],
    [`sv up ${parent}/ser`]: [`${parent}/services/`],
    "trinit sv stat": ["status"],
    "trinit sv -v up w": ["web", "www"],
    "trinit stage ": ["1", "2", "3"],
    "trinit help runsvd": ["runsvdir"],
    "trinit install --": ["--init", "--share"],
    "trinit install --share /et": ["/etc/"],
    "trinit info ": [],
  };
  assert.deepEqual(await offered(t, env, Object.keys(expected)), Object.values(expected));
});

test("a key pressed quotes what needs it", async (t) => {
  const env = await environment(t);
  if (env === null) return;
  const shell = await openShell(t, "fish", env);
  for (const [typed, whole] of [
    ["sv stat", "sv status "],
    ["sv up web my", "sv up web my\\ service "],
    ["sv up 'my s", "sv up 'my service' "],
    ["sv up it", "sv up it\\'s "],
    ["trinit sv up get", "trinit sv up getty@tty1 "],
    ["trinit entrypoint --dr", "trinit entrypoint --drain "],
  ] as const) {
    assert.equal(await shell.tab(typed), whole);
  }
});
