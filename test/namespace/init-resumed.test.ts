// After a fault of the engine: what the successor has to know, and what it must not inherit.
import assert from "node:assert/strict";
import * as fs from "node:fs";
import { test } from "node:test";
import { eventually, faultsBin } from "../harness.ts";
import { quickStages, startFaultyInit, story, withShell } from "../init.ts";
import { inNamespaces, startNamespace } from "../namespace.ts";

const stage2 = "#!/bin/sh\necho $$ >/run/two\nexec sleep 600\n";
const runit = { ...quickStages, "2!": stage2 };

test("a stage that ends during the fault is heard of", inNamespaces, async (t) => {
  const inside = await startFaultyInit(t, [], { runit });
  await inside.run("sh", "-c", "until [ -s /run/two ]; do :; done");
  inside.arm("crash-segv.once");
  await inside.run("sh", "-c", "kill -9 $(cat /run/two)");
  await inside.stderr.waitFor(/fault in the program, starting over/);
  await inside.stderr.waitFor(/child crashed: stage 2/);
});

test("a stage that runs has no limit but stage 3", inNamespaces, async (t) => {
  // The limit of stage 3 was given to whatever ran: a machine would have gone down after a while.
  const inside = await startFaultyInit(t, [], { runit: { ...runit, "timeout-3": "1" } });
  inside.arm("crash-segv.once");
  inside.signal("SIGCONT");
  await inside.stderr.waitFor(/starting over/);
  await inside.run("sleep", "0.2");
  const title = await inside.run("cat", "/proc/1/cmdline");
  assert.equal(title.stdout, "init\0[2]\0");
});

test("a request that was read is answered", inNamespaces, async (t) => {
  const inside = await startFaultyInit(t, [], { runit });
  inside.arm("crash-segv.once");
  inside.signal("SIGTERM");
  assert.deepEqual(await inside.waitForExit(), { code: 0, signal: null });
  const said = story(inside.stderr.lines());
  assert.ok(said.includes("leave stage: /etc/runit/3"));
});

test("init 0 in the rescue shell is heard when the shell ends", inNamespaces, async (t) => {
  const options = withShell(runit, "init 0; echo asked");
  const inside = await startFaultyInit(t, ["machine"], options);
  inside.arm("crash-segv");
  inside.signal("SIGCONT");
  await inside.console.waitFor(/^asked$/);
  await inside.console.waitFor(/leave stage: \/etc\/runit\/3/);
  await inside.console.waitFor(/power off/);
});

test("stages have SIGPIPE as they had it before", inNamespaces, async (t) => {
  const looks = "#!/bin/sh\ngrep SigIgn /proc/self/status >&2\n";
  const inside = await startFaultyInit(t, [], { runit: { ...runit, "1!": looks, "3!": looks } });
  inside.arm("crash-segv.once");
  inside.signal("SIGTERM");
  assert.equal((await inside.waitForExit()).code, 0);
  const ignored = inside.stderr.lines().filter((line) => line.startsWith("SigIgn"));
  assert.equal(ignored.length, 2);
  assert.equal(ignored[0], ignored[1]);
});

test("a task that fails for long is done once it can be", inNamespaces, async (t) => {
  const inside = await startFaultyInit(t, ["step.leave"], { runit });
  inside.signal("SIGTERM");
  await inside.stderr.waitFor(/fault point: leave/);
  for (let said = 0; said < 5; ) {
    said = inside.stderr.lines().filter((line) => line.includes("fault point: leave")).length;
    await inside.run("sleep", "0.1");
  }
  inside.disarm("step.leave");
  assert.deepEqual(await inside.waitForExit(), { code: 0, signal: null });
});

