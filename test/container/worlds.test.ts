// Where it is not process 1, or not the only one: beside an engine's own init, in a pod's or the
// host's namespace of processes. Nothing but its own descendants is its to end.
import assert from "node:assert/strict";
import { test } from "node:test";
import { inEngine, podman, runContainer, startContainer } from "../container.ts";
import { isAlive, start } from "../harness.ts";

const says = "#!/bin/sh\ntrap 'echo bye; exit' TERM\necho up\nwhile :; do sleep 0.05; done\n";
const services = { web: { "run!": says } };

const worlds: Readonly<Record<string, readonly string[]>> = {
  "--init": ["--init"],
  "--pid=host": ["--pid=host"],
};

for (const [world, flags] of Object.entries(worlds)) {
  test(`services run and stop with ${world}, and a bystander lives`, inEngine, async (t) => {
    const bystander = start(t, "/bin/sleep", { args: ["600"] });
    const container = await startContainer(t, { services, flags });
    await container.stdout.waitFor(/web \| up$/);
    assert.match((await container.exec("sv", "status", "web")).stdout, /^run: web: /);
    await container.stop();
    assert.equal(await container.exitCode(), 0);
    await container.stdout.waitFor(/web \| bye$/);
    assert.ok(isAlive(bystander.pid));
  });
  test(`a command's exit code counts with ${world}, alone and not`, inEngine, async (t) => {
    const args = ["sh", "-c", "exit 42"];
    assert.equal((await runContainer(t, { flags, args })).code, 42);
    assert.equal((await runContainer(t, { flags, args, services })).code, 42);
  });
}

test("init below another one says what to do, and is no success", inEngine, async (t) => {
  for (const args of [[], ["sh", "-c", "exit 7"]]) {
    const entrypoint = ["/sbin/init"];
    const ended = await runContainer(t, { entrypoint, flags: ["--init"], args, services });
    assert.equal(ended.code, 100);
    assert.match(ended.stderr, /process 1 is another, in a container call trinit entrypoint$/m);
  }
});

test("what a command leaves behind is reaped with --init", inEngine, async (t) => {
  const orphans = `for i in 1 2 3 4 5; do (sleep 600 &); done
    sleeping() { grep -ls '^Name:.sleep' /proc/[0-9]*/status | wc -l; } # zombies, too
    until [ $(sleeping) = 5 ]; do :; done
    killall sleep
    until [ $(sleeping) = 0 ]; do :; done`;
  const { code } = await runContainer(t, { flags: ["--init"], args: ["sh", "-c", orphans] });
  assert.equal(code, 0);
});

test("in another container's namespace it ends its own, and nothing else", inEngine, async (t) => {
  const other = await startContainer(t, {
    entrypoint: ["/bin/sh"],
    args: ["-c", "echo up; trap 'exit 5' TERM; while :; do sleep 0.05; done"],
  });
  await other.stdout.waitFor(/^up$/);
  const flags = [`--pid=container:${other.name}`];
  const container = await startContainer(t, { services, flags, args: ["sh", "-c", says] });
  await container.stdout.waitFor(/^up$/);
  await container.stdout.waitFor(/web \| up$/);
  await container.stop();
  await container.stdout.waitFor(/web \| bye$/);
  assert.match(await podman("top", other.name, "args"), /echo up/);
  await other.stop();
  assert.equal(await other.exitCode(), 5);
});
