// docs/DIFFERENCES.md and the tests name the same differences.
import assert from "node:assert/strict";
import * as fs from "node:fs";
import path from "node:path";
import { test } from "node:test";
import { root } from "../harness.ts";

/** The names in the first column of the tables. */
function namesIn(document: string): string[] {
  return [...document.matchAll(/^\| `([a-z0-9-]+)` \|/gm)].map(([, name]) => name ?? "");
}

/** Those in a test: `id: "polling"` of a row, or `differs, polling: ...` in a title or comment. */
function namedBy(text: string): string[] {
  const named = text.matchAll(/\bid: "([a-z0-9-]+)"[,\s}]|\b[dD]iffers, ([a-z0-9-]+): /g);
  return [...named].map(([, id, title]) => id ?? title ?? "");
}

const tests = ["core", "process", "namespace", "shell", "oracle"].flatMap((tier) => {
  const directory = path.join(root, "test", tier);
  if (!fs.existsSync(directory)) return [];
  const names = fs.readdirSync(directory).filter((name) => name.endsWith(".test.ts"));
  return names.map((name) => path.join(directory, name));
});

test("every difference has a row, and every row a test", () => {
  const rows = namesIn(fs.readFileSync(path.join(root, "docs/DIFFERENCES.md"), "utf8"));
  const own = import.meta.filename;
  const texts = tests.filter((file) => file !== own).map((file) => fs.readFileSync(file, "utf8"));
  const named = new Set(texts.flatMap(namedBy));
  assert.equal(new Set(rows).size, rows.length, "a name stands for one row");
  assert.deepEqual([...named].sort(), [...rows].sort());
});

test("names are found", () => {
  assert.deepEqual(namesIn("| `a-b` | x |\n| name | y |\n|---|\n"), ["a-b"]);
  assert.deepEqual(namedBy('{ id: "a", x }\n// Differs, b-c: x\ntest("differs, d: x")'), [
    "a",
    "b-c",
    "d",
  ]);
});
