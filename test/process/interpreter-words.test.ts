// A program that is there and whose interpreter is not: what every program of ours says of that.
// Differs, interpreter: all of it.
import assert from "node:assert/strict";
import * as fs from "node:fs";
import path from "node:path";
import { describe, test } from "node:test";
import { control, until } from "../../src/client/index.ts";
import { interpreterReason } from "../../src/core/message.ts";
import { bin, deadlineMs, run, serviceDir, startRunsv, tempDir } from "../harness.ts";

const crlf = "#!/bin/bash\r\nexec sleep 600\r\n";
const crlfWords = "its interpreter /bin/bash\\r does not exist (the file has CRLF line ends)";
const missing = "#! /no/such/shell -e\n";
const missingWords = "its interpreter /no/such/shell does not exist";
const forever = "#!/bin/sh\nexec sleep 600\n";

describe("an interpreter that is not there", { concurrency: 4 }, () => {
  for (const [text, words] of [
    [crlf, crlfWords],
    [missing, missingWords],
  ] as const) {
    for (const [files, what] of [
      [{ "run!": text }, "fatal: unable to start ./run"],
      [{ "run!": "#!/bin/sh\n", "finish!": text }, "fatal: unable to start ./finish"],
      [{ "run!": forever, "log/run!": text }, "fatal: unable to start log/./run"],
      [{ "run!": forever, "control/u!": text }, "warning: unable to run control/u"],
    ] as const) {
      test(`runsv: ${what}: ${words}`, async (t) => {
        const dir = serviceDir(tempDir(t), "web", files);
        const runsv = startRunsv(t, "web", { cwd: path.dirname(dir), endSignal: "SIGKILL" });
        await runsv.stderr.waitFor(/unable/);
        const line = runsv.stderr.lines().find((one) => one.includes("unable"));
        assert.equal(line, `runsv web: ${what}: ${words}`);
      });
    }

    test(`chpst and the entrypoint: ${words}`, async (t) => {
      const program = path.join(tempDir(t), "program");
      fs.writeFileSync(program, text, { mode: 0o755 });
      const chpst = await run(t, bin("chpst"), [program]);
      assert.equal(chpst.stderr, `chpst: fatal: unable to run: ${program}: ${words}\n`);
      assert.equal(chpst.code, 111);
      const one = await run(t, bin("trinit"), ["entrypoint", program]);
      assert.equal(one.stderr, `trinit: fatal: unable to run ${program}: ${words}\n`);
      assert.equal(one.code, 127);
    });
  }

  test("a file that is not there is still that", async (t) => {
    const dir = serviceDir(tempDir(t), "web", { "log/main/": "" });
    const runsv = startRunsv(t, "web", { cwd: path.dirname(dir), endSignal: "SIGKILL" });
    await runsv.stderr.waitFor(/unable to start \.\/run: file does not exist$/);
    fs.writeFileSync(path.join(dir, "run"), forever, { mode: 0o755 });
    await until(dir, ({ state }) => state === "run", deadlineMs);
    await control(dir, "exit");
  });
});

test("the words, by the first bytes of a file", () => {
  const none = (): boolean => false;
  const all = (): boolean => true;
  for (const [head, isThere, words] of [
    [null, none, "its interpreter does not exist"],
    ["\x7fELF\x02", none, "its interpreter does not exist"],
    ["#!\n", none, "its interpreter does not exist"],
    ["#!\t/bin/x\t-e", none, "its interpreter /bin/x does not exist"],
    ["#!/a\x1b[2Jb c\n", none, "its interpreter /a?[2Jb does not exist"],
    [
      "#!/bin/x -e\r\n",
      none,
      "its interpreter /bin/x does not exist (the file has CRLF line ends)",
    ],
    ["#!/bin/x\n", all, "its interpreter /bin/x lacks an interpreter or a loader of its own"],
  ] as const) {
    assert.equal(interpreterReason(head, isThere), words);
  }
});
