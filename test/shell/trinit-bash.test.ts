// Completion of sv and trinit in bash: keys pressed in a shell on a terminal, with bash-completion
// and without it.
import assert from "node:assert/strict";
import * as fs from "node:fs";
import path from "node:path";
import { type TestContext, test } from "node:test";
import { allNames } from "../../src/applets.ts";
import { vocabulary } from "../../src/core/verbs.ts";
import { tempDir } from "../harness.ts";
import { installedEnv, missing, openShell, type Shell } from "../shells.ts";

const bashCompletion = "/usr/share/bash-completion/bash_completion";
const ways = { without: "", with: bashCompletion } as const;

for (const [way, BASH_COMPLETION] of Object.entries(ways)) {
  const open = async (t: TestContext): Promise<Shell | null> => {
    const reason = missing("bash");
    if (reason === null && (way === "without" || fs.existsSync(bashCompletion))) {
      return openShell(t, "bash", { ...(await installedEnv(t)), BASH_COMPLETION });
    }
    assert.equal(process.env.CI, undefined, "bash-completion is missing, and CI needs it");
    t.skip(reason ?? "type: apt-get install bash-completion");
    return null;
  };

  test(`${way} bash-completion: every word of sv, and every name of trinit`, async (t) => {
    const shell = await open(t);
    if (shell === null) return;
    const words = (await shell.all("sv ")).trim().split(" ").slice(1);
    assert.deepEqual(words.sort(), [...vocabulary].sort());
    const names = (await shell.all("trinit ")).trim().split(" ").slice(1);
    for (const [name] of allNames()) {
      if (name !== "trinit") assert.ok(names.includes(name), name);
    }
    assert.equal(await shell.tab("sv sta"), "sv sta");
    assert.equal(await shell.tab("sv stat"), "sv status ");
    assert.equal(await shell.tab("sv -v -w 5 force-sh"), "sv -v -w 5 force-shutdown ");
    assert.equal(await shell.all("sv -"), "sv -V -v -w ");
    assert.equal(await shell.tab("sv -w "), "sv -w ");
  });

  test(`${way} bash-completion: services, quoted as they need it`, async (t) => {
    const shell = await open(t);
    if (shell === null) return;
    const odd = `\\$x\\"y a:b db getty@tty1 it\\'s k=v my\\ service web www `;
    assert.equal(await shell.all("sv up "), `sv up ${odd}`);
    assert.equal(await shell.tab("sv up web d"), "sv up web db ");
    for (const [typed, whole] of [
      ["my", "my\\ service "],
      ["my\\ s", "my\\ service "],
      ["'my", "'my service' "],
      ["'my s", "'my service' "],
      ['"my s', '"my service" '],
      ["a", "a:b "],
      ["a:", "a:b "],
      ["getty@t", "getty@tty1 "],
      ["k", "k=v "],
      ["k=", "k=v "],
      ["it", "it\\'s "],
      ['"it', '"it\'s" '],
      ["'it", "'it'\\''s' "],
      ["\\$", '\\$x\\"y '],
      ['"\\$', '"\\$x\\"y" '],
    ] as const) {
      assert.equal(await shell.tab(`sv -w 9 stop web ${typed}`), `sv -w 9 stop web ${whole}`);
    }
  });

  test(`${way} bash-completion: paths, and what trinit hands on to sv`, async (t) => {
    const shell = await open(t);
    if (shell === null) return;
    const parent = tempDir(t);
    fs.mkdirSync(path.join(parent, "services"));
    assert.equal(await shell.tab(`sv up ${parent}/ser`), `sv up ${parent}/services/`);
    assert.equal(await shell.tab("sv status --j"), "sv status --json ");
    for (const other of ["sv up --j", "sv status web --j"]) {
      assert.equal(await shell.tab(other), other);
    }
    assert.equal(await shell.tab("trinit sv stat"), "trinit sv status ");
    assert.equal(await shell.tab("trinit entrypoint --dr"), "trinit entrypoint --drain ");
    assert.equal(await shell.tab("trinit entrypoint --log j"), "trinit entrypoint --log json ");
    assert.equal(await shell.all("trinit sv -v up w"), "trinit sv -v up web www ");
    assert.equal(await shell.tab("trinit sv up getty@t"), "trinit sv up getty@tty1 ");
    if (way === "with") assert.equal(await shell.tab("sudo sv up web d"), "sudo sv up web db ");
    assert.equal(await shell.all("trinit stage "), "trinit stage 1 2 3 ");
    assert.equal(await shell.tab("trinit help runsvd"), "trinit help runsvdir ");
    assert.equal(await shell.all("trinit install --"), "trinit install --init --share ");
    const line = `trinit install --share ${parent}/ser`;
    assert.equal(await shell.tab(line), `${line}vices/`);
  });
}
