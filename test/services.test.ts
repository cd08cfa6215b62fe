// What all services in sv/ have in common; README.md there tells it to whoever uses them.
import assert from "node:assert/strict";
import * as fs from "node:fs";
import path from "node:path";
import { test } from "node:test";

const base = path.resolve(import.meta.dirname, "../sv");
const names = fs.readdirSync(base).filter((name) => isDirectory(path.join(base, name)));

function isDirectory(file: string): boolean {
  return fs.statSync(file).isDirectory();
}

/** Paths of the files of one, from its directory. */
function filesOf(name: string): string[] {
  const all = fs.readdirSync(path.join(base, name), { recursive: true, encoding: "utf8" });
  return all.filter((file) => !isDirectory(path.join(base, name, file))).sort();
}

function read(...parts: readonly string[]): string {
  return fs.readFileSync(path.join(base, ...parts), "latin1");
}

function isExecutable(...parts: readonly string[]): boolean {
  return (fs.statSync(path.join(base, ...parts)).mode & 0o111) === 0o111;
}

test("every service has a run, and what is a script stops where something fails", () => {
  for (const name of names) {
    assert.ok(isExecutable(name, "run"), name);
    for (const file of filesOf(name).filter((file) => read(name, file).startsWith("#!"))) {
      assert.ok(isExecutable(name, file), `${name}/${file}`);
      assert.match(read(name, file), /^#!\/bin\/sh\n(#( .*)?\n)+set -eu\n/, `${name}/${file}`);
    }
  }
});

test("README names every service, in a row of its table", () => {
  const rows = read("README.md").split("\n## ")[0]?.split("\n") ?? [];
  const first = rows.flatMap((row) => /^\| (`.*?`) \|/.exec(row)?.[1]?.split(" ") ?? []);
  assert.deepEqual(first.sort(), names.map((name) => `\`${name}\``).sort());
});

test("every log is one that the built-in logger keeps small, with p_log and w_log", () => {
  for (const name of names.filter((name) => filesOf(name).some((file) => /^log\//.test(file)))) {
    assert.match(read(name, "log/main/config"), /^s250000\nn4\n$/, name);
    for (const link of ["p_log", "w_log"]) {
      assert.equal(fs.readlinkSync(path.join(base, name, link)), `../${link}`, name);
    }
    assert.deepEqual(
      filesOf(name).filter((file) => /^log\/|^supervise\//.test(file)),
      ["log/main/config"],
      `${name} has run where it is kept`,
    );
    assert.match(read(name, "run"), /^exec 2>&1$/m, name);
  }
});

test("what is not logged has no scripts for a log", () => {
  for (const name of names.filter((name) => !filesOf(name).includes("log/main/config"))) {
    assert.deepEqual(
      filesOf(name).filter((file) => /_log$/.test(file)),
      [],
      name,
    );
  }
});

test("a setting is one line", () => {
  for (const name of names) {
    for (const file of filesOf(name).filter((file) => /^conf\/[^/]+$/.test(file))) {
      if (`${name}/${file}` === "acpid/conf/power") continue; // acpid's own
      assert.match(read(name, file), /^[^\n]+\n$/, `${name}/${file}`);
    }
  }
});

test("instances differ in what is in conf/ alone", () => {
  const scriptsOf = (name: string): string[][] =>
    filesOf(name)
      .filter((file) => !file.startsWith("conf/"))
      .map((file) => [file, read(name, file)]);
  const firstOf = new Map<string, string>();
  for (const name of names) {
    const kind = name.replace(/_[^_]*$/, "");
    const first = firstOf.get(kind) ?? name;
    firstOf.set(kind, first);
    assert.deepEqual(scriptsOf(name), scriptsOf(first), `${name} and ${first}`);
  }
});
