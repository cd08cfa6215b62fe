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

/** Orphans reaped per second, and how much more memory of its own process 1 has after it. */
async function measure(name: string): Promise<{ rate: number; grownKb: number }> {
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
    process.kill(pid, "SIGCONT");
    await line(said);
    const seconds = (performance.now() - began) / 1000;
    return { rate: count / seconds, grownKb: residentKb(pid) - before };
  } finally {
    unshare.kill("SIGKILL");
    await unshare;
  }
}

function median(numbers: readonly number[]): number {
  return [...numbers].sort((a, b) => a - b)[Math.floor(numbers.length / 2)] ?? Number.NaN;
}

async function main(): Promise<void> {
  execaSync("cc", ["-O2", "-o", orphans, path.join(root, "test/fixtures/orphans.c")]);
  const rates: Record<string, number[]> = { tini: [], trinit: [] };
  for (let round = 0; round < rounds; round++) {
    const both = Object.entries(rates);
    for (const [name, known] of round % 2 === 0 ? both : both.reverse()) {
      const { rate, grownKb } = await measure(name);
      known.push(rate);
      console.log(`${name.padEnd(8)} ${rate.toFixed(0)} orphans/s, ${grownKb} kB more after it`);
    }
  }
  const ratio = median(rates.trinit ?? []) / median(rates.tini ?? []);
  console.log(`medians: trinit reaps ${ratio.toFixed(2)} x as fast as tini`);
}

try {
  await main();
} finally {
  fs.rmSync(work, { recursive: true, force: true });
}
