// What another user, who owns supervise/, or is the user of the service and of its logger, gets of
// root's runsv and runsvdir by records that he has written or moved, and by descriptors that he
// changes: nothing but what the commands in supervise/control can do.
import assert from "node:assert/strict";
import * as fs from "node:fs";
import path from "node:path";
import { type TestContext, test } from "node:test";
import { until } from "../../src/client/index.ts";
import { asNobody, asRoot, give, nobody, openDir, rootFile } from "../attacker.ts";
import {
  commandLine,
  deadlineMs,
  eventually,
  faultsBin,
  isAlive,
  kill,
  type Program,
  serviceDir,
  start,
  startRunsv,
  startRunsvdir,
} from "../harness.ts";
import { birthOf, tell } from "../record.ts";
import { forever, isUp, runsvOf, sleeper } from "../tree.ts";

/** A record of nobody's of a process of nobody's. */
function forge(supervise: string, name: string, pid: number): void {
  give(supervise);
  const file = path.join(supervise, name);
  fs.writeFileSync(file, birthOf(pid));
  give(file);
}

async function killed(program: Program): Promise<void> {
  program.signal("SIGKILL");
  await program.waitForExit();
}

for (const [what, where] of [
  ["the service", ""],
  ["the logger", "log"],
] as const) {
  test(`a process of the attacker's is not taken for ${what}`, asRoot, async (t) => {
    const dir = serviceDir(openDir(t), "web", { "run!": forever, "log/run!": forever });
    const his = asNobody(t, ["/bin/sleep", "600"], { cwd: "/" });
    await isHis(his);
    forge(path.join(dir, where, "supervise"), "run.birth", his.pid);
    startRunsv(t, dir);
    const { pid } = await isUp(path.join(dir, where));
    assert.notEqual(pid, his.pid);
  });
}

/** setpriv has become what it was to start. */
async function isHis({ pid }: Program): Promise<void> {
  await eventually("sleep", () => commandLine(pid) === "/bin/sleep 600");
}

test("runsvdir: a process of the attacker's is not taken for a runsv", asRoot, async (t) => {
  const base = openDir(t);
  const scan = path.join(base, "scan");
  fs.mkdirSync(scan);
  const web = sleeper(base, "web");
  fs.chmodSync(web, 0o755);
  const his = asNobody(t, ["/bin/sleep", "600"], { cwd: web });
  await isHis(his);
  forge(path.join(web, "supervise"), "runsv.birth", his.pid);
  fs.symlinkSync("../web", path.join(scan, "web"));
  startRunsvdir(t, scan);
  await isUp(web);
});

// --- Descriptors that change while they are looked at -----------------------------------------

/** A logger that makes its descriptor 0 now the pipe and now something else, as fast as it can. */
const flipping = `
use POSIX qw(dup2);
sysopen(OTHER, $ARGV[0], $ARGV[1]) or die;
my ($other, $pipe) = (fileno(OTHER), POSIX::dup(0));
open(READY, ">", "/dev/null"); print STDERR "flips\\n"; close(STDERR);
while (1) { dup2($other, 0); dup2($pipe, 0); }
`;

const O_PATH = 0o10000000;
/** The attack succeeded in one of six to ten, on a machine that has a processor for each; on one
 * that is busy fewer rounds have to do. */
const rounds = 40;
const roundsMs = 15_000;

/** A service and a logger of nobody's, whose logger flips. */
async function startFlipping(t: TestContext, other: string): Promise<string> {
  const base = openDir(t);
  const as = `setpriv --reuid ${nobody} --regid ${nobody} --clear-groups`;
  const dir = serviceDir(base, "web", {
    "run!": `#!/bin/sh\nexec ${as} sleep 600\n`,
    "log/run!": `#!/bin/sh\nexec ${as} perl ../flip '${other}' ${O_PATH}\n`,
    flip: flipping,
  });
  const runsv = startRunsv(t, dir);
  await isUp(dir);
  await runsv.stderr.waitFor(/^flips$/);
  await killed(runsv);
  return dir;
}

/** Starts a runsv that takes both over, again and again, and looks at each once it obeys. */
async function takeOver(t: TestContext, dir: string, look: (pid: number) => void): Promise<void> {
  const end = Date.now() + roundsMs;
  for (let round = 0; round < rounds && Date.now() < end; round++) {
    const runsv = startRunsv(t, dir);
    await until(dir, ({ supervised }) => supervised, deadlineMs);
    const pauses = round % 2 === 0;
    tell(dir, pauses ? "p" : "c");
    await until(dir, ({ paused }) => paused === pauses, deadlineMs);
    look(runsv.pid);
    await killed(runsv);
  }
}

