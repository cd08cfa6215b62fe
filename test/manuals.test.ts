// The manuals: one look, no page that is named and not there.
import assert from "node:assert/strict";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { test } from "node:test";
import { sharedFiles } from "../src/applets.ts";

const directory = path.resolve(import.meta.dirname, "../src/programs");
const manuals = readdirSync(directory).filter((name) => /\.[58]$/.test(name));

function textOf(name: string): string {
  return readFileSync(path.join(directory, name), "utf8");
}

test("docs/SECURITY.md names a test for every promise", () => {
  const root = path.resolve(directory, "../..");
  const text = readFileSync(path.join(root, "docs/SECURITY.md"), "utf8");
  const [, table = ""] = text.split("| name |");
  const rows = table.split("\n\n", 1)[0]?.split("\n").slice(2) ?? [];
  assert.ok(rows.length > 5);
  for (const row of rows) {
    const tests = [...(row.split(" | ").at(-1) ?? "").matchAll(/`((?:\w+\/)?[\w-]+)`/g)];
    assert.ok(tests.length > 0, row);
    for (const [, name] of tests)
      assert.ok(existsSync(path.join(root, `test/${name}.test.ts`)), name);
  }
});

/** Sections that a reader finds in the same place of every manual; it may have others. */
const sections = [
  "NAME", "SYNOPSIS", "DESCRIPTION", "OPTIONS", "OTHER NAMES", "SIGNALS", "ENVIRONMENT", "FILES",
  "EXIT STATUS", "EXAMPLES", "DIAGNOSTICS", "DIFFERENCES FROM RUNIT", "SEE ALSO", "STANDARDS",
  "CAVEATS",
]; // biome-ignore format: a table

/** What a manual tells at least, by its kind. */
const needed: Readonly<Record<string, readonly string[]>> = {
  ".5": ["NAME", "DESCRIPTION", "SEE ALSO"],
  ".8": ["NAME", "SYNOPSIS", "DESCRIPTION", "EXIT STATUS", "SEE ALSO"],
};

for (const name of manuals) {
  test(`${name} has its sections, in the order of all`, () => {
    const found = [...textOf(name).matchAll(/^\.Sh (.*)$/gm)].map(([, title]) => title ?? "");
    const known = found.filter((title) => sections.includes(title));
    assert.deepEqual(
      known,
      sections.filter((title) => known.includes(title)),
    );
    const missing = (needed[path.extname(name)] ?? []).filter((title) => !found.includes(title));
    assert.deepEqual(missing, []);
  });
}

/** Other people's, in sections that we have pages in. */
const foreign = ["getty.8", "logrotate.8", "utmp.5", "wtmp.5"];

test("every manual that another one names is there", () => {
  const own = sharedFiles(true).map((file) => path.basename(file));
  const named = manuals.flatMap((name) =>
    [...textOf(name).matchAll(/^\.Xr (\S+) ([58])/gm)].map(([, page, kind]) => `${page}.${kind}`),
  );
  assert.ok(named.includes("sv.8"));
  assert.deepEqual(
    named.filter((page) => !own.includes(page) && !foreign.includes(page)),
    [],
  );
});
