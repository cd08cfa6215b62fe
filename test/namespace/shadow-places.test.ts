// Where a shadow is made: the first place that can be written and is nobody's, and never in what is
// there already.
import assert from "node:assert/strict";
import * as fs from "node:fs";
import { test } from "node:test";
import { eventually } from "../harness.ts";
import { inNamespaces } from "../namespace.ts";
import { startWorld, type World, withUsers } from "../read-only.ts";
import { forever, isUp } from "../tree.ts";

const files = { "service/web/run!": forever };
const nobody = { uid: 65534 };

/** `trinit shadow /mnt/service` prints this path, and that is a shadow. */
async function isAt(world: World, place: string, options = {}): Promise<void> {
  const { code, stdout, stderr } = await world.sh("trinit shadow /mnt/service", options);
  assert.deepEqual([code, stdout, stderr], [0, `${place}\n`, ""]);
  assert.equal(fs.readlinkSync(world.at(`${place}/web/run`)), "/mnt/service/web/run");
  assert.ok(fs.lstatSync(world.at(place)).isDirectory());
}

test("without /run it is in TMPDIR, wherever that is", inNamespaces, async (t) => {
  const writable = ["/tmp", "/dev/shm"];
  const world = await startWorld(t, { files, writable, prepare: "mkdir /dev/shm/odd" });
  await isAt(world, "/dev/shm/odd/service", { env: { TMPDIR: "/dev/shm/odd" } });
  await isAt(world, "/tmp/service");
});

test("a TMPDIR that is no absolute path is /tmp", inNamespaces, async (t) => {
  const world = await startWorld(t, { files, writable: ["/tmp"] });
  await isAt(world, "/tmp/service", { env: { TMPDIR: "odd" } });
});

test("a TMPDIR that is not there leaves /dev/shm", inNamespaces, async (t) => {
  const world = await startWorld(t, { files, writable: ["/dev/shm"] });
  await isAt(world, "/dev/shm/service", { env: { TMPDIR: "/nowhere" } });
});

test("where nothing can be written, it says what to do", inNamespaces, async (t) => {
  const world = await startWorld(t, { files });
  const { code, stdout, stderr } = await world.sh("trinit shadow /mnt/service");
  assert.deepEqual([code, stdout], [111, ""]);
  const places = ["/run", "/tmp", "/dev/shm"].map((at) => `${at}/service: read-only file system`);
  assert.equal(
    stderr,
    "trinit: fatal: unable to supervise in /mnt/service/web: read-only file system; " +
      `${places.join("; ")}; mount a tmpfs on /run (docker run --tmpfs /run), ` +
      "or let TMPDIR name a directory to write in\n",
  );
});

test("a full tmpfs is left, and nothing stays there", inNamespaces, async (t) => {
  const fill = "mount -o remount,size=64k /run; head -c 65536 /dev/zero >/run/ballast";
  const world = await startWorld(t, { files, writable: ["/run", "/tmp"], prepare: fill });
  await isAt(world, "/tmp/service");
  assert.ok(!fs.existsSync(world.at("/run/service")));
});

test("a tmpfs with no inode to spare is left, and nothing stays there", inNamespaces, async (t) => {
  const world = await startWorld(t, {
    files,
    writable: ["/run", "/tmp"],
    prepare: "rm -rf /run/mount; mount -o remount,nr_inodes=4 /run",
  });
  await isAt(world, "/tmp/service");
  assert.ok(!fs.existsSync(world.at("/run/service")));
});

test("any user gets one of his own", withUsers, async (t) => {
  const world = await startWorld(t, { files, writable: ["/tmp"] });
  await isAt(world, "/tmp/service", nobody);
  assert.equal(fs.lstatSync(world.at("/tmp/service")).uid, 65534);
});

test("a user namespace gets one", inNamespaces, async (t) => {
  const world = await startWorld(t, { files, writable: ["/run"], isUser: true });
  await isAt(world, "/run/service");
});

