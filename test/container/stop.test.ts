// The end of a container as an engine asks for it: in order, whole, and at once.
import assert from "node:assert/strict";
import { test } from "node:test";
import { inEngine, startContainer } from "../container.ts";

/** Says that it is up, and what it hears; ends 0.2 s after that. */
const hears = (signal: string, code = 0): string => `#!/bin/sh
trap 'echo heard ${signal}; sleep 0.2; echo bye; exit ${code}' ${signal}
echo up
while :; do sleep 0.05; done
`;
/** Well below what `podman stop` waits before it kills. */
const quickMs = 5_000;

test("stop ends every service by its own handler, and exits 0", inEngine, async (t) => {
  const services = { a: { "run!": hears("TERM") }, b: { "run!": hears("TERM", 7) } };
  const container = await startContainer(t, { services });
  await container.stdout.waitFor(/a \| up$/);
  await container.stdout.waitFor(/b \| up$/);
  const took = await container.stop();
  assert.equal(await container.exitCode(), 0);
  assert.ok(took < quickMs, `${took} ms`);
  await container.stdout.closed;
  for (const line of ["a | heard TERM", "a | bye", "b | heard TERM", "b | bye"]) {
    assert.ok(container.stdout.lines().includes(line), line);
  }
});

for (const services of [{}, { web: { "run!": "#!/bin/sh\nexec sleep 600\n" } }]) {
  const where = "web" in services ? "beside a service" : "alone";
  test(`stop ends a command, and exits as it does: ${where}`, inEngine, async (t) => {
    const files = { "main!": hears("TERM", 9) };
    const container = await startContainer(t, { files, services, args: ["/main"] });
    await container.stdout.waitFor(/^up$/);
    const took = await container.stop();
    assert.equal(await container.exitCode(), 9);
    assert.ok(took < quickMs, `${took} ms`);
  });
}

test("an image's STOPSIGNAL stops as TERM does", inEngine, async (t) => {
  const services = { a: { "run!": hears("TERM") } };
  const instructions = ["STOPSIGNAL SIGINT"];
  const container = await startContainer(t, { services, instructions });
  await container.stdout.waitFor(/up$/);
  assert.ok((await container.stop()) < quickMs);
  assert.equal(await container.exitCode(), 0);
  assert.match(container.stdout.text(), /heard TERM\n.*bye\n/);
});

test("a service's down-signal is what it hears", inEngine, async (t) => {
  const services = { a: { "run!": hears("QUIT"), "down-signal": "QUIT\n" } };
  const container = await startContainer(t, { services });
  await container.stdout.waitFor(/up$/);
  await container.stop();
  assert.equal(await container.exitCode(), 0);
  assert.match(container.stdout.text(), /heard QUIT/);
});

test("a service's timeout-kill ends what hears nothing", inEngine, async (t) => {
  const run = "#!/bin/sh\ntrap '' TERM\necho up\nwhile :; do sleep 0.05; done\n";
  const services = { deaf: { "run!": run, "timeout-kill": "100\n" } };
  const container = await startContainer(t, { services });
  await container.stdout.waitFor(/up$/);
  const took = await container.stop();
  assert.equal(await container.exitCode(), 0);
  assert.ok(took < quickMs, `${took} ms`);
});

test("--drain leaves the services alone for that long", inEngine, async (t) => {
  const services = { a: { "run!": hears("TERM") } };
  const container = await startContainer(t, { services, args: ["--drain", "1"] });
  await container.stdout.waitFor(/up$/);
  const took = await container.stop();
  assert.equal(await container.exitCode(), 0);
  assert.ok(took > 1_000 && took < quickMs, `${took} ms`);
});

test("a second TERM changes nothing", inEngine, async (t) => {
  const services = { a: { "run!": hears("TERM") } };
  const container = await startContainer(t, { services, args: ["--drain", "1"] });
  await container.stdout.waitFor(/up$/);
  const began = performance.now();
  await container.kill("TERM");
  await container.kill("TERM");
  await container.stdout.waitFor(/heard TERM$/);
  assert.ok(performance.now() - began >= 1000, "the delay was kept");
  await container.kill("TERM");
  await container.stdout.waitFor(/bye$/);
  assert.equal(await container.exitCode(), 0);
});

test("KILL is the end", inEngine, async (t) => {
  const container = await startContainer(t, { services: { a: { "run!": hears("TERM") } } });
  await container.stdout.waitFor(/up$/);
  await container.kill("KILL");
  assert.equal(await container.exitCode(), 137);
});

for (const signal of ["HUP", "USR1"]) {
  test(`${signal} reaches the command, beside a service`, inEngine, async (t) => {
    const services = { a: { "run!": "#!/bin/sh\nexec sleep 600\n" } };
    const files = { "main!": hears(signal, 3) };
    const container = await startContainer(t, { files, services, args: ["/main"] });
    await container.stdout.waitFor(/^up$/);
    await container.kill(signal);
    assert.equal(await container.exitCode(), 3);
  });
}

test("--rewrite gives the command another signal", inEngine, async (t) => {
  const files = { "main!": hears("QUIT", 3) };
  const args = ["--rewrite", "15:3", "/main"];
  const container = await startContainer(t, { files, args });
  await container.stdout.waitFor(/^up$/);
  await container.stop();
  assert.equal(await container.exitCode(), 3);
});
