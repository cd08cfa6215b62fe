// trinit install --share DIR: manuals and completions go where man and the shells look, all or
// nothing, and nobody else's page is touched.
import assert from "node:assert/strict";
import * as fs from "node:fs";
import path from "node:path";
import { type TestContext, test } from "node:test";
import { allNames, sharedFiles } from "../../src/applets.ts";
import { bin, type Output, root, run, tempDir } from "../harness.ts";

const isAble = process.getuid?.() === 0 && fs.existsSync("/usr/bin/unshare");
const skip = isAble || process.env.CI !== undefined ? false : "needs root and unshare";
const { version } = JSON.parse(fs.readFileSync(path.join(root, "package.json"), "utf8"));

interface Place {
  readonly bin: string;
  readonly share: string;
}

function newPlace(t: TestContext): Place {
  const directory = tempDir(t);
  const place = { bin: path.join(directory, "bin"), share: path.join(directory, "share") };
  for (const part of Object.values(place)) fs.mkdirSync(part);
  return place;
}

function install(t: TestContext, place: Place, program = bin("trinit")): Promise<Output> {
  return run(t, program, ["install", "--share", place.share, place.bin]);
}

/** The files below a directory, sorted. */
function filesBelow(directory: string): string[] {
  const all = fs.readdirSync(directory, { recursive: true, encoding: "utf8" });
  return all.filter((name) => !fs.statSync(path.join(directory, name)).isDirectory()).sort();
}

function modeOf(file: string): string {
  return (fs.statSync(file).mode & 0o7777).toString(8);
}

test("manuals and completions are installed, whatever the umask is", async (t) => {
  const place = newPlace(t);
  const line = `umask 077; exec "$0" "$@"`;
  const args = ["-c", line, bin("trinit"), "install", "--share", place.share, place.bin];
  const { code, stderr } = await run(t, "/bin/sh", args);
  assert.deepEqual([code, stderr], [0, ""]);
  assert.deepEqual(filesBelow(place.share), [...sharedFiles(false)].sort());
  for (const file of sharedFiles(false)) {
    const installed = path.join(place.share, file);
    assert.equal(modeOf(installed), "644", file);
    assert.equal(modeOf(path.dirname(installed)), "755", file);
    assert.match(fs.readFileSync(installed, "utf8").slice(0, 512), /trinit/, file);
  }
  assert.ok(fs.existsSync(path.join(place.bin, "sv")));
});

test("with --init, in any order, those of init, too: a page for every name", async (t) => {
  const place = newPlace(t);
  const args = ["install", "--share", place.share, "--init", place.bin];
  const { code, stderr } = await run(t, bin("trinit"), args);
  assert.deepEqual([code, stderr], [0, ""]);
  for (const [name, program] of allNames()) {
    const page = fs.readFileSync(path.join(place.share, `man/man8/${name}.8`), "utf8");
    if (name === program) assert.match(page, new RegExp(`^\\.Os trinit ${version}$`, "m"));
    else assert.equal(page, `.so man8/${program}.8\n.\\" trinit ${version}\n`);
  }
});

test("man finds a page under every name", async (t) => {
  if (!fs.existsSync("/usr/bin/man")) {
    assert.equal(process.env.CI, undefined, "man is missing, and CI needs it");
    return t.skip("type: apt-get install man-db");
  }
  const place = newPlace(t);
  await install(t, place);
  const env = { MANPATH: path.join(place.share, "man"), LC_ALL: "C", MANPAGER: "cat" };
  for (const [name, title] of [
    ["sv", "SV(8)"],
    ["setuidgid", "CHPST(8)"],
    ["service", "SERVICE(5)"],
  ] as const) {
    const { code, stdout } = await run(t, "/usr/bin/man", [name], { env });
    assert.deepEqual([code, stdout.trim().split(/\s/)[0]], [0, title]);
  }
});

