// runsvdir -o: the relay, runsv or runsvdir is killed, and the lines go on.
import assert from "node:assert/strict";
import * as fs from "node:fs";
import path from "node:path";
import { test } from "node:test";
import { control, until } from "../../src/client/index.ts";
import {
  bin,
  childrenOf,
  deadlineMs,
  eventually,
  isAlive,
  kill,
  start,
  startRunsvdir,
  waitForFile,
} from "../harness.ts";
import { relayOf } from "../relay.ts";
import { isUp, newScan, removeTree, runsvOf, sleeper } from "../tree.ts";

/** ./run that says that it has begun, and then what it is told through a FIFO. */
const parrot = `#!/bin/sh
echo begun
[ -p told ] || mkfifo told
exec 3<>told
while read -r line <&3; do echo "$line"; done
`;

/** Has a parrot say something. */
async function tell(web: string, line: string): Promise<void> {
  await waitForFile(path.join(web, "told"));
  fs.appendFileSync(path.join(web, "told"), `${line}\n`);
}

test("a relay is killed: another one goes on, and the service with it", async (t) => {
  const { scan } = newScan(t);
  const web = sleeper(scan, "web", { "run!": parrot });
  const tree = startRunsvdir(t, scan, { args: ["-o", "prefix"] });
  await tree.stdout.waitFor(/^web \| begun$/);
  const { pid } = await isUp(web);
  const relay = await relayOf(tree, "web");
  kill(relay, "SIGKILL");
  await tell(web, "meanwhile");
  await tree.stdout.waitFor(/^web \| meanwhile$/);
  await relayOf(tree, "web", relay);
  assert.equal((await isUp(web)).pid, pid);
  assert.equal(tree.stdout.text(), "web | begun\nweb | meanwhile\n");
});

for (const signal of ["SIGTERM", "SIGINT", "SIGHUP", "SIGQUIT"] as const) {
  test(`a relay does not mind ${signal}`, async (t) => {
    const { scan } = newScan(t);
    const web = sleeper(scan, "web", { "run!": parrot });
    const tree = startRunsvdir(t, scan, { args: ["-o", "prefix"] });
    await tree.stdout.waitFor(/^web \| begun$/);
    const relay = await relayOf(tree, "web");
    kill(relay, signal);
    await tell(web, "after");
    await tree.stdout.waitFor(/^web \| after$/);
    assert.equal(await relayOf(tree, "web"), relay);
  });
}

test("the process group of runsvdir is killed: its relays go on", async (t) => {
  const { scan } = newScan(t);
  const web = sleeper(scan, "web", { "run!": parrot });
  const args = [bin("runsvdir"), "-P", "-o", "prefix", scan];
  const tree = start(t, "/usr/bin/setsid", { args: ["--fork", "--wait", ...args] });
  await tree.stdout.waitFor(/^web \| begun$/);
  const { pid } = await isUp(web);
  kill(-(childrenOf(tree.pid)[0] ?? 0), "SIGKILL");
  await tree.waitForExit();
  await tell(web, "alone");
  await tree.stdout.waitFor(/^web \| alone$/);
  assert.equal((await isUp(web)).pid, pid);
});

test("runsv is killed: the same relay has the lines of before and after", async (t) => {
  const { scan } = newScan(t);
  const web = sleeper(scan, "web", { "run!": parrot });
  const tree = startRunsvdir(t, scan, { args: ["-o", "prefix"] });
  await tree.stdout.waitFor(/^web \| begun$/);
  const [relay, runsv] = [await relayOf(tree, "web"), await runsvOf(tree, "web")];
  kill(runsv, "SIGKILL");
  await tell(web, "alone");
  await tree.stdout.waitFor(/^web \| alone$/);
  await runsvOf(tree, "web", runsv);
  const { pid } = await isUp(web);
  await control(web, "term");
  await until(web, (now) => now.pid !== null && now.pid !== pid, deadlineMs);
  await tree.stdout.waitFor(/^web \| begun$/, 2);
  assert.equal(await relayOf(tree, "web"), relay);
});

