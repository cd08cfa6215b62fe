// What `podman logs` shows of services.
import assert from "node:assert/strict";
import { test } from "node:test";
import { type ContainerOptions, inEngine, podman, startContainer } from "../container.ts";

const services = {
  a: { "run!": "#!/bin/sh\necho of a\necho err of a >&2\nexec sleep 600\n" },
  b: { "run!": "#!/bin/sh\nprintf 'half'; echo ' of b'\nexec sleep 600\n" },
};

async function logsOf(
  t: Parameters<typeof startContainer>[0],
  options: ContainerOptions,
): Promise<string[]> {
  const container = await startContainer(t, { services, ...options });
  await container.stdout.waitFor(/of a/);
  await container.stderr.waitFor(/err of a/);
  await container.stdout.waitFor(/of b/);
  await container.stop();
  await container.exitCode();
  return (await podman("logs", container.name)).split("\n");
}

test("the engine's log has NAME | text", inEngine, async (t) => {
  const lines = await logsOf(t, {});
  assert.ok(lines.includes("a | of a"), lines.join("\n"));
  assert.ok(lines.includes("b | half of b"), lines.join("\n"));
});

test("--log=plain leaves lines as they are", inEngine, async (t) => {
  const alone = { services: { a: services.a }, args: ["--log=plain"] }; // others' may mix with them
  const container = await startContainer(t, alone);
  await container.stdout.waitFor(/^of a$/);
  await container.stop();
});

test("--stamp=iso has the time of each line", inEngine, async (t) => {
  const lines = await logsOf(t, { args: ["--stamp=iso"] });
  const pattern = /^a \| \d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{5} \| of a$/;
  assert.ok(
    lines.some((line) => pattern.test(line)),
    lines.join("\n"),
  );
});

test("--log=json is an object per line, which tells the stream", inEngine, async (t) => {
  const container = await startContainer(t, { services, args: ["--log=json"] });
  const out = JSON.parse(await container.stdout.waitFor(/"of a"/));
  const err = JSON.parse(await container.stderr.waitFor(/"err of a"/));
  assert.deepEqual([out.service, out.stream, out.text], ["a", "stdout", "of a"]);
  assert.deepEqual([err.service, err.stream, err.text], ["a", "stderr", "err of a"]);
  await container.stop();
});

test("no line is lost or torn, however much there is at the end", inEngine, async (t) => {
  const long = "x".repeat(9_000);
  const run = `#!/bin/sh
trap 'i=0; while [ $i -lt 2000 ]; do i=$((i + 1)); echo "$i ${long}"; done; exit' TERM
echo up
while :; do sleep 0.05; done
`;
  const container = await startContainer(t, { services: { a: { "run!": run } } });
  await container.stdout.waitFor(/up$/);
  await container.stop();
  assert.equal(await container.exitCode(), 0);
  await container.stdout.closed;
  const lines = container.stdout.lines().slice(1);
  const expected = Array.from({ length: 2000 }, (_, at) => `a | ${at + 1} ${long}`);
  assert.equal(lines.length, expected.length);
  assert.ok(lines.every((line, at) => line === expected[at]));
});
