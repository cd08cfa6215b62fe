// trinit shadow: when a service directory gets a shadow, and what is in it.
import assert from "node:assert/strict";
import * as fs from "node:fs";
import { type TestContext, test } from "node:test";
import { inNamespaces } from "../namespace.ts";
import { startWorld, type World, withUsers } from "../read-only.ts";
import { forever } from "../tree.ts";

const web = { "service/web/run!": forever };

/** What `trinit shadow DIR` prints, which it ends well with and says nothing else. */
async function shadowOf(world: World, directory = "/mnt/service", uid?: number): Promise<string> {
  const options = uid === undefined ? {} : { uid };
  const { code, stdout, stderr } = await world.sh(`cd /mnt; trinit shadow ${directory}`, options);
  assert.deepEqual([code, stderr], [0, ""]);
  return stdout.replace(/\n$/, "");
}

/** What is in the shadow in /run, in byte order: `web/run -> /mnt/service/web/run`, `web/ 755`. */
function tree(world: World, below = ""): string[] {
  const top = `${world.at("/run/service")}/${below}`;
  const names = fs.readdirSync(Buffer.from(top, "latin1"), "latin1").sort();
  return names.flatMap((name) => {
    const file = Buffer.from(`${top}${name}`, "latin1");
    const stat = fs.lstatSync(file);
    if (name === ".shadow") return [];
    if (stat.isSymbolicLink()) return [`${below}${name} -> ${fs.readlinkSync(file, "latin1")}`];
    const inner = `${below}${name}/`;
    return [`${inner} ${(stat.mode & 0o777).toString(8)}`, ...tree(world, inner)];
  });
}

function shadowed(t: TestContext, files: Record<string, string>, prepare = ""): Promise<World> {
  return startWorld(t, { files, writable: ["/run"], prepare });
}

test("a service directory that can be written has no shadow", inNamespaces, async (t) => {
  const world = await shadowed(t, { "sv/web/run!": forever });
  assert.equal(await shadowOf(world, "/mnt/sv"), "/mnt/sv");
  assert.ok(!fs.existsSync(world.at("/run/service")));
});

test("a read-only service is a directory with links to all it has", inNamespaces, async (t) => {
  const files = { "finish!": "", "env/HOME": "/", ".hidden": "", down: "" };
  const named = Object.entries(files).map(([name, text]) => [`service/web/${name}`, text]);
  const world = await shadowed(t, { ...web, ...Object.fromEntries(named) });
  assert.equal(await shadowOf(world), "/run/service");
  assert.deepEqual(tree(world), [
    "web/ 755",
    ...[".hidden", "down", "env", "finish", "run"].map((n) => `web/${n} -> /mnt/service/web/${n}`),
  ]);
});

test("only we can look into a shadow, and it tells whose it is", withUsers, async (t) => {
  const world = await shadowed(t, web);
  await world.sh("umask 0; trinit shadow /mnt/service", { uid: 65534 });
  assert.equal(fs.statSync(world.at("/run/service")).mode & 0o777, 0o700);
  assert.equal(fs.readFileSync(world.at("/run/service/.shadow"), "utf8"), "/mnt/service\n");
});

test(
  "a service in it can be searched by those who could, whatever the umask",
  inNamespaces,
  async (t) => {
    const world = await shadowed(t, { ...web, "service/db/": "" }, "chmod 750 /mnt/service/db");
    await world.sh("umask 077; trinit shadow /mnt/service");
    assert.deepEqual(tree(world), ["db/ 750", "web/ 755", "web/run -> /mnt/service/web/run"]);
  },
);

test("the shadow of a log has its supervise, and its files as links", inNamespaces, async (t) => {
  const world = await shadowed(t, { ...web, "service/web/log/run!": forever });
  await shadowOf(world);
  assert.deepEqual(tree(world), [
    "web/ 755",
    "web/log/ 755",
    "web/log/run -> /mnt/service/web/log/run",
    "web/run -> /mnt/service/web/run",
  ]);
});

