// The Dockerfile's images, built from source as `docker build .` does, and used.
import assert from "node:assert/strict";
import * as fs from "node:fs";
import path from "node:path";
import { before, test } from "node:test";
import { inEngine, makeImage, podman, runContainer, startContainer } from "../container.ts";
import { build } from "../container-base.ts";
import { tempDir } from "../harness.ts";

const image = "localhost/trinit";
const sizeMaxBytes = 1_500_000;

before(async () => {
  if (inEngine.skip === false) await build(image);
});

test("the image is small, and holds the executable and its licences", inEngine, async (t) => {
  assert.ok(Number(await podman("inspect", "--format={{.Size}}", image)) <= sizeMaxBytes);
  const work = tempDir(t);
  const id = await podman("create", image);
  await podman("cp", `${id}:/.`, work);
  const files = fs.readdirSync(work, { recursive: true, encoding: "utf8" });
  const regular = files.filter((name) => fs.lstatSync(path.join(work, name)).isFile());
  assert.deepEqual(regular.sort(), [
    "trinit",
    "usr/share/doc/trinit/LICENSE",
    "usr/share/doc/trinit/NOTICE",
  ]);
  for (const name of fs.readdirSync(path.join(work, "bin"))) {
    assert.equal(fs.readlinkSync(path.join(work, "bin", name)), "../trinit");
  }
});

test("the image runs a command, and exits as it does", inEngine, async (t) => {
  const { code, stdout } = await runContainer(t, { image, args: ["trinit", "info"] });
  assert.equal(code, 0);
  assert.match(stdout, /^version /);
});

test("another image takes the executable in three lines", inEngine, async (t) => {
  const context = tempDir(t);
  const other = await makeImage(t);
  fs.writeFileSync(
    path.join(context, "Dockerfile"),
    `FROM ${other}
COPY --from=${image} /trinit /usr/local/bin/
RUN ["/usr/local/bin/trinit", "install", "/usr/local/bin"]
ENTRYPOINT ["trinit", "entrypoint"]
RUN mkdir -p /etc/service/web \\
 && printf '#!/bin/sh\\necho up\\nexec sleep 600\\n' >/etc/service/web/run \\
 && chmod +x /etc/service/web/run
`,
  );
  await podman("build", "--quiet", "--layers=false", "--tag=localhost/other", context);
  const container = await startContainer(t, { image: "localhost/other" });
  await container.stdout.waitFor(/web \| up$/);
  assert.match((await container.exec("sv", "status", "web")).stdout, /^run: web: /);
  await container.stop();
  assert.equal(await container.exitCode(), 0);
});

test("the target debian serves, works, and ends with its web server", inEngine, async (t) => {
  const debian = "localhost/debian";
  await build(debian, "--target=debian");
  const container = await startContainer(t, { image: debian });
  await container.stdout.waitFor(/worker \| beat 1$/);
  assert.equal((await container.exec("sv", "check", "web", "worker", "cron")).code, 0);
  const { stdout } = await container.exec("busybox", "wget", "-qO-", "http://127.0.0.1:8080/");
  assert.equal(stdout, "hello");
  await container.exec("sh", "-c", "kill $(cat /etc/service/web/supervise/pid)");
  assert.equal(await container.exitCode(), 143);
});
