// sv as the init script of a service, by a link in /etc/init.d; and how it wants to be called.
// Beside Debian's: $TRINIT_ORACLE, or cache/oracle, where scripts/oracle.sh puts it.
import assert from "node:assert/strict";
import * as fs from "node:fs";
import path from "node:path";
import { type TestContext, test } from "node:test";
import { control, until } from "../../src/client/index.ts";
import {
  bin,
  type Output,
  root,
  run,
  serviceDir,
  startRunsv,
  tempDir,
  waitForFile,
} from "../harness.ts";

const debian = path.join(
  process.env.TRINIT_ORACLE ?? path.join(root, "cache/oracle"),
  "usr/bin/sv",
);
const found = fs.existsSync(debian);
const skip = found || process.env.CI !== undefined ? false : "type: sh scripts/oracle.sh";

const forever = "#!/bin/sh\ntrap '' HUP\nexec sleep 600\n";
const stubborn = "#!/bin/sh\ntrap '' TERM HUP\n: >ready\nsleep 600\n";

/** etc/init.d/NAME -> ../../bin/sv -> the executable, and the services in etc/service. */
function makeRoot(t: TestContext, executable: string): string {
  const base = tempDir(t);
  for (const name of ["bin", "etc/init.d", "etc/service"]) {
    fs.mkdirSync(path.join(base, name), { recursive: true });
  }
  fs.symlinkSync(executable, path.join(base, "bin/sv"));
  return base;
}

function addScript(base: string, name: string): string {
  const script = path.join(base, "etc/init.d", name);
  fs.symlinkSync("../../bin/sv", script);
  return script;
}

function masked(output: Output): Output {
  const stdout = output.stdout.replace(/pid \d+/g, "pid N").replace(/ \d+s\b/g, " Ns");
  const stderr = output.stderr
    .replace(/^(\$Id: .*|trinit .*)$/m, "VERSION")
    .replace(/^\w+: (unknown command |\S+: looked for in ).*\n/m, ""); // ours alone
  return { ...output, stdout, stderr };
}

async function call(t: TestContext, program: string, words: string, scan: string): Promise<Output> {
  const args = words === "" ? [] : words.split(" ");
  return masked(await run(t, program, args, { env: { SVDIR: scan, SVWAIT: "1" } }));
}

// --- Links -------------------------------------------------------------------------------

test("links are followed to the name that says which program it is", async (t) => {
  const trinit = fs.realpathSync(bin("trinit"));
  const base = makeRoot(t, trinit);
  const usage = (name: string) => `usage: ${name} [-w sec] command\n\n`;
  addScript(base, "web");
  const links = {
    "etc/init.d/db": "web",
    "etc/init.d/absolute": path.join(base, "bin/sv"),
    "etc/init.d/far": `../../../${path.basename(base)}/etc/init.d/db`,
  };
  for (const [link, target] of Object.entries(links)) fs.symlinkSync(target, path.join(base, link));
  for (const name of ["web", "db", "absolute", "far"]) {
    for (const word of ["", "bogus", "s"]) {
      const { code, stderr } = await call(t, path.join(base, "etc/init.d", name), word, base);
      assert.deepEqual([code, stderr], [2, usage(name)], `${name} ${word}`);
    }
  }
  const called = await run(t, "/bin/bash", ["-c", `exec -a other ${base}/bin/sv`]);
  assert.deepEqual([called.code, called.stderr], [2, usage("other")]);
});

test("shutdown and halt of a service are not those of the machine", async (t) => {
  const base = makeRoot(t, fs.realpathSync(bin("trinit")));
  const web = addScript(base, "web");
  for (const word of ["shutdown", "halt"]) {
    const { stdout, stderr, code } = await call(t, web, word, base);
    assert.equal(stdout, "fail: web: unable to change to service directory: file does not exist\n");
    assert.deepEqual([stderr, code], ["", 1]);
  }
});

test("a link that leads to no known name, or nowhere else, is trinit", async (t) => {
  const base = makeRoot(t, fs.realpathSync(bin("trinit")));
  fs.symlinkSync(fs.realpathSync(bin("trinit")), path.join(base, "bin/other"));
  fs.copyFileSync(fs.realpathSync(bin("trinit")), path.join(base, "bin/copy"));
  const [link, copy, trinit] = await Promise.all([
    run(t, path.join(base, "bin/other"), ["help"]),
    run(t, path.join(base, "bin/copy"), ["help"]),
    run(t, bin("trinit"), ["help"]),
  ]);
  assert.deepEqual([link, copy], [trinit, trinit]);
  const sv = await run(t, path.join(base, "bin/copy"), ["sv"]);
  assert.equal(sv.code, 100);
});

// --- Beside Debian's ---------------------------------------------------------------------

