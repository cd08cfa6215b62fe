// sv status for programs: one JSON array, for every name, every state, and every reader.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import * as fs from "node:fs";
import path from "node:path";
import { type TestContext, test } from "node:test";
import { control, until } from "../../src/client/index.ts";
import {
  bin,
  eventually,
  kill,
  type Program,
  root,
  run,
  serviceDir,
  startRunsv,
  startRunsvdir,
  tempDir,
} from "../harness.ts";

const forever = "#!/bin/sh\nexec sleep 600\n";
const cat = "#!/bin/sh\nexec cat >/dev/null\n";
const isRoot = process.getuid?.() === 0;

interface Told {
  readonly name: string;
  readonly pid: number | null;
  readonly since: string | null;
  readonly log: Told | null;
  readonly [member: string]: unknown;
}

interface Answer {
  readonly told: readonly Told[];
  readonly code: number | null;
  readonly stdout: string;
}

async function tell(t: TestContext, scan: string, ...names: string[]): Promise<Answer> {
  const env = { SVDIR: scan };
  const { stdout, stderr, code } = await run(t, bin("sv"), ["status", "--json", ...names], { env });
  assert.equal(stderr, "");
  return { told: JSON.parse(Buffer.from(stdout, "latin1").toString("utf8")), code, stdout };
}

const unknown = { state: null, want: null, pid: null, since: null, exit: null, restarts: null };
const neverSeen = { ...unknown, paused: null, log: null, last: null };
const running = { state: "run", want: "up", exit: null, restarts: 0, paused: false, log: null };
const looked = { supervisor: "running", last: null, error: null };

async function startWeb(t: TestContext, files: Record<string, string> = {}) {
  const scan = tempDir(t);
  const dir = serviceDir(scan, "web", { "run!": forever, ...files });
  const runsv = startRunsv(t, dir);
  const { pid } = await until(dir, ({ state }) => state === "run", 10_000);
  return { scan, dir, runsv, pid: pid ?? 0 };
}

test("a service that runs, and its log: every member, in one line", async (t) => {
  const { scan, dir, pid } = await startWeb(t, { "log/run!": cat });
  const log = await until(path.join(dir, "log"), ({ state }) => state === "run", 10_000);
  const { told, code, stdout } = await tell(t, scan, "web");
  assert.equal(code, 0);
  const [web] = told;
  assert.ok(web?.since && web.log?.since);
  for (const { since } of [web, web.log]) {
    assert.match(since ?? "", /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{5}Z$/);
    assert.ok(Math.abs(Date.parse(since ?? "") - Date.now()) < 10_000);
  }
  const ofLog = { name: "web/log", ...running, ...looked, pid: log.pid, since: web.log.since };
  assert.deepEqual(told, [
    { name: "web", ...running, ...looked, pid, since: web.since, log: ofLog },
  ]);
  const keys = "name state want pid since exit restarts paused log supervisor last error";
  assert.deepEqual(Object.keys(web), keys.split(" "));
  assert.equal(stdout.split("\n").length, 4);
});

const inPid = process.geteuid?.() === 0 ? [] : ["-r"];
const apart = [...inPid, "--pid", "--fork", "--mount-proc", bin("sv"), "status", "--json", "web"];
const canPart =
  spawnSync("unshare", [...inPid, "--pid", "--fork", "--mount-proc", "true"]).status === 0;

test("exit and restarts are known in another PID namespace, too", {
  skip: canPart ? false : "no namespaces",
}, async (t) => {
  const scan = tempDir(t);
  const web = serviceDir(scan, "web", { "run!": "#!/bin/sh\nexit 7\n", down: "" });
  startRunsv(t, web);
  await until(web, ({ supervised }) => supervised, 10_000);
  for (const exit of [null, { code: 7, signal: null }]) {
    const { stdout } = await run(t, "unshare", apart, { env: { SVDIR: scan } });
    const [seen] = JSON.parse(stdout);
    assert.deepEqual([seen.supervisor, seen.exit, seen.restarts], ["running", exit, 0]);
    await control(web, "once");
    await until(web, (now) => now.exit !== null && now.state === "down", 10_000);
  }
});

