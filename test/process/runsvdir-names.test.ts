// Service directories that are unusual: odd names, no permission, a read-only file system.
import assert from "node:assert/strict";
import * as fs from "node:fs";
import path from "node:path";
import { describe, test } from "node:test";
import { bin, childrenOf, eventually, run, start, startRunsvdir, waitForFile } from "../harness.ts";
import { forever, isUp, newScan, sleeper, timesSaid } from "../tree.ts";

const isRoot = process.getuid?.() === 0;

describe("service directories", { concurrency: true }, () => {
  test("a name may have any byte but a slash and a zero", async (t) => {
    const { scan } = newScan(t);
    const names = [
      "a b",
      "a\nb",
      "-x",
      "--",
      "caf\xe9",
      "\xff\xfe",
      "$(x)",
      "*",
      "\x1b[31m",
      " ",
      "\\",
    ];
    for (const name of names) {
      const dir = Buffer.from(`${scan}/${name}`, "latin1");
      fs.mkdirSync(dir);
      fs.writeFileSync(Buffer.concat([dir, Buffer.from("/run")]), forever, { mode: 0o755 });
    }
    const tree = startRunsvdir(t, scan);
    const titles = await eventually("a runsv for each", () => {
      const found = childrenOf(tree.pid).map((pid) =>
        fs.readFileSync(`/proc/${pid}/cmdline`, "latin1"),
      );
      return (
        found.every((title) => title.startsWith("runsv\0")) &&
        found.length === names.length &&
        found
      );
    });
    assert.deepEqual(titles.sort(), names.map((name) => `runsv\0${name}\0`).sort());
    for (const name of names) {
      await eventually(`${name} to run`, () => {
        const stat = Buffer.from(`${scan}/${name}/supervise/stat`, "latin1");
        return fs.existsSync(stat) && fs.readFileSync(stat, "latin1") === "run\n";
      });
    }
    assert.equal(tree.stderr.text(), "");
  });

  test("a scanned directory with odd bytes in its path", async (t) => {
    const { dir } = newScan(t);
    const scan = path.join(dir, "-a b\n'");
    fs.mkdirSync(scan);
    const tree = startRunsvdir(t, "./-a b\n'/", { cwd: dir });
    await isUp(sleeper(scan, "web"));
    assert.equal(tree.stderr.text(), "");
  });

  test("services that cannot be run: each says why, the others are undisturbed", async (t) => {
    const { scan } = newScan(t);
    fs.mkdirSync(path.join(scan, "empty"));
    fs.mkdirSync(path.join(scan, "file"));
    fs.writeFileSync(path.join(scan, "file/supervise"), "");
    fs.mkdirSync(path.join(scan, "log"));
    fs.writeFileSync(path.join(scan, "log/log"), "");
    fs.mkdirSync(path.join(scan, "mode"));
    fs.writeFileSync(path.join(scan, "mode/run"), forever, { mode: 0o644 });
    const web = sleeper(scan, "web");
    const tree = startRunsvdir(t, scan);
    const { pid } = await isUp(web);
    for (const line of [
      "runsv empty: fatal: unable to start ./run: file does not exist",
      "runsv file: fatal: unable to open supervise/lock: not a directory",
      "runsv log: warning: ./log: not a directory.",
      "runsv mode: fatal: unable to start ./run: access denied",
    ]) {
      await eventually(line, () => timesSaid(tree, line) > 0);
    }
    assert.equal((await isUp(web)).pid, pid);
  });

  const notRoot = { skip: isRoot ? false : "needs root, to be somebody else" };

  test(
    "a service directory that we may not enter: said, and up once we may",
    notRoot,
    async (t) => {
      const { dir, scan } = newScan(t);
      const [web, shut] = [sleeper(scan, "web"), sleeper(scan, "shut")];
      const uid = `${20_000 + (process.pid % 30_000)}`;
      await run(t, "/bin/chown", ["-R", uid, dir]);
      fs.chmodSync(dir, 0o755);
      fs.chmodSync(shut, 0);
      const args = ["--reuid", uid, "--regid", uid, "--clear-groups", bin("runsvdir"), scan];
      const tree = start(t, "/usr/bin/setpriv", { args, endSignal: "SIGHUP" });
      await isUp(web);
      await tree.stderr.waitFor(/./);
      assert.deepEqual(tree.stderr.lines(), [
        "runsv shut: fatal: unable to change to directory: access denied",
      ]);
      fs.chmodSync(shut, 0o755);
      await isUp(shut);
    },
  );

  /** What needs a mount namespace. */
  function mountsMissing(): string | false {
    if (isRoot && fs.existsSync("/usr/bin/unshare")) return false;
    return process.env.CI === undefined ? "needs root and unshare" : false;
  }

  test("a read-only file system: said with name and reason, up when it is writable", {
    skip: mountsMissing(),
  }, async (t) => {
    const { dir, scan } = newScan(t);
    const script = `set -e
  mount -t tmpfs none "$2"
  mkdir "$2/web"
  printf '#!/bin/sh\\nexec sleep 600\\n' >"$2/web/run"
  chmod +x "$2/web/run"
  mount -o remount,ro "$2"
  "$1" "$2" &
  read -r line
  mount -o remount,rw "$2"
  : >"$3/writable"
  wait`;
    const args = ["-m", "/bin/sh", "-c", script, "sh", bin("runsvdir"), scan, dir];
    const tree = start(t, "/usr/bin/unshare", { args, stdin: "pipe" });
    const line = await tree.stderr.waitFor(/./);
    assert.equal(line, "runsv web: fatal: unable to create supervise: read-only file system");
    tree.stdin?.write("\n");
    await waitForFile(path.join(dir, "writable"));
    // The mount is seen through a process that is in that namespace.
    const inside = `/proc/${tree.pid}/root${scan}/web/supervise/stat`;
    await eventually("the service", () => {
      return fs.existsSync(inside) && fs.readFileSync(inside, "latin1") === "run\n";
    });
  });
});
