// Differs, chpst-directory: -C is ours.
// -/: what is looked up inside of the new root, and what before it; -C, which runit 2.1.2 lacks.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import * as fs from "node:fs";
import path from "node:path";
import { test } from "node:test";
import { runOurs, sameAsOracle, skip } from "../oracle.ts";

const passwd = `root:x:0:0::/:/bin/sh

garbage
# comment:x:1:1:::
+nis:x:1:1:::
-nis:x:1:1:::
three:x:5
four:x:5:6
five:x:5:6:
seven:x:5:6:g:d:s
eight:x:5:6:g:d:s:more
minus:x:-1:6:::
hex:x:0x5:6:::
  blanks:x:5:6:::
tail:x:5x:6:::
big:x:4294967296:6:::
max:x:4294967294:4294967293:::
nouid:x::1:::
nogid:x:1::::
octal:x:010:1:::
twice:x:7:7:::
twice:x:8:8:::
mended:x:y:7:::
mended:x:3:3:::
last:x:12:12:::`;

const group = `root:x:0:
garbage
#comment:x:5:
+nis:x:5:
two:x
three:x:6
members:x:7:a,b
open::9:
minus:x:-1:
tail:x:5x:
  blanks:x:5:
nogid:x::
last:x:13:`;

/** A program and the libraries that it needs, at the same paths below `root`. */
function copyProgram(program: string, root: string): void {
  const libraries = execFileSync("ldd", [program], { encoding: "utf8" }).matchAll(/\/\S+/g);
  for (const file of [program, ...[...libraries].map(([library]) => library)]) {
    const copy = path.join(root, file);
    fs.mkdirSync(path.dirname(copy), { recursive: true });
    fs.copyFileSync(file, copy);
    fs.chmodSync(copy, 0o755);
  }
}

function prepare(directory: string): void {
  const root = path.join(directory, "root");
  copyProgram("/bin/sh", root);
  fs.mkdirSync(path.join(root, "etc"));
  fs.mkdirSync(path.join(root, "sub"));
  fs.writeFileSync(path.join(root, "etc/passwd"), passwd);
  fs.writeFileSync(path.join(root, "etc/group"), group);
  fs.mkdirSync(path.join(directory, "env"));
  fs.writeFileSync(path.join(directory, "env/NAME"), "value");
  fs.writeFileSync(path.join(directory, "file"), "");
  for (const name of ["", "root", "root/etc"]) fs.chmodSync(path.join(directory, name), 0o755);
}

/** In a build with sanitizers, one of them misses /proc. */
const env = { ASAN_OPTIONS: "detect_leaks=0" };

const users = passwd.split("\n").map((line) => line.trimStart().split(":")[0] ?? "");
const groups = group.split("\n").map((line) => line.trimStart().split(":")[0] ?? "");
const inside = (options: string, script: string): string =>
  `chpst ${options} -/ root /bin/sh -c '${script}'`;

sameAsOracle(
  "the root directory",
  [
    inside("", "pwd; echo *"),
    inside("-e env", "echo $NAME"),
    inside("-l lock", "echo lock*"),
    "chpst -/ root -/ / sh -c 'echo *' | grep -o etc",
    "chpst -/ root sh -c 'echo found'",
    "chpst -/ root true",
    // errors
    "chpst -/ no-such-directory true",
    "chpst -/ file true",
    "chpst -/ '' true",
    "chpst -u :1:1 chpst -/ root true",
    "chmod 700 root; chpst -u :1:1 chpst -/ root true",
    // garbage in the files is skipped
    ...new Set(users.map((user) => inside(`-U "${user}:last"`, "echo $UID $GID"))),
    ...new Set(groups.map((name) => inside(`-U "root:${name}"`, "echo $UID $GID"))),
    inside("-U ' blanks'", "echo $UID"),
    // no files
    `rm root/etc/passwd; ${inside("-u root", "echo run")}`,
    `rm root/etc/passwd; ${inside("-u :1:1", "echo run")}`,
    `rm root/etc/group; ${inside("-u root", "echo run")}`,
    `rm root/etc/group; ${inside("-u root:root", "echo run")}`,
    `rm -r root/etc; ${inside("-U root", "echo run")}`,
    `rm -r root/etc; touch root/etc; ${inside("-U root", "echo run")}`,
    `: >root/etc/passwd; ${inside("-u root", "echo run")}`,
  ],
  { prepare, env },
);

/** line, stdout, stderr */
for (const [line, stdout, stderr] of [
  ["cd /; chpst -C $OLDPWD/root/sub sh -c 'pwd | grep -o root/sub'", "root/sub\n", ""],
  [inside("-C sub", "pwd"), "/sub\n", ""],
  [inside("-C /sub", "pwd"), "/sub\n", ""],
  [inside("-C sub -l lock", "echo *; echo /lock*"), "lock\n/lock*\n", ""],
  ["chpst -C env -e env sh -c 'ls; echo $NAME'", "NAME\nvalue\n", ""],
  [
    "chpst -C no-such-directory true",
    "",
    "chpst: fatal: unable to change directory: no-such-directory: file does not exist\n",
  ],
  [
    inside("-C env", "pwd"),
    "",
    "chpst: fatal: unable to change directory: env: file does not exist\n",
  ],
] as const) {
  test(`-C: ${line}`, { skip }, async (t) => {
    const said = await runOurs(t, line, { prepare, env });
    assert.deepEqual(
      [said.stdout, said.stderr, said.code],
      [stdout, stderr, stderr === "" ? 0 : 111],
    );
  });
}
