// The completions' words are the programs': none is missing, none is made up, each has its line.
import assert from "node:assert/strict";
import * as fs from "node:fs";
import path from "node:path";
import { test } from "node:test";
import { allNames } from "../../src/applets.ts";
import { vocabulary } from "../../src/core/verbs.ts";
import { bin, run } from "../harness.ts";

const share = path.join(path.dirname(fs.realpathSync(bin("trinit"))), "share");

function read(file: string): string {
  return fs.readFileSync(path.join(share, file), "utf8");
}

/** The words of a list in a completion of zsh, `'WORD:LINE'` each. */
function wordsIn(file: string, list: string): string[] {
  const body = new RegExp(`^${list}=\\(\\n([^]*?)\\n\\)`, "m").exec(read(file))?.[1] ?? "";
  return [...body.matchAll(/^ {2}'([^:']+):[^']+'$/gm)].map(([, word]) => word ?? "");
}

test("every word of sv is there, with a line about it", () => {
  assert.deepEqual(wordsIn("zsh/site-functions/_sv", "commands"), vocabulary);
});

test("every program is there, with a line about it", () => {
  const names = allNames().map(([name]) => name);
  const listed = wordsIn("zsh/site-functions/_trinit", "programs");
  assert.deepEqual(["trinit", ...listed], names);
});

test("the words and options are those of the usage", async (t) => {
  const { stderr } = await run(t, bin("trinit"), []);
  const calls = stderr.replace(/^(usage:| {6}) trinit /gm, "").split(/ \| |\n/);
  const words = calls.map((call) => call.split(" ")[0] ?? "").filter((word) => word !== "");
  const listed = [...wordsIn("zsh/site-functions/_trinit", "subcommands"), "name"];
  assert.deepEqual(listed.sort(), words.sort());
  const sv = await run(t, bin("sv"), []);
  for (const [name, usage] of Object.entries({ sv: sv.stderr, trinit: stderr })) {
    const options = [...usage.matchAll(/\[--?(\w+)/g)].map(([, option]) => option ?? "");
    assert.ok(options.length > 0, usage);
    for (const option of options) {
      const dashes = option.length > 1 ? "--" : "-";
      assert.ok(read(`zsh/site-functions/_${name}`).includes(`'${dashes}${option}`), option);
      assert.match(
        read(`bash-completion/completions/${name}`),
        new RegExp(` ${dashes}${option}\\b`),
      );
      const fish = new RegExp(` -${option.length > 1 ? "l" : "s"} ${option} `);
      assert.match(read(`fish/vendor_completions.d/${name}.fish`), fish);
    }
  }
});
