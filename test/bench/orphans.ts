// How fast process 1 reaps, init and the entrypoint, beside tini: `tsx test/bench/orphans.ts
// [ROUNDS]`. It is stopped while 20,000 orphans of its namespace are made and end; then it goes on,
// and what is measured is how long it takes until the last one is reaped. They take turns. As root.
//
// TRINIT_ORACLE: where Debian's tini is unpacked (cache/oracle).
import * as fs from "node:fs";
import os from "node:os";
import path from "node:path";
import type { Readable } from "node:stream";
import { execa, execaSync } from "execa";
import { childrenOf } from "../../src/client/processes.ts";
import { median, waitUntil } from "../bench.ts";

const root = path.resolve(import.meta.dirname, "../..");
const oracle = process.env.TRINIT_ORACLE ?? path.join(root, "cache/oracle");
const count = 20_000;
const rounds = Number(process.argv[2] ?? 5);
const work = fs.mkdtempSync(path.join(os.tmpdir(), "trinit-bench-"));
const orphans = path.join(work, "orphans");

const firsts: Record<string, readonly string[]> = {
  tini: [path.join(oracle, "usr/bin/tini"), "--", "sleep", "600"],
  init: [path.join(root, "dist/bin/init")],
  entrypoint: [path.join(root, "dist/trinit"), "entrypoint", "sleep", "600"],
};

/** Who is measured; `init` has stages, the others have `sleep` below them. */
const names = Object.keys(firsts);

const stages = `mkdir /etc/runit
printf '#!/bin/sh\\n' >/etc/runit/1; printf '#!/bin/sh\\nexec sleep 600\\n' >/etc/runit/2
chmod +x /etc/runit/*`;

function setUp(name: string): string {
  return `mount -t tmpfs none /etc; ${name === "init" ? stages : ""}\nexec "$@"`;
}

async function line(lines: AsyncIterator<string>): Promise<string> {
  const next = await lines.next();
  if (next.done) throw new Error("orphans ended early");
  return next.value;
}

async function* linesOf(stream: Readable): AsyncGenerator<string, void, void> {
  let text = "";
  for await (const chunk of stream) {
    text += String(chunk);
    for (let at = text.indexOf("\n"); at >= 0; at = text.indexOf("\n")) {
      yield text.slice(0, at);
      text = text.slice(at + 1);
    }
  }
}

/** Process 1, once it has that title and its `sleep`. */
async function firstBelow(pid: number, title: string): Promise<number> {
  let first = 0;
  await waitUntil(title, () => {
    first = childrenOf(pid)[0] ?? 0;
    const isThere = first > 0 && childrenOf(first).length > 0;
    return isThere && fs.readFileSync(`/proc/${first}/cmdline`, "utf8").startsWith(title);
  });
  return first;
}

function residentKb(pid: number): number {
  const text = fs.readFileSync(`/proc/${pid}/smaps_rollup`, "utf8");
  return Number(/^Pss_Anon: +(\d+)/m.exec(text)?.[1]);
}

/** Nanoseconds that a process has been on a processor: what a busy machine does not change. */
function busyNs(pid: number): number {
  return Number(fs.readFileSync(`/proc/${pid}/schedstat`, "utf8").split(" ")[0]);
}

interface Measured {
  /** Orphans reaped per second, from the word to go on until the last one is gone. */
  readonly rate: number;
  /** Nanoseconds of process 1 for each. */
  readonly costNs: number;
  /** How much more memory of its own process 1 has after it. */
  readonly grownKb: number;
}

async function measure(name: string): Promise<Measured> {
  const first = firsts[name] ?? [];
  const how = ["--pid", "--mount", "--fork", "--kill-child", "--mount-proc"];
  const unshare = execa("unshare", [...how, "sh", "-ec", setUp(name), "sh", ...first], {
    stdio: "ignore",
    reject: false,
  });
  try {
    const pid = await firstBelow(
      unshare.pid ?? 0,
      name === "init" ? "init\0[2]" : (first[0] ?? ""),
    );
    const before = residentKb(pid);
    process.kill(pid, "SIGSTOP");
    const enter = ["--target", `${pid}`, "--pid", "--mount", orphans, `${count}`];
    const maker = execa("nsenter", enter, { reject: false, buffer: false });
    const said = linesOf(maker.stdout);
    await line(said);
    const began = performance.now();
    const busyBefore = busyNs(pid);
    process.kill(pid, "SIGCONT");
    await line(said);
    const seconds = (performance.now() - began) / 1000;
    const costNs = (busyNs(pid) - busyBefore) / count;
    return { rate: count / seconds, costNs, grownKb: residentKb(pid) - before };
  } finally {
    unshare.kill("SIGKILL");
    await unshare;
  }
}

async function main(): Promise<void> {
  execaSync("cc", ["-O2", "-o", orphans, path.join(root, "test/fixtures/orphans.c")]);
  const all = Object.fromEntries(names.map((name) => [name, [] as Measured[]]));
  for (let round = 0; round < rounds; round++) {
    const turns = Object.entries(all);
    for (const [name, known] of round % 2 === 0 ? turns : turns.reverse()) {
      const one = await measure(name);
      known.push(one);
      const cost = `${one.rate.toFixed(0)} orphans/s, ${one.costNs.toFixed(0)} ns each`;
      console.log(`${name.padEnd(10)} ${cost}, ${one.grownKb} kB more after it`);
    }
  }
  const of = (name: string, pick: (one: Measured) => number): number =>
    median((all[name] ?? []).map(pick));
  for (const name of names) {
    const rate = of(name, (one) => one.rate) / of("tini", (one) => one.rate);
    const cost = of(name, (one) => one.costNs) / of("tini", (one) => one.costNs);
    const best = Math.min(...(all[name] ?? []).map(({ costNs }) => costNs)).toFixed(0);
    const times = `${rate.toFixed(2)} x tini's rate, ${cost.toFixed(2)} x its processor time`;
    console.log(`${name.padEnd(10)} medians: ${times}; best: ${best} ns each`);
  }
}

try {
  await main();
} finally {
  fs.rmSync(work, { recursive: true, force: true });
}