test("wrong calls, and right ones of nothing: as Debian's", { skip }, async (t) => {
  const [theirs, ours] = [makeRoot(t, debian), makeRoot(t, fs.realpathSync(bin("trinit")))];
  for (const base of [theirs, ours]) addScript(base, "web");
  serviceDir(theirs, "etc/service/web", {});
  serviceDir(ours, "etc/service/web", {});
  for (const words of [
    ["", "-q", "-q status", "-w", "-vq", "-V", "-V status web", "--", "-"],
    ["bogus", "bogus web", "s", "-v", "-- status", "-- status web", "status web nosuch"],
    ["-w 0 start", "-w0 start web", "reload", "reload web", "-v status web"],
    ["shutdown", "force-shutdown web", "check", "check web", "1", "1 web", "e", "X web", "x web"],
    ["start", "stop", "restart", "try-restart", "force-stop", "force-reload", "force-restart"],
    ["u", "d", "o", "up", "down", "exit", "term", "kill", "- web", "-: web", "-v- status web"],
  ].flat()) {
    for (const name of ["bin/sv", "etc/init.d/web"]) {
      if (name === "bin/sv" && /^(-- )?s(tatus)?$/.test(words)) continue; // ours lists all
      const [expected, actual] = await Promise.all(
        [theirs, ours].map((base) =>
          call(t, path.join(base, name), words, path.join(base, "etc/service")),
        ),
      );
      assert.deepEqual(actual, expected, `${name} ${words}`);
    }
  }
});

/** What Debian's sv and ours say of the same service as its init script, one after the other. */
async function compare(t: TestContext, dir: string, lines: readonly string[]): Promise<Output[]> {
  const scan = path.dirname(dir);
  const scripts = [debian, fs.realpathSync(bin("trinit"))].map((executable) =>
    addScript(makeRoot(t, executable), path.basename(dir)),
  );
  const answers: Output[] = [];
  for (const words of lines) {
    const [theirs = "", ours = ""] = scripts;
    const expected = await call(t, theirs, words, scan);
    const actual = await call(t, ours, words, scan);
    assert.deepEqual(actual, expected, words);
    answers.push(actual);
  }
  return answers;
}

test("exit codes of a service that is up, down, or not supervised: as Debian's", {
  skip,
}, async (t) => {
  const web = serviceDir(tempDir(t), "web", { "run!": forever });
  const codes = async (...lines: string[]): Promise<(number | null)[]> =>
    (await compare(t, web, lines)).map(({ code }) => code);
  assert.deepEqual(await codes("status", "start", "reload"), [4, 1, 1]);
  const runsv = startRunsv(t, web);
  await until(web, ({ state }) => state === "run", 10_000);
  assert.deepEqual(await codes("status", "start", "check", "reload", "up"), [0, 0, 0, 0, 0]);
  await control(web, "down");
  await until(web, ({ state }) => state === "down", 10_000);
  assert.deepEqual(await codes("status", "stop", "try-restart", "-w 0 status"), [3, 0, 0, 3]);
  fs.writeFileSync(path.join(web, "supervise/status"), "garbage");
  assert.deepEqual(await codes("status", "stop"), [4, 1]);
  runsv.signal("SIGTERM");
  await runsv.waitForExit();
  assert.deepEqual(await codes("status", "shutdown", "stop"), [1, 0, 1]);
  fs.rmSync(path.join(web, "supervise"), { recursive: true });
  fs.writeFileSync(path.join(web, "supervise"), "");
  assert.deepEqual(await codes("status"), [4]);
});

test("a timeout is 1: as Debian's", { skip }, async (t) => {
  const web = serviceDir(tempDir(t), "web", { "run!": stubborn });
  startRunsv(t, web, { endSignal: "SIGKILL" });
  await waitForFile(path.join(web, "ready"));
  const answers = await compare(t, web, ["-w 0 stop", "-w 0 restart", "-w 0 shutdown", "status"]);
  assert.deepEqual(
    answers.map(({ code }) => code),
    [1, 1, 1, 0],
  );
});

test("the status of an init script is its service's; Debian's sv takes that of the log", {
  skip,
}, async (t) => {
  const cat = "#!/bin/sh\nexec cat\n";
  const web = serviceDir(tempDir(t), "web", { "run!": forever, down: "", "log/run!": cat });
  startRunsv(t, web);
  await until(path.join(web, "log"), ({ state }) => state === "run", 10_000);
  const codes: (number | null)[] = [];
  for (const executable of [debian, fs.realpathSync(bin("trinit"))]) {
    const script = addScript(makeRoot(t, executable), "web");
    const { code, stdout } = await call(t, script, "status", path.dirname(web));
    assert.equal(stdout, "down: web: Ns; run: log: (pid N) Ns\n");
    codes.push(code);
  }
  assert.deepEqual(codes, [0, 3]);
});
