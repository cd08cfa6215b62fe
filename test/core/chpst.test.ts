// From a call of chpst, or of one of the programs that it is by other names, to a plan.
import assert from "node:assert/strict";
import { test } from "node:test";
import { isElsewhere, type Plan, placesOf, planCall } from "../../src/core/chpst.ts";
import { errnos } from "../../src/core/message.ts";

/** What a plan asks for beyond running the program; null for a call that is wrong. */
function asked(line: string): Partial<Plan> | null {
  const argv = line.split(" ");
  const [name = ""] = argv;
  const plan = planCall(name, argv, "1.2.3");
  const nothing = planCall("chpst", ["chpst", "x"], "1.2.3");
  if ("lines" in plan || "lines" in nothing) return null;
  const before = Object.entries(nothing).map(([key, value]) => [key, JSON.stringify(value)]);
  const known = Object.fromEntries(before) as Record<string, string>;
  const differs = ([key, value]: [string, unknown]): boolean =>
    known[key] !== JSON.stringify(value);
  return Object.fromEntries(Object.entries(plan).filter(differs));
}

const prog = { program: "prog", argv: ["prog"] };
const all = { data: 7, stack: 7, memlock: 7, as: 7 };

for (const [line, expected] of [
  ["chpst prog", prog],
  ["chpst prog -v -u x", { program: "prog", argv: ["prog", "-v", "-u", "x"] }],
  ["chpst -b zero prog one", { program: "prog", argv: ["zero", "one"] }],
  ["chpst -u web -U log prog", { ...prog, user: "web", environmentUser: "log" }],
  ["chpst -e env -v prog", { ...prog, directory: "env", verbose: true }],
  ["chpst -/ root -C dir prog", { ...prog, root: "root", workingDirectory: "dir" }],
  ["chpst -n -5 prog", { ...prog, nice: -5 }],
  ["chpst -n +5 prog", { ...prog, nice: 5 }],
  ["chpst -n 99999999999 prog", { ...prog, nice: 40 }],
  ["chpst -l lock prog", { ...prog, lock: { path: "lock", wait: true } }],
  ["chpst -L lock prog", { ...prog, lock: { path: "lock", wait: false } }],
  ["chpst -P -2010 prog", { ...prog, session: true, closed: [2, 1, 0] }],
  ["chpst -m 7 prog", { ...prog, limits: all }],
  ["chpst -m 7 -d 8 -o 9 prog", { ...prog, limits: { ...all, data: 8, nofile: 9 } }],
  ["chpst -d 8 -m 7 prog", { ...prog, limits: all }],
  [
    "chpst -p 1 -f 2 -c 3 -r 4 -t 5 prog",
    { ...prog, limits: { nproc: 1, fsize: 2, core: 3, rss: 4, cpu: 5 } },
  ],
  ["chpst -c 18446744073709551615 prog", { ...prog, limits: { core: null } }],
  ["chpst -c 99999999999999999999999 prog", { ...prog, limits: { core: null } }],
  ["other -P prog", { ...prog, session: true }],
  ["envdir env prog", { ...prog, directory: "env", strict: true }],
  ["envuidgid web prog", { ...prog, environmentUser: "web", accounts: true }],
  ["setuidgid web prog -v", { program: "prog", argv: ["prog", "-v"], user: "web", accounts: true }],
  ["pgrphack prog", { ...prog, session: true }],
  ["setlock lock prog", { ...prog, lock: { path: "lock", wait: true } }],
  ["setlock -n lock prog", { ...prog, lock: { path: "lock", wait: false } }],
  ["setlock -nNxX lock prog", { ...prog, lock: { path: "lock", wait: true } }],
  ["setlock -x lock prog", { ...prog, lock: { path: "lock", wait: true }, lockMatters: false }],
  ["softlimit -m 7 prog", { ...prog, limits: all }],
  ["softlimit -a = -l 5 -s 6 prog", { ...prog, limits: { as: null, memlock: 5, stack: 6 } }],
  ["chpst", null],
  ["chpst -m = prog", null],
  ["chpst -a 5 prog", null],
  ["chpst -l lock -L lock prog", null],
  ["setlock lock", null],
  ["envdir env", null],
  ["softlimit -m x prog", null],
  ["softlimit -e env prog", null],
] as const) {
  test(line, () => assert.deepEqual(asked(line), expected));
}

test("a wrong call says what is wrong, and the usage, under the name it was called by", () => {
  const said = (line: string): readonly string[] => {
    const argv = line.split(" ");
    const plan = planCall(argv[0] ?? "", argv, "1.2.3");
    return "lines" in plan ? plan.lines : [];
  };
  const usage = "usage: envdir dir child\n";
  assert.deepEqual(said("envdir"), [usage]);
  assert.equal(said("chpst -q x")[0], "chpst: illegal option -- q");
  assert.equal(said("softlimit -m")[0], "softlimit: option requires an argument -- m");
  assert.equal(said("chpst -V")[0], "trinit 1.2.3");
  assert.match(said("other -m x y")[0] ?? "", /^usage: other \[-vVP012\] .* prog\n$/);
});

test("a program is looked for in PATH, unless its name has a slash", () => {
  assert.deepEqual(placesOf("a/b", "/x:/y"), ["a/b"]);
  assert.deepEqual(placesOf("a", "/x:/y"), ["/x/a", "/y/a"]);
  assert.deepEqual(placesOf("a", ":/x::"), ["./a", "/x/a", "./a", "./a"]);
  assert.deepEqual(placesOf("a", ""), ["./a"]);
  assert.deepEqual(placesOf("a", null), ["/bin/a", "/usr/bin/a"]);
});

test("the search ends where a program is that cannot be run", () => {
  assert.deepEqual([errnos.ENOENT, errnos.EACCES, errnos.ENOTDIR].map(isElsewhere), [
    true,
    true,
    true,
  ]);
  assert.deepEqual([errnos.ENOEXEC, errnos.E2BIG, errnos.ENOMEM].map(isElsewhere), [
    false,
    false,
    false,
  ]);
});
