// The reasons in core/message.ts are runit's words: every errno is put into chdir(2) of Debian's
// chpst and of ours, and both say the same about it.
import assert from "node:assert/strict";
import * as fs from "node:fs";
import path from "node:path";
import { test } from "node:test";
import { errnos } from "../../src/core/message.ts";

import { bin, root, run } from "../harness.ts";

/** What runit has no words for, and we have: for checks of our own. */
const ours = ["EMEDIUMTYPE", "EKEYREJECTED"];
const oracle = process.env.TRINIT_ORACLE ?? path.join(root, "cache/oracle");
const debian = path.join(oracle, "usr/bin/chpst");
const isThere = fs.existsSync(debian) || process.env.CI !== undefined;
const skip = isThere ? false : "type: sh scripts/oracle.sh";
/** The leak check of a sanitized build does not work under strace. */
const traced = { ASAN_OPTIONS: "detect_leaks=0" };
/** As many at a time. */
const together = 8;

test("every reason is runit's", { skip }, async (t) => {
  const reasonBy = async (program: string, name: string): Promise<string> => {
    const inject = ["-qq", "-o", "/dev/null", "-e", `inject=chdir:error=${name}`];
    const { code, stderr } = await run(t, "strace", [...inject, program, "-/", "/", "true"], {
      env: traced,
    });
    assert.equal(code, 111, name);
    return stderr;
  };
  const names = Object.keys(errnos).filter((name) => !ours.includes(name));
  for (let from = 0; from < names.length; from += together) {
    const some = names.slice(from, from + together);
    const both = await Promise.all(
      [debian, bin("chpst")].map((program) =>
        Promise.all(some.map((name) => reasonBy(program, name))),
      ),
    );
    assert.deepEqual(both[1], both[0]);
  }
});