for (const mode of [0o644, 0o600]) {
  const title = `a file of root's, ${mode.toString(8)}, is not opened as the log's pipe`;
  test(title, asRoot, async (t) => {
    const file = rootFile(openDir(t), mode);
    const dir = await startFlipping(t, file);
    await takeOver(t, dir, (pid) => {
      const fds = fs.readdirSync(`/proc/${pid}/fd`);
      const open = fds.map((fd) => fs.readlinkSync(`/proc/${pid}/fd/${fd}`));
      assert.ok(!open.includes(file), `runsv has ${open.join(" ")}`);
    });
    assert.equal(fs.readFileSync(file, "latin1"), "secret\n");
  });
}

test("a FIFO in the place of the log's pipe holds up nobody", asRoot, async (t) => {
  const fifo = path.join(openDir(t), "fifo");
  await start(t, "/usr/bin/mkfifo", { args: ["-m", "666", fifo] }).waitForExit();
  const dir = await startFlipping(t, fifo);
  await takeOver(t, dir, () => {});
});

// --- The end of an essential service ----------------------------------------------------------

interface Container {
  readonly tree: Program;
  readonly web: string;
  readonly pid: number;
}

/** A runsvdir that honours `essential`, and a service whose supervise/ is nobody's. */
async function startContainer(t: TestContext, files: Record<string, string>): Promise<Container> {
  const base = openDir(t);
  const scan = path.join(base, "scan");
  fs.mkdirSync(scan);
  fs.writeFileSync(path.join(base, "code"), "");
  const web = sleeper(scan, "web", files);
  const tree = startRunsvdir(t, scan, { env: { TRINIT_EXITCODE: path.join(base, "code") } });
  const { pid } = await isUp(web);
  give(path.join(web, "supervise"));
  return { tree, web, pid };
}

/** What the owner of supervise/ can say of a service, without a word of root's. */
function say(web: string, name: string, text: string): void {
  const file = path.join(web, "supervise", name);
  fs.rmSync(file, { force: true });
  fs.writeFileSync(file, text);
  give(file);
}

/** The record of the process that runs, moved to where that of a finish is, and words that make it
 * the finish of an essential service; then runsv is killed, and the process ends. */
async function pretend({ tree, web, pid }: Container): Promise<void> {
  const runsv = await runsvOf(tree, "web");
  process.kill(runsv, "SIGSTOP");
  const supervise = path.join(web, "supervise");
  fs.renameSync(path.join(supervise, "run.birth"), path.join(supervise, "finish.birth"));
  say(web, "stat", "finish, want end\n");
  say(web, "exit", "7 0 0\n");
  kill(runsv, "SIGKILL");
  await runsvOf(tree, "web", runsv);
  await until(web, ({ supervised }) => supervised, deadlineMs);
  kill(pid, "SIGKILL");
}

for (const [what, files] of [
  ["without a file essential", {}],
  ["with one", { essential: "" }],
] as const) {
  test(`stat of the attacker's ends no container: a service ${what}`, asRoot, async (t) => {
    const container = await startContainer(t, files);
    const { tree, web, pid } = container;
    await pretend(container);
    await until(web, (now) => now.state === "run" && now.pid !== pid, deadlineMs);
    assert.doesNotMatch(tree.stderr.text(), /essential/);
  });
}

test("exit of the attacker's is not the exit code of a container", asRoot, async (t) => {
  const { tree, web, pid } = await startContainer(t, { essential: "" });
  const runsv = await runsvOf(tree, "web");
  process.kill(tree.pid, "SIGSTOP");
  kill(pid, "SIGKILL");
  await eventually("the end of runsv", () => !isAlive(runsv));
  say(web, "exit", "7 0 0\n");
  process.kill(tree.pid, "SIGCONT");
  await tree.waitForExit();
  const code = path.join(path.dirname(web), "../code");
  assert.equal(fs.readFileSync(code, "latin1"), "111\n"); // it is not known
});

// --- Signals ------------------------------------------------------------------------------------

test("without pidfd_send_signal a process that was taken over still obeys", async (t) => {
  const base = openDir(t);
  const faults = serviceDir(base, "faults", { pidfd_send_signal: "" });
  const options = { program: faultsBin("runsv"), env: { TRINIT_FAULTS: faults } };
  const dir = serviceDir(base, "web", { "run!": forever });
  const first = startRunsv(t, dir, options);
  const { pid } = await isUp(dir);
  await killed(first);
  startRunsv(t, dir, options);
  await until(dir, ({ supervised }) => supervised, deadlineMs);
  tell(dir, "k");
  await until(dir, (now) => now.state === "run" && now.pid !== pid, deadlineMs);
});
