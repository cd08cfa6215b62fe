// svlogd under attack: on a small disk that somebody fills and empties, killed and ended and
// started again, with the system seemingly started again between, its `current` removed. Every
// line is there once, in its order, unless it was announced as dropped or went with a file that
// was removed.
import assert from "node:assert/strict";
import * as fs from "node:fs";
import path from "node:path";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import type { Program } from "../harness.ts";
import { inNamespaces } from "../namespace.ts";
import { textOf } from "../svlogd.ts";
import { makeDisk, numbered, soFar } from "../svlogd-disk.ts";

const lives = 40;
const lifeMsMax = 250;
const lines = 6000;

/** Numbers that are the same in every run of one seed: a failure can be had again. */
function randomFrom(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) & 0x7fffffff;
    return Math.floor((state / 0x80000000) * below);
  };
}

/** Bytes that svlogd says it has dropped. */
function droppedBytes(program: Program): number {
  const found = program.stderr.text().matchAll(/warning: dropped (\d+) bytes in pending: /g);
  return [...found].reduce((sum, [, bytes]) => sum + Number(bytes), 0);
}

async function end(program: Program, signal: "SIGKILL" | "SIGTERM"): Promise<number> {
  program.signal(signal);
  await program.waitForExit();
  await program.stderr.closed;
  return droppedBytes(program);
}

const fill = (bytes: number) =>
  `head -c 2m /dev/zero >ballast 2>/dev/null || truncate -s -${bytes} ballast`;

for (const seed of [1, 2, 3]) {
  const title = `through kills, reboots and a full disk every line is there, or said (${seed})`;
  test(title, inNamespaces, async (t) => {
    const random = randomFrom(seed);
    const disk = await makeDisk(t, 1024, "s20000\nn0\n");
    const all = disk.feed(numbered(0, lines));
    let dropped = 0;
    for (let life = 0; life < lives; life++) {
      const program = await disk.svlogd();
      if (random(3) === 0) await disk.sh(fill(4096 * random(8)));
      else if (random(2) === 0) await disk.sh("rm -f ballast");
      await sleep(random(lifeMsMax));
      dropped += await end(program, random(2) === 0 ? "SIGKILL" : "SIGTERM");
      if (random(4) === 0) await disk.reboot();
    }
    await disk.sh("rm -f ballast");
    const last = await disk.svlogd();
    await all;
    disk.endInput();
    await last.waitForExit();
    await last.stderr.closed;
    dropped += droppedBytes(last);
    const text = textOf(disk.log);
    const missing = missingBytes(text, numbered(0, lines));
    assert.equal(missing, dropped);
    assert.ok(!fs.existsSync(path.join(disk.log, "pending")));
    t.diagnostic(`seed ${seed}: ${missing} bytes were dropped, and that was said`);
  });
}

/** How much of `all` is not in `text`, which has nothing besides, in the same order. */
function missingBytes(text: string, all: string): number {
  let missing = 0;
  let at = 0;
  for (let from = 0; from < text.length; ) {
    // A gap begins and ends anywhere: what follows it is found by its next whole line.
    let same = 0;
    while (from + same < text.length && text[from + same] === all[at + same]) same++;
    from += same;
    at += same;
    if (from === text.length) break;
    const newline = text.indexOf("\n", from);
    const next = text.slice(newline + 1, newline + 101);
    const found = all.indexOf(next, at);
    const tail = text.slice(from, newline + 1);
    assert.ok(found >= 0 && next.length === 100, `no such line: ${next}`);
    assert.equal(all.slice(found - tail.length, found), tail);
    missing += found - tail.length - at;
    at = found - tail.length;
  }
  return missing + all.length - at;
}

test(
  "a current that is taken away again and again takes its own lines along",
  inNamespaces,
  async (t) => {
    const random = randomFrom(7);
    const disk = await makeDisk(t, 1024, "s0\n");
    const all = disk.feed(numbered(0, lines));
    let program = await disk.svlogd();
    for (let i = 0; i < lives; i++) {
      await sleep(random(lifeMsMax / 5));
      if (random(3) === 0) {
        assert.equal(await end(program, "SIGKILL"), 0);
        program = await disk.svlogd();
      }
      // Moved aside, so that its lines can be looked at; svlogd may finish the write that it is in.
      await disk.sh(`[ ! -e log/current ] || mv log/current taken-${i}`);
    }
    await all;
    disk.endInput();
    await program.waitForExit();
    const taken = fs
      .readdirSync(path.join(disk.log, ".."))
      .filter((name) => name.startsWith("taken-"));
    const read = (name: string) => fs.readFileSync(path.join(disk.log, "..", name), "latin1");
    taken.sort((a, b) => Number(a.slice(6)) - Number(b.slice(6)));
    const text = taken.map(read).join("") + soFar(disk.log);
    assert.equal(missingBytes(text, numbered(0, lines)), 0);
  },
);
