// Where /proc is not there, as in a chroot that an image is built in: a directory with the
// executable in it, links to that, and nothing else.
import assert from "node:assert/strict";
import * as fs from "node:fs";
import path from "node:path";
import { type TestContext, test } from "node:test";
import { sharedFiles } from "../../src/applets.ts";
import { bin, type Output, root, run, tempDir } from "../harness.ts";
import { inNamespaces, worldOf } from "../namespace.ts";

function makeRoot(t: TestContext): string {
  const base = tempDir(t);
  for (const name of ["opt/trinit", "link", "usr/local/share", "etc/service/web"]) {
    fs.mkdirSync(path.join(base, name), { recursive: true });
  }
  fs.copyFileSync(bin("trinit"), path.join(base, "opt/trinit/trinit"));
  fs.symlinkSync("/opt/trinit/trinit", path.join(base, "etc/service/web/run"));
  fs.cpSync(path.join(root, "dist/share"), path.join(base, "opt/trinit/share"), {
    recursive: true,
  });
  fs.symlinkSync("../opt/trinit/trinit", path.join(base, "link/trinit"));
  return base;
}

/** A program in there, which is not process 1. */
function within(t: TestContext, base: string, ...words: readonly string[]): Promise<Output> {
  const script = `umount -l /proc; chroot ${base} "$@"; exit $?`;
  return run(t, ...worldOf(t, ["/bin/sh", "-c", script, "sh", ...words]));
}

test("install copies what it was started by, with what belongs to it", inNamespaces, async (t) => {
  for (const called of ["/opt/trinit/trinit", "/link/trinit", "opt/../link/trinit"]) {
    const base = makeRoot(t);
    const to = ["--share", "/usr/local/share", "/usr/local"];
    const { code, stdout, stderr } = await within(t, base, called, "install", ...to);
    assert.deepEqual([code, stdout, stderr], [0, "", ""]);
    const copy = path.join(base, "usr/local/trinit");
    assert.deepEqual(fs.readFileSync(copy), fs.readFileSync(bin("trinit")));
    for (const file of sharedFiles(false)) {
      assert.ok(fs.existsSync(path.join(base, "usr/local/share", file)), file);
    }
  }
});

test("info knows the executable, whatever link it was started by", inNamespaces, async (t) => {
  const base = makeRoot(t);
  const { code, stdout, stderr } = await within(t, base, "/link/trinit", "info");
  assert.deepEqual([code, stderr], [0, ""]);
  assert.match(stdout, /^executable {2}\/link\/\.\.\/opt\/trinit\/trinit$/m);
});

test("programs that start others do so by that path, without a word", inNamespaces, async (t) => {
  const base = makeRoot(t);
  const help = await within(t, base, "/opt/trinit/trinit", "help", "sv");
  assert.deepEqual([help.code, help.stderr], [0, ""]);
  const command = ["/opt/trinit/trinit", "chpst", "/opt/trinit/trinit", "--version"];
  const argv = ["entrypoint", "--service-dir", "./etc/service", "--wait", "1", ...command];
  const { code, stdout, stderr } = await within(t, base, "/opt/trinit/trinit", ...argv);
  assert.equal(code, 0);
  assert.match(stdout, /^trinit \d\S*$/m);
  assert.doesNotMatch(stderr, /proc\/self\/exe/);
});

test("what cannot be done without /proc says what it is for", inNamespaces, async (t) => {
  const base = makeRoot(t);
  for (const [words, said] of [
    [["killall"], /^trinit: fatal: unable to end all processes: unable to read \/proc\//],
    [["bootchart"], /^trinit: fatal: unable to tell when the system has started: no \/proc/],
    [["stage", "3"], /^trinit: stage 3 ends with the services, since unable to read \/proc\//],
  ] as const) {
    const { stderr } = await within(t, base, "/opt/trinit/trinit", ...words);
    assert.match(stderr, said);
  }
});
