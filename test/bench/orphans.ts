// How fast process 1 reaps, beside tini: `tsx test/bench/orphans.ts [ROUNDS]`. Process 1 of a
// namespace is stopped while 20,000 orphans of its are made and end; then it goes on, and what is
// measured is how long it takes until the last one is reaped. The two take turns. As root.
//
// TRINIT_ORACLE: where Debian's tini is unpacked (cache/oracle).
import * as fs from "node:fs";
import os from "node:os";
import path from "node:path";
import type { Readable } from "node:stream";
import { execa, execaSync } from "execa";
import { median } from "../bench.ts";

const root = path.resolve(import.meta.dirname, "../..");
const oracle = process.env.TRINIT_ORACLE ?? path.join(root, "cache/oracle");
const count = 20_000;
const rounds = Number(process.argv[2] ?? 5);
const work = fs.mkdtempSync(path.join(os.tmpdir(), "trinit-bench-"));
const orphans = path.join(work, "orphans");

const firsts: Record<string, readonly string[]> = {
  tini: [path.join(oracle, "usr/bin/tini"), "--", "sleep", "600"],
  trinit: [path.join(root, "dist/bin/init")],
};

const setUp = `mount -t tmpfs none /etc; mkdir /etc/runit
printf '#!/bin/sh\\n' >/etc/runit/1; printf '#!/bin/sh\\nexec sleep 600\\n' >/etc/runit/2
chmod +x /etc/runit/*; exec "$@"`;

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

async function childOf(pid: number, title: string): Promise<number> {
  for (;;) {
    const file = `/proc/${pid}/task/${pid}/children`;
    const child = Number(fs.readFileSync(file, "utf8").split(" ")[0]);
    if (child > 0 && fs.readFileSync(`/proc/${child}/cmdline`, "utf8").startsWith(title)) {
      return child;
    }
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
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
  const unshare = execa("unshare", [...how, "sh", "-ec", setUp, "sh", ...first], {
    stdio: "ignore",
    reject: false,
  });
  try {
    const pid = await childOf(unshare.pid ?? 0, name === "tini" ? (first[0] ?? "") : "init\0[2]");
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
  const all: Record<string, Measured[]> = { tini: [], trinit: [] };
  for (let round = 0; round < rounds; round++) {
    const both = Object.entries(all);
    for (const [name, known] of round % 2 === 0 ? both : both.reverse()) {
      const one = await measure(name);
      known.push(one);
      const cost = `${one.rate.toFixed(0)} orphans/s, ${one.costNs.toFixed(0)} ns each`;
      console.log(`${name.padEnd(8)} ${cost}, ${one.grownKb} kB more after it`);
    }
  }
  const of = (name: string, pick: (one: Measured) => number): number =>
    median((all[name] ?? []).map(pick));
  const rate = of("trinit", (one) => one.rate) / of("tini", (one) => one.rate);
  const cost = of("trinit", (one) => one.costNs) / of("tini", (one) => one.costNs);
  const best = (name: string): string =>
    Math.min(...(all[name] ?? []).map(({ costNs }) => costNs)).toFixed(0);
  console.log(`best: tini ${best("tini")} ns each, trinit ${best("trinit")} ns`);
  console.log(`medians: ${rate.toFixed(2)} x tini's rate, ${cost.toFixed(2)} x its processor time`);
}

try {
  await main();
} finally {
  fs.rmSync(work, { recursive: true, force: true });
}
