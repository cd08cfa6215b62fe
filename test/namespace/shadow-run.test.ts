// Services in a shadow: they run, log and are controlled by SVDIR as anywhere else, by programs
// that know nothing of shadows.
// Differs, read-only: runit has nothing that makes one.
import assert from "node:assert/strict";
import * as fs from "node:fs";
import { test } from "node:test";
import { status, until } from "../../src/client/index.ts";
import { deadlineMs, waitForFile } from "../harness.ts";
import { inNamespaces } from "../namespace.ts";
import { startWorld, type World, withOracle, withUsers } from "../read-only.ts";
import { forever, isUp, runsvOf } from "../tree.ts";

const files = { "service/web/run!": forever, "service/web/log/run!": "#!/bin/sh\nexec cat\n" };
const shadow = "/run/service";
const env = { SVDIR: shadow };

async function makeShadow(world: World, options = {}): Promise<void> {
  const { code, stdout, stderr } = await world.sh("trinit shadow /mnt/service", options);
  assert.deepEqual([code, stdout, stderr], [0, `${shadow}\n`, ""]);
}

const trinit = { runsvdir: "runsvdir", sv: "sv" };
const debian = { runsvdir: "/mnt/oracle/usr/bin/runsvdir", sv: "/mnt/oracle/usr/bin/sv" };

for (const [who, runsvdir, sv] of [
  ["sv", trinit.runsvdir, trinit.sv],
  ["Debian's sv", trinit.runsvdir, debian.sv],
  ["sv, and Debian's runsvdir", debian.runsvdir, trinit.sv],
] as const) {
  const needs = who === "sv" ? inNamespaces : withOracle;
  test(`controlled by ${who}`, needs, async (t) => {
    const world = await startWorld(t, { files, writable: ["/run"] });
    await makeShadow(world);
    const path = "/mnt/oracle/usr/bin:/mnt/sbin:/usr/bin:/bin";
    world.start([runsvdir, shadow], runsvdir === trinit.runsvdir ? {} : { env: { PATH: path } });
    const web = world.at(`${shadow}/web`);
    await isUp(web);
    await isUp(`${web}/log`);
    const asked = await world.sh(`${sv} status web`, { env });
    assert.match(asked.stdout, /^run: web: \(pid \d+\) \d+s; run: log: \(pid \d+\) \d+s\n$/);
    await world.sh(`${sv} down web`, { env });
    await until(web, ({ state }) => state === "down", deadlineMs);
    await world.sh(`${sv} up web`, { env });
    await isUp(web);
    assert.equal((await status(web)).state, "run");
  });
}

test(
  "relative reads are those of the service, and what it writes stays",
  inNamespaces,
  async (t) => {
    const lines = ["#!/bin/sh", ". ../common.sh", "cat conf/a b >wrote", "exec sleep 600", ""];
    const service = { "run!": lines.join("\n"), "conf/a": "a\n", b: "b\n" };
    const named = Object.entries(service).map(([name, text]) => [`service/web/${name}`, text]);
    const common = { "service/common.sh": "echo common >common\n" };
    const world = await startWorld(t, {
      files: { ...Object.fromEntries(named), ...common },
      writable: ["/run"],
    });
    await makeShadow(world);
    world.start(["runsvdir", shadow]);
    await waitForFile(world.at(`${shadow}/web/wrote`), (text) => text === "a\nb\n");
    assert.equal(fs.readFileSync(world.at(`${shadow}/web/common`), "utf8"), "common\n");
    assert.deepEqual(fs.readdirSync(world.at("/mnt/service/web")).sort(), ["b", "conf", "run"]);
  },
);

test("a tmpfs without exec will do", inNamespaces, async (t) => {
  const log = { "service/web/log/run!": forever, "service/web/finish!": "#!/bin/sh\n: >done\n" };
  const world = await startWorld(t, {
    files: { ...files, ...log },
    writable: ["/run"],
    prepare: "mount -o remount,noexec /run",
  });
  await makeShadow(world);
  world.start(["runsvdir", shadow]);
  await isUp(world.at(`${shadow}/web`));
  await isUp(world.at(`${shadow}/web/log`));
  await world.sh("sv down web", { env });
  await waitForFile(world.at(`${shadow}/web/done`));
});

test(
  "the built-in logger writes into the shadow, by the config of the service",
  inNamespaces,
  async (t) => {
    const talk = "#!/bin/sh\necho one; echo skipped; echo two\nexec sleep 600\n";
    const main = { "service/web/log/main/config": "-skipped\n" };
    const world = await startWorld(t, {
      files: { "service/web/run!": talk, ...main },
      writable: ["/run"],
    });
    await makeShadow(world);
    world.start(["runsvdir", shadow]);
    const text = await waitForFile(world.at(`${shadow}/web/log/main/current`), (all) =>
      all.includes("two"),
    );
    assert.match(text, /^\S+ one\n\S+ two\n$/);
  },
);

test("any user runs services, without a right to anything else", withUsers, async (t) => {
  const nobody = { uid: 65534 };
  const world = await startWorld(t, { files, writable: ["/run"] });
  await makeShadow(world, nobody);
  world.start(["runsvdir", shadow], nobody);
  await isUp(world.at(`${shadow}/web`));
  const { code, stdout } = await world.sh("sv restart web", { ...nobody, env });
  assert.deepEqual([code, /^ok: run: web: /.test(stdout)], [0, true]);
});

test("a service that becomes another user reads what it has", withUsers, async (t) => {
  const run = "#!/bin/sh\nexec chpst -u :65534:65534 sh -c 'cat conf; exec sleep 600'\n";
  const world = await startWorld(t, {
    files: { "service/web/run!": run, "service/web/conf": "read\n" },
    writable: ["/run"],
  });
  await makeShadow(world);
  const tree = world.start(["runsvdir", shadow]);
  await tree.stdout.waitFor(/^read$/);
});

test("a runsv that was killed leaves its service to the next one", inNamespaces, async (t) => {
  const world = await startWorld(t, { files, writable: ["/run"] });
  await makeShadow(world);
  const tree = world.start(["runsvdir", shadow]);
  const web = world.at(`${shadow}/web`);
  const { pid } = await isUp(web);
  const first = await runsvOf(tree, "web");
  process.kill(first, "SIGKILL");
  await runsvOf(tree, "web", first);
  assert.equal((await isUp(web)).pid, pid);
});
