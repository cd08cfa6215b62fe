// sv waits by events, for as long as -w says, and says what became of it.
import assert from "node:assert/strict";
import { test } from "node:test";
import { status, until } from "../../src/client/index.ts";
import { bin, faultsBin, run, serviceDir, startRunsv, tempDir } from "../harness.ts";

const forever = "#!/bin/sh\ntrap '' HUP\nexec sleep 600\n"; // hup is not its end
const stubborn = "#!/bin/sh\ntrap '' TERM\nwhile :; do sleep 600; done\n";

function masked(text: string): string {
  return text.replace(/pid \d+/g, "pid N").replace(/ \d+s\b/g, " Ns");
}

for (const [armed, sv] of [
  ["", bin],
  ["dnotify", faultsBin],
] as const) {
  test(`start, stop, restart, once, pause, shutdown ${armed && `without ${armed}`}`, async (t) => {
    const scan = tempDir(t);
    const web = serviceDir(scan, "web", { "run!": forever, down: "" });
    if (armed !== "") serviceDir(scan, ".faults", { [armed]: "" });
    const env = { SVDIR: scan, TRINIT_FAULTS: `${scan}/.faults` };
    startRunsv(t, web);
    await until(web, ({ supervised }) => supervised, 10_000);
    for (const [verb, expected] of [
      ["start", "ok: run: web: (pid N) Ns, normally down"],
      ["restart", "ok: run: web: (pid N) Ns, normally down"],
      ["try-restart", "ok: run: web: (pid N) Ns, normally down"],
      ["reload", "ok: run: web: (pid N) Ns, normally down"],
      ["pause", "ok: run: web: (pid N) Ns, normally down, paused"],
      ["cont", "ok: run: web: (pid N) Ns, normally down"],
      ["check", "ok: run: web: (pid N) Ns, normally down"],
      ["once", "ok: run: web: (pid N) Ns, normally down, want down"],
      ["stop", "ok: down: web: Ns"],
      ["check", "ok: down: web: Ns"],
      ["shutdown", "ok: web: runsv not running"],
    ] as const) {
      const { code, stdout, stderr } = await run(t, sv("sv"), ["-v", verb, "web"], { env });
      assert.deepEqual([masked(stdout), stderr, code], [`${expected}\n`, "", 0], verb);
    }
  });
}

test("restart is over when the new process is there", async (t) => {
  const web = serviceDir(tempDir(t), "web", { "run!": forever });
  startRunsv(t, web);
  const before = await until(web, ({ state }) => state === "run", 10_000);
  const { stdout } = await run(t, bin("sv"), ["restart", web]);
  const after = await status(web);
  assert.notEqual(after.pid, before.pid);
  assert.ok(stdout.startsWith(`ok: run: ${web}: (pid ${after.pid}) `), stdout);
});

test("one deadline for all: timeout is said after what went well, force kills", async (t) => {
  const scan = tempDir(t);
  const deaf = serviceDir(scan, "deaf", { "run!": stubborn });
  const web = serviceDir(scan, "web", { "run!": forever });
  for (const dir of [deaf, web]) {
    startRunsv(t, dir);
    await until(dir, ({ state }) => state === "run", 10_000);
  }
  const env = { SVDIR: scan };
  const plain = await run(t, bin("sv"), ["-w", "1", "stop", "deaf", "web"], { env });
  assert.equal(
    masked(plain.stdout),
    "ok: down: web: Ns, normally up\ntimeout: run: deaf: (pid N) Ns, want down, got TERM\n",
  );
  assert.equal(plain.code, 1);
  const force = await run(t, bin("sv"), ["-w", "0", "force-stop", "deaf"], { env });
  assert.equal(masked(force.stdout), "kill: run: deaf: (pid N) Ns, want down, got TERM\n");
  assert.equal(force.code, 1);
  await until(deaf, ({ state }) => state === "down", 10_000);
});

test("a service whose runsv ends is not waited for any longer", async (t) => {
  const deaf = serviceDir(tempDir(t), "deaf", { "run!": stubborn });
  const runsv = startRunsv(t, deaf);
  await until(deaf, ({ state }) => state === "run", 10_000);
  const stop = run(t, bin("sv"), ["-w", "60", "stop", deaf]);
  await until(deaf, ({ gotTerm }) => gotTerm, 10_000);
  runsv.signal("SIGKILL");
  assert.deepEqual(await stop, {
    code: 1,
    signal: null,
    stdout: `fail: ${deaf}: runsv not running\n`,
    stderr: "",
  });
});
