// The services of sv/ as they are linked, in a container whose tools are busybox's.
import assert from "node:assert/strict";
import * as fs from "node:fs";
import path from "node:path";
import { type TestContext, test } from "node:test";
import { until } from "../../src/client/index.ts";
import { deadlineMs, waitForFile } from "../harness.ts";
import {
  filesOf,
  inNamespaces,
  type Namespace,
  type NamespaceOptions,
  startNamespace,
} from "../namespace.ts";
import { isUp } from "../tree.ts";

const nobody = 65534;

/** Why what needs users of its own, or what root alone may, cannot be tested. */
const asRoot: { readonly skip: string | false } = {
  skip: process.getuid?.() === 0 ? inNamespaces.skip : "needs root, type: sudo npm test",
};

/** A container that runs one of the services, with these files in the place of its own. */
function startService(
  t: TestContext,
  name: string,
  files: Readonly<Record<string, string>> = {},
  options: Partial<NamespaceOptions> = {},
): Promise<Namespace> {
  const services = { [name]: { ...filesOf(`sv/${name}`), ...files } };
  return startNamespace(t, { pid1: ["init"], runit: {}, services, isBusybox: true, ...options });
}

function logOf(inside: Namespace, name: string): string {
  return path.join(inside.service(name), "log/main/current");
}

function waitForLog(inside: Namespace, name: string, pattern: RegExp): Promise<string> {
  return waitForFile(logOf(inside, name), (text) => pattern.test(text));
}

/** The real user of the service's process. */
async function userOf(inside: Namespace, name: string): Promise<number> {
  const { pid } = await isUp(inside.service(name));
  const { stdout } = await inside.run("grep", "^Uid:", `/proc/${pid}/status`);
  return Number(/^Uid:\t(\d+)/.exec(stdout)?.[1]);
}

test("httpd serves files, as nobody, once its check agrees", asRoot, async (t) => {
  const files = { "conf/port": "8080\n", "conf/root": "/run/www\n" };
  const prepare = "ip link set lo up; mkdir /run/www; echo hello >/run/www/index.html";
  const inside = await startService(t, "httpd", files, { prepare });
  await isUp(inside.service("httpd"));
  const { stdout: said } = await inside.run("sv", "-w", "9", "start", "httpd");
  assert.match(said, /^ok: run: httpd: /);
  const { stdout } = await inside.run("wget", "-q", "-O", "-", "http://127.0.0.1:8080/");
  assert.equal(stdout, "hello\n");
  await waitForLog(inside, "httpd", / url:\/\n/);
  assert.equal(await userOf(inside, "httpd"), nobody);
});

test("httpd's check waits for its own port", inNamespaces, async (t) => {
  const files = { "conf/port": "8080\n", "run!": "#!/bin/sh\nexec nc -l -p 8081\n" };
  const inside = await startService(t, "httpd", files);
  await isUp(inside.service("httpd"));
  assert.match((await inside.run("sv", "-w", "1", "start", "httpd")).stdout, /^timeout: run: /);
});

test("syslog hears what is sent to /dev/log, and takes the socket away", asRoot, async (t) => {
  const inside = await startService(t, "syslog", {}, { console: true });
  await isUp(inside.service("syslog"));
  assert.equal((await inside.run("sv", "-w", "9", "start", "syslog")).code, 0);
  assert.equal((await inside.run("logger", "-t", "web", "hello")).code, 0);
  await waitForLog(inside, "syslog", / user\.notice web: hello\n/);
  assert.equal((await inside.run("sv", "-w", "9", "stop", "syslog")).code, 0);
  assert.equal((await inside.run("test", "-e", "/dev/log")).code, 1);
});

test("klog has what the kernel said before it, and reads it as nobody", asRoot, async (t) => {
  const prepare = "mkfifo /run/kmsg; mount --bind /run/kmsg /proc/kmsg";
  const inside = await startService(t, "klog", {}, { prepare });
  const fifo = await fs.promises.open(path.join(inside.etc, "../run/kmsg"), "r+");
  t.after(() => fifo.close());
  await fifo.write("<5>[    0.000000] Linux version\n");
  await waitForLog(inside, "klog", / <5>\[ {4}0\.000000\] Linux version\n/);
  assert.equal(await userOf(inside, "klog"), nobody);
});

test("cron starts, and logs what it does", asRoot, async (t) => {
  const prepare = "mount -t tmpfs none /var/spool";
  const inside = await startService(t, "cron", {}, { prepare });
  await waitForLog(inside, "cron", / crond \(busybox \S+\) started, /);
  assert.equal((await inside.run("test", "-d", "/var/spool/cron/crontabs")).code, 0);
});

/** The bytes of a struct input_event of a 64-bit machine: a key that is pressed. */
function keyPress(code: number): Buffer {
  const event = Buffer.alloc(24);
  event.writeUInt16LE(1, 16); // EV_KEY
  event.writeUInt16LE(code, 18);
  event.writeInt32LE(1, 20);
  return event;
}