test("exit and restarts: by a code, by a signal, by hand", async (t) => {
  const scan = tempDir(t);
  const script = "#!/bin/sh\n[ -e ran ] && exec kill -TERM $$\n: >ran; exit 7\n";
  const web = serviceDir(scan, "web", { "run!": script, down: "" });
  startRunsv(t, web);
  await until(web, ({ supervised }) => supervised, 10_000);
  const [idle] = (await tell(t, scan, "web")).told;
  assert.deepEqual([idle?.exit, idle?.restarts], [null, 0]);
  for (const [restarts, exit] of [
    { code: 7, signal: null },
    { code: null, signal: 15 },
  ].entries()) {
    await control(web, "once");
    await until(web, (now) => now.exit?.code === exit.code && now.state === "down", 10_000);
    const [ended] = (await tell(t, scan, "web")).told;
    assert.deepEqual([ended?.exit, ended?.restarts], [exit, restarts]);
    assert.deepEqual([ended?.state, ended?.want, ended?.pid], ["down", "down", null]);
  }
});

test("paused, and wanted down", async (t) => {
  const { scan, dir } = await startWeb(t);
  await control(dir, "once");
  await control(dir, "pause");
  await until(dir, ({ paused }) => paused, 10_000);
  const [web] = (await tell(t, scan, "web")).told;
  assert.deepEqual([web?.state, web?.want, web?.paused], ["run", "down", true]);
});

test("a supervisor that was killed is gone; what it has written is the last", async (t) => {
  const { scan, runsv, pid } = await startWeb(t);
  const [before] = (await tell(t, scan, "web")).told;
  runsv.signal("SIGKILL");
  await runsv.exited;
  const { told, code } = await tell(t, scan, "web");
  assert.equal(code, 1);
  const last = { state: "run", want: "up", pid, since: before?.since, paused: false };
  const expected = { name: "web", ...neverSeen, supervisor: "gone", last, error: null };
  assert.deepEqual(told, [expected]);
});

test("what is no service, never was one, or has a broken status", async (t) => {
  const scan = tempDir(t);
  serviceDir(scan, "never", { "run!": forever });
  fs.writeFileSync(path.join(scan, "plain"), "");
  const broken = serviceDir(scan, "broken", { "run!": forever, down: "" });
  startRunsv(t, broken);
  await until(broken, ({ supervised }) => supervised, 10_000);
  fs.writeFileSync(path.join(broken, "supervise/status"), "garbage");
  const { told, code } = await tell(t, scan, "never", "nosuch", "plain", "", "broken");
  assert.equal(code, 5);
  const goneOne = { ...neverSeen, supervisor: "gone" };
  const cannot = "unable to change to service directory";
  assert.deepEqual(told, [
    { name: "never", ...goneOne, error: "unable to open supervise/status: file does not exist" },
    { name: "nosuch", ...goneOne, error: `${cannot}: file does not exist` },
    { name: "plain", ...goneOne, error: `${cannot}: not a directory` },
    { name: "", ...goneOne, error: `${cannot}: file does not exist` },
    {
      ...{ name: "broken", ...neverSeen, supervisor: "running", restarts: 0 },
      error: "unable to read supervise/status: bad format",
    },
  ]);
});

test("any status: it is JSON", async (t) => {
  const { scan, dir } = await startWeb(t);
  for (const bytes of ["\0", "\xff", "\x40", "\x7f"]) {
    const status = Buffer.from(`${bytes.repeat(19)}\x01`, "latin1");
    fs.writeFileSync(path.join(dir, "supervise/status"), status);
    fs.writeFileSync(path.join(dir, "supervise/exit"), `${bytes} 0 0\n`, "latin1");
    const [web] = (await tell(t, scan, "web")).told;
    assert.deepEqual([web?.state, web?.exit, web?.restarts], ["run", null, 0]);
    if (bytes !== "\x40") assert.equal(web?.since, null);
  }
});

