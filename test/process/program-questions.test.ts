// --help, -h and --version of every program by every name: on stdout, with 0, and nothing is done.
// Another long option is a wrong call, with the usage on stderr, and nothing is done either.
import assert from "node:assert/strict";
import * as fs from "node:fs";
import path from "node:path";
import { test } from "node:test";
import { linkedNames } from "../../src/applets.ts";
import { bin, root, run, serviceDir, tempDir } from "../harness.ts";

const { version } = JSON.parse(fs.readFileSync(path.join(root, "package.json"), "utf8"));

/** What is behind the option: a call that would do something if the option were passed over. */
interface Row {
  readonly operands: readonly string[];
  /** The exit code of a wrong call. */
  readonly wrong: number;
}

const child = { operands: ["touch", "made"], wrong: 100 };
const rows: Readonly<Record<string, Row>> = {
  runsv: { operands: ["web"], wrong: 1 },
  runsvdir: { operands: ["."], wrong: 1 },
  svlogd: { operands: ["web"], wrong: 111 },
  sv: { operands: ["status", "web"], wrong: 100 },
  runsvchdir: { operands: ["web"], wrong: 1 },
  utmpset: { operands: ["tty1"], wrong: 1 },
  chpst: child,
  envdir: { operands: ["web", ...child.operands], wrong: 100 },
  envuidgid: { operands: ["root", ...child.operands], wrong: 100 },
  setuidgid: { operands: ["root", ...child.operands], wrong: 100 },
  pgrphack: child,
  setlock: { operands: ["lock", ...child.operands], wrong: 100 },
  softlimit: child,
};

test("every program but init's has a row", () => {
  const names = linkedNames().filter(
    ([name, program]) => name !== "trinit" && !["init", "shutdown"].includes(program),
  );
  assert.deepEqual(names.map(([name]) => name).sort(), Object.keys(rows).sort());
});

for (const [name, { operands, wrong }] of Object.entries(rows)) {
  test(`${name}: --help, -h, --version, and an option that is none`, async (t) => {
    const directory = tempDir(t);
    serviceDir(directory, "web", { "run!": "#!/bin/sh\n: >ran\nexec sleep 600\n" });
    const before = fs.readdirSync(directory, { recursive: true });
    const env = { SVDIR: directory, RUNSVDIR: directory };
    const ask = (...words: string[]) =>
      run(t, bin(name), [...words, ...operands], { cwd: directory, env });
    for (const question of ["--help", "-h"]) {
      const { code, stdout, stderr } = await ask(question);
      assert.deepEqual([code, stderr], [0, ""], question);
      assert.match(stdout, new RegExp(`^usage: (\\S*/)?${name} `));
    }
    const told = await ask("--version");
    assert.deepEqual([told.code, told.stdout, told.stderr], [0, `trinit ${version}\n`, ""]);
    for (const option of ["--no-such-option", "-y"]) {
      const { code, stdout, stderr } = await ask(option);
      assert.deepEqual([code, stdout], [wrong, ""], option);
      assert.match(stderr, /^\w+: (unknown option --no-such-option|illegal option -- y)\nusage: /);
    }
    assert.deepEqual(fs.readdirSync(directory, { recursive: true }), before);
  });
}

test("an answer that cannot be written is a failure", async (t) => {
  const { code, stderr } = await run(t, "/bin/sh", ["-c", `${bin("runsv")} --help >/dev/full`]);
  assert.equal(code, 111);
  assert.match(stderr, /unable to write to stdout: out of disk space/);
});
