// env/ of a service: what another user could change there is not in root's environment, and the
// service is not started without.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import * as fs from "node:fs";
import path from "node:path";
import { test } from "node:test";
import { asNobody, asRoot, give, nobody, openDir } from "../attacker.ts";
import { bin, run, serviceDir, startRunsv, waitForFile } from "../harness.ts";
import { forever, isUp } from "../tree.ts";

/** Root's own run, which starts a program by its name. */
const script = "#!/bin/sh\nid -u >../ran-as-root\nhelper\nexec sleep 600\n";

/** What somebody else has, or can do, by shell commands in the service directory; what is said. */
const attacks = [
  ["env is his", `chown ${nobody} env`, "env"],
  ["a file in it is his", `chown ${nobody} env/PATH`, "env/PATH"],
  ["everybody can write into env", "chmod 777 env", "env"],
  ["everybody can, but only to files of his own", "chmod 1777 env", "env"],
  ["a group can write into env", `chgrp ${nobody} env; chmod 775 env`, "env"],
  ["everybody can write to a file", "chmod 666 env/PATH", "env/PATH"],
  ["root's group can, which others may be in", "chmod 664 env/PATH", "env/PATH"],
  [
    "env is a link to a directory of his",
    `mv env ../e; ln -s ../e env; chown ${nobody} ../e`,
    "env",
  ],
  [
    "a file is a link to one of his",
    `mv env/PATH ../p; ln -s ../../p env/PATH; chown ${nobody} ../p`,
    "env/PATH",
  ],
] as const;

for (const [what, line, where] of attacks) {
  test(`not started: ${what}`, asRoot, async (t) => {
    const base = openDir(t);
    const path_ = `${base}/his:/usr/sbin:/usr/bin:/sbin:/bin`;
    const dir = serviceDir(base, "web", { "run!": script, "env/PATH": path_ });
    serviceDir(base, "his", {
      "helper!": "#!/bin/sh\nid -u >../owned.new; mv ../owned.new ../owned\n",
    });
    give(path.join(base, "his"), path.join(base, "his/helper"));
    execFileSync("sh", ["-ec", line], { cwd: dir });
    const runsv = startRunsv(t, "web", { cwd: base, endSignal: "SIGKILL" });
    await Promise.race([runsv.stderr.waitFor(/./), waitForFile(path.join(base, "owned"))]);
    const said = "another user owns it or can write to it";
    assert.equal(runsv.stderr.lines()[0], `runsv web: fatal: unable to read ${where}: ${said}`);
    assert.ok(!fs.existsSync(path.join(base, "owned")));
    assert.ok(!fs.existsSync(path.join(base, "ran-as-root")));
    const { stderr } = await run(t, bin("sv"), ["-w", "1", "start", dir]);
    assert.match(stderr, new RegExp(said));
  });
}

test("finish and the scripts in control are not started either", asRoot, async (t) => {
  const base = openDir(t);
  const note = "#!/bin/sh\n: >../ran\n";
  const files = { "run!": forever, "finish!": note, "control/h!": note, "env/X": "1" };
  const dir = serviceDir(base, "web", files);
  const runsv = startRunsv(t, "web", { cwd: base });
  await isUp(dir);
  fs.chmodSync(path.join(dir, "env"), 0o777);
  for (const word of ["hup", "term"]) await run(t, bin("sv"), [word, dir]);
  await runsv.stderr.waitFor(/unable to read env/, 2);
  assert.ok(!fs.existsSync(path.join(base, "ran")));
});

test("started: what root links, and what is read-only for all", asRoot, async (t) => {
  // As a ConfigMap is mounted: a directory with mode 1777, links, and a read-only file system.
  const base = openDir(t);
  const dir = serviceDir(base, "web", {
    "run!": '#!/bin/sh\necho "$X" >../new; mv ../new ../x\nexec sleep 600\n',
    "env/.data/X": "mounted",
    "env/X=": ".data/X",
  });
  const inside = `mount --bind env env && chmod 1777 env && chmod 666 env/.data/X &&
    mount -o remount,bind,ro env && exec ${bin("runsv")} .`;
  startRunsv(t, "", {
    program: "/usr/bin/unshare",
    args: ["-m", "/bin/sh", "-ec", inside],
    cwd: dir,
  });
  assert.equal(await waitForFile(path.join(base, "x")), "mounted\n");
});

test("started: a user's own service, whose files his own group may write", asRoot, async (t) => {
  const base = openDir(t);
  const dir = serviceDir(base, "web", {
    "run!": '#!/bin/sh\necho "$X" >new; mv new x\nexec sleep 600\n',
    "env/X": "his own",
  });
  execFileSync("sh", ["-ec", `chmod -R g+w .; chown -R ${nobody}:${nobody} .`], { cwd: dir });
  asNobody(t, [bin("runsv"), dir], { cwd: "/" });
  assert.equal(await waitForFile(path.join(dir, "x")), "his own\n");
});