test("names of any bytes", async (t) => {
  const scan = tempDir(t);
  const names = ['quo"te', "back\\slash", "two\nlines", "caf\xc3\xa9", "caf\xe9", "\x01\xff\x7f"];
  for (const name of names) fs.mkdirSync(Buffer.from(path.join(scan, name), "latin1"));
  const { told, code } = await tell(t, scan);
  assert.equal(code, names.length);
  const expected = [...names.slice(0, 3), "caf\u00e9", "caf\uf7e9", "\x01\uf7ff\x7f"];
  assert.deepEqual(told.map(({ name }) => name).sort(), expected.sort());
});

test("status alone: all services, sorted; neither dots nor files", async (t) => {
  const scan = tempDir(t);
  for (const name of ["web", "db", ".hidden", "Z"]) serviceDir(scan, name, {});
  fs.writeFileSync(path.join(scan, "README"), "");
  fs.symlinkSync("/nowhere", path.join(scan, "dead"));
  const env = { SVDIR: scan };
  const never = "unable to open supervise/ok: file does not exist";
  for (const word of ["status", "s"]) {
    assert.deepEqual(await run(t, bin("sv"), [word], { env }), {
      code: 4,
      signal: null,
      stdout:
        `warning: Z: ${never}\nwarning: db: ${never}\n` +
        "fail: dead: unable to change to service directory: file does not exist\n" +
        `warning: web: ${never}\n`,
      stderr: "",
    });
  }
  const { told } = await tell(t, scan);
  assert.deepEqual(
    told.map(({ name }) => name),
    ["Z", "db", "dead", "web"],
  );
});

test("no services, and no directory of them", async (t) => {
  const scan = tempDir(t);
  const { stdout, code } = await tell(t, scan);
  assert.deepEqual([stdout, code], ["[]\n", 0]);
  for (const args of [["status"], ["status", "--json"]]) {
    const answer = await run(t, bin("sv"), args, { env: { SVDIR: `${scan}/nosuch` } });
    const stderr = `sv: fatal: unable to open directory ${scan}/nosuch: file does not exist\n`;
    assert.deepEqual(answer, { code: 100, signal: null, stdout: "", stderr });
  }
});

test("a hundred services at once", async (t) => {
  const scan = tempDir(t);
  for (let i = 0; i < 100; i++) serviceDir(scan, `web${i}`, { "run!": forever, "log/run!": cat });
  startRunsvdir(t, scan);
  const told = await eventually("a hundred services that run", async () => {
    const answer = await tell(t, scan);
    const isUp = answer.told.every(({ state, log }) => state === "run" && log?.state === "run");
    return answer.code === 0 && isUp && answer.told;
  });
  assert.equal(new Set(told.map(({ name }) => name)).size, 100);
  assert.equal(new Set(told.flatMap(({ pid, log }) => [pid, log?.pid])).size, 200);
});

// --- Readers without privilege -----------------------------------------------------------

/** Our programs where everybody may execute them. */
function openBin(t: TestContext): string {
  const directory = tempDir(t);
  fs.chmodSync(directory, 0o755);
  fs.copyFileSync(fs.realpathSync(bin("trinit")), path.join(directory, "trinit"));
  for (const name of ["sv", "chpst"]) fs.symlinkSync("trinit", path.join(directory, name));
  return directory;
}

async function startForAll(t: TestContext): Promise<{
  ask(...words: string[]): ReturnType<typeof run>;
  readonly dir: string;
  readonly runsv: Program;
}> {
  const programs = openBin(t);
  const { scan, dir, runsv } = await startWeb(t);
  for (const each of [scan, dir, path.join(dir, "supervise")]) fs.chmodSync(each, 0o755);
  const asNobody = ["-u", ":65534:65534", path.join(programs, "sv")];
  const env = { SVDIR: scan };
  const ask = (...words: string[]) =>
    run(t, path.join(programs, "chpst"), [...asNobody, ...words], { env });
  return { ask, dir, runsv };
}