for (const [what, prepare] of [
  ["a link of somebody's", "mkdir -m 777 /run/theirs; ln -s theirs /run/service"],
  ["a link to nothing", "ln -s theirs /run/service"],
  ["a file", ": >/run/service"],
  ["a FIFO", "mkfifo /run/service"],
  ["a directory with something in it", "mkdir /run/service; : >/run/service/theirs"],
  ["one whose .shadow is a directory", "mkdir -p /run/service/.shadow"],
  ["one whose .shadow is not ours", "mkdir /run/service; echo dark >/run/service/.shadow"],
] as const) {
  test(`never followed and never used: ${what}`, inNamespaces, async (t) => {
    const world = await startWorld(t, { files, writable: ["/run", "/tmp"], prepare });
    const before = await world.sh("ls -lR --full-time /run");
    await isAt(world, "/tmp/service");
    assert.deepEqual(await world.sh("ls -lR --full-time /run"), before);
  });
}

test("never used: an old shadow of another user's", withUsers, async (t) => {
  const world = await startWorld(t, { files, writable: ["/run", "/tmp"] });
  await isAt(world, "/run/service", nobody);
  await isAt(world, "/tmp/service");
  assert.equal(fs.lstatSync(world.at("/run/service")).uid, 65534);
});

test("an old shadow of ours is made anew, and nothing of it stays", inNamespaces, async (t) => {
  const world = await startWorld(t, { files, writable: ["/run"] });
  await isAt(world, "/run/service");
  await world.sh(`cd /run; mkdir -p service/web/data/deep outside; : >service/web/data/deep/file
    : >outside/file; ln -s /run/outside service/web/link; mkdir service/gone; umask 0
    chmod 777 service; mkfifo service/fifo`);
  await isAt(world, "/run/service");
  const all = await world.sh("cd /run/service; find . ! -name .shadow | sort; stat -c %a .");
  assert.equal(all.stdout, ".\n./web\n./web/run\n711\n");
  assert.deepEqual(fs.readdirSync(world.at("/run/outside")), ["file"]);
  const names = fs.readdirSync(world.at("/run"));
  assert.deepEqual(
    names.filter((name) => name.startsWith("service")),
    ["service"],
  );
});

test("what a killed one was removing is removed", inNamespaces, async (t) => {
  const world = await startWorld(t, { files, writable: ["/run"] });
  await isAt(world, "/run/service");
  await world.sh("cd /run; mkdir -p service.shadow.old/web; : >service.shadow.old/web/file");
  await world.sh("cp /run/service/.shadow /run/service.shadow.old");
  await isAt(world, "/run/service");
  assert.ok(!fs.existsSync(world.at("/run/service.shadow.old")));
});

test("what merely has the name of a shadow to be removed is not", inNamespaces, async (t) => {
  const world = await startWorld(t, { files, writable: ["/run", "/tmp"] });
  await isAt(world, "/run/service");
  await world.sh("mkdir /run/service.shadow.old; : >/run/service.shadow.old/precious");
  await isAt(world, "/tmp/service");
  assert.ok(fs.existsSync(world.at("/run/service.shadow.old/precious")));
});

test("what is mounted in an old shadow stays as it is", inNamespaces, async (t) => {
  const world = await startWorld(t, { files, writable: ["/run"] });
  await isAt(world, "/run/service");
  await world.sh("cd /run/service/web; mkdir data; mount -t tmpfs tmpfs data; : >data/file");
  await isAt(world, "/run/service");
  assert.ok(fs.existsSync(world.at("/run/service.shadow.old/web/data/file")));
});

for (const [who, how] of [
  ["somebody", []],
  ["another container", ["unshare", "--pid", "--fork", "--kill-child", "--mount-proc"]],
] as const) {
  test(`a shadow in which ${who} supervises is left alone`, inNamespaces, async (t) => {
    const world = await startWorld(t, { files, writable: ["/run", "/tmp"] });
    await isAt(world, "/run/service");
    world.start([...how, "runsvdir", "/run/service"]);
    const { pid } = await isUp(world.at("/run/service/web"));
    await isAt(world, "/tmp/service");
    assert.equal((await isUp(world.at("/run/service/web"))).pid, pid);
  });
}