test("the power button turns the machine off, by way of acpid", asRoot, async (t) => {
  const prepare = "mkdir /dev/input; mkfifo /dev/input/event0";
  const inside = await startService(t, "acpid", {}, { prepare, console: true });
  await isUp(inside.service("acpid"));
  const fifo = path.join(inside.etc, "../dev/input/event0");
  const button = await fs.promises.open(fifo, "w"); // waits for its reader
  t.after(() => button.close());
  await button.write(keyPress(116)); // KEY_POWER
  assert.deepEqual(await inside.waitForExit(), { code: 0, signal: null });
  await inside.stderr.waitFor(/enter stage: .*3$/);
});

test("acpid says that there is no button, and stays down", inNamespaces, async (t) => {
  const inside = await startService(t, "acpid", {}, { console: true });
  const dir = inside.service("acpid");
  await waitForLog(inside, "acpid", / acpid: there are no buttons: /);
  await until(dir, ({ state, want }) => state === "down" && want === "down", deadlineMs);
});

test("mdev makes the nodes of what is there", asRoot, async (t) => {
  const inside = await startService(t, "mdev", {}, { console: true });
  await waitForFile(path.join(inside.etc, "../dev/kmsg"));
  await isUp(inside.service("mdev"));
});

for (const name of ["dropbear", "inetd", "ntpd", "sshd", "udevd"]) {
  test(`${name} says once that it is missing, and stays down`, inNamespaces, async (t) => {
    const inside = await startService(t, name, {}, { prepare: ": >/etc/inetd.conf" });
    const dir = inside.service(name);
    const said = new RegExp(` ${name}: there is .*${name}`);
    const log = await waitForLog(inside, name, said);
    await until(dir, ({ state, want }) => state === "down" && want === "down", deadlineMs);
    assert.equal(log.split("\n").length, 2, log);
    assert.match(fs.readFileSync(path.join(dir, "supervise/exit"), "latin1"), /^100 0 0\n$/);
  });
}

test("p_log and w_log show a log, the old first", inNamespaces, async (t) => {
  const run = "#!/bin/sh\nwhile read -r line; do echo $line; done <orders\n";
  const files = {
    "run!": run,
    "log/main/@400000000000000000000000.s": "old\n",
    "log/main/@400000000000000000000001.u": "of the crash\n",
  };
  const inside = await startService(t, "cron", files, {
    prepare: "mkfifo /etc/service/cron/orders",
    env: { PAGER: "cat" },
  });
  const orders = await fs.promises.open(path.join(inside.service("cron"), "orders"), "r+");
  t.after(() => orders.close());
  await orders.write("first\n");
  await waitForLog(inside, "cron", / first\n/);
  assert.match(
    (await inside.run("/etc/service/cron/p_log")).stdout,
    /^old\nof the crash\n\S+ first\n$/,
  );
  const watching = inside.start("/etc/service/cron/w_log");
  await watching.stdout.waitFor(/ first$/);
  await orders.write("second\n");
  await watching.stdout.waitFor(/ second$/);
});

test("httpd says that its root is empty, and stays down", asRoot, async (t) => {
  const inside = await startService(t, "httpd", { "conf/root": "" }, { console: true });
  await waitForLog(inside, "httpd", / httpd: conf\/root is empty\n/);
  const dir = inside.service("httpd");
  await until(dir, ({ state, want }) => state === "down" && want === "down", deadlineMs);
});

test("syslog that has never run leaves the socket of another", asRoot, async (t) => {
  const run = "#!/bin/sh\nsv once .\nexit 100\n";
  const options = { console: true, prepare: ": >/dev/log" };
  const inside = await startService(t, "syslog", { "run!": run }, options);
  const dir = inside.service("syslog");
  await until(dir, ({ state, want }) => state === "down" && want === "down", deadlineMs);
  assert.equal((await inside.run("test", "-e", "/dev/log")).code, 0);
});

for (const name of ["dropbear", "sshd"]) {
  test(`${name} that is not there is not ready, whatever its file says`, asRoot, async (t) => {
    const prepare = `: >/run/${name}.pid`;
    const inside = await startService(t, name, { down: "" }, { prepare });
    const dir = inside.service(name);
    await until(dir, ({ state, supervised }) => supervised && state === "down", deadlineMs);
    const check = `cd /etc/service/${name} && exec ./check`;
    assert.equal((await inside.run("sh", "-c", check)).code, 1);
  });
}

/** Stand-ins of udev: what is called goes to a file, and udevd answers once it runs. */
const standInUdev = `
  printf '#!/bin/sh\\n: >/run/answers\\nexec sleep 600\\n' >/usr/local/sbin/udevd
  printf '#!/bin/sh\\n%s\\n%s\\n' '[ "$2" != --ping ] || exec test -e /run/answers' \\
    'echo "$@" >>/run/calls' >/usr/local/sbin/udevadm
  chmod +x /usr/local/sbin/udevd /usr/local/sbin/udevadm`;

test("udevd hears again what was plugged in before it answered", asRoot, async (t) => {
  const inside = await startService(t, "udevd", {}, { prepare: standInUdev });
  const calls = path.join(inside.etc, "../run/calls");
  const said = await waitForFile(calls, (text) => text.includes("trigger"));
  assert.equal(said, "control --exit\ntrigger --initialized-nomatch --action=add\n");
});
