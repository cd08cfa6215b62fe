// runsvdir -o: lines stay whole and in order whoever writes beside them, and whatever reads them.
import assert from "node:assert/strict";
import * as fs from "node:fs";
import path from "node:path";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { bin, run, start, waitForFile } from "../harness.ts";
import { readUntil, startIntoFifo } from "../relay.ts";
import { isUp, newScan, sleeper } from "../tree.ts";

const count = 20_000;

/** ./run that writes numbered lines, says in a file that it is through, and stays. */
const counter = `#!/bin/sh
i=0
while [ $i -lt ${count} ]; do
  i=$((i+1))
  echo "line $i"
done
echo last
: >through
exec sleep 600
`;

function numbered(name: string): string {
  const lines = Array.from({ length: count }, (_, index) => `${name} | line ${index + 1}\n`);
  return `${lines.join("")}${name} | last\n`;
}

test("ten services that write long lines at once: every line is whole", async (t) => {
  const { dir, scan } = newScan(t);
  const names = [..."abcdefghij"];
  const linesOf = (name: string): string[] =>
    Array.from({ length: 30 }, (_, number) => `${number} ${name.repeat(3000 * number)}`);
  for (const name of names) {
    const text = `${linesOf(name).join("\n")}\nlast\n`;
    sleeper(scan, name, { "run!": "#!/bin/sh\ncat text\nexec sleep 600\n", text });
  }
  const total = 31 * names.length;
  const { fifo } = startIntoFifo(t, dir, scan);
  const { stdout } = await run(t, "/usr/bin/head", ["-n", `${total}`, fifo]);
  const all = stdout.split("\n").slice(0, -1);
  for (const name of names) {
    const own = all.filter((line) => line.startsWith(`${name} | `));
    const expected = [...linesOf(name), "last"].map((line) => `${name} | ${line}`);
    assert.ok(own.join("\n") === expected.join("\n"), `all of ${name}, in order`);
  }
  assert.equal(all.length, total);
});

test("a reader that stops holds the service up, and nothing is lost", async (t) => {
  const { dir, scan } = newScan(t);
  const web = sleeper(scan, "web", { "run!": counter });
  const { fifo } = startIntoFifo(t, dir, scan);
  await isUp(web);
  await sleep(1000);
  assert.ok(!fs.existsSync(path.join(web, "through")), "it waits");
  const { pid } = await isUp(web);
  assert.equal(await readUntil(t, fifo, "last"), numbered("web"));
  await waitForFile(path.join(web, "through"));
  assert.equal((await isUp(web)).pid, pid);
});

test("an output that somebody has made non-blocking is waited for, too", async (t) => {
  const { dir, scan } = newScan(t);
  const web = sleeper(scan, "web", { "run!": counter });
  const nonblocking = "use Fcntl; fcntl STDOUT, F_SETFL, O_RDWR|O_NONBLOCK or die; exec @ARGV";
  const { fifo } = startIntoFifo(t, dir, scan, ["/usr/bin/perl", "-e", nonblocking]);
  await isUp(web);
  await sleep(300);
  assert.equal(await readUntil(t, fifo, "last"), numbered("web"));
});

test("a closed stdout ends nobody, and is said once, on stderr", async (t) => {
  const { dir, scan } = newScan(t);
  const web = sleeper(scan, "web", { "run!": counter });
  const script = '"$1" -P -o prefix "$2" | head -1';
  const args = ["-c", script, "sh", bin("runsvdir"), scan];
  const { stdout, stderr } = start(t, "/bin/sh", { args, cwd: dir });
  await waitForFile(path.join(web, "through"));
  await isUp(web);
  assert.equal(stdout.text(), "web | line 1\n");
  const what = "unable to write to stdout, dropping lines: broken pipe";
  assert.deepEqual(stderr.lines(), [`relay web: warning: ${what}`]);
});

test("a closed stderr ends nobody, and is said once, on stdout", async (t) => {
  const { dir, scan } = newScan(t);
  sleeper(scan, "web", { "run!": "#!/bin/sh\necho a >&2\necho b >&2\necho out\nexec sleep 600\n" });
  const script = '{ "$1" -P -o prefix "$2" 2>&1 >&3 3>&- | :; } 3>&1';
  const args = ["-c", script, "sh", bin("runsvdir"), scan];
  const { stdout } = start(t, "/bin/sh", { args, cwd: dir });
  await stdout.waitFor(/^web \| out$/);
  const what = "relay web: warning: unable to write to stderr, dropping lines: broken pipe";
  await stdout.waitFor(new RegExp(`^${what}$`));
  assert.equal(stdout.lines().length, 2);
});
