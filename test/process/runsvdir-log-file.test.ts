// runsvdir -L FILE: what is said on stderr is appended to a file, or goes into a FIFO, and the
// process title stays as it is.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import * as fs from "node:fs";
import path from "node:path";
import { test } from "node:test";
import {
  bin,
  commandLine,
  eventually,
  isAlive,
  type Program,
  start,
  startRunsvdir,
  waitForFile,
} from "../harness.ts";
import { isUp, newScan, runsvOf, sleeper } from "../tree.ts";

const speaker = '#!/bin/sh\necho "web speaks" >&2\nexec sleep 600\n';

function titleOf({ pid }: Program): string {
  return commandLine(pid).split(" ").slice(1).join(" ");
}

test("a file gets what runsvdir, runsv and services say, behind what was in it", async (t) => {
  const { dir, scan } = newScan(t);
  const file = path.join(dir, "log");
  sleeper(scan, "web", { "run!": speaker });
  sleeper(scan, "none", { "run!": "#!/nothing\n" });
  fs.symlinkSync("nothing", path.join(scan, "a"));
  fs.writeFileSync(file, "before\n");
  const tree = startRunsvdir(t, scan, { args: ["-L", file] });
  const text = await waitForFile(file, (now) =>
    ["web speaks", "none:", "stat a"].every((part) => now.includes(part)),
  );
  const lines = text.split("\n");
  assert.equal(lines[0], "before");
  assert.ok(lines.includes("web speaks"));
  assert.ok(lines.includes(`runsvdir ${scan}: warning: unable to stat a: file does not exist`));
  const why = "its interpreter /nothing does not exist";
  assert.ok(lines.includes(`runsv none: fatal: unable to start ./run: ${why}`));
  assert.equal(titleOf(tree), `-L ${file} ${scan}`);
  assert.equal(tree.stderr.text(), "");
  fs.truncateSync(file); // what copies and truncates a log does
  sleeper(scan, "late", { "run!": speaker.replace("web", "late") });
  await waitForFile(file, (now) => now.includes("late speaks\n"));
  assert.ok(!fs.readFileSync(file, "latin1").includes("\0"), "no hole where it was longer");
});

test("a file that is not there is made, 0644, whatever the order of the options", async (t) => {
  const { dir, scan } = newScan(t);
  sleeper(scan, "web", { "run!": speaker });
  for (const args of [["-P", "-L", "FILE"], ["-L", "FILE", "-P"], ["-PLFILE"]]) {
    const file = `${fs.mkdtempSync(path.join(dir, "log-"))}/current`;
    const words = args.map((word) => word.replace("FILE", file));
    const tree = startRunsvdir(t, scan, { args: words });
    await waitForFile(file, (text) => text.includes("web speaks\n"));
    assert.equal(fs.statSync(file).mode & 0o777, 0o644);
    const runsv = await runsvOf(tree, "web");
    const session = fs.readFileSync(`/proc/${runsv}/stat`, "latin1").split(" ")[5];
    assert.equal(session, `${runsv}`, "-P is heard");
    tree.signal("SIGHUP");
    await tree.waitForExit();
    await eventually("the end", () => !isAlive(runsv));
  }
});

test("nobody below reads what others write to a FIFO", async (t) => {
  const { dir, scan } = newScan(t);
  const fifo = path.join(dir, "fifo");
  execFileSync("mkfifo", [fifo]);
  const thief = sleeper(scan, "thief", { "run!": "#!/bin/sh\ncat <&2 >stolen\necho $? >result\n" });
  startRunsvdir(t, scan, { args: ["-L", fifo] });
  await waitForFile(path.join(thief, "result"), (text) => text === "1\n");
  assert.equal(fs.readFileSync(path.join(thief, "stolen"), "latin1"), "");
});

test("a FIFO needs no reader, and a full one holds nobody up", async (t) => {
  const { dir, scan } = newScan(t);
  const fifo = path.join(dir, "fifo");
  execFileSync("mkfifo", [fifo]);
  const full =
    '#!/bin/sh\ni=0\nwhile [ $i -lt 3000 ]; do echo "line $i .........................."';
  sleeper(scan, "web", { "run!": `${full}; i=$((i+1)); done >&2 2>/dev/null\nexec sleep 600\n` });
  const loud = "#!/bin/sh\nhead -c 200000 /dev/zero | tr '\\0' x >&2\n: >said\nexec sleep 600\n";
  const web = sleeper(scan, "loud", { "run!": loud });
  startRunsvdir(t, scan, { args: ["-L", fifo] });
  await waitForFile(path.join(web, "said"));
  await isUp(web);
  const reader = fs.openSync(fifo, fs.constants.O_RDONLY | fs.constants.O_NONBLOCK);
  const buffer = Buffer.alloc(1000);
  assert.ok(fs.readSync(reader, buffer, 0, buffer.length, null) > 0, "the first is kept for it");
  fs.closeSync(reader); // and who goes again does no harm
  await isUp(sleeper(scan, "late"));
});

for (const [what, make, why] of [
  ["a directory", (file: string) => fs.mkdirSync(file), "is a directory"],
  ["in no directory", () => {}, "file does not exist"],
] as const) {
  test(`a file that is ${what}: said where it can be said, and it goes on`, async (t) => {
    const { dir, scan } = newScan(t);
    const web = sleeper(scan, "web");
    const file = path.join(dir, what === "a directory" ? "log" : "none/log");
    make(file);
    const args = ["-L", file, scan, `log: ${".".repeat(20)}`];
    const tree = start(t, bin("runsvdir"), { args, endSignal: "SIGHUP" });
    await isUp(web);
    const said = `runsvdir ${scan}: warning: unable to open ${file}: ${why}\n`;
    assert.equal(tree.stderr.text(), said);
  });
}