test(
  "a log/main that cannot be written is one of its own, with the config",
  inNamespaces,
  async (t) => {
    const main = {
      "service/web/log/main/config": "s1000\n",
      "service/web/log/main/current": "x\n",
    };
    const world = await shadowed(t, { ...web, ...main });
    await shadowOf(world);
    assert.deepEqual(tree(world).slice(1, 4), [
      "web/log/ 755",
      "web/log/main/ 755",
      "web/log/main/config -> /mnt/service/web/log/main/config",
    ]);
  },
);

test("a log/main on a volume is written there", inNamespaces, async (t) => {
  const world = await shadowed(
    t,
    { ...web, "service/web/log/main=": "/run/logs" },
    "mkdir /run/logs",
  );
  await shadowOf(world);
  assert.equal(tree(world)[2], "web/log/main -> /mnt/service/web/log/main");
});

test("supervise that can be written needs no shadow", inNamespaces, async (t) => {
  const world = await shadowed(
    t,
    { ...web, "service/web/supervise=": "/run/web", "service/db/supervise/": "" },
    "mkdir /run/web; mount -t tmpfs tmpfs /mnt/service/db/supervise",
  );
  assert.equal(await shadowOf(world), "/mnt/service");
});

test("supervise that leads to where it can be made needs no shadow", inNamespaces, async (t) => {
  const world = await shadowed(t, { ...web, "service/web/supervise=": "/run/web" });
  assert.equal(await shadowOf(world), "/mnt/service");
});

test("supervise that leads to where it cannot be made is replaced", inNamespaces, async (t) => {
  const world = await shadowed(t, { ...web, "service/web/supervise=": "/tmp/web" });
  assert.equal(await shadowOf(world), "/run/service");
  assert.deepEqual(tree(world), ["web/ 755", "web/run -> /mnt/service/web/run"]);
});

test("a log without a place for supervise is enough for a shadow", inNamespaces, async (t) => {
  const files = { ...web, "service/web/log/run!": forever, "service/web/supervise=": "/run/web" };
  const world = await shadowed(t, files);
  assert.equal(await shadowOf(world), "/run/service");
});

test("a service that is a link is a directory in the shadow", inNamespaces, async (t) => {
  const world = await shadowed(
    t,
    { "sv/web/run!": forever, "service/web=": "../sv/web" },
    "mount --bind /mnt/sv /mnt/sv; mount -o remount,bind,ro /mnt/sv",
  );
  assert.equal(await shadowOf(world), "/run/service");
  assert.deepEqual(tree(world), ["web/ 755", "web/run -> /mnt/service/web/run"]);
});

test("links to services that can be written need no shadow", inNamespaces, async (t) => {
  const world = await shadowed(t, { "sv/web/run!": forever, "service/web=": "../sv/web" });
  assert.equal(await shadowOf(world), "/mnt/service");
});

test("two names of one directory stay one service", inNamespaces, async (t) => {
  const world = await shadowed(t, { ...web, "service/b=": "web", "service/a=": "web" });
  await shadowOf(world);
  assert.deepEqual(tree(world), ["a/ 755", "a/run -> /mnt/service/a/run", "b -> a", "web -> a"]);
});

test("what is no service stays beside the services", inNamespaces, async (t) => {
  const others = { "service/common.sh": "", "service/.git/x": "", "service/gone=": "nowhere" };
  const world = await shadowed(t, { ...web, ...others });
  await shadowOf(world);
  assert.deepEqual(tree(world), [
    ".git -> /mnt/service/.git",
    "common.sh -> /mnt/service/common.sh",
    "gone -> /mnt/service/gone",
    "web/ 755",
    "web/run -> /mnt/service/web/run",
  ]);
});

test("log that leads elsewhere or nowhere, or is a file", inNamespaces, async (t) => {
  const logs = { "service/a/log=": "../../logs", "service/b/log=": "x", "service/c/log": "" };
  const world = await shadowed(t, { "logs/run!": forever, ...logs });
  await shadowOf(world);
  assert.deepEqual(tree(world), [
    "a/ 755",
    "a/log/ 755",
    "a/log/run -> /mnt/service/a/log/run",
    "b/ 755",
    "b/log -> /mnt/service/b/log",
    "c/ 755",
    "c/log -> /mnt/service/c/log",
  ]);
});

