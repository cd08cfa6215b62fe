// An entrypoint that is not process 1, below an init or beside services that are somebody else's:
// these go on, and nothing of theirs is touched.
import assert from "node:assert/strict";
import { test } from "node:test";
import { inNamespaces } from "../namespace.ts";
import { isUp } from "../tree.ts";
import { polite, service, startContainer } from "../with-services.ts";

const ended = (code: number) => ({ code, signal: null });
const services = { web: service("web") };
/** A tree of another program's in /run/inner, and CMD beside it. */
const inner = `mkdir -p /run/inner; cp -r /etc/service/web /run/inner/other
  rm -r /run/inner/other/supervise`;

test("beside services of somebody else's, the command runs alone", inNamespaces, async (t) => {
  const inside = await startContainer(t, [], [], { services });
  const { pid } = await isUp(inside.service("web"));
  const seen = await inside.run("trinit", "entrypoint", "sh", "-c", "exit 3");
  assert.deepEqual([seen.code, seen.stderr], [3, ""]);
  const words = ["--service-dir", "/etc/service", "sh", "-c", "exit 3"];
  const given = await inside.run("trinit", "entrypoint", ...words);
  assert.equal(given.code, 3);
  assert.match(given.stderr, /^trinit: warning: services in \/etc\/service are supervised by some/);
  assert.equal((await isUp(inside.service("web"))).pid, pid);
});

test("stage 3 of another init than process 1 ends its own services", inNamespaces, async (t) => {
  // Without a command, it is init beside the other one, whose runsv have the locks.
  const inside = await startContainer(t, [], [], { services });
  const { pid } = await isUp(inside.service("web"));
  const beside = inside.start("trinit", "entrypoint", "-v");
  await beside.stderr.waitFor(/unable to lock/);
  await inside.run("pkill", "-TERM", "-n", "-x", "init");
  await beside.stderr.waitFor(/sending KILL signal to all processes/);
  assert.equal((await isUp(inside.service("web"))).pid, pid);
});

test("the exit code's file is the outer init's, and stays", inNamespaces, async (t) => {
  const options = "--stages /etc/runit --service-dir /run/inner";
  const command = `${inner}; trinit entrypoint ${options} sh -c "exit 3"
    echo $?; ls $TRINIT_EXITCODE; exit 9`;
  const runit = { "1!": '#!/bin/sh\n[ -z "$TRINIT_INIT" ] || exit 100\n' };
  const inside = await startContainer(t, [], ["sh", "-c", command], { services, runit });
  assert.deepEqual(await inside.waitForExit(), ended(9));
  assert.match(inside.stdout.text(), /^100\n\/run\/runit\/exitcode\n$/m);
});

test("init 0 below it is its own, and leaves no mark for others", inNamespaces, async (t) => {
  const ends = `${inner}; trinit entrypoint --service-dir /run/inner -- sh -c '
      trap "exit 4" TERM; trinit init 0; while :; do sleep 0.02; done'
    echo inner $?; ls /run/runit /run/runit.stopit /etc/runit; ${polite("main")}`;
  const inside = await startContainer(t, [], ["sh", "-c", ends], { services });
  await inside.stdout.waitFor(/inner 4$/);
  await inside.waitFor(/main up/);
  assert.doesNotMatch(inside.stdout.text(), /stopit/);
});
