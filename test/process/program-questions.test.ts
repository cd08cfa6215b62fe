// --help, -h and --version of every program by every name: on stdout, with 0, and nothing is done.
// Another long option is a wrong call, with the usage on stderr, and nothing is done either.
import assert from "node:assert/strict";
import * as fs from "node:fs";
import path from "node:path";
import { type TestContext, test } from "node:test";
import { linkedNames, subcommands } from "../../src/applets.ts";
import { bin, root, run, serviceDir, tempDir } from "../harness.ts";
import { inNamespaces, worldOf } from "../namespace.ts";

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

test("every program has a row", () => {
  const names = linkedNames().filter(([name]) => name !== "trinit");
  const there = [...Object.keys(rows), ...Object.keys(ends)];
  assert.deepEqual(names.map(([name]) => name).sort(), there.sort());
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

/** What ends a machine would do so if the options were passed over: [words, wrong call]. */
const ends: Readonly<Record<string, readonly (readonly string[])[]>> = {
  init: [[], ["0"], ["6"]],
  "runit-init": [[], ["0"], ["6"]],
  runit: [[]],
  shutdown: [["now"], ["-r", "now"], ["-k", "now"], ["+1", "a", "message"]],
  halt: [[], ["-f"], ["-w"], ["-B"]],
  poweroff: [[], ["-f"]],
  reboot: [[], ["-f"]],
};
/** -h has another meaning. */
const hasH = ["shutdown"];

interface Answer {
  readonly code: string;
  readonly stdout: string;
  readonly stderr: string;
}

/** The calls, one after the other, and at last what they have changed. Process 1 of their namespace
 * says when it is woken, as these wake init. */
async function askAll(
  t: TestContext,
  name: string,
  lines: readonly (readonly string[])[],
): Promise<{ answers: Answer[]; effects: string }> {
  const calls = lines.map((line) => {
    const words = line.map((word) => `'${word}'`).join(" ");
    const called = `${bin(name)} ${words} >/tmp/out 2>/tmp/err; echo $?`;
    return `${called}; cat /tmp/out; echo; cat /tmp/err; echo`;
  });
  const script = `for place in etc run var; do mount -t tmpfs tmpfs /$place; done
    mkdir /etc/runit /run/runit /var/run /var/log; : >/var/log/wtmp; : >/var/run/utmp
    trap 'echo woken >>/run/woken' CONT TERM INT USR1 USR2
    ${calls.join("\necho ----\n")}
    echo ----; sleep 0.1
    find /etc /run /var -type f -size +0 -o -name stopit -o -name reboot`;
  const { stdout } = await run(t, ...worldOf(t, ["sh", "-c", script]));
  const parts = stdout.split("----\n");
  const effects = parts.pop() ?? "";
  const answers = parts.map((part) => {
    const [, code = "", out = "", err = ""] =
      /^(\d+)\n((?:.*\n)*?)\n((?:.*\n)*)\n$/.exec(part) ?? [];
    return { code, stdout: out, stderr: err };
  });
  assert.equal(answers.length, lines.length, stdout);
  return { answers, effects };
}

for (const [name, calls] of Object.entries(ends)) {
  test(`${name}: questions and unknown options have no effect`, inNamespaces, async (t) => {
    const questions = ["--help", "--version", ...(hasH.includes(name) ? [] : ["-h"])];
    const options = [...questions, "--no-such-option", "-y"];
    const lines = calls.flatMap((words) =>
      options.flatMap((option) => [
        [option, ...words],
        [...words, option],
      ]),
    );
    const { answers, effects } = await askAll(t, name, lines);
    answers.forEach(({ code, stdout, stderr }, at) => {
      const line = (lines[at] ?? []).join(" ");
      const isWrong = !questions.some((question) => lines[at]?.includes(question));
      assert.equal(code, isWrong ? "100" : "0", line);
      if (line.includes("--version")) assert.equal(stdout, `trinit ${version}\n`);
      else assert.match(stdout, isWrong ? /^$/ : /^usage: \S+ .*\n$/, line);
      assert.match(stderr, isWrong ? /(unknown|illegal) option .*\nusage: / : /^$/, line);
    });
    assert.equal(effects, "");
  });
}

test("shutdown without a time is a wrong call, with no effect", inNamespaces, async (t) => {
  const { answers, effects } = await askAll(t, "shutdown", [[], ["-h"], ["-r"], ["-P"], ["--"]]);
  for (const { code, stdout, stderr } of answers) {
    assert.deepEqual([code, stdout], ["100", ""]);
    assert.match(stderr, /^shutdown: a time is needed\nusage: shutdown \[-hPr\] now \| /);
  }
  assert.equal(effects, "");
});

test("shutdown now -r restarts: the option counts there, too", inNamespaces, async (t) => {
  const { effects } = await askAll(t, "shutdown", [["now", "-r"]]);
  assert.deepEqual(effects.trim().split("\n").sort(), [
    "/etc/runit/reboot",
    "/etc/runit/stopit",
    "/run/woken",
  ]);
});

/** Calls that end processes, or change files, if the option were passed over. */
const subcalls: Readonly<Record<string, readonly string[]>> = {
  help: ["sv"],
  info: [],
  install: ["bin"],
  stage: ["3"],
  await: ["0"],
  down: [],
  killall: ["-w", "0"],
  bootchart: [],
  shadow: ["."],
};

test("every word of trinit's has a row", () => {
  const words = Object.keys(subcommands).filter((word) => !word.startsWith("-"));
  assert.deepEqual(words.sort(), Object.keys(subcalls).sort());
});

for (const [word, operands] of Object.entries(subcalls)) {
  test(`trinit ${word}: --help, -h, --version, and an option that is none`, async (t) => {
    const directory = tempDir(t);
    fs.mkdirSync(path.join(directory, "bin"));
    const env = { SVDIR: directory };
    for (const option of ["--help", "-h", "--version", "--no-such-option", "-y"]) {
      for (const line of [
        [option, ...operands],
        [...operands, option],
      ]) {
        const called = await run(t, bin("trinit"), [word, ...line], { cwd: directory, env });
        const { code, stdout, stderr } = called;
        const isWrong = option.includes("y") || option.includes("no-such");
        assert.equal(code, isWrong ? 100 : 0, line.join(" "));
        if (isWrong) assert.deepEqual([stdout, stderr !== ""], ["", true]);
        else if (option === "--version") assert.equal(stdout, `trinit ${version}\n`);
        else assert.match(stdout, new RegExp(`^usage: trinit ${word}\\b.*\n\\w.*\n$`));
      }
    }
    assert.deepEqual(fs.readdirSync(directory, { recursive: true }), ["bin"]);
  });
}

test("trinit and its entrypoint answer, wherever the question is", async (t) => {
  for (const [words, said] of [
    [["-h"], /^usage: trinit help /],
    [["entrypoint", "--help"], /^usage: trinit entrypoint /],
    [["entrypoint", "-g", "-h", "touch", "made"], /^usage: trinit entrypoint /],
    [["entrypoint", "-vh", "touch", "made"], /^usage: trinit entrypoint /],
    [["entrypoint", "--version", "--no-such"], /^trinit \d/],
    [["entrypoint", "--drain", "5", "--version"], /^trinit \d/],
  ] as const) {
    const { code, stdout, stderr } = await run(t, bin("trinit"), words, { cwd: tempDir(t) });
    assert.deepEqual([code, stderr], [0, ""]);
    assert.match(stdout, said);
  }
});

test("an answer that cannot be written is a failure", async (t) => {
  const { code, stderr } = await run(t, "/bin/sh", ["-c", `${bin("runsv")} --help >/dev/full`]);
  assert.equal(code, 111);
  assert.match(stderr, /unable to write to stdout: out of disk space/);
});
