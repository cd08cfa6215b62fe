// A tree is the same whatever isolates it: services run, a shell gets inside, stop() ends it in
// order, and nothing is left or changed outside.
import assert from "node:assert/strict";
import * as fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { test } from "node:test";
import type { Isolation } from "../../src/client/index.ts";
import { isolations, startTestTree, treeOptions } from "../client-tree.ts";
import { processesOf, run } from "../harness.ts";
import { isUp, sleeper } from "../tree.ts";

/** What could be changed by mistake. */
function outside(): unknown {
  return [fs.readFileSync("/proc/self/mountinfo", "utf8"), os.hostname(), fs.readdirSync("/run")];
}

function namespaceOf(pid: number): string {
  return fs.readlinkSync(`/proc/${pid}/ns/pid`);
}

/** How stage 2 ends: TERM to init, or HUP to a runsvdir. */
const exits: Record<Isolation, number> = { root: 0, user: 0, none: 111 };

for (const isolation of isolations) {
  test(`${isolation}: services run, and stop() ends all of it`, async (t) => {
    const before = outside();
    const options = { ...treeOptions(t), isolation };
    const web = sleeper(options.services, "web");
    const started = await startTestTree(t, options);
    if (started === null) return;
    const { tree } = started;
    await isUp(web);
    assert.equal(tree.isolation, isolation);
    assert.equal(fs.readlinkSync(`/proc/${tree.pid}/exe`), options.executable);
    const own = namespaceOf(process.pid);
    assert.equal(namespaceOf(tree.pid) === own, isolation === "none");
    assert.deepEqual(await tree.stop(), { code: exits[isolation], signal: null });
    assert.deepEqual(await tree.stop(), await tree.exited);
    assert.equal(tree.signal("SIGTERM"), false);
    assert.deepEqual(processesOf(t), []);
    assert.deepEqual(outside(), before);
  });

  test(`${isolation}: the command to enter starts a shell that finds the services`, async (t) => {
    const options = { ...treeOptions(t), isolation };
    const web = sleeper(options.services, "web");
    const started = await startTestTree(t, options);
    if (started === null) return;
    await isUp(web);
    const { enter } = started.tree;
    const { stdout, stderr } = await run(t, "/bin/sh", ["-c", enter], { input: "sv check web\n" });
    assert.match(stdout, /^ok: run: web: \(pid \d+\) \d+s\n$/, stderr);
  });
}

for (const isolation of ["root", "user"] as const) {
  test(`${isolation}: a stage finds /etc, its own files, and programs of ours`, async (t) => {
    const stages = path.join(treeOptions(t).services, "../stages");
    const seen = "id -un; basename $(readlink -f $(command -v sv)); ls /etc/runit; ls /run";
    fs.mkdirSync(stages);
    fs.writeFileSync(`${stages}/1`, `#!/bin/sh\n${seen}\necho over\nexit 100\n`, { mode: 0o755 });
    const started = await startTestTree(t, { ...treeOptions(t), isolation, stages });
    if (started === null) return;
    await started.console.waitFor(/^over$/);
    const lines = started.console.lines().filter((line) => !line.startsWith("-"));
    assert.deepEqual(lines, ["root", "trinit", "1", "over"]);
  });
}
