// Where chpst does not do what runit's does, on purpose; -C is in chpst-chroot, setlock in
// chpst-lock.
import assert from "node:assert/strict";
import * as fs from "node:fs";
import path from "node:path";
import { test } from "node:test";
import { runOurs, skip } from "../oracle.ts";

interface Difference {
  /** The row of docs/DIFFERENCES.md. */
  readonly id: "chpst-bounds" | "chpst-lenient" | "chpst-words";
  readonly what: string;
  readonly line: string;
  readonly stdout?: string;
  readonly stderr?: string;
  readonly code?: number;
}

const groups61 = "root:".repeat(61).slice(0, -1);

const differences: readonly Difference[] = [
  {
    id: "chpst-bounds",
    what: "a number beyond 32 bits is not taken for another user, who may be root",
    line: "chpst -u :4294967296:1 id",
    stderr: "chpst: fatal: invalid uid/gids: 4294967296:1\n",
    code: 111,
  },
  {
    id: "chpst-bounds",
    what: "more groups than can be set are an error also by name, and none is left out",
    line: `chpst -u root:${groups61} id`,
    stderr: `chpst: fatal: too many groups: root:${groups61}\n`,
    code: 111,
  },
  {
    id: "chpst-lenient",
    what: "a link to nothing in an environment directory changes nothing",
    line: 'LINK=old PLAIN=old chpst -e env sh -c "echo $LINK $PLAIN"'.replaceAll("$", "\\$"),
    stdout: "old new\n",
  },
  {
    id: "chpst-lenient",
    what: "the directory that cannot be read is not needed to come back to it",
    line: 'mkdir -m 711 here; cd here; chpst -u daemon chpst -e ../env sh -c "echo \\$PLAIN"',
    stdout: "new\n",
  },
  {
    id: "chpst-bounds",
    what: "a level is bounded, and does not turn round",
    line: "chpst -n 2147483648 nice",
    stdout: "19\n",
  },
  {
    id: "chpst-lenient",
    what: "PATH goes on behind what is no directory",
    line: 'PATH="$PWD/env/PLAIN:$PATH" chpst echo found',
    stdout: "found\n",
  },
  {
    id: "chpst-words",
    what: "a complaint names the program, not its argv[0]",
    line: "chpst -b other /no/such/program",
    stderr: "chpst: fatal: unable to run: /no/such/program: file does not exist\n",
    code: 111,
  },
  {
    id: "chpst-words",
    what: "a limit on files does not keep the complaint from being written",
    line: "chpst -f 0 /no/such/program 2>file; echo $?; cat file",
    stdout: "111\nchpst: fatal: unable to run: /no/such/program: file does not exist\n",
  },
  {
    id: "chpst-words",
    what: "softlimit has its own usage also when a number is none",
    line: "softlimit -m x true 2>&1 | grep -c 'usage: softlimit .-a allbytes'",
    stdout: "1\n",
  },
];

function prepare(directory: string): void {
  fs.mkdirSync(path.join(directory, "env"), { mode: 0o755 });
  fs.writeFileSync(path.join(directory, "env/PLAIN"), "new");
  fs.symlinkSync("nothing", path.join(directory, "env/LINK"));
}

for (const { id, what, line, stdout = "", stderr = "", code = 0 } of differences) {
  test(`differs, ${id}: ${what}`, { skip }, async (t) => {
    const said = await runOurs(t, line, { prepare });
    assert.deepEqual([said.stdout, said.stderr, said.code], [stdout, stderr, code]);
  });
}
