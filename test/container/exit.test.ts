// What a container's exit code says, and that it is there at once.
import assert from "node:assert/strict";
import { test } from "node:test";
import { inEngine, runContainer, startContainer } from "../container.ts";

const stays = "#!/bin/sh\nexec sleep 600\n";
const command = (text: string): readonly string[] => ["sh", "-c", text];

for (const code of [0, 1, 42, 126, 127, 137, 143, 255]) {
  test(`a command's exit code ${code} is the container's, alone`, inEngine, async (t) => {
    const { code: got } = await runContainer(t, { args: command(`exit ${code}`) });
    assert.equal(got, code);
  });
}

for (const code of [0, 42, 255]) {
  test(
    `a command's exit code ${code} is the container's, beside a service`,
    inEngine,
    async (t) => {
      const services = { web: { "run!": stays } };
      const { code: got } = await runContainer(t, { services, args: command(`exit ${code}`) });
      assert.equal(got, code);
    },
  );
}

for (const [signal, code] of [
  ["KILL", 137],
  ["SEGV", 139],
  ["TERM", 143],
] as const) {
  test(`a command that ${signal} ended exits ${code}`, inEngine, async (t) => {
    const { code: got } = await runContainer(t, { args: command(`kill -${signal} $$`) });
    assert.equal(got, code);
  });
}

test("a command that does not exist exits 127, and says so", inEngine, async (t) => {
  const { code, stderr } = await runContainer(t, { args: ["/no/such"] });
  assert.equal(code, 127);
  assert.match(stderr, /unable to run \/no\/such: file does not exist/);
});

test("a command that cannot be executed exits 126, and says so", inEngine, async (t) => {
  const { code, stderr } = await runContainer(t, { files: { note: "" }, args: ["/note"] });
  assert.equal(code, 126);
  assert.match(stderr, /unable to run \/note: access denied/);
});

test(
  "neither service nor command: a message that says what to do, and 100",
  inEngine,
  async (t) => {
    const { code, stderr } = await runContainer(t, { tools: [] });
    assert.equal(code, 100);
    assert.match(stderr, /\/etc\/service/);
  },
);

test("--success makes an exit code 0", inEngine, async (t) => {
  const args = ["--success", "143", ...command("exit 143")];
  assert.equal((await runContainer(t, { args })).code, 0);
});

test("an essential service's end is the container's, with its code", inEngine, async (t) => {
  const services = {
    web: { "run!": "#!/bin/sh\nexit 42\n", essential: "" },
    other: { "run!": stays },
  };
  assert.equal((await runContainer(t, { services })).code, 42);
});

test("an essential service that is told down is no end", inEngine, async (t) => {
  const services = { web: { "run!": "#!/bin/sh\necho up\nexec sleep 600\n", essential: "" } };
  const container = await startContainer(t, { services });
  await container.stdout.waitFor(/up$/);
  assert.equal((await container.exec("sv", "down", "web")).code, 0);
  assert.equal((await container.exec("sv", "-w", "5", "stop", "web")).code, 0);
  assert.match((await container.exec("sv", "status", "web")).stdout, /^down: web/);
  await container.stop();
  assert.equal(await container.exitCode(), 0);
});
