// runsvdir -o: what becomes of the lines of a service, and of those of its runsv.
import assert from "node:assert/strict";
import * as fs from "node:fs";
import path from "node:path";
import { test } from "node:test";
import { jsonText } from "../../src/core/json.ts";
import { bin, eventually, run, startRunsvdir, waitForFile } from "../harness.ts";
import { newScan, sleeper } from "../tree.ts";

/** ./run that says a text, and stays. */
function saying(text: string): Record<string, string> {
  return { "run!": "#!/bin/sh\ncat text\nexec sleep 600\n", text };
}

test("stdout and stderr stay apart, each line with the name of its service", async (t) => {
  const { scan } = newScan(t);
  sleeper(scan, "web", { "run!": "#!/bin/sh\necho out\necho err >&2\nexec sleep 600\n" });
  const tree = startRunsvdir(t, scan, { args: ["-o", "prefix"] });
  await tree.stdout.waitFor(/^web \| out$/);
  await tree.stderr.waitFor(/^web \| err$/);
  assert.equal(tree.stdout.text() + tree.stderr.text(), "web | out\nweb | err\n");
});

for (const [stamp, pattern] of [
  ["tai", /^web \| @4[0-9a-f]{23} \| out$/],
  ["utc", /^web \| 20\d\d-\d\d-\d\d_\d\d:\d\d:\d\d\.\d{5} \| out$/],
  ["iso", /^web \| 20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{5} \| out$/],
] as const) {
  test(`the stamp ${stamp} stands between the name and the text`, async (t) => {
    const { scan } = newScan(t);
    sleeper(scan, "web", saying("out\n"));
    const tree = startRunsvdir(t, scan, { args: ["-o", `prefix,${stamp}`] });
    await tree.stdout.waitFor(pattern);
  });
}

test("plain, and nothing said: what a service writes comes as it is", async (t) => {
  for (const args of [["-o", "plain"], []]) {
    const { scan } = newScan(t);
    sleeper(scan, "web", saying("out\n"));
    const tree = startRunsvdir(t, scan, { args });
    await tree.stdout.waitFor(/^out$/);
  }
});

test("the last -o counts, and one that is no format is a wrong call", async (t) => {
  const { scan } = newScan(t);
  sleeper(scan, "web", saying("out\n"));
  const tree = startRunsvdir(t, scan, { args: ["-o", "json", "-oprefix"] });
  await tree.stdout.waitFor(/^web \| out$/);
  const { code, stderr } = await run(t, bin("runsvdir"), ["-o", "pretty", scan]);
  assert.equal(code, 1);
  assert.match(stderr, /^usage: /);
});

test("a service with a log is left alone", async (t) => {
  const { scan } = newScan(t);
  const web = sleeper(scan, "web", { ...saying("out\n"), "log/run!": "#!/bin/sh\nexec cat\n" });
  sleeper(scan, "bad", { "run!": "#!/nothing\n", "log/main/config": "" });
  const tree = startRunsvdir(t, scan, { args: ["-o", "prefix"] });
  await tree.stdout.waitFor(/^out$/);
  await tree.stderr.waitFor(/^runsv bad: fatal: unable to start \.\/run: /);
  assert.ok(fs.existsSync(path.join(web, "supervise")));
});

test("what runsv complains of has the name of its service, too", async (t) => {
  const { scan } = newScan(t);
  sleeper(scan, "web", { "run!": "#!/nothing\n" });
  const tree = startRunsvdir(t, scan, { args: ["-o", "prefix"] });
  await tree.stderr.waitFor(/^web \| runsv web: fatal: unable to start \.\/run: its interpreter/);
});

test("with -L, lines of stderr are in that file, with the name of their service", async (t) => {
  const { dir, scan } = newScan(t);
  sleeper(scan, "web", { "run!": "#!/bin/sh\necho out\necho err >&2\nexec sleep 600\n" });
  const file = path.join(dir, "log");
  const tree = startRunsvdir(t, scan, { args: ["-L", file, "-o", "prefix"] });
  await tree.stdout.waitFor(/^web \| out$/);
  await waitForFile(file, (text) => text === "web | err\n");
});

