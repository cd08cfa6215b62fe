// A file system whose inode numbers differ only behind what a double holds: overlayfs with xino=on
// has the number of a layer in their uppermost bits. Files of its lower layer keep theirs, whatever
// is done to them.
import assert from "node:assert/strict";
import { test } from "node:test";
import { root } from "../harness.ts";
import { needsRoot, startNamespace } from "../namespace.ts";
import { forever } from "../tree.ts";

/** /run/all, and what `make` makes in its lower layer. */
function overlay(make: string): string {
  return `mkdir /run/lower /run/upper /run/all
    mount -t tmpfs lower /run/lower
    mount -t tmpfs upper /run/upper
    mkdir /run/upper/files /run/upper/work
    (cd /run/lower; ${make})
    mount -t overlay all /run/all \
      -o lowerdir=/run/lower,upperdir=/run/upper/files,workdir=/run/upper/work,xino=on
    cd /run/all`;
}

const pid1 = ["sleep", "600"];
const large = /^9223372036854775\d{3}$/m;

test("every service of a directory is started", needsRoot, async (t) => {
  const service = `mkdir $name; printf '${forever.replaceAll("\n", "\\n")}' >$name/run
    chmod +x $name/run`;
  const prepare = overlay(`for name in a b c; do ${service}; done`);
  const inside = await startNamespace(t, { pid1, runit: {}, prepare });
  assert.match((await inside.run("stat", "-c", "%i", "/run/all/a")).stdout, large);
  inside.start("runsvdir", "/run/all");
  const paths = ["/run/all/a", "/run/all/b", "/run/all/c"];
  const started = await inside.run("sv", "-w9", "start", ...paths);
  assert.equal(started.stdout.match(/^ok: run: /gm)?.length, 3, started.stdout);
});

test("a log that is removed and made again is not written to any more", needsRoot, async (t) => {
  const prepare = overlay("mkdir log; : >log/current; : >log/next; mkfifo in");
  const inside = await startNamespace(t, { pid1, runit: {}, prepare });
  const { stdout } = await inside.run("stat", "-c", "%i", "/run/all/log/current");
  assert.match(stdout, large);
  const svlogd = inside.start("sh", "-c", "exec svlogd /run/all/log <>/run/all/in");
  const write = (line: string) => inside.run("sh", "-c", `echo ${line} >/run/all/in`);
  const until = (line: string) =>
    inside.run("sh", "-c", `until grep -q ${line} /run/all/log/current; do sleep 0.02; done`);
  await write("one");
  await until("one");
  await inside.run("mv", "/run/all/log/next", "/run/all/log/current");
  await write("two");
  await svlogd.stderr.waitFor(/current was removed or replaced/);
  await until("two");
});

test("runsvchdir tells one directory from another", needsRoot, async (t) => {
  const prepare = overlay("mkdir default single; ln -s default current");
  const inside = await startNamespace(t, { pid1, runit: {}, prepare });
  await inside.run("env", "RUNSVDIR=/run/all", "runsvchdir", "single");
  assert.equal((await inside.run("readlink", "/run/all/current")).stdout, "single\n");
});

test("the client tells one file from another", needsRoot, async (t) => {
  const prepare = overlay("mkdir one other");
  const inside = await startNamespace(t, { pid1, runit: {}, prepare });
  const script = `import("${root}/src/client/changes.ts").then(async ({ identityOf }) =>
    console.log(new Set(await Promise.all(process.argv.slice(1).map(identityOf))).size))`;
  const tsx = ["--import", `${root}/node_modules/tsx/dist/esm/index.mjs`];
  const node = [process.execPath, ...tsx, "-e", script];
  const told = await inside.run(...node, "/run/all/one", "/run/all/other");
  assert.equal(told.stdout, "2\n", told.stderr);
});
