// trinit bootchart under init: what its stages write down, and what is known where they do not.
import assert from "node:assert/strict";
import * as fs from "node:fs";
import path from "node:path";
import { test } from "node:test";
import { inNamespaces, type Namespace, stageFiles, startNamespace } from "../namespace.ts";
import { type Drawn, readSvg, rowOf } from "../svg.ts";
import { forever, isUp } from "../tree.ts";

const web = { "run!": forever };
const services = { web };

async function draw(inside: Namespace): Promise<Drawn> {
  await isUp(inside.service("web"));
  const { stdout, stderr, code } = await inside.run("trinit", "bootchart");
  assert.deepEqual([stderr, code], ["", 0]);
  return readSvg(stdout);
}

function namesOf({ rows }: Drawn): string[] {
  return rows.map(({ texts }) => texts[0] ?? "");
}

function partsOf(files: Record<string, string>): string[] {
  const names = Object.keys(files).filter((name) => name.startsWith("1.d/"));
  return names.map((name) => path.basename(name, ".sh")).sort();
}

test("the parts of stage 1, in their order, and the service", inNamespaces, async (t) => {
  const runit = stageFiles();
  const inside = await startNamespace(t, { pid1: ["init"], runit, services });
  const drawn = await draw(inside);
  const names = ["stage 1", ...partsOf(runit), "stage 2: runsvdir", "web"];
  assert.deepEqual(namesOf(drawn), names);
  const begins = drawn.rows.slice(1, -1).map(({ bars }) => bars[0]?.from ?? 0);
  assert.deepEqual(
    begins,
    [...begins].sort((a, b) => a - b),
  );
});

test("a part that takes long is long", inNamespaces, async (t) => {
  const runit = { ...stageFiles(), "1.d/35-slow.sh": "sleep 0.3\n" };
  const inside = await startNamespace(t, { pid1: ["init"], runit, services });
  const { title } = rowOf(await draw(inside), "35-slow");
  assert.match(title, /^35-slow: ([3-9]\d0 ms|[1-9][0-9.]* s)$/);
});

test("the same with busybox's tools alone", inNamespaces, async (t) => {
  const runit = stageFiles();
  const inside = await startNamespace(t, { pid1: ["init"], runit, services, isBusybox: true });
  assert.equal(namesOf(await draw(inside)).length, partsOf(runit).length + 3);
});

test("stages that write nothing down have no parts", inNamespaces, async (t) => {
  const runit = { "1!": "#!/bin/sh\n", "2!": "#!/bin/sh\nexec runsvdir -P /etc/service\n" };
  const inside = await startNamespace(t, { pid1: ["init"], runit, services });
  assert.deepEqual(namesOf(await draw(inside)), ["stage 1", "stage 2: runsvdir", "web"]);
});

test("the built-in stages", inNamespaces, async (t) => {
  const inside = await startNamespace(t, { pid1: ["init"], runit: {}, services });
  assert.deepEqual(namesOf(await draw(inside)), ["stage 1", "stage 2: runsvdir", "web"]);
});

test("times that another boot has left in /run are not this one's", inNamespaces, async (t) => {
  const prepare = "mkdir /run/runit; printf '0.01 10-old\\n0.02 \\n' >/run/runit/times";
  const inside = await startNamespace(t, { pid1: ["init"], runit: {}, services, prepare });
  assert.deepEqual(namesOf(await draw(inside)), ["stage 1", "stage 2: runsvdir", "web"]);
});

test("garbage for times is none", inNamespaces, async (t) => {
  const prepare = "mkdir /run/runit; head -c 9000 /dev/urandom >/run/runit/times";
  const inside = await startNamespace(t, { pid1: ["init"], runit: {}, services, prepare });
  assert.deepEqual(namesOf(await draw(inside)), ["stage 1", "stage 2: runsvdir", "web"]);
});

test("stage 1 goes on where /run cannot be written", inNamespaces, async (t) => {
  const prepare = "mount -t tmpfs -o ro run /run";
  const inside = await startNamespace(t, {
    pid1: ["init"],
    runit: stageFiles(),
    services,
    prepare,
  });
  assert.deepEqual(namesOf(await draw(inside)), ["stage 1", "stage 2: runsvdir", "web"]);
  assert.doesNotMatch(inside.stderr.text(), /Read-only|cannot create|times/);
  assert.equal(fs.existsSync(path.join(inside.etc, "../run/runit")), false);
});

test("a service that is restarted does not hide when its runsv began", inNamespaces, async (t) => {
  const inside = await startNamespace(t, { pid1: ["init"], runit: stageFiles(), services });
  await isUp(inside.service("web"));
  await inside.run("sv", "restart", "/etc/service/web");
  const { bars, title } = rowOf(await draw(inside), "web");
  assert.deepEqual([bars[0]?.look, /restarted once/.test(title)], ["unsure", true]);
});
