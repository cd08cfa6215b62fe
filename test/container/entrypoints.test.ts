// What images write as their ENTRYPOINT, and what they are built from.
import assert from "node:assert/strict";
import { test } from "node:test";
import { inEngine, runContainer, startContainer } from "../container.ts";
import { eventually } from "../harness.ts";

const services = {
  web: { "run!": "#!/bin/sh\ntrap 'echo bye; exit' TERM\necho up\nwhile :; do sleep 0.05; done\n" },
};

for (const entrypoint of [
  ["/trinit"],
  ["/sbin/init"],
  ["init"],
  ["runit"],
  ["/trinit", "entrypoint"],
  ["/trinit", "entrypoint", "--drain", "0.1"],
  ["runsvdir", "-P", "/etc/service"],
  ["/trinit", "runsvdir", "-P", "/etc/service"],
]) {
  const name = JSON.stringify(entrypoint);
  test(`${name} runs the services, and stops them all`, inEngine, async (t) => {
    const container = await startContainer(t, { services, entrypoint });
    await container.stdout.waitFor(/up$/);
    assert.match((await container.exec("sv", "status", "web")).stdout, /^run: web: /);
    await container.stop();
    assert.equal(await container.exitCode(), 0);
    await container.stdout.waitFor(/bye$/);
  });
}

for (const entrypoint of [["/trinit"], ["/sbin/init"], ["/trinit", "entrypoint"]]) {
  const name = JSON.stringify(entrypoint);
  test(`${name} runs a CMD, alone and beside services`, inEngine, async (t) => {
    const cmd = ["sh", "-c", "echo as $$; exit 42"];
    const alone = await runContainer(t, { entrypoint, cmd });
    assert.equal(alone.code, 42);
    assert.match(alone.stdout, /^as \d+\n$/);
    const beside = await runContainer(t, { entrypoint, cmd, services });
    assert.equal(beside.code, 42);
    assert.match(beside.stdout, /^as \d+$/m);
    assert.match(beside.stdout, /^web \| bye$/m);
  });
}

test("runsvdir as process 1 ends with an essential service, and its code", inEngine, async (t) => {
  const dying = { "run!": "#!/bin/sh\nsleep 0.2\nexit 42\n", essential: "" };
  const entrypoint = ["runsvdir", "-P", "/etc/service"];
  const { code, stdout } = await runContainer(t, {
    entrypoint,
    services: { ...services, dying },
  });
  assert.equal(code, 42);
  assert.match(stdout, /^bye$/m);
});

test("services run and stop where the image holds no shell", inEngine, async (t) => {
  const services = { web: { "run!": "#!/bin/tail -f\n", "log/main/": "" } };
  const container = await startContainer(t, { services, tools: ["tail"] });
  const check = ["sv", "-w", "10", "start", "web"];
  await eventually("a service", async () => (await container.exec(...check)).code === 0);
  assert.match((await container.exec("sv", "status", "web")).stdout, /^run: web: .*; run: log: /);
  assert.ok((await container.stop()) < 5_000);
  assert.equal(await container.exitCode(), 0);
});

test("services see the container's environment, unless --clean-env", inEngine, async (t) => {
  const run = '#!/bin/sh\necho "has $GIVEN."\nexec sleep 600\n';
  const flags = ["--env=GIVEN=this"];
  for (const [args, expected] of [
    [[], "has this."],
    [["--clean-env"], "has ."],
  ] as const) {
    const container = await startContainer(t, { services: { web: { "run!": run } }, flags, args });
    assert.equal(await container.stdout.waitFor(/has/), `web | ${expected}`);
    await container.stop();
  }
});