test("runsv is killed while its service is down: there is a relay for the next", async (t) => {
  const { scan } = newScan(t);
  const web = sleeper(scan, "web", { "run!": parrot, down: "" });
  const tree = startRunsvdir(t, scan, { args: ["-o", "prefix"] });
  await until(web, ({ supervised }) => supervised, deadlineMs);
  const [relay, runsv] = [await relayOf(tree, "web"), await runsvOf(tree, "web")];
  kill(runsv, "SIGKILL");
  await runsvOf(tree, "web", runsv);
  await until(web, ({ supervised }) => supervised, deadlineMs);
  await control(web, "up");
  await tree.stdout.waitFor(/^web \| begun$/);
  assert.ok((await relayOf(tree, "web")) !== relay, "the old one had heard the end");
});

test("relay and runsv are killed together: no line is lost that was in the pipe", async (t) => {
  const { scan } = newScan(t);
  const web = sleeper(scan, "web", { "run!": parrot });
  const tree = startRunsvdir(t, scan, { args: ["-o", "prefix"] });
  await tree.stdout.waitFor(/^web \| begun$/);
  const [relay, runsv] = [await relayOf(tree, "web"), await runsvOf(tree, "web")];
  const { pid } = await isUp(web);
  kill(relay, "SIGKILL");
  kill(runsv, "SIGKILL");
  await tell(web, "in the pipe");
  await tree.stdout.waitFor(/^web \| in the pipe$/);
  await runsvOf(tree, "web", runsv);
  assert.equal((await isUp(web)).pid, pid);
});

for (const signal of ["SIGKILL", "SIGTERM"] as const) {
  test(`runsvdir gets ${signal}: relays go on, and the next runsvdir has its own`, async (t) => {
    const { scan } = newScan(t);
    const web = sleeper(scan, "web", { "run!": parrot });
    const first = startRunsvdir(t, scan, { args: ["-o", "prefix"] });
    await first.stdout.waitFor(/^web \| begun$/);
    const { pid } = await isUp(web);
    const [relay, runsv] = [await relayOf(first, "web"), await runsvOf(first, "web")];
    first.signal(signal);
    await first.waitForExit();
    await tell(web, "alone");
    await first.stdout.waitFor(/^web \| alone$/);
    const second = startRunsvdir(t, scan, { args: ["-o", "prefix"] });
    await isUp(sleeper(scan, "late", { "run!": parrot }));
    await second.stdout.waitFor(/^late \| begun$/);
    await tell(web, "adopted");
    await first.stdout.waitFor(/^web \| adopted$/);
    kill(runsv, "SIGKILL");
    await runsvOf(second, "web");
    assert.equal((await isUp(web)).pid, pid);
    await control(web, "term");
    await second.stdout.waitFor(/^web \| begun$/);
    await eventually("the end of the old relay", () => !isAlive(relay));
  });
}

test("a service is removed: its relay ends, and its pipes are closed", async (t) => {
  const { scan } = newScan(t);
  const tree = startRunsvdir(t, scan, { args: ["-o", "prefix"] });
  await isUp(sleeper(scan, "other"));
  const fds = fs.readdirSync(`/proc/${tree.pid}/fd`).length;
  const web = sleeper(scan, "web", { "run!": parrot });
  await tree.stdout.waitFor(/^web \| begun$/);
  const relay = await relayOf(tree, "web");
  await removeTree(web);
  await eventually("the end of the relay", () => !isAlive(relay, true));
  await eventually(
    "as many descriptors",
    () => fs.readdirSync(`/proc/${tree.pid}/fd`).length === fds,
  );
});

test("a process that outlives its service is heard", async (t) => {
  const { scan } = newScan(t);
  const child = "(trap '' TERM; mkfifo go; read x <go; echo orphan) &\n";
  const web = sleeper(scan, "web", { "run!": `#!/bin/sh\n${child}echo begun\nexec sleep 600\n` });
  const tree = startRunsvdir(t, scan, { args: ["-o", "prefix"] });
  await tree.stdout.waitFor(/^web \| begun$/);
  const gone = path.join(scan, ".web");
  await waitForFile(path.join(web, "go"));
  const runsv = await runsvOf(tree, "web");
  fs.renameSync(web, gone);
  await eventually("the end of runsv", () => !isAlive(runsv));
  fs.writeFileSync(path.join(gone, "go"), "\n");
  await tree.stdout.waitFor(/^web \| orphan$/);
});
