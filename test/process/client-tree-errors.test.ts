// A tree that cannot be: every cause has its code, and "auto" takes the next best.
import assert from "node:assert/strict";
import * as fs from "node:fs";
import path from "node:path";
import { type TestContext, test } from "node:test";
import { startTree } from "../../src/client/index.ts";
import { startTestTree, treeOptions } from "../client-tree.ts";
import { tempDir } from "../harness.ts";

/** A kernel that allows no namespaces. */
function refuseNamespaces(t: TestContext): void {
  const { PATH } = process.env;
  const fake = path.join(tempDir(t), "unshare");
  const script = "#!/bin/sh\necho 'unshare: unshare failed: Operation not permitted' >&2\nexit 1\n";
  fs.writeFileSync(fake, script, { mode: 0o755 });
  process.env.PATH = `${path.dirname(fake)}:${PATH}`;
  t.after(() => {
    process.env.PATH = PATH;
  });
}

test("not-startable: a file is missing", async (t) => {
  const options = treeOptions(t);
  const missing = `${options.services}/none`;
  for (const wrong of [{ services: missing }, { stages: missing }, { executable: missing }]) {
    await assert.rejects(startTree({ ...options, ...wrong }), {
      name: "ServiceError",
      code: "not-startable",
      message: `unable to start a tree: '${missing}': no such file`,
    });
  }
});

test("not-isolated: the kernel does not allow what was asked for", async (t) => {
  refuseNamespaces(t);
  const options = treeOptions(t);
  const why = "unshare: unshare failed: Operation not permitted";
  await assert.rejects(startTree({ ...options, isolation: "root" }), {
    code: "not-isolated",
    message: `unable to make root's namespaces: ${why}`,
  });
  await assert.rejects(startTree({ ...options, isolation: "user" }), {
    code: "not-isolated",
    message: `unable to make a user's namespaces: ${why}`,
  });
});

test("auto: without namespaces there is a plain tree, and the reasons", async (t) => {
  refuseNamespaces(t);
  const started = await startTestTree(t, treeOptions(t));
  assert.equal(started?.tree.isolation, "none");
  const reasons = started?.tree.refused ?? [];
  assert.equal(reasons.length, process.geteuid?.() === 0 ? 2 : 1);
  for (const reason of reasons) assert.match(reason, /Operation not permitted$/);
});