test("a shadow in which a logger is supervised is left alone", inNamespaces, async (t) => {
  const log = { "service/web/log/run!": forever };
  const world = await startWorld(t, { files: { ...files, ...log }, writable: ["/run", "/tmp"] });
  await isAt(world, "/run/service");
  world.start(["runsv", "/run/service/web/log"], { endSignal: "SIGTERM" });
  await isUp(world.at("/run/service/web/log"));
  await isAt(world, "/tmp/service");
});

test("a shadow with a service that outlived its runsv is left alone", inNamespaces, async (t) => {
  const world = await startWorld(t, { files, writable: ["/run", "/tmp"] });
  await isAt(world, "/run/service");
  const runsv = world.start(["runsv", "/run/service/web"]);
  const { pid } = await isUp(world.at("/run/service/web"));
  process.kill(runsv.pid, "SIGKILL");
  await runsv.exited;
  await isAt(world, "/tmp/service");
  process.kill(pid, "SIGKILL");
  await eventually("its end", () => !fs.existsSync(`/proc/${pid}`));
  await isAt(world, "/run/service");
});

test("two that begin at once get a shadow each", inNamespaces, async (t) => {
  const world = await startWorld(t, { files, writable: ["/run", "/tmp"] });
  await isAt(world, "/run/service");
  const hold = world.start(["flock", "/run/service", "sh", "-c", "echo held; exec sleep 600"]);
  await hold.stdout.waitFor(/^held$/);
  await isAt(world, "/tmp/service");
});

// There, directories and links can be made, but neither FIFOs nor files, and the rights allow them.
const withoutFifos = `
  mkdir /mnt/none
  mount -t bpf bpf /mnt/none
  mkdir /mnt/none/web
  ln -s /mnt/web-run /mnt/none/web/run`;
const webRun = { "web-run!": forever };

test("a file system without FIFOs has a shadow, though it can be written", withUsers, async (t) => {
  const world = await startWorld(t, { files: webRun, writable: ["/run"], prepare: withoutFifos });
  const { code, stdout, stderr } = await world.sh("trinit shadow /mnt/none");
  assert.deepEqual([code, stdout, stderr], [0, "/run/service\n", ""]);
  assert.equal(fs.readlinkSync(world.at("/run/service/web/run")), "/mnt/none/web/run");
  assert.deepEqual(fs.readdirSync(world.at("/mnt/none/web")), ["run"], "nothing stays there");
});

test("where no place has FIFOs, it says so and ends with 111", withUsers, async (t) => {
  const prepare = `${withoutFifos}
    for place in /run /tmp /dev/shm; do umount "$place"; mount -t bpf bpf "$place"; done`;
  const writable = ["/run", "/tmp", "/dev/shm"];
  const world = await startWorld(t, { files: webRun, writable, prepare });
  const { code, stdout, stderr } = await world.sh("trinit shadow /mnt/none");
  assert.deepEqual([code, stdout], [111, ""]);
  assert.match(stderr, /unable to supervise in \/mnt\/none\/web: .*; mount a tmpfs on \/run/);
});

test("links to what /run is to have, as in Void, need no shadow", inNamespaces, async (t) => {
  const all = { ...files, "service/web/supervise=": "/run/runit/supervise.web" };
  const world = await startWorld(t, { files: all, writable: ["/run"] });
  const { code, stdout, stderr } = await world.sh("trinit shadow /mnt/service");
  assert.deepEqual([code, stdout, stderr], [0, "/mnt/service\n", ""]);
  world.start(["runsvdir", "/mnt/service"]);
  await eventually("a service that runs", () => {
    const stat = world.at("/run/runit/supervise.web/stat");
    return fs.existsSync(stat) && fs.readFileSync(stat, "latin1") === "run\n";
  });
});
