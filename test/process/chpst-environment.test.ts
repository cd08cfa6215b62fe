// -e and envdir: what files of an environment directory become.
import { execFileSync } from "node:child_process";
import * as fs from "node:fs";
import path from "node:path";
import { sameAsOracle } from "../oracle.ts";

const files: readonly (readonly [name: string, text: string])[] = [
  ["PLAIN", "value"],
  ["LINE", "value\nmore\n"],
  ["BLANKS", " a b \t \t\nmore"],
  ["ONLY_BLANKS", " \t \n"],
  ["NEWLINE", "\n"],
  ["NUL", "a\0b\0\0c \nmore"],
  ["NUL_AT_THE_END", "a \0"],
  ["ONE_NUL", "\0"],
  ["CARRIAGE_RETURN", "a\r\n"],
  ["EQUALS", "a=b"],
  ["EMPTY", ""],
  ["HOME", ""],
  ["SHELL", "new"],
  [".hidden", "value"],
  ["with blank", "value"],
  ["caf\xe9", "\xe9\xff"],
  ["LONG", "x".repeat(100_000)],
  ["BEHIND_MUCH", `first\n${"x".repeat(300_000)}`],
];

function prepare(directory: string): void {
  for (const name of ["env", "env2", "name", "nul", "closed", "secret"]) {
    fs.mkdirSync(path.join(directory, name), { mode: 0o755 });
  }
  const write = (name: string, text: string): void =>
    fs.writeFileSync(Buffer.from(path.join(directory, name), "latin1"), text, "latin1");
  for (const [name, text] of files) write(`env/${name}`, text);
  fs.symlinkSync("PLAIN", path.join(directory, "env/LINK"));
  execFileSync("mkfifo", [path.join(directory, "env/FIFO")]);
  write("env2/PLAIN", "other");
  fs.mkdirSync(path.join(directory, "env2/below"));
  write("name/A=B", "value");
  write("name/=C", "value");
  write("name/D=E", "");
  write("nul/TOO_LONG", "x".repeat(200_000));
  write("secret/SECRET", "value");
  fs.chmodSync(path.join(directory, "secret/SECRET"), 0o600);
  fs.chmodSync(path.join(directory, "closed"), 0o711);
  fs.mkdirSync(path.join(directory, "loop"));
  fs.symlinkSync("loop", path.join(directory, "loop/loop"));
}

const show = "env -0 | sort -z";
/** An environment of which each variable meets a file, or none. */
const before = "env -i PLAIN=old EMPTY=old ONLY_BLANKS=old FIFO=old HOME=/ SHELL=old OTHER=kept";

sameAsOracle(
  "environment directories",
  [
    `${before} $(command -v chpst) -e env /usr/bin/env -0 | sort -z`,
    `${before} $(command -v envdir) env /usr/bin/env -0 | sort -z`,
    `cd env2 && chpst -e ../env sh -c 'pwd | grep -o env2; echo $PLAIN'`,
    // names that have an equals sign; the directory of what is none
    `env -i $(command -v chpst) -e name /usr/bin/env -0 | sort -z`,
    // the order of what is left, where a variable is replaced or removed, and of what is new
    `${before} $(command -v chpst) -e env2 -U daemon /usr/bin/env`,
    `mkdir no; : >no/EMPTY; ${before} $(command -v chpst) -e no -U daemon /usr/bin/env`,
    `chpst -e env2 sh -c 'echo $PLAIN'`,
    `chpst -v -e env2 sh -c 'echo $PLAIN'`,
    `envdir env2 sh -c 'echo $PLAIN'`,
    // the last -e counts, and -U comes later
    `chpst -e env -e env2 sh -c 'echo $PLAIN $LINE'`,
    "mkdir id; echo x >id/UID; chpst -e id -U daemon sh -c 'echo $UID $GID'",
    // errors
    `chpst -e no-such-directory ${show}`,
    `chpst -e '' ${show}`,
    `chpst -e env/PLAIN ${show}`,
    `envdir no-such-directory ${show}`,
    `chpst -e nul true`,
    `chpst -e loop true`,
    `chpst -u daemon chpst -e secret true`,
    `chpst -u daemon envdir secret true`,
    `chpst -u daemon chpst -e closed true`,
    `chmod 700 closed; chpst -u daemon chpst -e closed true`,
    // all of it, though the name is a variable's for the shell
    `chpst -e . sh -c 'echo done'`,
    `envdir . sh -c 'echo done'`,
  ],
  { prepare },
);
