import assert from "node:assert/strict";
import { test } from "node:test";
import { type Entrypoint, parseEntrypoint, usage } from "../../src/core/entrypoint.ts";

function parse(...args: string[]): Entrypoint {
  const parsed = parseEntrypoint(args);
  if (typeof parsed === "string") throw new Error(parsed);
  return parsed;
}

test("without options everything has its default", () => {
  assert.deepEqual(parse("sleep", "1"), {
    command: ["sleep", "1"],
    serviceDirectory: null,
    stages: null,
    drainMs: 0,
    killAfterMs: 7000,
    waitMs: 10_000,
    rewrites: new Map(),
    success: [],
    log: "prefix",
    stamp: "none",
    cleanEnv: false,
    isGroup: false,
    parentDeath: null,
    isVerbose: false,
    question: null,
  });
});

test("the first operand ends the options", () => {
  assert.deepEqual(parse("-g", "ls", "-g", "--drain", "x").command, ["ls", "-g", "--drain", "x"]);
  assert.deepEqual(parse("-g", "--", "-g").command, ["-g"]);
  assert.deepEqual(parse("--", "--").command, ["--"]);
  assert.deepEqual(parse("-", "a").command, ["-", "a"]);
  assert.deepEqual(parse("", "a").command, ["", "a"]);
  assert.deepEqual(parse().command, []);
});

test("a long option has its value behind = or in the next word", () => {
  assert.equal(parse("--service-dir=/a=b", "c").serviceDirectory, "/a=b");
  assert.equal(parse("--service-dir", "/a", "c").serviceDirectory, "/a");
  assert.deepEqual(parse("--service-dir", "/a", "c").command, ["c"]);
  assert.equal(parse("--stages", "/a", "c").stages, "/a");
  assert.equal(parse("--log=json").log, "json");
  assert.equal(parse("--stamp", "iso").stamp, "iso");
});

test("waits are seconds, with a fraction or without", () => {
  assert.equal(parse("--drain", "15").drainMs, 15_000);
  assert.equal(parse("--kill-after=0.25").killAfterMs, 250);
  assert.equal(parse("--wait=0").waitMs, 0);
  assert.equal(parse("--wait=86400").waitMs, 86_400_000);
});

test("signals are rewritten by number and by name, and the last word on a signal holds", () => {
  const { rewrites } = parse("--rewrite", "15:2", "-rHUP:SIGUSR1", "-r", "2:0", "-r15:QUIT", "x");
  assert.deepEqual(
    [...rewrites],
    [
      [15, 3],
      [1, 10],
      [2, 0],
    ],
  );
});

test("the letters of tini and dumb-init are taken, also several in a word", () => {
  const { isGroup, isVerbose, success, parentDeath, command } = parse(
    "-sgvv",
    "-e143",
    "-cp",
    "KILL",
    "x",
  );
  assert.deepEqual({ isGroup, isVerbose }, { isGroup: true, isVerbose: true });
  assert.deepEqual(
    { success, parentDeath, command },
    { success: [143], parentDeath: 9, command: ["x"] },
  );
  assert.deepEqual(parse("--single-child", "-e", "1", "--success=2", "x").success, [1, 2]);
});

test("what is wrong is said", () => {
  const complaints: Record<string, readonly string[]> = {
    "unknown option: --frob": ["--frob=1"],
    "unknown option: -w": ["-gw"],
    "unknown option: --": ["--=1"],
    "--drain needs a value": ["--drain"],
    "-r needs a value": ["-gr"],
    "--group takes no value": ["--group=1"],
    "--drain: not a number of seconds: 5s": ["--drain", "5s"],
    "--wait: not a number of seconds: ": ["--wait="],
    "--kill-after: not a number of seconds: 86401": ["--kill-after=86401"],
    "--service-dir: not a directory: ": ["--service-dir="],
    "--rewrite: not two signals, as 15:3 or TERM:QUIT: 15": ["--rewrite", "15"],
    "-r: not two signals, as 15:3 or TERM:QUIT: 0:15": ["-r0:15"],
    "--success: not an exit code: 256": ["--success=256"],
    "-e: not an exit code: x": ["-e", "x"],
    "--log: not plain, prefix or json: xml": ["--log=xml"],
    "--stamp: not none, tai, utc or iso: now": ["--stamp=now"],
    "-p: not a signal: FOO": ["-p", "FOO"],
    "--stamp needs --log prefix or json": ["--log=plain", "--stamp=iso", "--", "true"],
  };
  for (const [complaint, args] of Object.entries(complaints)) {
    assert.equal(parseEntrypoint(args), complaint);
  }
});

test("the usage has every option", () => {
  const long = "success group parent-death rewrite verbose service-dir drain kill-after wait log";
  for (const option of `${long} stamp clean-env`.split(" ")) {
    assert.ok(usage.includes(`--${option}`), option);
    assert.ok(!`${parseEntrypoint([`--${option}`])}`.startsWith("unknown option"), option);
  }
});
