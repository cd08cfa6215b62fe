// Every signal, sent to process 1 by root in its namespace: what it means, or nothing.
import assert from "node:assert/strict";
import { test } from "node:test";
import { quickStages, saidBy, startFaultyInit, startInit, story } from "../init.ts";
import { inNamespaces, startNamespace } from "../namespace.ts";

/** Sends them all to process 1, and lets it take its turns. */
function sendAll(except: readonly number[]): string {
  const skipped = except.map((number) => `[ $i = ${number} ] ||`).join(" ");
  return `for i in $(seq 1 64); do ${skipped} kill -$i 1; done; sleep 0.1`;
}

const inContainer = [2, 3, 15, 30, 37]; // INT QUIT TERM PWR RTMIN+3

const onMachine = [30]; // PWR

test("a machine: PWR ends it, all other signals are nothing", inNamespaces, async (t) => {
  const inside = await startFaultyInit(t, ["machine"]);
  assert.equal((await inside.run("sh", "-c", sendAll(onMachine))).code, 0);
  const title = await inside.run("cat", "/proc/1/cmdline");
  assert.equal(title.stdout, "init\0[2]\0");
  const said = story(inside.console.lines());
  assert.equal(said.at(-1), "ctrl-alt-del request...");
  await inside.run("kill", "-PWR", "1");
  await inside.console.waitFor(/power off/);
  assert.deepEqual(await inside.waitForExit(), { code: 0, signal: null });
});

for (const [signal, end, file] of [
  ["USR1", "power off", "/etc/runit/busybox-signals"],
  ["USR2", "power off", "/run/runit/busybox-signals"],
  ["TERM", "reboot", "/run/runit/busybox-signals"],
]) {
  test(
    `differs, busybox-signals: with ${file}, ${signal}, as busybox sends it, is ${end}`,
    inNamespaces,
    async (t) => {
      const inside = await startFaultyInit(t, ["machine"]);
      await inside.run("sh", "-c", `mkdir -p /run/runit; : >${file}; kill -${signal} 1`);
      await inside.console.waitFor(/leave stage: \/etc\/runit\/3/);
      await inside.console.waitFor(new RegExp(`${end}\\.`));
      assert.deepEqual(await inside.waitForExit(), { code: 0, signal: null });
    },
  );
}

test("a container: five signals end it, the others are nothing", inNamespaces, async (t) => {
  const inside = await startInit(t);
  assert.equal((await inside.run("sh", "-c", sendAll(inContainer))).code, 0);
  const title = await inside.run("cat", "/proc/1/cmdline");
  assert.equal(title.stdout, "init\0[2]\0");
});

for (const number of inContainer) {
  test(`a container: signal ${number} ends it through stage 3`, inNamespaces, async (t) => {
    const inside = await startInit(t);
    await inside.run("kill", `-${number}`, "1");
    assert.deepEqual(await inside.waitForExit(), { code: 0, signal: null });
    assert.ok(story(inside.stderr.lines()).includes("leave stage: /etc/runit/3"));
  });
}

test("a container that is told to stop in stage 1 skips stage 2", inNamespaces, async (t) => {
  const runit = { ...quickStages, "1!": "#!/bin/sh\necho ready >&2\nsleep 600\n" };
  const inside = await startNamespace(t, { pid1: ["init"], runit });
  await inside.stderr.waitFor(/^ready$/);
  inside.signal("SIGTERM");
  assert.deepEqual(await inside.waitForExit(), { code: 0, signal: null });
  assert.ok(!inside.stderr.text().includes("/etc/runit/2"));
});

test("ctrlaltdel runs, and stopit decides what comes of it", inNamespaces, async (t) => {
  const script = "#!/bin/sh\necho asked >&2\n";
  const runit = { ...quickStages, "ctrlaltdel!": script };
  const inside = await startFaultyInit(t, ["machine"], { runit });
  await inside.run("kill", "-INT", "1");
  await saidBy(inside, true).waitFor(/^asked$/);
  const stop = ": >/etc/runit/stopit; chmod 100 /etc/runit/stopit; kill -INT 1";
  await inside.run("sh", "-c", stop);
  await inside.console.waitFor(/leave stage: \/etc\/runit\/3/);
  assert.deepEqual(await inside.waitForExit(), { code: 0, signal: null });
});
