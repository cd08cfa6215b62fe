// Stages 1, 2 and 3: in which order, and what their ends mean.
import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { waitForFile } from "../harness.ts";
import { quickStages, stays, story } from "../init.ts";
import { inNamespaces, startNamespace } from "../namespace.ts";

/** What process 1 says with these stages, and how it ends. */
async function runStages(
  t: TestContext,
  runit: Record<string, string>,
): Promise<{ said: string[]; code: number | null }> {
  const inside = await startNamespace(t, { pid1: ["init"], runit });
  const { code } = await inside.waitForExit();
  return { said: story(inside.stderr.lines()), code };
}

const nothing = "#!/bin/sh\n";
const entered = ["1", "2", "3"].map((stage) => `enter stage: /etc/runit/${stage}`);
const left = ["1", "2", "3"].map((stage) => `leave stage: /etc/runit/${stage}`);
const last = "sending KILL signal to all processes...";

test("one after the other, and then the end", inNamespaces, async (t) => {
  const { said, code } = await runStages(t, { "1!": nothing, "2!": nothing, "3!": nothing });
  const order = [entered[0], left[0], entered[1], left[1], entered[2], left[2], last];
  assert.deepEqual(said, order);
  assert.equal(code, 0);
});

test(
  "stage 1 that exits 100: no stage 2, and the code of the container",
  inNamespaces,
  async (t) => {
    const { said, code } = await runStages(t, { ...quickStages, "1!": "#!/bin/sh\nexit 100\n" });
    const warnings = ["warning: child failed: /etc/runit/1", left[0]];
    assert.deepEqual(said.slice(1, 5), [...warnings, "warning: skipping stage 2...", entered[2]]);
    assert.equal(code, 100);
  },
);

test("stage 1 that crashes: no stage 2, 111", inNamespaces, async (t) => {
  const { said, code } = await runStages(t, { ...quickStages, "1!": "#!/bin/sh\nkill -9 $$\n" });
  assert.equal(said[1], "warning: child crashed: /etc/runit/1");
  assert.ok(!said.includes(entered[1] ?? ""));
  assert.equal(code, 111);
});

test("stage 2 that exits 111 or crashes is started again after 5 s", inNamespaces, async (t) => {
  const runit = { ...quickStages, "2!": "#!/bin/sh\nexit 111\n" };
  const inside = await startNamespace(t, { pid1: ["init"], runit });
  await inside.stderr.waitFor(/killing all processes in stage 2/);
  const began = performance.now();
  await inside.stderr.waitFor(/restarting/);
  assert.ok(performance.now() - began > 4000); // the first line may have been read late
  inside.signal("SIGTERM");
  assert.equal((await inside.waitForExit()).code, 0);
});

test("what stage 2 leaves in its process group is killed with it", inNamespaces, async (t) => {
  const runit = {
    ...quickStages,
    "2!": "#!/bin/sh\nsleep 600 &\necho $! >/run/left\nkill -9 $$\n",
  };
  const inside = await startNamespace(t, { pid1: ["init"], runit });
  await inside.stderr.waitFor(/killing all processes in stage 2/);
  const gone = "while kill -0 $(cat /run/left); do :; done";
  assert.equal((await inside.run("sh", "-c", gone)).code, 0);
});

test("a stage that is missing or cannot run is the built-in one", inNamespaces, async (t) => {
  const runit = { "2": nothing, "3!": "no program at all" };
  const inside = await startNamespace(t, { pid1: ["init"], runit });
  await inside.stderr.waitFor(/enter stage: built-in stage 2/);
  inside.signal("SIGTERM");
  assert.equal((await inside.waitForExit()).code, 0);
  assert.deepEqual(story(inside.stderr.lines()), [
    "enter stage: built-in stage 1",
    "leave stage: built-in stage 1",
    "enter stage: /etc/runit/2",
    "fatal: unable to start child: /etc/runit/2: access denied",
    "enter stage: built-in stage 2",
    "leave stage: built-in stage 2",
    "enter stage: /etc/runit/3",
    "fatal: unable to start child: /etc/runit/3: exec format error",
    "enter stage: built-in stage 3",
    "leave stage: built-in stage 3",
    last,
  ]);
});

test("stage 3 that hangs is killed when its limit is over", inNamespaces, async (t) => {
  const hangs = "#!/bin/sh\ntrap '' TERM\nwhile :; do sleep 1; done\n";
  const runit = { ...quickStages, "2!": nothing, "3!": hangs, "timeout-3": "200\n" };
  const { said, code } = await runStages(t, runit);
  const words = "took too long (the limit is 0.2 seconds), sending sigkill...";
  assert.ok(said.includes(`warning: /etc/runit/3 ${words}`), said.join("\n"));
  assert.equal(code, 0);
});

test("stage 2 that ignores TERM is killed after 5 s", inNamespaces, async (t) => {
  const hangs = "#!/bin/sh\ntrap '' TERM\n: >/run/ready\nwhile :; do sleep 1; done\n";
  const inside = await startNamespace(t, {
    pid1: ["init"],
    runit: { ...quickStages, "2!": hangs },
  });
  await inside.run("sh", "-c", "until [ -e /run/ready ]; do sleep 0.02; done");
  inside.signal("SIGTERM");
  await inside.stderr.waitFor(/stage 2 not terminated, sending sigkill/);
  assert.equal((await inside.waitForExit()).code, 0);
});

test(
  "a stage leads a session, stage 1 with the console as its terminal",
  inNamespaces,
  async (t) => {
    const runit = {
      ...quickStages,
      "1!": "#!/bin/sh\nps -o pid=,sid= -p $$ >/run/one\n",
      "2!": stays,
    };
    const inside = await startNamespace(t, { pid1: ["init"], runit });
    await inside.stderr.waitFor(/enter stage: .*2$/);
    const [pid, session] = (await inside.run("cat", "/run/one")).stdout.trim().split(/\s+/);
    assert.equal(pid, session);
    const title = await inside.run("cat", "/proc/1/cmdline", "/proc/1/comm");
    assert.equal(title.stdout, "init\0[2]\0init\n");
  },
);

test("trinit without a word is init, where it is process 1", inNamespaces, async (t) => {
  const runit = { "1!": nothing, "2!": stays, "3!": nothing };
  const inside = await startNamespace(t, { pid1: ["trinit"], runit });
  await inside.stderr.waitFor(/enter stage: .*2$/);
  const title = await inside.run("cat", "/proc/1/cmdline");
  assert.equal(title.stdout, "init\0[2]\0");
  inside.signal("SIGTERM");
  assert.equal((await inside.waitForExit()).code, 0);
});

test(
  "after a stage 3 that fails, services are told to end all the same",
  inNamespaces,
  async (t) => {
    // They were killed at once: a script that is broken is no reason to lose what they hold.
    const trap = "trap 'sleep 0.2; echo ended well >/run/said; exit' TERM";
    const services = {
      web: { "run!": `#!/bin/sh\n${trap}\n: >ready\nwhile :; do sleep 0.02; done\n` },
    };
    const runit = { "3!": "#!/bin/sh\nif then\n" };
    const inside = await startNamespace(t, { pid1: ["init"], runit, services });
    await waitForFile(`${inside.service("web")}/ready`);
    inside.signal("SIGTERM");
    assert.equal((await inside.waitForExit()).code, 0);
    const said = story(inside.stderr.lines());
    assert.ok(said.includes("warning: child failed: /etc/runit/3"), said.join("\n"));
    assert.ok(said.includes("leave stage: built-in stage 3"));
    assert.equal(await waitForFile(`${inside.etc}/../run/said`), "ended well\n");
  },
);
