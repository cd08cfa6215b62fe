// The removal of an old shadow, in which a log belongs to another user: root's hand is not led
// elsewhere by links that appear while it works.
import assert from "node:assert/strict";
import * as fs from "node:fs";
import { test } from "node:test";
import { startWorld, withUsers } from "../read-only.ts";
import { forever } from "../tree.ts";

const nobody = 65534;

/** Directories in his log, and once one of them is being emptied, links in their places. */
const swapping = `
my ($main, $victim) = @ARGV;
chdir $main or die;
mkdir "gone";
my @all = map { "d$_" } 1 .. 2000;
for (@all) { mkdir $_; open(F, ">", "$_/f"); close(F); }
open(F, ">", "/run/ready"); close(F);
my ($first, $last) = ("$all[0]/f", "$all[-1]/f");
1 while -e $first && -e $last && -e "$all[1000]/f";
for (@all) { rename($_, "gone/$_") and symlink($victim, $_); }
`;

test("a directory that links lead to is not emptied", withUsers, async (t) => {
  const files = {
    "service/web/run!": forever,
    "service/web/log/main/current": "x\n",
    swap: swapping,
  };
  const prepare = `chown -R ${nobody} /mnt/service/web/log/main
    mkdir /run/victim; for i in $(seq 100); do : >/run/victim/$i; done`;
  const world = await startWorld(t, { files, writable: ["/run"], prepare });
  const main = "/run/service/web/log/main";
  const shadow = async (): Promise<void> => {
    const { code, stderr } = await world.sh("trinit shadow /mnt/service");
    assert.deepEqual([code, stderr], [0, ""]);
  };
  await shadow();
  assert.equal(fs.statSync(world.at(main)).uid, nobody);
  const attacker = world.start(["perl", "/mnt/swap", main, "/run/victim"], {
    uid: nobody,
    endSignal: "SIGKILL",
  });
  await world.sh("until [ -e /run/ready ]; do sleep 0.05; done");
  await shadow();
  assert.deepEqual(await attacker.waitForExit(), { code: 0, signal: null });
  assert.equal(fs.readdirSync(world.at("/run/victim")).length, 100);
});
