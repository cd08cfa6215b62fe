// What is mounted over the scanned directory, or over a service, is seen: no directory tells of
// that, so runsvdir asks the kernel about mounts.
import assert from "node:assert/strict";
import * as fs from "node:fs";
import { test } from "node:test";
import { bin, eventually, start } from "../harness.ts";
import { forever, newScan, runsvNamed, runsvOf, sleeper } from "../tree.ts";

const isAble = process.getuid?.() === 0 && fs.existsSync("/usr/bin/unshare");
const skip = isAble || process.env.CI !== undefined ? false : "needs root and unshare";

/** In a mount namespace of its own: $1 runsvdir, $2 the directory. A line is one step. */
const script = `set -e
service() {
  mkdir "$1"
  printf '#!/bin/sh\\nexec sleep 600\\n' >"$1/run"
  chmod +x "$1/run"
}
"$1" "$2" &
echo $!
read -r line
mount -t tmpfs none "$2/one"
cp "$2.run" "$2/one/run"
read -r line
mount -t tmpfs none "$2"
service "$2/.new" && mv "$2/.new" "$2/two"
read -r line
umount -l "$2"
read -r line`;

test("mounts are followed like everything else", { skip }, async (t) => {
  const { scan } = newScan(t);
  fs.writeFileSync(`${scan}.run`, forever, { mode: 0o755 });
  sleeper(scan, "one");
  const args = ["-m", "/bin/sh", "-c", script, "sh", bin("runsvdir"), scan];
  const shell = start(t, "/usr/bin/unshare", { args, stdin: "pipe" });
  const tree = { pid: Number(await shell.stdout.waitFor(/^\d+$/)) };
  const next = async (name: string, before: number): Promise<number> => {
    shell.stdin?.write("\n");
    const begin = performance.now();
    const found = await eventually(`runsv ${name}`, () => {
      const [pid] = runsvNamed(tree, name);
      return pid !== before && pid;
    });
    assert.ok(performance.now() - begin < 2000, "by an event, not by looking again");
    return found;
  };
  const first = await runsvOf(tree, "one");
  await next("one", first);
  await next("two", 0);
  assert.deepEqual(runsvNamed(tree, "one"), [], "hidden, so removed");
  await next("one", 0);
  await eventually("the end of two", () => runsvNamed(tree, "two").length === 0);
});
