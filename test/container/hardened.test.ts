// Where a container may do next to nothing: a read-only root, any user, no capability.
import assert from "node:assert/strict";
import { test } from "node:test";
import { type ContainerOptions, inEngine, runContainer, startContainer } from "../container.ts";

const services = {
  web: { "run!": "#!/bin/sh\ntrap 'echo bye; exit' TERM\necho up\nwhile :; do sleep 0.05; done\n" },
  db: { "run!": "#!/bin/sh\nexec sleep 600\n", "log/run!": "#!/bin/sh\nexec cat\n" },
};
const readOnly = ["--read-only", "--read-only-tmpfs=false"];

const worlds: Readonly<Record<string, readonly string[]>> = {
  "a read-only root and a tmpfs on /run": [...readOnly, "--tmpfs=/run"],
  "a read-only root and a tmpfs on /tmp": [...readOnly, "--tmpfs=/tmp"],
  "a read-only root and nothing but /dev/shm": readOnly,
  "another user": ["--user=12345:0"],
  "no capability": ["--cap-drop=ALL"],
  "no new privileges": ["--security-opt=no-new-privileges"],
  "all of these": [
    ...readOnly,
    "--tmpfs=/run",
    "--user=12345:12345",
    "--cap-drop=ALL",
    "--security-opt=no-new-privileges",
  ],
};

async function passesIn(t: Parameters<typeof startContainer>[0], options: ContainerOptions) {
  const container = await startContainer(t, options);
  await container.stdout.waitFor(/web \| up$/);
  const svdir = (await container.exec("sh", "-c", "ls -d /*/service /dev/shm/service")).stdout
    .split("\n")
    .filter((directory) => directory !== "/etc/service");
  const env = svdir.length === 0 ? [] : ["env", `SVDIR=${svdir[0]}`];
  const { stdout } = await container.exec(...env, "sv", "status", "web", "db");
  assert.match(stdout, /^run: web: \(pid \d+\) \d+s\nrun: db: .*; run: log: /);
  assert.equal((await container.exec(...env, "sv", "restart", "web")).code, 0);
  await container.stop();
  assert.equal(await container.exitCode(), 0);
  await container.stdout.closed;
  assert.equal(container.stdout.lines().filter((line) => line === "web | bye").length, 2);
}

for (const [world, flags] of Object.entries(worlds)) {
  test(`services run, restart and stop with ${world}`, inEngine, (t) =>
    passesIn(t, { services, flags }),
  );
  test(`a command's exit code counts with ${world}`, inEngine, async (t) => {
    const args = ["sh", "-c", "sv status web; exit 42"];
    const { code, stdout } = await runContainer(t, { services, flags, args });
    assert.equal(code, 42);
    assert.match(stdout, /^run: web: /m);
  });
  test(`an essential service's end counts with ${world}`, inEngine, async (t) => {
    const short = { "run!": "#!/bin/sh\nexit 42\n", essential: "" };
    const all = { ...services, short };
    assert.equal((await runContainer(t, { services: all, flags })).code, 42);
  });
}

test("a command alone needs nothing to write to", inEngine, async (t) => {
  const flags = [...readOnly, "--user=12345", "--cap-drop=ALL", "--tmpfs=/dev/shm:ro"];
  assert.equal((await runContainer(t, { flags, args: ["sh", "-c", "exit 3"] })).code, 3);
});

test("where nothing can be written, it is said what to mount", inEngine, async (t) => {
  const flags = [...readOnly, "--tmpfs=/dev/shm:ro"];
  const { code, stderr } = await runContainer(t, { services, flags });
  assert.notEqual(code, 0);
  assert.match(stderr, /\/run/);
});
