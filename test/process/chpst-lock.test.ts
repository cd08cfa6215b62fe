// -l, -L and setlock: a lock that the program holds for as long as it lives.
import assert from "node:assert/strict";
import * as fs from "node:fs";
import path from "node:path";
import { test } from "node:test";
import { bin, eventually, start, tempDir } from "../harness.ts";
import { runOurs, sameAsOracle, skip } from "../oracle.ts";

/** The numbers of the descriptors on a lock that a program has got. */
const numbers = "ls -l /proc/self/fd | grep /lock | tr -s ' ' | cut -d' ' -f9";
/** A line under a lock that somebody else holds. */
const held = (line: string): string => `exec 8>lock; flock 8; ${line}`;

sameAsOracle("locks", [
  "chpst -l lock stat -c '%a %s' lock",
  "umask 077; chpst -L lock stat -c '%a %s' lock",
  `chpst -l lock sh -c "${numbers}"`,
  "echo text >lock; chpst -L lock cat lock",
  "chpst -l lock chpst -l lock2 sh -c 'flock -n lock true; echo $?; flock -n lock2 true; echo $?'",
  "chpst -L lock sh -c 'chpst -L lock true'; chpst -L lock true",
  held("chpst -L lock echo run"),
  "chpst -l no-such-directory/lock true",
  "chpst -L . true",
  "chpst -l '' true",
  "mkfifo fifo; chpst -l fifo true",
  "mkdir d; chmod 700 d; chpst -u daemon -l d/lock true",
  "setlock lock sh -c 'flock -n lock true; echo $?'",
  `setlock lock sh -c "${numbers}"`,
  "setlock -xX no-such-directory/lock true",
  "setlock no-such-directory/lock true",
  "setlock -x no-such-directory/lock echo run; echo $?",
  "setlock - true; ls -- -",
]);

// Differs, setlock-wait: Debian's setlock has -n and -N the wrong way round, and does not wait
// unless it is told to; ours does what daemontools' does.
const refused = "chpst: fatal: unable to lock: lock: temporary failure\n";
for (const [line, code, stderr] of [
  ["setlock -n lock echo run", 111, refused],
  ["setlock -Nn lock echo run", 111, refused],
  ["setlock -nx lock echo run", 0, ""],
  ["setlock -nxX lock echo run", 111, refused],
] as const) {
  test(`does not wait: ${line}`, { skip }, async (t) => {
    const said = await runOurs(t, held(line));
    assert.deepEqual([said.stdout, said.stderr, said.code], ["", stderr, code]);
  });
}

for (const words of ["chpst -l", "setlock", "setlock -N", "setlock -nN", "setlock -x"]) {
  test(`waits until it has the lock: ${words}`, async (t) => {
    const lock = path.join(tempDir(t), "lock");
    const holder = start(t, "/usr/bin/flock", {
      args: [lock, "/bin/sh", "-c", "echo; read x"],
      stdin: "pipe",
    });
    await holder.stdout.waitFor(/^$/);
    const [name = "", ...options] = words.split(" ");
    const waiting = start(t, bin(name), { args: [...options, lock, "/bin/echo", "run"] });
    await eventually("somebody who waits for the lock", () =>
      fs.readFileSync("/proc/locks", "utf8").includes(`-> FLOCK  ADVISORY  WRITE ${waiting.pid} `),
    );
    assert.equal(waiting.stdout.text(), "");
    holder.stdin?.end();
    await waiting.stdout.waitFor(/^run$/);
    assert.equal((await waiting.waitForExit()).code, 0);
  });
}
