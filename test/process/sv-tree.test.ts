// Where sv and trinit look for services without SVDIR: in the first of the known places, and in the
// link farm that stands for it.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { type TestContext, test } from "node:test";
import { bin, type Output, run, serviceDir, tempDir } from "../harness.ts";

const own = process.geteuid?.() === 0 ? ["-m"] : ["-rm"];
const needs = {
  skip: spawnSync("unshare", [...own, "true"]).status === 0 ? false : "no namespaces",
};
const asRoot = { skip: process.geteuid?.() === 0 ? needs.skip : "needs root" };

/** Runs a script where /etc, /var and /run are empty; $1 has the programs, $2 the service web. */
function inside(t: TestContext, script: string, env: Record<string, string> = {}): Promise<Output> {
  const scan = tempDir(t);
  serviceDir(scan, "web", { "run!": "#!/bin/sh\nexec sleep 600\n" });
  const bins = bin("sv").replace(/\/sv$/, "");
  const prepare = `set -e
    export PATH=$1:/usr/sbin:/usr/bin:/sbin:/bin
    for place in /etc /var /run; do mount -t tmpfs tmpfs $place; done`;
  const args = [...own, "/bin/sh", "-c", `${prepare}\n${script}`, "sh", bins, scan];
  return run(t, "unshare", args, { env, milliseconds: 60_000 });
}

const ask = `runsvdir "$at" & pid=$!
  trap 'kill -HUP $pid; wait' EXIT
  sv -w 30 check web >answer 2>&1 || cat answer >&2
  sv status | cut -d ' ' -f 1,2
  trinit await 30
  trinit info | grep services
  trinit down`;

for (const place of ["/etc/service", "/var/service", "/run/runit/service"]) {
  test(`services are in ${place}`, needs, async (t) => {
    const script = `at=${place}; mkdir -p $at; cp -r "$2/web" $at; cd /run; ${ask}`;
    const { code, stdout, stderr } = await inside(t, script);
    assert.deepEqual([stderr, stdout, code], ["", `run: web:\nservices    ${place}\n`, 0]);
  });
}

const farmed = `mkdir /etc/service; cp -r "$2/web" /etc/service
  mount --bind /etc/service /etc/service; mount -o remount,bind,ro /etc/service
  cd /run`;

test("a link farm stands for the service directory", needs, async (t) => {
  const script = `${farmed}; at=$(trinit shadow /etc/service); ${ask}`;
  const { code, stdout, stderr } = await inside(t, script);
  assert.deepEqual([stderr, stdout, code], ["", "run: web:\nservices    /run/service\n", 0]);
});

test("one of another user's is passed over, and one that nothing runs in", asRoot, async (t) => {
  const fake = `mkdir -p /run/mine/service; echo /etc/service >/run/mine/service/.shadow
    cp -r "$2/web" /run/mine/service; chown -R 1:1 /run/mine/service
    runsvdir /run/mine/service & pid=$!
    trap 'kill -HUP $pid; wait' EXIT
    SVDIR=/run/mine/service sv -w 30 check web >/dev/null
    trinit info | grep services
    mkdir -p /run/service; echo /etc/service >/run/service/.shadow
    trinit info | grep services`;
  const { code, stdout } = await inside(t, `${farmed}; ${fake}`, { TMPDIR: "/run/mine" });
  assert.deepEqual([stdout, code], ["services    /etc/service\n".repeat(2), 0]);
});
