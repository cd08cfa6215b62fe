// trinit stage N: the stages that are built in, under init, where /etc/runit has none.
import assert from "node:assert/strict";
import * as fs from "node:fs";
import path from "node:path";
import { test } from "node:test";
import { commandLine, eventually, isAlive } from "../harness.ts";
import { inNamespaces, startNamespace } from "../namespace.ts";
import { isUp } from "../tree.ts";

const web = {
  "run!": `#!/bin/sh
trap 'echo web >>/run/said; exit' TERM
while :; do sleep 0.02; done
`,
};

test("the built-in stages run services, and end all in order", inNamespaces, async (t) => {
  const inside = await startNamespace(t, { pid1: ["init"], runit: {}, services: { web } });
  await isUp(inside.service("web"));
  const orphan = "trap 'echo rest >>/run/said; exit' TERM; echo up; while :; do sleep 0.02; done";
  await inside.start("setsid", "sh", "-c", orphan).stdout.waitFor(/up/);
  const began = performance.now();
  inside.signal("SIGTERM");
  assert.deepEqual(await inside.waitForExit(), { code: 0, signal: null });
  assert.ok(performance.now() - began < 2000, "nobody is waited for who has ended");
  const said = fs.readFileSync(path.join(inside.etc, "../run/said"), "latin1");
  assert.equal(said, "web\nrest\n");
  assert.doesNotMatch(inside.stderr.text(), /warning|ok: /);
});

test("stage 1 of a container mounts nothing", inNamespaces, async (t) => {
  const mark = "#!/bin/sh\ncat /proc/self/mounts >/run/before; exec trinit stage 1\n";
  const inside = await startNamespace(t, { pid1: ["init"], runit: { "1!": mark } });
  await inside.stderr.waitFor(/built-in stage 2/);
  const script = "cat /proc/self/mounts | cmp - /run/before";
  const { code, stdout } = await inside.run("sh", "-c", script);
  assert.deepEqual([code, stdout], [0, ""]);
});

test(
  "differs, container-log: stage 2 is runsvdir -P -o prefix, of $SVDIR, which it makes",
  inNamespaces,
  async (t) => {
    const env = { SVDIR: "/run/a/b" };
    const inside = await startNamespace(t, { pid1: ["init"], runit: {}, env });
    const { stdout } = await inside.run(
      ...["sh", "-c", "until pgrep -x runsvdir; do sleep 0.02; done; ls -d /run/a/b"],
    );
    const [pid, directory] = stdout.split("\n");
    assert.equal(directory, "/run/a/b");
    const title = await inside.run("cat", `/proc/${pid}/cmdline`);
    assert.equal(title.stdout, "runsvdir\0-P\0-o\0prefix\0/run/a/b\0");
  },
);

test("stage 3 kills a service that outlives SVWAIT, and says so", inNamespaces, async (t) => {
  const deaf = { "run!": "#!/bin/sh\ntrap '' TERM\nwhile :; do sleep 0.02; done\n" };
  const inside = await startNamespace(t, {
    pid1: ["init"],
    runit: {},
    services: { deaf, web },
    env: { SVWAIT: "1" },
  });
  await isUp(inside.service("deaf"));
  await isUp(inside.service("web"));
  inside.signal("SIGTERM");
  assert.equal((await inside.waitForExit()).code, 0);
  assert.match(inside.stderr.text(), /^kill: run: \/etc\/service\/deaf: /m);
  assert.doesNotMatch(inside.stderr.text(), /service\/web/);
});

test("stage 3 passes over a directory that no runsv is there for", inNamespaces, async (t) => {
  const inside = await startNamespace(t, { pid1: ["init"], runit: {}, services: { web } });
  await isUp(inside.service("web"));
  fs.mkdirSync(path.join(inside.etc, "service/.hidden"));
  fs.writeFileSync(path.join(inside.etc, "service/file"), "");
  inside.signal("SIGTERM");
  assert.equal((await inside.waitForExit()).code, 0);
  assert.doesNotMatch(inside.stderr.text(), /file|hidden/);
});

test("stage 3 outside of init: the services end, a bystander lives", inNamespaces, async (t) => {
  const inside = await startNamespace(t, {
    pid1: ["runsvdir", "/etc/service"],
    runit: {},
    services: { web },
  });
  await isUp(inside.service("web"));
  const bystander = inside.start("sleep", "600");
  await eventually("the bystander", () => commandLine(bystander.pid).includes("sleep 600"));
  const { code, stdout, stderr } = await inside.run("trinit", "stage", "3");
  assert.deepEqual([code, stdout], [0, ""]);
  assert.equal(stderr, "trinit: stage 3 ends with the services, since init is not in stage 3\n");
  assert.equal(fs.readFileSync(path.join(inside.etc, "../run/said"), "latin1"), "web\n");
  assert.ok(isAlive(bystander.pid) && isAlive(inside.pid));
});
