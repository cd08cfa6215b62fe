// With nothing to do, no process of the tree wakes up.
import assert from "node:assert/strict";
import * as fs from "node:fs";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { childrenOf, commandLine, eventually, start, tempDir, waitForFile } from "../harness.ts";
import { inNamespaces, startNamespace } from "../namespace.ts";
import { forever, isUp } from "../tree.ts";

/** For so long; IDLE_MS says otherwise. */
const idleMs = Number(process.env.IDLE_MS ?? 3000);

function descendantsOf(pid: number): number[] {
  return childrenOf(pid).flatMap((child) => [child, ...descendantsOf(child)]);
}

/** True for a process that is in poll(2), or as some machines have it ppoll(2), with no time limit;
 * or is a service. */
function waitsForEver(pid: number): boolean {
  const call = fs.readFileSync(`/proc/${pid}/syscall`, "latin1");
  return (
    /^(7 \S+ \S+ 0xf*ffffffff|73 \S+ \S+ 0x0) /.test(call) || commandLine(pid).startsWith("sleep ")
  );
}

test("init, runsvdir, runsv and the loggers sleep", inNamespaces, async (t) => {
  const services = { web: { "run!": forever, "log/main/": "" }, db: { "run!": forever } };
  const inside = await startNamespace(t, { pid1: ["init"], runit: {}, services });
  for (const name of Object.keys(services)) await isUp(inside.service(name));
  const pids = [inside.pid, ...descendantsOf(inside.pid)];
  assert.ok(pids.length >= 7, `only ${pids.length} processes`); // init, runsvdir, 2 x 2, a logger
  await eventually("all to wait for ever", () => pids.every(waitsForEver));
  const trace = `${tempDir(t)}/trace`;
  const attach = pids.flatMap((pid) => ["-p", `${pid}`]);
  const strace = start(t, "strace", { args: ["-qq", "-o", trace, ...attach] });
  // It writes down the call that each of them is in.
  await waitForFile(trace, (text) => pids.every((pid) => new RegExp(`^${pid} `, "m").test(text)));
  const before = fs.readFileSync(trace, "latin1");
  await sleep(idleMs);
  assert.equal(fs.readFileSync(trace, "latin1").slice(before.length), "");
  strace.signal("SIGINT");
  await strace.waitForExit();
});
