// What `trinit entrypoint` with one process costs: `tsx test/bench/entrypoint.ts [RUNS]`, as root.
// Its memory while a command runs, as process 1 and as any other; and how much longer a command
// takes below it, and below tini, than alone: the three take turns, the medians count.
// orphans.ts beside this file measures how fast it reaps.
//
// TRINIT_ORACLE: where Debian's tini is unpacked (cache/oracle).
import { spawnSync } from "node:child_process";
import * as fs from "node:fs";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { execa } from "execa";
import { childrenOf } from "../../src/client/processes.ts";
import { median, waitUntil } from "../bench.ts";

const root = path.resolve(import.meta.dirname, "../..");
const oracle = process.env.TRINIT_ORACLE ?? path.join(root, "cache/oracle");
const trinit = path.join(root, "dist/trinit");
const tini = path.join(oracle, "usr/bin/tini");
const runs = Number(process.argv[2] ?? 300);
/** Longer than it takes until a program that waits has given back its heap. */
const quietMs = 1500;

const ways: Record<string, readonly string[]> = {
  alone: [],
  tini: [tini, "-s", "--"],
  trinit: [trinit, "entrypoint"],
};

function residentKb(pid: number): { all: number; own: number } {
  const text = fs.readFileSync(`/proc/${pid}/status`, "utf8");
  const of = (name: string): number =>
    Number(new RegExp(`^${name}:\\s+(\\d+)`, "m").exec(text)?.[1]);
  return { all: of("VmRSS"), own: of("RssAnon") };
}

/** Starts a program that has a `sleep` below it; `isFirst`: in a namespace, as process 1. */
async function measureMemory(name: string, words: readonly string[], isFirst: boolean) {
  const around = isFirst ? ["unshare", "--pid", "--fork", "--kill-child"] : [];
  const [program = "", ...args] = [...around, ...words, "sleep", "600"];
  const child = execa(program, args, { stdio: "ignore", reject: false });
  try {
    const pidOf = (): number => (isFirst ? childrenOf(child.pid ?? 0)[0] : child.pid) ?? 0;
    await waitUntil("sleep", () => childrenOf(pidOf()).length > 0);
    await sleep(quietMs);
    const { all, own } = residentKb(pidOf());
    const place = isFirst ? "as process 1" : "as another process";
    console.log(`${name.padEnd(8)} ${place}: ${all} kB resident, ${own} of them its own`);
    for (const pid of childrenOf(pidOf())) process.kill(pid, "SIGKILL");
  } finally {
    child.kill("SIGKILL");
    await child;
  }
}

function milliseconds(words: readonly string[]): number {
  const [program = "", ...args] = [...words, "/bin/true"];
  const began = performance.now();
  const { status } = spawnSync(program, args, { stdio: "ignore" });
  const took = performance.now() - began;
  if (status !== 0) throw new Error(`${program}: exit code ${status}`);
  return took;
}

function measureStart(): void {
  const took: Record<string, number[]> = { alone: [], tini: [], trinit: [] };
  for (let run = 0; run < runs; run++) {
    for (const [name, words] of Object.entries(ways)) took[name]?.push(milliseconds(words));
  }
  const alone = median(took.alone ?? []);
  console.log(`alone    ${alone.toFixed(2)} ms from start to end`);
  for (const name of ["tini", "trinit"]) {
    const more = median(took[name] ?? []) - alone;
    console.log(`${name.padEnd(8)} ${more.toFixed(2)} ms more`);
  }
}

for (const isFirst of [false, true]) {
  await measureMemory("tini", ways.tini ?? [], isFirst);
  await measureMemory("trinit", ways.trinit ?? [], isFirst);
}
measureStart();