test("an engine that does not start ends a container with 111", inNamespaces, async (t) => {
  const prepare = "mkdir /run/faults; : >/run/faults/engine";
  const env = { TRINIT_FAULTS: "/run/faults" };
  const trinit = faultsBin("trinit");
  const inside = await startNamespace(t, { pid1: ["init"], runit, prepare, env, trinit });
  assert.equal((await inside.waitForExit()).code, 111);
  const words = "init: fatal: unable to start the engine: out of memory\n";
  assert.equal(inside.stderr.text(), words);
});

/** CAP_SYS_RESOURCE, which process 1 of a machine has, and not every root. */
function mayMoveTitle(): boolean {
  const status = fs.readFileSync("/proc/self/status", "latin1");
  return ((BigInt(`0x${/CapEff:\s+(\w+)/.exec(status)?.[1] ?? 0}`) >> 24n) & 1n) === 1n;
}

test("a title is shown without checkpoints in the kernel", inNamespaces, async (t) => {
  if (!mayMoveTitle()) return t.skip("root without CAP_SYS_RESOURCE");
  const inside = await startFaultyInit(t, ["title"], { runit });
  const title = await inside.run("cat", "/proc/1/cmdline");
  assert.equal(title.stdout, "init\0[2]\0");
});

test("what others put into /run is not believed", inNamespaces, async (t) => {
  const nobody = "setpriv --reuid=65534 --regid=65534 --clear-groups sh -c";
  const prepare = `chmod 1777 /run; : >/etc/victim; chmod 644 /etc/victim
    ${nobody} 'mkdir /run/runit && ln -s /etc/victim /run/runit/stopit'
    ${nobody} ': >/run/runit.stopit; chmod 700 /run/runit.stopit'`;
  const inside = await startFaultyInit(t, [], { runit, prepare });
  await inside.run("kill", "-CONT", "1");
  const title = await inside.run("cat", "/proc/1/cmdline");
  assert.equal(title.stdout, "init\0[2]\0");
  inside.signal("SIGTERM");
  assert.equal((await inside.waitForExit()).code, 0);
  assert.equal(fs.statSync(`${inside.etc}/victim`).mode & 0o777, 0o644);
});

test(
  "a request that was answered before the fault is not answered again",
  inNamespaces,
  async (t) => {
    const script = "#!/bin/sh\necho pressed >&2\n";
    const inside = await startFaultyInit(t, [], { runit: { ...runit, "ctrlaltdel!": script } });
    await inside.run("kill", "-INT", "1");
    await inside.stderr.waitFor(/^pressed$/);
    await inside.stderr.waitFor(/enter stage: \/etc\/runit\/ctrlaltdel/);
    await eventually("the script is reaped", async () => {
      const { stdout } = await inside.run("ps", "-eo", "args=");
      return !stdout.includes("ctrlaltdel");
    });
    inside.arm("crash-segv.once");
    await inside.run("sh", "-c", "(true &)"); // an orphan: a turn, and nothing asked
    await inside.stderr.waitFor(/starting over/);
    inside.signal("SIGTERM");
    assert.equal((await inside.waitForExit()).code, 0);
    const pressed = inside.stderr.lines().filter((line) => line === "pressed");
    assert.equal(pressed.length, 1);
  },
);

test("ctrlaltdel that asks for the end after the fault is heard", inNamespaces, async (t) => {
  // The successor did not know of the script, and its stopit lay there until somebody sent CONT.
  const script = `#!/bin/sh
    echo pressed >&2
    until [ -e /run/go ]; do sleep 0.02; done
    : >/etc/runit/stopit; chmod 100 /etc/runit/stopit\n`;
  const inside = await startFaultyInit(t, [], { runit: { ...runit, "ctrlaltdel!": script } });
  inside.signal("SIGINT");
  await inside.stderr.waitFor(/^pressed$/);
  inside.arm("crash-segv.once");
  await inside.run("sh", "-c", "(true &)"); // an orphan: a turn, and nothing asked
  await inside.stderr.waitFor(/starting over/);
  await inside.run("touch", "/run/go");
  assert.deepEqual(await inside.waitForExit(), { code: 0, signal: null });
});
