// -m, -d and the others, and softlimit: the limits that the program has, and nothing else.
import assert from "node:assert/strict";
import { test } from "node:test";
import { runOurs, sameAsOracle, skip } from "../oracle.ts";

const show = "cat /proc/self/limits";
const each = ["d", "o", "p", "f", "c", "r", "t"];

sameAsOracle("limits", [
  ...each.map((letter) => `chpst -${letter} 1000000000 ${show}`),
  ...["o", "p", "c", "r", "t"].map((letter) => `chpst -${letter} 30 ${show}`),
  `chpst -c 0 -r 0 ${show}`,
  `chpst -c '' ${show}`,
  `chpst -c 010 ${show}`,
  `chpst -c 18446744073709551615 ${show}`,
  `chpst -m 1000000000 ${show}`,
  `chpst -m 1000000000 -d 2000000000 ${show}`,
  `chpst -d 2000000000 -m 1000000000 ${show}`,
  `chpst -o 20 -o 30 ${show}`,
  // the hard limit stays, and is not exceeded
  `ulimit -Hn 50; chpst -o 60 ${show}`,
  `ulimit -Hn 50; ulimit -Sn 20; chpst -o 40 ${show}`,
  `ulimit -Hc 5; chpst -u daemon -c 18446744073709551615 ${show}`,
  // so little that neither chpst nor the program can go on
  "chpst -m 0 true; echo $?",
  "chpst -m 1 no-such-program",
  "chpst -d 0 -r 0 no-such-program",
  "chpst -m 100000 /no/such/program",
  "chpst -o 0 no-such-program",
  "chpst -o 0 sh -c 'exec 9</dev/null'",
  "chpst -f 100 sh -c 'trap \"\" XFSZ; printf %0200d 1 >file'; wc -c <file",
  ...["a", "c", "d", "f", "l", "m", "o", "p", "r", "s", "t"].map(
    (letter) => `softlimit -${letter} 1000000000 ${show}`,
  ),
  ...["c", "l", "o", "p", "r", "t"].map((letter) => `softlimit -${letter} 30 ${show}`),
  ...["a", "c", "d", "f", "l", "m", "o", "p", "r", "s", "t"].map(
    (letter) => `ulimit -S -c 5 -d 900000 -n 60; softlimit -${letter} = ${show}`,
  ),
  `softlimit -a 1000000000 -m 2000000000 -d = ${show}`,
  `softlimit -o30 -t30 -- ${show}`,
]);

const isSanitized = process.env.TRINIT_BIN?.includes("asan") === true;

test("chpst itself does with 8 MB", {
  skip: isSanitized ? "a sanitizer needs more" : skip,
}, async (t) => {
  const said = await runOurs(t, "chpst -m 8000000 chpst -u daemon id -un");
  assert.deepEqual([said.stdout, said.stderr], ["daemon\n", ""]);
});