test("once more: an older page of ours is replaced, a page of runit's is left alone", async (t) => {
  const place = newPlace(t);
  await install(t, place);
  const pages = path.join(place.share, "man/man8");
  const old = fs.readFileSync(path.join(pages, "sv.8"), "utf8").replace(version, "0.0.9");
  fs.writeFileSync(path.join(pages, "sv.8"), old);
  fs.writeFileSync(path.join(pages, "sv.8.gz"), "of another package");
  fs.writeFileSync(path.join(pages, "sv.8.new"), "left by an installation that was cut short");
  fs.writeFileSync(path.join(pages, "runsv.8"), ".TH runsv 8\n");
  fs.rmSync(path.join(pages, "svlogd.8"));
  fs.symlinkSync("sv.8", path.join(pages, "svlogd.8"));
  const { code, stderr } = await install(t, place);
  const taken = ["runsv.8", "svlogd.8"].map(
    (name) => `trinit: warning: unable to install ${pages}/${name}: something else has that name\n`,
  );
  assert.deepEqual([code, stderr], [111, taken.join("")]);
  assert.match(fs.readFileSync(path.join(pages, "sv.8"), "utf8"), new RegExp(`trinit ${version}`));
  assert.equal(fs.readFileSync(path.join(pages, "runsv.8"), "utf8"), ".TH runsv 8\n");
  assert.equal(fs.readFileSync(path.join(pages, "sv.8.gz"), "utf8"), "of another package");
  assert.ok(!fs.existsSync(path.join(pages, "sv.8.new")));
});

test("an installed trinit installs itself elsewhere, and over itself", async (t) => {
  const first = newPlace(t);
  await install(t, first);
  const second = newPlace(t);
  for (const place of [second, first]) {
    const { code, stderr } = await install(t, place, path.join(first.bin, "trinit"));
    assert.deepEqual([code, stderr], [0, ""]);
    assert.deepEqual(filesBelow(place.share), [...sharedFiles(false)].sort());
  }
});

test("without share/ beside the executable nothing is installed, and it is said", async (t) => {
  const place = newPlace(t);
  const lonely = path.join(tempDir(t), "trinit");
  fs.copyFileSync(bin("trinit"), lonely);
  const { code, stderr } = await install(t, place, lonely);
  const beside = path.join(path.dirname(lonely), "share");
  const what = `unable to find all manuals and completions in ${beside}`;
  assert.deepEqual([code, stderr], [111, `trinit: fatal: ${what}: file does not exist\n`]);
  assert.deepEqual([filesBelow(place.bin), fs.readdirSync(place.share)], [[], []]);
});

test("a directory for them that is not there", async (t) => {
  const place = newPlace(t);
  fs.rmdirSync(place.share);
  const { code, stderr } = await install(t, place);
  const what = `unable to create ${place.share}/man: file does not exist`;
  assert.deepEqual([code, stderr], [111, `trinit: fatal: ${what}\n`]);
  assert.deepEqual(fs.readdirSync(place.bin), []);
});

test("a wrong call: no directory behind --share", async (t) => {
  for (const args of [["--share"], ["--share", "a"], ["--share", "--init", "a"], ["a", "--init"]]) {
    const { code, stderr } = await run(t, bin("trinit"), ["install", ...args]);
    assert.equal(code, 100, args.join(" "));
    assert.match(stderr, /^usage: trinit help /);
  }
});

test("a disk that gets full: what was there is there, and nothing else", { skip }, async (t) => {
  const place = newPlace(t);
  const size = fs.statSync(bin("trinit")).size + 32_768; // the program fits, the manuals do not
  const line = `mount -t tmpfs -o size=${size} none "$1" && mkdir "$1/bin" "$1/share" || exit
    echo old >"$1/bin/trinit"
    "$2" install --share "$1/share" "$1/bin"
    echo "exit $?"
    find "$1" ! -type d; cat "$1/bin/trinit"`;
  const directory = path.dirname(place.bin);
  const args = ["-m", "/bin/sh", "-c", line, "sh", directory, bin("trinit")];
  const { stdout, stderr } = await run(t, "/usr/bin/unshare", args);
  assert.match(stderr, /^trinit: fatal: unable to write .*\.new: out of disk space\n$/);
  assert.equal(stdout, `exit 111\n${directory}/bin/trinit\nold\n`);
});

test("a read-only place for manuals: nothing is installed", { skip }, async (t) => {
  const place = newPlace(t);
  const line = `mount --bind "$1" "$1" && mount -o remount,bind,ro "$1" || exit
    exec "$3" install --share "$1" "$2"`;
  const args = ["-m", "/bin/sh", "-c", line, "sh", place.share, place.bin, bin("trinit")];
  const { code, stderr } = await run(t, "/usr/bin/unshare", args);
  const what = `unable to create ${place.share}/man: read-only file system`;
  assert.deepEqual([code, stderr], [111, `trinit: fatal: ${what}\n`]);
  assert.deepEqual(fs.readdirSync(place.bin), []);
});
