// docs/kubernetes.yaml, as far as podman plays it: it knows no probe but the liveness one, and no
// preStop; these are asked as Kubernetes would.
import assert from "node:assert/strict";
import * as fs from "node:fs";
import path from "node:path";
import { test } from "node:test";
import { inEngine, makeImage, podman, tryPodman } from "../container.ts";
import { eventually, root, tempDir } from "../harness.ts";

const run = (name: string): string => `#!/bin/sh
trap 'echo ${name} bye; exit' TERM
echo ${name} up in $SVDIR as $(id -u)
while :; do sleep 0.05; done
`;

test("the manifest's pod comes up, answers its probes, and goes down", inEngine, async (t) => {
  const services = { web: { "run!": run("web") }, worker: { "run!": run("worker") } };
  // A volume has the mode of what it is mounted on; in Kubernetes anybody may write to it.
  const instructions = ["ENV PATH=/bin"];
  const image = await makeImage(t, { services, instructions, writable: ["run"] });
  await podman("tag", image, "localhost/web");
  const manifest = path.join(tempDir(t), "kubernetes.yaml");
  const text = fs.readFileSync(path.join(root, "docs/kubernetes.yaml"), "utf8");
  // There is no network to have a port on.
  const here = text.replace('"5"', '"0.2"').replace(/ +ports:\n.*containerPort.*\n/, "");
  fs.writeFileSync(manifest, here);
  t.after(() => tryPodman("kube", "down", manifest));
  await podman("kube", "play", "--network=none", manifest);
  const logs = (): Promise<string> => podman("logs", "web-web");
  await eventually("both services", async () => (await logs()).match(/up in/g)?.length === 2);
  assert.match(await logs(), /^web \| web up in \/run\/service as 12345$/m);
  for (const name of ["web", "worker"]) {
    const probe = ["exec", "web-web", "sv", "-w", "1", "check", name];
    assert.equal((await tryPodman(...probe)).code, 0);
  }
  const preStop = /preStop:\s+exec:\s+command: (\[.*\])/.exec(text)?.[1] ?? "[]";
  const words: string[] = JSON.parse(preStop);
  assert.match(await podman("exec", "web-web", ...words), /^ok: down: worker: /);
  assert.doesNotMatch(await logs(), /^web \| web bye$/m);
  await podman("stop", "--time=10", "web-web");
  assert.equal(await podman("inspect", "--format={{.State.ExitCode}}", "web-web"), "0");
  assert.match(await logs(), /^web \| web bye$/m);
  assert.match(await logs(), /^worker \| worker bye$/m);
});
