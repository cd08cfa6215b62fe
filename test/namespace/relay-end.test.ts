// runsvdir -o as process 1, where everything ends with it; without /proc; on a full disk.
import assert from "node:assert/strict";
import * as fs from "node:fs";
import path from "node:path";
import { test } from "node:test";
import { forkRetryMs } from "../../src/core/limits.ts";
import { bin, eventually, faultsBin, kill, run, serviceDir, start, tempDir } from "../harness.ts";
import { inNamespaces, startNamespace, unsanitized } from "../namespace.ts";
import { relayOf } from "../relay.ts";

const talkative = `#!/bin/sh
trap 'i=0; while [ $i -lt 5000 ]; do i=$((i+1)); echo "line $i"; done; printf "no end"; exit' TERM
echo begun
while :; do sleep 0.1; done
`;

test("process 1 ends when all that was written is out", inNamespaces, async (t) => {
  const pid1 = ["runsvdir", "-o", "prefix", "-P", "/etc/service"];
  const services = { a: { "run!": talkative }, b: { "run!": talkative } };
  const world = await startNamespace(t, { pid1, runit: {}, services });
  await world.stdout.waitFor(/^a \| begun$/);
  await world.stdout.waitFor(/^b \| begun$/);
  world.signal("SIGTERM");
  assert.deepEqual(await world.waitForExit(), { code: 0, signal: null });
  for (const name of ["a", "b"]) {
    const own = world.stdout.lines().filter((line) => line.startsWith(`${name} | `));
    const lines = Array.from({ length: 5000 }, (_, index) => `line ${index + 1}`);
    const expected = ["begun", ...lines, "no end"].map((line) => `${name} | ${line}`);
    assert.deepEqual(own, expected);
  }
});

test("process 1 does not wait for a stray that has a service's output", inNamespaces, async (t) => {
  const pid1 = ["runsvdir", "-o", "prefix", "-P", "/etc/service"];
  const run = "#!/bin/sh\n(trap '' TERM HUP; exec sleep 600) &\necho begun\nexec sleep 600\n";
  const world = await startNamespace(t, { pid1, runit: {}, services: { web: { "run!": run } } });
  await world.stdout.waitFor(/^web \| begun$/);
  world.signal("SIGTERM");
  assert.deepEqual(await world.waitForExit(), { code: 0, signal: null });
});

test("a relay that could not be forked does not hold up the end", inNamespaces, async (t) => {
  const faults = tempDir(t);
  const world = await startNamespace(t, {
    pid1: ["runsvdir", "-o", "prefix", "-P", "/etc/service"],
    runit: {},
    services: { web: { "run!": talkative } },
    trinit: faultsBin("trinit"),
    env: { TRINIT_FAULTS: faults },
  });
  await world.stdout.waitFor(/^web \| begun$/);
  fs.writeFileSync(path.join(faults, "fork"), "");
  kill(await relayOf(world, "web"), "SIGKILL");
  await world.stderr.waitFor(/unable to fork a relay for web/);
  fs.rmSync(path.join(faults, "fork"));
  const began = performance.now();
  world.signal("SIGTERM");
  assert.deepEqual(await world.waitForExit(), { code: 0, signal: null });
  assert.ok(performance.now() - began < forkRetryMs / 2, "nothing was waited for");
  assert.equal(world.stdout.lines().at(-1), "web | no end");
});

test("without /proc: said once, and lines come as they are", unsanitized, async (t) => {
  const pid1 = ["runsvdir", "-o", "prefix", "-P", "/etc/service"];
  const said = { "run!": "#!/bin/sh\necho begun\nexec sleep 600\n" };
  const services = { a: said, b: said };
  const prepare = "mount -t tmpfs none /proc";
  const world = await startNamespace(t, { pid1, runit: {}, services, prepare });
  await eventually("both", () => world.stdout.text() === "begun\nbegun\n");
  const why = "unable to relay the output of some services: /proc is not there";
  assert.deepEqual(world.stderr.lines(), [`runsvdir /etc/service: warning: ${why}`]);
});

test("a full disk holds the services up until there is room", inNamespaces, async (t) => {
  const place = tempDir(t);
  const lines = 20_000;
  const counter = `i=0\nwhile [ $i -lt ${lines} ]; do i=$((i+1)); echo "line $i"; done`;
  serviceDir(place, "scan/web", { "run!": `#!/bin/sh\n${counter}\nexec sleep 600\n` });
  fs.mkdirSync(path.join(place, "disk"));
  const script = `
    mount -t tmpfs -o size=512k disk "$1/disk"
    head -c 450000 /dev/zero >"$1/disk/ballast"
    exec "$2" -o prefix "$1/scan" >"$1/disk/log"`;
  const isRoot = process.geteuid?.() === 0;
  const user = isRoot ? [] : ["--user", "--map-root-user"];
  const tree = start(t, "/usr/bin/unshare", {
    args: [...user, "--mount", "/bin/sh", "-ec", script, "sh", place, bin("runsvdir")],
    endSignal: "SIGHUP",
  });
  await tree.stderr.waitFor(/^relay web: warning: unable to write to stdout, waiting: out of disk/);
  const disk = path.join(`/proc/${tree.pid}/root`, place, "disk");
  const credentials = isRoot ? [] : ["--user", "--preserve-credentials"];
  const enter = ["--target", `${tree.pid}`, ...credentials, "--mount", "--"];
  await run(t, "/usr/bin/nsenter", [...enter, "/bin/rm", path.join(place, "disk/ballast")]);
  const log = path.join(disk, "log");
  await eventually("the last line", () => fs.readFileSync(log, "latin1").includes(`${lines}\n`));
  const expected = Array.from({ length: lines }, (_, index) => `web | line ${index + 1}\n`);
  assert.equal(fs.readFileSync(log, "latin1"), expected.join(""));
  assert.equal(tree.stderr.lines().length, 1, "said once");
});