test("a service that gives up root finds what it has by its path", withUsers, async (t) => {
  const world = await shadowed(t, web);
  await shadowOf(world);
  const asUser = { uid: 65534 };
  assert.equal((await world.sh("cd /run/service/web; test -x $PWD/run", asUser)).code, 0);
  assert.notEqual((await world.sh("ls /run/service", asUser)).code, 0, "but nobody's names");
});

test("a log belongs to whom it belonged", withUsers, async (t) => {
  const log = { "service/web/log/main/config": "s0\n" };
  const world = await shadowed(t, { ...web, ...log }, "chown 1234:99 /mnt/service/web/log/main");
  await shadowOf(world);
  const { uid, gid } = fs.statSync(world.at("/run/service/web/log/main"));
  assert.deepEqual([uid, gid], [1234, 99]);
  assert.equal(fs.statSync(world.at("/run/service/web/log")).uid, 0);
});

test("names of any bytes", inNamespaces, async (t) => {
  const make =
    "cd /mnt/service; mkdir \"$(printf 'a b\\n\\351*')\"; : >\"$(printf 'a b\\n\\351*/\\377')\"";
  const world = await shadowed(t, {}, `(${make})`);
  await shadowOf(world);
  const name = "a b\n\xe9*";
  assert.deepEqual(tree(world), [`${name}/ 755`, `${name}/\xff -> /mnt/service/${name}/\xff`]);
});

test("a service directory that we may not read is left to its runsv", withUsers, async (t) => {
  const world = await shadowed(
    t,
    { ...web, "service/db/run!": forever },
    "chmod 700 /mnt/service/db",
  );
  assert.equal(await shadowOf(world, "/mnt/service", 65534), "/run/service");
  assert.deepEqual(tree(world).slice(0, 2), ["db -> /mnt/service/db", "web/ 755"]);
});

test("supervise of another user's is reason enough for a shadow", withUsers, async (t) => {
  const world = await shadowed(t, { "sv/web/run!": forever }, "mkdir -m 700 /mnt/sv/web/supervise");
  assert.equal(await shadowOf(world, "/mnt/sv", 65534), "/run/service");
});

test("a lock of another user's is reason enough for a shadow", withUsers, async (t) => {
  const files = "mkdir -m 777 /mnt/sv/web/supervise; (umask 077; : >/mnt/sv/web/supervise/lock)";
  const world = await shadowed(t, { "sv/web/run!": forever }, files);
  assert.equal(await shadowOf(world, "/mnt/sv", 65534), "/run/service");
});

test("a scanned directory that is a link, or relative, with a slash", inNamespaces, async (t) => {
  const world = await shadowed(t, { ...web, "etc=": "service" });
  await shadowOf(world, "/mnt/etc/");
  assert.equal(tree(world)[1], "web/run -> /mnt/etc/web/run");
  await shadowOf(world, "service");
  assert.equal(tree(world)[1], "web/run -> /mnt/service/web/run");
});

test("the shadow is its own shadow", inNamespaces, async (t) => {
  const world = await shadowed(t, web);
  await shadowOf(world);
  assert.equal(await shadowOf(world, "/run/service"), "/run/service");
});

test(
  "a directory that is not there, or empty, is left to who scans it",
  inNamespaces,
  async (t) => {
    const world = await startWorld(t, { files: {} });
    assert.equal(await shadowOf(world), "/mnt/service");
    assert.equal(await shadowOf(world, "/mnt/nowhere"), "/mnt/nowhere");
  },
);

test("a thousand services", inNamespaces, async (t) => {
  const make = "(cd /mnt/service; mkdir $(seq 1000); touch $(seq -f %g/run 1000))";
  const world = await shadowed(t, {}, make);
  await shadowOf(world);
  assert.equal(tree(world).length, 2000);
});

test("trinit shadow: wrong calls", inNamespaces, async (t) => {
  const world = await startWorld(t, { files: {} });
  for (const words of ["", "a b"]) {
    const { code, stderr } = await world.sh(`trinit shadow ${words}`);
    assert.equal(code, 100);
    assert.match(stderr, /^usage: trinit /);
  }
});
