// Whatever a test starts as process 1 has places of its own: what it makes there is not the
// machine's, and what the machine has is not there.
import assert from "node:assert/strict";
import * as fs from "node:fs";
import path from "node:path";
import { type TestContext, test } from "node:test";
import { stagesOf, startTestTree, treeOptions } from "../client-tree.ts";
import { startEntrypoint } from "../entrypoint.ts";
import type { Program } from "../harness.ts";
import { inNamespaces, startNamespace } from "../namespace.ts";
import { isRoot } from "../places.ts";

const mark = `mark-${process.pid}`;
/** A user can make none in the other. */
const places = isRoot ? ["/tmp", "/var/log"] : ["/tmp"];
const looks = `ls -d /tmp/${mark} /var/log/${mark} 2>/dev/null
for place in /run /etc/runit /etc/service /service; do
  [ ! -d $place ] || ls -AI mount $place
done`;
const makes = `for place in /run /tmp /var/log; do : >$place/${mark}-new; done`;
const script = `${looks}\n${makes}\necho over; exec sleep 600`;

/** Files of the machine's that nobody in there is to see. */
function makeMarks(t: TestContext): void {
  for (const place of places) fs.writeFileSync(path.join(place, mark), "");
  t.after(() => {
    for (const place of places) fs.rmSync(path.join(place, mark));
  });
}

function madeOutside(): string[] {
  return ["/run", "/tmp", "/var/log"].filter((place) =>
    fs.existsSync(path.join(place, `${mark}-new`)),
  );
}

for (const [name, begin] of [
  ["a namespace", (t: TestContext) => startNamespace(t, { pid1: ["sh", "-c", script], runit: {} })],
  ["an entrypoint", (t: TestContext) => startEntrypoint(t, "first", ["sh", "-c", script])],
] as const satisfies readonly [string, (t: TestContext) => Promise<Program>][]) {
  test(`${name} sees and changes nothing of the machine's places`, inNamespaces, async (t) => {
    makeMarks(t);
    const { stdout } = await begin(t);
    await stdout.waitFor(/^over$/);
    assert.deepEqual(stdout.lines(), ["over"]);
    assert.deepEqual(madeOutside(), []);
  });
}

for (const isolation of ["root", "user"] as const) {
  test(`a tree in ${isolation}'s namespaces makes nothing in /run and /tmp`, async (t) => {
    makeMarks(t);
    const first = `#!/bin/sh\n: >/run/${mark}-new; : >/tmp/${mark}-new
ls -d /tmp/${mark}; echo over; exit 100\n`;
    const stages = stagesOf(t, { "1!": first });
    const started = await startTestTree(t, { ...treeOptions(t), isolation, stages });
    if (started === null) return;
    await started.console.waitFor(/^over$/);
    assert.deepEqual(madeOutside(), []);
    // What is in /tmp is found there still: services may be anywhere in it.
    const seen = started.console.lines().filter((line) => line.startsWith("/"));
    assert.deepEqual(seen, [`/tmp/${mark}`]);
  });
}