test("a name may have any byte", async (t) => {
  const { scan } = newScan(t);
  const name = Buffer.from('a "b\n\xff', "latin1");
  const made = sleeper(scan, "made", saying("out\n"));
  fs.renameSync(made, Buffer.concat([Buffer.from(`${scan}/`), name]));
  const tree = startRunsvdir(t, scan, { args: ["-o", "prefix"] });
  await tree.stdout.waitFor(/^a "b\?\xff \| out$/);
});

const isRoot = process.getuid?.() === 0;
const skip = isRoot || process.env.CI !== undefined ? false : "needs root";

test("a service opens /dev/stdout also when it is not root any more", { skip }, async (t) => {
  const { scan } = newScan(t);
  const script = `exec ${bin("chpst")} -u nobody sh -c 'echo out >/dev/stdout; exec sleep 600'`;
  sleeper(scan, "web", { "run!": `#!/bin/sh\ncd /\n${script}\n` });
  const tree = startRunsvdir(t, scan, { args: ["-o", "prefix"] });
  await tree.stdout.waitFor(/^web \| out$/);
});

test("a line without an end waits for it, and gets one at the end", async (t) => {
  const { scan } = newScan(t);
  const script = "#!/bin/sh\nprintf 'one '\nprintf err >&2\nmkfifo go\nread x <go\n";
  const rest = "printf 'line\\nno end'\nexec sleep 600\n";
  const web = sleeper(scan, "web", { "run!": script + rest });
  const tree = startRunsvdir(t, scan, { args: ["-o", "prefix"] });
  sleeper(scan, "other", saying("other\n"));
  await tree.stdout.waitFor(/^other \| other$/);
  assert.equal(tree.stdout.text(), "other | other\n", "not yet");
  await waitForFile(path.join(web, "go"));
  fs.writeFileSync(path.join(web, "go"), "\n");
  await tree.stdout.waitFor(/^web \| one line$/);
  assert.equal(tree.stdout.text(), "other | other\nweb | one line\n", "the next not yet");
  fs.renameSync(web, path.join(scan, ".web"));
  await tree.stdout.waitFor(/^web \| no end$/);
  await tree.stderr.waitFor(/^web \| err$/);
});

test("a line of a megabyte is one line", async (t) => {
  const { scan } = newScan(t);
  const long = "x".repeat(1_000_000);
  sleeper(scan, "web", saying(`before\n${long}\nafter\n`));
  const tree = startRunsvdir(t, scan, { args: ["-o", "prefix"] });
  await tree.stdout.waitFor(/after$/);
  assert.equal(tree.stdout.text(), `web | before\nweb | ${long}\nweb | after\n`);
});

test("a longer line is not cut inside a character", async (t) => {
  const { scan } = newScan(t);
  const script =
    "#!/bin/sh\nprintf x\nyes \u20ac | head -n 700000 | tr -d '\\n'\necho\nexec sleep 600\n";
  sleeper(scan, "web", { "run!": script });
  const tree = startRunsvdir(t, scan, { args: ["-o", "json"] });
  await eventually("three parts", () => tree.stdout.lines().length === 3);
  const texts = tree.stdout
    .lines()
    .map((line) => JSON.parse(Buffer.from(line, "latin1").toString()).text);
  assert.equal(texts.join(""), `x${"\u20ac".repeat(700_000)}`);
});

test("a longer line comes in parts, marked, of which none is lost", async (t) => {
  const { scan } = newScan(t);
  const long = "0123456789".repeat(300_000);
  sleeper(scan, "web", saying(`${long}\nafter\n`));
  const tree = startRunsvdir(t, scan, { args: ["-o", "prefix"] });
  await tree.stdout.waitFor(/after$/);
  const lines = tree.stdout.lines();
  assert.deepEqual(
    lines.map((line) => line.slice(0, 6)),
    ["web | ", "web + ", "web + ", "web | "],
  );
  assert.equal(
    lines
      .slice(0, 3)
      .map((line) => line.slice(6))
      .join(""),
    long,
  );
  assert.ok((lines[0] ?? "").length > 1_000_000);
});

test("JSON of any bytes is UTF-8, and as sv has it", async (t) => {
  const { scan } = newScan(t);
  const tricky = ["", "\x00\x01\x1f\x7f", '"\\', "caf\xc3\xa9 \xf0\x9f\x98\x80", "\xef\x9f\xbf"];
  const bad = ["\xff\xfe", "\xc3", "\xc0\x80", "\xed\xa0\x80", "\xf4\x90\x80\x80", "a\xe2\x82"];
  const all = Array.from({ length: 256 }, (_, byte) => String.fromCharCode(byte));
  const pairs = ["\xc2", "\xe0", "\xed", "\xef", "\xf0", "\xf4"].flatMap((first) =>
    all.slice(128).map((second) => `${first}${second}\x80\x80.`),
  );
  const texts = [...tricky, ...bad, ...pairs, all.join("").replace("\n", "")];
  const web = sleeper(scan, "web", saying(""));
  fs.writeFileSync(path.join(web, "text"), Buffer.from(`${texts.join("\n")}\nlast\n`, "latin1"));
  const tree = startRunsvdir(t, scan, { args: ["-o", "json"] });
  await tree.stdout.waitFor(/"text":"last"/);
  const lines = tree.stdout.lines().slice(0, texts.length);
  for (const [index, line] of lines.entries()) {
    const utf8 = new TextDecoder("utf-8", { fatal: true }).decode(Buffer.from(line, "latin1"));
    const { time, text, ...rest } = JSON.parse(utf8) as Record<string, string>;
    assert.deepEqual(rest, { service: "web", stream: "stdout" });
    assert.match(time ?? "", /^20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{5}Z$/);
    assert.ok(line.endsWith(`"text":${jsonText(texts[index] ?? "")}}`), line);
    assert.equal(typeof text, "string");
  }
});
