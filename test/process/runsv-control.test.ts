// control/X: one more child of runsv, asked before a signal is sent.
import assert from "node:assert/strict";
import * as fs from "node:fs";
import path from "node:path";
import { describe, type TestContext, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { control, status, until } from "../../src/client/index.ts";
import { kill, type Program, serviceDir, startRunsv, tempDir } from "../harness.ts";
import { recordOf, waitForRecord } from "../record.ts";

/** Notes every signal, and ends by TERM. */
const run = `#!/bin/sh
note() { echo "$1" >>record; }
for signal in HUP INT QUIT USR1 USR2 ALRM CONT; do trap "note $signal" "$signal"; done
trap 'note TERM; kill "$child"; exit 0' TERM
sleep 600 &
child=$!
note start
while :; do wait; done
`;

/** A control script that notes its name and ends so. */
function script(letter: string, ending: string): string {
  return `#!/bin/sh\necho "control/${letter}" >>record\n${ending}\n`;
}

/** A control script that fails where there is a file LETTER-fails. */
function once(letter: string): string {
  return `#!/bin/sh
test ! -e ${letter}-fails
code=$?
echo control/${letter} >>record
exit $code
`;
}

async function startWeb(t: TestContext, files: Record<string, string>): Promise<[string, Program]> {
  const dir = serviceDir(tempDir(t), "web", { "run!": run, ...files });
  const runsv = startRunsv(t, "web", { cwd: path.dirname(dir), endSignal: "SIGKILL" });
  await waitForRecord(dir, (lines) => lines.includes("start"));
  await until(dir, ({ state }) => state === "run", 10_000);
  return [dir, runsv];
}

/** The record after an end that nothing suppresses. */
async function recordAfter(dir: string, verb: "term" | "down", last: string): Promise<string[]> {
  await control(dir, verb);
  return waitForRecord(dir, (lines) => lines.includes(last));
}

describe("control scripts", { concurrency: true }, () => {
  test("control/u runs before every start", async (t) => {
    const [dir] = await startWeb(t, { "control/u!": script("u", "exit 1") });
    assert.deepEqual(recordOf(dir), ["control/u", "start"]);
    await control(dir, "term");
    await waitForRecord(dir, (lines) => lines.filter((line) => line === "start").length === 2);
    assert.deepEqual(recordOf(dir), ["control/u", "start", "TERM", "control/u", "start"]);
  });

  test("control/t that exits 0 stands for TERM", async (t) => {
    const files = { "control/t!": script("t", "exit 0"), "control/d!": script("d", "exit 1") };
    const [dir] = await startWeb(t, files);
    const { pid } = await status(dir);
    const record = await recordAfter(dir, "down", "control/d");
    // CONT is sent in any case, and its trap may run later than control/d.
    assert.deepEqual(
      record.filter((line) => line !== "CONT"),
      ["start", "control/t", "control/d"],
    );
    await waitForRecord(dir, (lines) => lines.includes("CONT"));
    const now = await status(dir);
    assert.deepEqual([now.pid, now.gotTerm, now.want], [pid, false, "down"]);
  });

  for (const [what, ending] of [
    ["fails", "exit 1"],
    ["is killed by a signal", "kill -KILL $$"], // it used to count as success
  ] as const) {
    test(`control/t that ${what}: TERM is sent`, async (t) => {
      const [dir] = await startWeb(t, { "control/t!": script("t", ending) });
      const record = await recordAfter(dir, "down", "TERM");
      assert.deepEqual(record.slice(0, 2), ["start", "control/t"]);
      await until(dir, ({ state }) => state === "down", 10_000);
    });
  }

  test("a control script that nobody may execute is not run", async (t) => {
    const [dir, runsv] = await startWeb(t, { "control/t": script("t", "exit 0") });
    await control(dir, "down");
    await until(dir, ({ state }) => state === "down", 10_000);
    assert.ok(!recordOf(dir).includes("control/t"));
    assert.equal(runsv.stderr.text(), "");
  });

  test("a control script that cannot be started is said: TERM is sent", async (t) => {
    const [dir, runsv] = await startWeb(t, { "control/t!": "#!/no/such/shell\n" });
    await control(dir, "down");
    await until(dir, ({ state }) => state === "down", 10_000);
    const why = "its interpreter /no/such/shell does not exist";
    const said = `runsv web: warning: unable to run control/t: ${why}\n`;
    assert.equal(runsv.stderr.text(), said);
  });

  test("exit asks control/t, then control/x, and waits for both", async (t) => {
    const files = {
      "control/t!": script("t", "exit 1"),
      "control/x!": script("x", "sleep 0.3; echo done >>record"),
      "control/d!": script("d", "exit 0"),
    };
    const [dir, runsv] = await startWeb(t, files);
    await control(dir, "exit");
    assert.deepEqual(await runsv.waitForExit(), { code: 0, signal: null });
    const record = recordOf(dir).filter((line) => line !== "CONT" && line !== "TERM");
    assert.deepEqual(record, ["start", "control/t", "control/x", "done"]);
  });

  test("the letter's own script stands for every other signal", async (t) => {
    const pairs = [
      ["h", "hup", "HUP"],
      ["i", "interrupt", "INT"],
      ["q", "quit", "QUIT"],
      ["a", "alarm", "ALRM"],
      ["1", "1", "USR1"],
      ["2", "2", "USR2"],
      ["c", "cont", "CONT"],
    ] as const;
    const files = Object.fromEntries(pairs.map(([letter]) => [`control/${letter}!`, once(letter)]));
    const [dir] = await startWeb(t, files);
    for (const [letter, verb, signal] of pairs) {
      await control(dir, verb);
      await waitForRecord(dir, (lines) => lines.at(-1) === `control/${letter}`);
      fs.writeFileSync(path.join(dir, `${letter}-fails`), "");
      await control(dir, verb);
      const record = await waitForRecord(dir, (lines) => lines.at(-1) === signal);
      assert.deepEqual(record.slice(-3), [`control/${letter}`, `control/${letter}`, signal]);
    }
  });

  test("commands are obeyed while a control script hangs", async (t) => {
    const [dir] = await startWeb(t, {
      "control/h!": script("h", "echo $$ >hanging; exec sleep 600"),
    });
    const { pid } = await status(dir);
    await control(dir, "hup");
    await waitForRecord(dir, (lines) => lines.includes("control/h"));
    await control(dir, "down");
    await until(dir, ({ want }) => want === "down", 10_000); // it used to be deaf meanwhile
    await control(dir, "up");
    await until(dir, ({ want }) => want === "up", 10_000);
    kill(pid ?? 0, "SIGKILL");
    await until(dir, ({ state }) => state === "down", 10_000);
    kill(Number(fs.readFileSync(path.join(dir, "hanging"), "latin1")), "SIGKILL");
    await until(dir, ({ state }) => state === "run", 10_000);
    assert.ok(!recordOf(dir).includes("HUP"), "a signal to the next process");
  });

  test("a flood of commands behind a control script that hangs is survived", async (t) => {
    // Each used to wait in a list without end.
    const [dir] = await startWeb(t, {
      "control/h!": script("h", "echo $$ >hanging; exec sleep 600"),
    });
    await control(dir, "hup");
    await waitForRecord(dir, (lines) => lines.includes("control/h"));
    const fifo = path.join(dir, "supervise/control");
    const flood = fs.createWriteStream(fifo, { flags: "r+" });
    await new Promise<void>((resolve) =>
      flood.end(Buffer.from("12aiqc".repeat(5_000)), () => resolve()),
    );
    kill(Number(fs.readFileSync(path.join(dir, "hanging"), "latin1")), "SIGKILL");
    await control(dir, "down");
    await until(dir, ({ state }) => state === "down", 10_000);
  });

  test("control/u that hangs holds up the start, and down ends the waiting", async (t) => {
    const dir = serviceDir(tempDir(t), "web", {
      "run!": run,
      "control/u!": script("u", "while [ ! -e go ]; do sleep 0.02; done"),
    });
    startRunsv(t, dir, { endSignal: "SIGKILL" });
    await waitForRecord(dir, (lines) => lines.includes("control/u"));
    await control(dir, "down");
    await until(dir, ({ want }) => want === "down", 10_000);
    fs.writeFileSync(path.join(dir, "go"), "");
    await sleep(700);
    assert.deepEqual(recordOf(dir), ["control/u"]);
    assert.equal((await status(dir)).state, "down");
  });
});
