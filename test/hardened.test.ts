// What the executable is protected by, as its file and the kernel tell, and what the build trusts.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import * as fs from "node:fs";
import { createRequire } from "node:module";
import path from "node:path";
import { test } from "node:test";
import { engineSum } from "../scripts/build.ts";
import { eventually, root, start, tempDir } from "./harness.ts";

const executable = path.join(root, "dist/trinit");

function outputOf(program: string, ...args: readonly string[]): string {
  const { stdout, stderr, status } = spawnSync(program, args, { encoding: "utf8" });
  assert.equal(status, 0, stderr);
  return stdout;
}

/** The lines of readelf -l that begin with this: type, offset, address, .., size, flags. */
function segments(type: string): string[][] {
  const lines = outputOf("readelf", "-lW", executable).split("\n");
  return lines.map((line) => line.trim().split(/\s+/)).filter(([first]) => first === type);
}

test("the stack is not executable, and no segment is both writable and executable", () => {
  assert.deepEqual(
    segments("GNU_STACK").map((fields) => fields[6]),
    ["RW"],
  );
  const flags = segments("LOAD").map((fields) => fields.slice(6, -1).join(""));
  assert.deepEqual(flags.sort(), ["R", "R", "RE", "RW"]);
});

test("functions with arrays check their stack before they return", () => {
  for (const unit of ["boot", "files", "process", "wait"]) {
    const object = path.join(root, "dist", "work", "release", `${unit}.o`);
    assert.match(outputOf("nm", object), /U __stack_chk_fail$/m, unit);
  }
});

test("tables of pointers are read-only while it runs", async (t) => {
  const [relro = []] = segments("GNU_RELRO");
  const address = Number(relro[2]);
  const { pid } = start(t, executable, { args: ["runsvdir", tempDir(t)] });
  const holdsIt = (line: string) => {
    const [from, to] = line.split(/[- ]/).map((word) => Number(`0x${word}`));
    return (from ?? 0) <= address && address < (to ?? 0);
  };
  await eventually("no right to write", () => {
    const lines = fs.readFileSync(`/proc/${pid}/maps`, "latin1").split("\n");
    return lines.some((line) => line.split(" ")[1] === "r--p" && holdsIt(line));
  });
});

test("the sum of the engine counts its compiler and headers", (t) => {
  const found = createRequire(import.meta.url).resolve("@suchipi/quickjs/package.json");
  const from = path.join(path.dirname(found), "build/x86_64-unknown-linux-static");
  const copy = path.join(tempDir(t), "engine");
  for (const name of ["bin/qjsc", "include", "lib/quickjs-core.a"]) {
    fs.cpSync(path.join(from, name), path.join(copy, name), { recursive: true });
  }
  const sum = engineSum(copy);
  assert.equal(sum, engineSum(from));
  for (const name of ["bin/qjsc", "include/quickjs.h", "lib/quickjs-core.a"]) {
    const before = engineSum(copy);
    fs.appendFileSync(path.join(copy, name), "\n");
    assert.notEqual(engineSum(copy), before, name);
  }
});
