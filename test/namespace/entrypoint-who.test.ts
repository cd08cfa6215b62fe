// What process 1 of a container becomes, by its name and the words behind it.
import assert from "node:assert/strict";
import * as fs from "node:fs";
import { type TestContext, test } from "node:test";
import { eventually, type Output, tempDir } from "../harness.ts";
import { quickStages, startFaultyInit, startInit } from "../init.ts";
import { inNamespaces, startNamespace } from "../namespace.ts";

/** How process 1 ends, and what it says, in a namespace without stages and services. */
async function asFirst(t: TestContext, ...pid1: readonly string[]): Promise<Output> {
  const { waitForExit, stdout, stderr } = await startNamespace(t, { pid1, runit: {} });
  const exit = await waitForExit();
  return { ...exit, stdout: stdout.text(), stderr: stderr.text() };
}

for (const pid1 of [
  ["trinit"],
  ["trinit", "entrypoint"],
  ["trinit", "--"],
  ["init"],
  ["runit"],
  ["runit-init"],
]) {
  test(`${pid1.join(" ")} COMMAND runs the command`, inNamespaces, async (t) => {
    const said = await asFirst(t, ...pid1, "sh", "-c", "echo $PPID; exit 7");
    assert.deepEqual(said, { code: 7, signal: null, stdout: "1\n", stderr: "" });
  });
}

test("options are the entrypoint's", inNamespaces, async (t) => {
  const said = await asFirst(t, "trinit", "-e", "7", "sh", "-c", "exit 7");
  assert.deepEqual([said.code, said.stderr], [0, ""]);
});

test("trinit NAME is that program of ours", inNamespaces, async (t) => {
  const { code, stderr } = await asFirst(t, "trinit", "sv");
  assert.deepEqual([code, stderr], [100, "usage: sv [-v] [-w sec] command service ...\n\n"]);
});

test("trinit chpst is a command, since it becomes another", inNamespaces, async (t) => {
  const said = await asFirst(t, "trinit", "chpst", "-P", "sh", "-c", "echo $PPID");
  assert.equal(said.stdout, "1\n");
});

test("trinit help, info and --version are what they are elsewhere", inNamespaces, async (t) => {
  for (const [word = "", pattern] of [
    ["help", /^usage: trinit help/],
    ["info", /^version /],
    ["--version", /^trinit \d/],
  ] as const) {
    const { code, stdout } = await asFirst(t, "trinit", word);
    assert.equal(code, 0);
    assert.match(stdout, pattern);
  }
});

test("trinit install installs, as in the build of an image", inNamespaces, async (t) => {
  const directory = tempDir(t);
  const { code } = await asFirst(t, "trinit", "install", "--init", directory);
  assert.equal(code, 0);
  const names = fs.readdirSync(directory);
  assert.ok(names.includes("init") && names.includes("sv"), names.join(" "));
  assert.ok(!names.includes("entrypoint"), "a name that others have for scripts");
});

test("nothing to run: a message, and 100", inNamespaces, async (t) => {
  const { code, stderr } = await asFirst(t, "trinit", "entrypoint");
  assert.equal(code, 100);
  assert.match(stderr, /^trinit: fatal: nothing to run: /);
});

const web = { "run!": "#!/bin/sh\nexec sleep 600\n" };

for (const [what, files, ...options] of [
  ["a service in /etc/service", { services: { web }, runit: {} }],
  ["a service in $SVDIR", { services: { "../web/x": web }, runit: {}, env: { SVDIR: "/etc/web" } }],
  ["a stage 1", { runit: { "1!": quickStages["1!"] } }, "--stages=/etc/runit"],
  ["a stage 2", { runit: { "2!": quickStages["2!"] } }, "--stages=/etc/runit"],
] as const) {
  test(`with ${what}, the entrypoint becomes init`, inNamespaces, async (t) => {
    const pid1 = ["trinit", ...options, "sleep", "600"];
    const { pid } = await startNamespace(t, { pid1, ...files });
    const comm = `/proc/${pid}/comm`;
    await eventually("init", () => fs.readFileSync(comm, "utf8") === "init\n");
  });
}

for (const name of ["init", "trinit"]) {
  test(`${name} alone is init`, inNamespaces, async (t) => {
    const inside = await startInit(t, { pid1: [name] });
    const { stdout } = await inside.run("cat", "/proc/1/comm");
    assert.equal(stdout, "init\n");
  });
}

test(
  "on a machine, words behind init are the kernel's and mean nothing",
  inNamespaces,
  async (t) => {
    // The entrypoint's --help would print, and end; init=/sbin/trinit is init, too.
    for (const pid1 of [
      ["init", "--help"],
      ["trinit", "splash"],
      ["trinit", "sv"],
    ]) {
      const inside = await startFaultyInit(t, ["machine"], { pid1 });
      const { stdout } = await inside.run("cat", "/proc/1/comm");
      assert.equal(stdout, "init\n");
      inside.arm("crash-segv.once");
      inside.signal("SIGCONT");
      await inside.console.waitFor(/fault in the program, starting over/);
    }
  },
);
