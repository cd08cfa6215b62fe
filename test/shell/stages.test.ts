// The scripts of stages/, as a container's: from nothing to a service that runs, and to the end.
import assert from "node:assert/strict";
import * as fs from "node:fs";
import path from "node:path";
import { type TestContext, test } from "node:test";
import { inTime } from "../harness.ts";
import { inNamespaces, type Namespace, stageFiles, startNamespace } from "../namespace.ts";
import { isUp } from "../tree.ts";

/** Writes into /run/said when it is told to end, and does so. */
function service(name: string, body = ""): Record<string, string> {
  const trap = `trap 'echo ${name} >>/run/said; exit' TERM`;
  return { "run!": `#!/bin/sh\n${trap}\n${body}\nwhile :; do sleep 0.02; done\n` };
}

async function boot(
  t: TestContext,
  services: Record<string, Record<string, string>>,
  env: Record<string, string> = {},
): Promise<Namespace> {
  const inside = await startNamespace(t, { pid1: ["init"], runit: stageFiles(), services, env });
  for (const name of Object.keys(services)) await isUp(inside.service(name));
  return inside;
}

function said(inside: Namespace): string {
  return fs.readFileSync(path.join(inside.etc, "../run/said"), "latin1");
}

test("boots to running services, and TERM ends all in order", inNamespaces, async (t) => {
  const orphan = 'setsid sh -c \'trap "echo rest >>/run/said; exit" TERM; : >/run/ready;';
  const leaves = `${orphan} while :; do sleep 0.02; done' &\n`;
  const inside = await boot(t, { db: service("db", leaves), web: service("web") });
  await inside.run("sh", "-c", "until [ -e /run/ready ]; do sleep 0.02; done");
  const began = performance.now();
  inside.signal("SIGTERM");
  assert.deepEqual(await inside.waitForExit(), { code: 0, signal: null });
  assert.ok(performance.now() - began < 2000, "nobody is waited for who has ended");
  const order = said(inside).split("\n");
  assert.deepEqual(order.slice(0, 2).sort(), ["db", "web"]);
  assert.deepEqual(order.slice(2), ["rest", ""]);
});

test("a service has the environment of the container", inNamespaces, async (t) => {
  const services = { web: service("web", 'echo "$COLOUR" >/run/colour') };
  const inside = await boot(t, services, { COLOUR: "green" });
  const wait = "until [ -s /run/colour ]; do sleep 0.02; done; cat /run/colour";
  const colour = await inside.run("sh", "-c", wait);
  assert.equal(colour.stdout, "green\n");
});

test("SVDIR says where the services are", inNamespaces, async (t) => {
  const inside = await startNamespace(t, {
    pid1: ["init"],
    runit: stageFiles(),
    services: { "other/web": service("web") },
    env: { SVDIR: "/etc/service/other" },
  });
  await isUp(inside.service("other/web"));
  inside.signal("SIGTERM");
  assert.equal((await inside.waitForExit()).code, 0);
  assert.equal(said(inside), "web\n");
});

test("a log has the last line of its service", inNamespaces, async (t) => {
  const last = "trap 'echo goodbye; exit' TERM; echo hello; while :; do sleep 0.02; done";
  const log = "#!/bin/sh\nmkdir -p main; exec svlogd main\n";
  const services = { web: { "run!": `#!/bin/sh\n${last}\n`, "log/run!": log } };
  const inside = await boot(t, services);
  await isUp(path.join(inside.service("web"), "log"));
  inside.signal("SIGTERM");
  await inside.waitForExit();
  const text = fs.readFileSync(path.join(inside.service("web"), "log/main/current"), "latin1");
  assert.equal(text, "hello\ngoodbye\n");
});

test("a service that ignores TERM is killed when SVWAIT is over", inNamespaces, async (t) => {
  const deaf = { "run!": "#!/bin/sh\ntrap '' TERM\nwhile :; do sleep 0.02; done\n" };
  const inside = await boot(t, { deaf }, { SVWAIT: "1" });
  inside.signal("SIGTERM");
  const { code } = await inTime(inside.exited, "the end", () => "it still runs", 4000);
  assert.equal(code, 0);
  assert.match(inside.stderr.text(), /^kill: run: \/etc\/service\/deaf: /m);
});

test(
  "a service with a file `last` ends after all others, in both kinds of stages",
  inNamespaces,
  async (t) => {
    const slow = "trap 'sleep 0.3; echo web >>/run/said; exit' TERM";
    const web = { "run!": `#!/bin/sh\n${slow}\nwhile :; do sleep 0.02; done\n` };
    const services = { net: { ...service("net"), last: "" }, web };
    for (const runit of [stageFiles(), {}]) {
      const inside = await startNamespace(t, { pid1: ["init"], runit, services });
      for (const name of Object.keys(services)) await isUp(inside.service(name));
      inside.signal("SIGTERM");
      assert.equal((await inside.waitForExit()).code, 0);
      assert.equal(said(inside), "web\nnet\n");
    }
  },
);

test("ctrlaltdel ends a container", inNamespaces, async (t) => {
  const inside = await boot(t, { web: service("web") });
  inside.signal("SIGINT");
  assert.equal((await inside.waitForExit()).code, 0);
  assert.equal(said(inside), "web\n");
});

test("`init 0` in a container ends it", inNamespaces, async (t) => {
  const inside = await boot(t, { web: service("web") });
  await inside.run("init", "0");
  assert.equal((await inside.waitForExit()).code, 0);
  assert.equal(said(inside), "web\n");
});

test("a numbered file that fails is said, and the next one follows", inNamespaces, async (t) => {
  const parts = { "1.d/00-bad.sh": "false\n", "1.d/01-worse.sh": "if if (\n" };
  const inside = await startNamespace(t, {
    pid1: ["init"],
    runit: { ...stageFiles(), ...parts, "1.d/02-good.sh": "msg good\n" },
  });
  await inside.stderr.waitFor(/- stage 1: warning: .*00-bad\.sh has failed/);
  await inside.stderr.waitFor(/- stage 1: warning: .*01-worse\.sh has failed/);
  await inside.stderr.waitFor(/- stage 1: good/);
  await inside.stderr.waitFor(/enter stage: \/etc\/runit\/2/);
});

test("what nobody can start without: a container exits 100", inNamespaces, async (t) => {
  const parts = { "1.d/00-bad.sh": "false || emergency_shell no disk\n" };
  const inside = await startNamespace(t, {
    pid1: ["init"],
    runit: { ...stageFiles(), ...parts },
  });
  assert.equal((await inside.waitForExit()).code, 100);
  const text = inside.stderr.text();
  assert.match(text, /^- stage 1: no disk$/m);
  assert.doesNotMatch(text, /enter stage: .*2$/m);
});

test("by hand, no stage does anything", inNamespaces, async (t) => {
  const inside = await startNamespace(t, { pid1: ["sleep", "600"], runit: stageFiles() });
  for (const name of ["1", "2", "3", "ctrlaltdel"]) {
    const { code, stdout, stderr } = await inside.run(`/etc/runit/${name}`);
    const line = `/etc/runit/${name}: only init runs this\n`;
    assert.deepEqual([name, code, stdout, stderr], [name, 111, "", line]);
  }
});
