// A container with services and CMD where something goes wrong: in the program itself, made on
// purpose by a test build, or with CMD, which stops, or may not be signalled.
import assert from "node:assert/strict";
import { test } from "node:test";
import { stageStopMs } from "../../src/core/limits.ts";
import { kill } from "../harness.ts";
import { startFaultyInit } from "../init.ts";
import { inNamespaces, needsRoot, startNamespace } from "../namespace.ts";
import { polite, say, service, startContainer } from "../with-services.ts";

const ended = (code: number) => ({ code, signal: null });
const services = { web: service("web") };
const verbose = (script: string) => ["trinit", "entrypoint", "-v", "--", "sh", "-c", script];

for (const start of ["stageStarted", "awaitStarted", "mainStarted"]) {
  test(`an exception at ${start}: its end is heard of, with its code`, inNamespaces, async (t) => {
    const options = { pid1: verbose("exit 6"), runit: {}, services };
    const inside = await startFaultyInit(t, [`step.${start}.once`], options);
    assert.deepEqual(await inside.waitForExit(), ended(6));
    assert.match(inside.stderr.text(), /fault in the program, going on/);
  });
}

test("with words of an entrypoint, too, abort() is a fault", inNamespaces, async (t) => {
  const options = { pid1: verbose(polite("main")), runit: {}, services };
  const inside = await startFaultyInit(t, ["crash-abort.once"], options);
  await inside.stderr.waitFor(/fault in the program, starting over/);
  kill(inside.pid, "SIGTERM");
  assert.deepEqual(await inside.waitForExit(), ended(0));
});

test("CMD that is stopped is told to go on, and so to end", inNamespaces, async (t) => {
  const inside = await startContainer(t, [], ["sh", "-c", polite("main")], { services });
  await inside.waitFor(/main up/);
  const { stdout } = await inside.run("pgrep", "-of", "main.down");
  await inside.run("kill", "-STOP", stdout.trim());
  inside.signal("SIGTERM");
  assert.deepEqual(await inside.waitForExit(), ended(0));
  assert.match(inside.said(), /main down/);
});

test("CMD that may not be signalled is said, and waited for no longer", needsRoot, async (t) => {
  const other = `exec setpriv --reuid 65534 sh -c "echo up; exec sleep 600"`;
  const weak = ["setpriv", "--bounding-set=-kill", "trinit", "entrypoint", "--kill-after", "0.2"];
  const pid1 = [...weak, "--", "sh", "-c", other];
  const inside = await startNamespace(t, { pid1, runit: {}, services });
  await inside.stdout.waitFor(/^up$/);
  kill(inside.pid, "SIGTERM");
  await inside.stderr.waitFor(/warning: unable to send signal 15 to \d+: /);
  assert.deepEqual(await inside.waitForExit(), ended(137));
});

test("a number that is left before TERM is the exit code", inNamespaces, async (t) => {
  const run = '#!/bin/sh\necho 7 >"$TRINIT_EXITCODE"; kill -TERM 1; exec sleep 600\n';
  const inside = await startContainer(t, [], [], { services: { web: { "run!": run } } });
  assert.deepEqual(await inside.waitForExit(), ended(7));
});

test("a number that is left before CMD's end is the exit code", inNamespaces, async (t) => {
  const script = 'echo 5 >"$TRINIT_EXITCODE"; exit 6';
  const inside = await startContainer(t, [], ["sh", "-c", script], { services });
  assert.deepEqual(await inside.waitForExit(), ended(5));
});

test("CMD is not started where an essential service has ended", inNamespaces, async (t) => {
  const slow = { "run!": "#!/bin/sh\nsleep 0.3; exit 5\n", "check!": "#!/bin/sh\nexit 1\n" };
  const inside = await startContainer(t, [], ["sh", "-c", `${say("main")}; exit 6`], {
    services: { slow: { ...slow, essential: "", "finish!": "#!/bin/sh\nexit 0\n" } },
  });
  assert.deepEqual(await inside.waitForExit(), ended(5));
  assert.equal(inside.said(), "");
});

test("after a stage 3 that fails, nobody waits once nothing is left", inNamespaces, async (t) => {
  const web = service("web", "pkill -KILL -f trinit.stage.3");
  const runit = { "3!": "#!/bin/sh\nexit 1\n" };
  const inside = await startContainer(t, ["--stages", "/etc/runit"], [], {
    services: { web },
    runit,
  });
  await inside.waitFor(/web up/);
  const began = performance.now();
  inside.signal("SIGTERM");
  assert.deepEqual(await inside.waitForExit(), ended(0));
  assert.match(inside.stderr.text(), /child crashed: built-in stage 3/);
  assert.ok(performance.now() - began < stageStopMs);
});
