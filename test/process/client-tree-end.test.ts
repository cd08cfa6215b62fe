// Whatever ends a tree: nothing of it is left.
import assert from "node:assert/strict";
import path from "node:path";
import { test } from "node:test";
import { startTree, status, until } from "../../src/client/index.ts";
import { isolations, stagesOf, startTestTree, treeOptions } from "../client-tree.ts";
import { eventually, isAlive, processesOf, root, start } from "../harness.ts";
import { isUp, sleeper } from "../tree.ts";

const stubborn = "#!/bin/sh\ntrap '' TERM\necho up\nwhile :; do sleep 600; done\n";

for (const isolation of isolations) {
  test(`${isolation}: stop() kills what does not end in time, and says so`, async (t) => {
    const stages = stagesOf(t, { "3!": "#!/bin/sh\nexec sleep 600\n" });
    const options = { ...treeOptions(t), isolation, stages };
    const web = sleeper(options.services, "web", { "run!": stubborn, "finish!": stubborn });
    const started = await startTestTree(t, options);
    if (started === null) return;
    await isUp(web);
    await assert.rejects(started.tree.stop(100), {
      name: "ServiceError",
      code: "timeout",
      message: "waited 100 ms for the end of the tree in vain: it was killed",
    });
    await started.tree.exited;
    assert.deepEqual(processesOf(t), []);
  });

  test(`${isolation}: an abort kills it`, async (t) => {
    const options = { ...treeOptions(t), isolation };
    const web = sleeper(options.services, "web", { "run!": stubborn });
    const started = await startTestTree(t, options);
    if (started === null) return;
    await isUp(web);
    started.abort();
    await started.tree.exited;
    await eventually("the end of all processes", () => processesOf(t).length === 0);
  });

  test(`${isolation}: it does not outlive a client that is killed`, async (t) => {
    const options = { ...treeOptions(t), isolation };
    const web = sleeper(options.services, "web");
    if ((await startTestTree(t, { ...treeOptions(t), isolation })) === null) return;
    const client = path.join(root, "src/client/index.ts");
    const script = `
      import { startTree, status, until } from ${JSON.stringify(client)};
      const tree = await startTree(${JSON.stringify(options)});
      tree.console.resume();
      console.log(tree.pid);`;
    const args = ["--import", "tsx", "--input-type=module", "-e", script];
    const node = start(t, process.execPath, { args, cwd: root });
    const pid = Number(await node.stdout.waitFor(/^\d+$/));
    await isUp(web);
    node.signal("SIGKILL");
    await node.waitForExit();
    await eventually("the end of init", () => !isAlive(pid));
    await until(web, ({ supervised }) => !supervised, 10_000);
  });
}

test("none: stop() ends the services of a runsvdir that somebody else has ended", async (t) => {
  const options = { ...treeOptions(t), isolation: "none" } as const;
  const web = sleeper(options.services, "web");
  const started = await startTestTree(t, options);
  if (started === null) return;
  await isUp(web);
  assert.ok(started.tree.signal("SIGTERM"));
  assert.deepEqual(await started.tree.exited, { code: 0, signal: null });
  assert.equal((await status(web)).state, "run");
  await started.tree.stop();
  assert.deepEqual(processesOf(t), []);
});

test("a tree that goes out of scope has ended in order", async (t) => {
  const options = treeOptions(t);
  const web = sleeper(options.services, "web");
  {
    await using tree = await startTree(options);
    tree.console.resume();
    await isUp(web);
  }
  const { state, supervised } = await status(web);
  assert.deepEqual({ state, supervised }, { state: "down", supervised: false });
});

test("an abort while it starts leaves nothing", async (t) => {
  const options = treeOptions(t);
  for (const wait of [0, 1, 5, 10, 20, 30, 40, 50]) {
    const abort = new AbortController();
    const starting = startTree({ ...options, signal: abort.signal });
    setTimeout(() => abort.abort(), wait);
    const tree = await starting.catch((error) => assert.equal(error.name, "AbortError"));
    tree?.console.resume();
    await tree?.exited;
  }
  await assert.rejects(startTree({ ...options, signal: AbortSignal.abort() }), /abort/);
  await eventually("the end of all processes", () => processesOf(t).length === 0);
});
