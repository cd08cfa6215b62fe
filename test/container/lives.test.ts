// Containers that are entered, started again, crowded.
import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import path from "node:path";
import { test } from "node:test";
import { inEngine, makeImage, podman, startContainer, tryPodman } from "../container.ts";
import { root } from "../harness.ts";

const run = "#!/bin/sh\ntrap 'echo bye; exit' TERM\necho up\nwhile :; do sleep 0.05; done\n";

test("a container that was killed starts again, services and all", inEngine, async (t) => {
  const container = await startContainer(t, { services: { web: { "run!": run } } });
  await container.stdout.waitFor(/web \| up$/);
  await container.kill("KILL");
  assert.equal(await container.exitCode(), 137);
  await podman("start", container.name);
  const waits = ["sh", "-c", "until sv status web | grep ^run:; do sleep 0.05; done"];
  const { code } = await container.exec("timeout", "10", ...waits);
  assert.equal(code, 0);
  await podman("stop", container.name);
  assert.equal(await podman("inspect", "--format={{.State.ExitCode}}", container.name), "0");
  assert.match(await podman("logs", container.name), /web \| up\nweb \| up\nweb \| bye$/);
});

test("restart stops the services, and starts them again", inEngine, async (t) => {
  const container = await startContainer(t, { services: { web: { "run!": run } } });
  await container.stdout.waitFor(/web \| up$/);
  await podman("restart", container.name);
  const waits = ["sh", "-c", "until sv status web | grep ^run:; do sleep 0.05; done"];
  assert.equal((await container.exec("timeout", "10", ...waits)).code, 0);
  await podman("stop", container.name);
  assert.match(
    await podman("logs", container.name),
    /^web \| up\nweb \| bye\nweb \| up\nweb \| bye$/,
  );
});

test(
  "a service that is not supervised any more is so again: runsv is killed",
  inEngine,
  async (t) => {
    const container = await startContainer(t, { services: { web: { "run!": run } } });
    await container.stdout.waitFor(/web \| up$/);
    const pid = (await container.exec("cat", "/etc/service/web/supervise/pid")).stdout;
    await container.exec(
      "sh",
      "-c",
      "kill -9 $(pidof -s runsv || ps | grep 'runsv [w]eb' | awk '{print $1}')",
    );
    const waits = ["sh", "-c", `until sv status web | grep '(pid ${pid})'; do sleep 0.05; done`];
    assert.equal((await container.exec("timeout", "10", ...waits)).code, 0);
    await container.stop();
    assert.equal(await container.exitCode(), 0);
    await container.stdout.waitFor(/web \| bye$/);
  },
);

const oracle = path.join(root, "cache/oracle/usr/bin/sv");
const isThere = existsSync(oracle) || process.env.CI !== undefined;

test("Debian's sv controls the services", {
  skip: inEngine.skip || (isThere ? false : "type: sh scripts/oracle.sh"),
}, async (t) => {
  const loader = ["/lib64", "/lib"].flatMap((directory) => [
    `--volume=${directory}:${directory}:ro`,
  ]);
  const flags = [...loader, `--volume=${oracle}:/debian/sv:ro`];
  const container = await startContainer(t, { services: { web: { "run!": run } }, flags });
  await container.stdout.waitFor(/web \| up$/);
  const { stdout } = await container.exec("/debian/sv", "restart", "web");
  assert.match(stdout, /^ok: run: web: \(pid \d+\) \d+s$/);
  await container.stdout.waitFor(/web \| bye$/);
  assert.match((await container.exec("/debian/sv", "down", "web")).stdout, /^$/);
});

test("500 services come up, and go down at once", inEngine, async (t) => {
  const names = Array.from({ length: 500 }, (_, at) => `s${at}`);
  const stays = { "run!": "#!/bin/sh\nexec sleep 600\n" };
  const services = Object.fromEntries(names.map((name) => [name, stays]));
  const args = ["sh", "-c", "sv status /etc/service/* | grep -c ^run:; sleep 600"];
  const flags = ["--pids-limit=4096"];
  await makeImage(t, { services });
  const container = await startContainer(t, { services, args: ["--wait", "60", ...args], flags });
  assert.equal(await container.stdout.waitFor(/^\d+$/), "500");
  const took = await container.stop("--time=60");
  assert.equal(await container.exitCode(), 143); // the shell's, which TERM ended
  assert.ok(took < 20_000, `${took} ms`);
  assert.equal((await tryPodman("container", "exists", container.name)).code, 0);
});
