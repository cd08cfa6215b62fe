// A container is over within the ten seconds that its engine gives it, whatever in it does not end:
// services, their control scripts, what they have started, a console that nobody reads. What the
// services have is seven seconds of that, or SVWAIT; here it is mostly one.
import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { inNamespaces, type NamespaceOptions, stageFiles, startNamespace } from "../namespace.ts";
import { isUp } from "../tree.ts";

const waitSeconds = 1;
/** Three seconds more than the services have, as in ten; and two for a machine that is busy. */
const limitMs = (waitSeconds + 3 + 2) * 1000;
/** Ends by nothing but KILL. */
const deaf = "#!/bin/sh\ntrap '' TERM\nwhile :; do sleep 0.05; done\n";
const forever = "#!/bin/sh\nexec sleep 600\n";
const unread = "mkfifo /run/out /run/err; exec 1<>/run/out 2<>/run/err";

async function endsInTime(t: TestContext, options: NamespaceOptions): Promise<void> {
  const env = { SVWAIT: `${waitSeconds}`, ...options.env };
  const inside = await startNamespace(t, { ...options, env });
  for (const name of Object.keys(options.services ?? {})) await isUp(inside.service(name));
  const began = performance.now();
  inside.signal("SIGTERM");
  assert.deepEqual(await inside.waitForExit(), { code: 0, signal: null });
  const took = performance.now() - began;
  t.diagnostic(`${Math.round(took)} ms`);
  assert.ok(took < limitMs, `${took} ms`);
}

const entrypoint = ["trinit", "entrypoint"];
const runsvdir = ["runsvdir", "-P", "-o", "prefix", "/etc/service"];
const worlds: readonly (readonly [string, NamespaceOptions])[] = [
  ["entrypoint", { pid1: entrypoint, runit: {} }],
  ["init with stages/", { pid1: ["init"], runit: stageFiles() }],
];

for (const [what, pid1] of [
  ["entrypoint", entrypoint],
  ["runsvdir as process 1", runsvdir],
] as const) {
  test(`${what}: a console that nobody reads`, inNamespaces, async (t) => {
    const services = { web: { "run!": "#!/bin/sh\nexec yes\n" } };
    await endsInTime(t, { pid1, runit: {}, services, prepare: unread });
  });
}

for (const [what, world] of worlds) {
  test(`${what}: control scripts that hang, and a finish`, inNamespaces, async (t) => {
    const names = ["t", "x", "d", "k"];
    const scripts = Object.fromEntries(names.map((name) => [`control/${name}!`, deaf]));
    const services = {
      all: { "run!": forever, ...scripts },
      exit: { "run!": forever, "control/x!": deaf },
      finish: { "run!": forever, "finish!": deaf },
      deaf: { "run!": deaf, ...scripts },
    };
    await endsInTime(t, { ...world, services });
  });

  test(`${what}: all that can hang, at once`, inNamespaces, async (t) => {
    const stray = `#!/bin/sh\n(trap '' TERM; exec setsid sleep 600) &\nexec yes\n`;
    const late = Object.fromEntries(
      Array.from({ length: 8 }, (_, index) => [`late${index}`, { "run!": deaf }]),
    );
    const services = {
      ...late,
      stray: { "run!": stray },
      last: { "run!": deaf, last: "" },
      logged: { "run!": stray, "log/run!": deaf },
    };
    await endsInTime(t, { ...world, services, prepare: unread });
  });
}