const asRoot = { skip: isRoot ? false : "needs root" };

test("a reader without privilege, where the directory allows it", asRoot, async (t) => {
  const { ask, dir, runsv } = await startForAll(t);
  const answer = await ask("status", "--json", "web");
  const [web] = JSON.parse(answer.stdout);
  assert.deepEqual([web.state, web.supervisor, web.error], ["run", "running", null]);
  assert.deepEqual([answer.code, answer.stderr], [0, ""]);
  const plain = await ask("status", "web");
  const stdout = "warning: web: unable to open supervise/ok: access denied\n";
  assert.deepEqual(plain, { code: 1, signal: null, stdout, stderr: "" });
  runsv.signal("SIGKILL");
  await runsv.exited;
  const [dead] = JSON.parse((await ask("status", "--json", "web")).stdout);
  assert.deepEqual([dead.state, dead.supervisor, dead.last.state], [null, "gone", "run"]);
  fs.chmodSync(path.join(dir, "supervise"), 0o700);
  const closed = await ask("status", "--json", "web");
  const [shut] = JSON.parse(closed.stdout);
  const error = "unable to open supervise/status: access denied";
  assert.deepEqual([shut.state, shut.supervisor, shut.error], [null, "unknown", error]);
  assert.equal(closed.code, 1);
});

test(
  "a supervisor that leaves no record is unknown to a reader without privilege",
  asRoot,
  async (t) => {
    const { ask, dir } = await startForAll(t);
    fs.rmSync(path.join(dir, "supervise/runsv.birth"));
    const { stdout, code } = await ask("status", "--json", "web");
    const [web] = JSON.parse(stdout);
    assert.deepEqual([web.state, web.supervisor, code], ["run", "unknown", 1]);
  },
);

test(
  "other processes are hidden in /proc: unknown, until there is no such process",
  asRoot,
  async (t) => {
    const programs = openBin(t);
    const scan = tempDir(t);
    serviceDir(scan, "web", { "run!": forever });
    fs.chmodSync(scan, 0o755);
    const script = `mount -o remount,hidepid=2 /proc
    ask() { SVDIR=. "$0/chpst" -u :65534:65534 "$0/sv" status --json web; }
    ${bin("runsv")} web & until SVDIR=. ${bin("sv")} -w 5 start web >/dev/null; do :; done
    chmod 755 web web/supervise
    ask; kill -KILL $!; wait $!; ask`;
    const isolated = ["-m", "-p", "-f", "--kill-child", "--mount-proc", "/bin/sh", "-c", script];
    const { stdout } = await run(t, "unshare", [...isolated, programs], { cwd: scan });
    const told = stdout.split("\n").flatMap((line) => (line[0] === "{" ? [JSON.parse(line)] : []));
    assert.deepEqual(
      told.map(({ state, supervisor }) => [state, supervisor]),
      [
        ["run", "unknown"],
        [null, "gone"],
      ],
    );
  },
);

// --- Beside runit ------------------------------------------------------------------------

const debian = path.join(process.env.TRINIT_ORACLE ?? path.join(root, "cache/oracle"), "usr/bin");
const found = fs.existsSync(path.join(debian, "runsv"));
const skip = found || process.env.CI !== undefined ? false : "type: sh scripts/oracle.sh";

test("runit's runsv does not tell of exits, and what ours left is not believed", {
  skip,
}, async (t) => {
  const { scan, dir, runsv, pid } = await startWeb(t);
  kill(pid, "SIGKILL");
  await until(dir, ({ exit }) => exit?.signal === 9, 10_000);
  runsv.signal("SIGTERM");
  await runsv.waitForExit();
  startRunsv(t, dir, { program: path.join(debian, "runsv") });
  await until(dir, ({ state }) => state === "run", 10_000);
  const { told, code } = await tell(t, scan, "web");
  const [web] = told;
  assert.deepEqual([web?.exit, web?.restarts, web?.supervisor, code], [null, null, "running", 0]);
});
