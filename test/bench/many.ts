// What many services take: `tsx test/bench/many.ts [COUNT ...]` (200 1000). For each count: the
// memory of a waiting runsv, and the processor time that the pick-up and the removal of one service
// more take of runsvdir and its children. The services are links to directories that have a file
// `down`, so that only supervisors run. TRINIT_BIN: the programs (dist/bin).
import { type ChildProcess, spawn } from "node:child_process";
import * as fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { childrenOf } from "../../src/client/processes.ts";
import { median, waitUntil } from "../bench.ts";

const bin = path.resolve(process.env.TRINIT_BIN ?? "dist/bin", "runsvdir");
const rounds = 5;
/** Until every process has given back what it does not need while it waits. */
const quietMs = 3000;

interface Tree {
  readonly process: ChildProcess;
  readonly pid: number;
  readonly scan: string;
  readonly services: string;
}

function make({ services }: Pick<Tree, "services">, name: string): string {
  const dir = path.join(services, name);
  fs.mkdirSync(dir);
  fs.writeFileSync(path.join(dir, "run"), "#!/bin/sh\n", { mode: 0o755 });
  fs.writeFileSync(path.join(dir, "down"), "");
  return dir;
}

function isThere(dir: string): boolean {
  return fs.existsSync(path.join(dir, "supervise/status"));
}

/** Milliseconds on a processor, of runsvdir and the runsv that it has waited for. */
function spentMs({ pid }: Tree): number {
  const own = fs.readFileSync(`/proc/${pid}/schedstat`, "latin1").split(" ", 1)[0];
  const stat = fs.readFileSync(`/proc/${pid}/stat`, "latin1");
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return Number(own) / 1e6 + (Number(fields[13]) + Number(fields[14])) * 10;
}

function field(pid: number, file: string, name: string): number {
  const text = fs.readFileSync(`/proc/${pid}/${file}`, "latin1");
  return Number(new RegExp(`^${name}:\\s+(\\d+) kB`, "m").exec(text)?.[1]);
}

async function start(base: string, count: number): Promise<Tree> {
  const [scan, services] = [path.join(base, "scan"), path.join(base, "sv")];
  for (const dir of [scan, services]) fs.mkdirSync(dir);
  const dirs = Array.from({ length: count }, (_, index) => make({ services }, `s${index}`));
  for (const dir of dirs) fs.symlinkSync(dir, path.join(scan, path.basename(dir)));
  const child = spawn(bin, ["-P", scan], { stdio: ["ignore", "ignore", "inherit"] });
  for (let last = 99; last < count; last += 100) {
    await waitUntil("supervisors", () => isThere(dirs[last] ?? ""));
  }
  await waitUntil("all supervisors", () => dirs.every(isThere));
  return { process: child, pid: child.pid ?? 0, scan, services };
}

async function stop(tree: Tree): Promise<void> {
  const below = childrenOf(tree.pid);
  tree.process.kill("SIGHUP");
  for (const pid of below) await waitUntil("the end", () => !fs.existsSync(`/proc/${pid}/exe`));
}

/** What one service more takes, and then one fewer. */
async function change(tree: Tree, round: number): Promise<readonly [number, number]> {
  const dir = make(tree, `more${round}`);
  const link = path.join(tree.scan, path.basename(dir));
  const before = spentMs(tree);
  fs.symlinkSync(dir, link);
  await waitUntil("one more", () => isThere(dir));
  await sleep(200);
  const between = spentMs(tree);
  const children = childrenOf(tree.pid).length;
  fs.unlinkSync(link);
  await waitUntil("one fewer", () => childrenOf(tree.pid).length < children);
  await sleep(200);
  return [between - before, spentMs(tree) - between];
}

async function measure(count: number): Promise<void> {
  const base = fs.mkdtempSync(path.join(os.tmpdir(), "trinit-many-"));
  const began = Date.now();
  const tree = await start(base, count);
  const tookMs = Date.now() - began;
  const startMs = spentMs(tree);
  await sleep(quietMs + count);
  const pids = childrenOf(tree.pid);
  const pss = pids.map((pid) => field(pid, "smaps_rollup", "Pss"));
  const dirty = pids.map((pid) => field(pid, "smaps_rollup", "Private_Dirty"));
  const tables = median(pids.map((pid) => field(pid, "status", "VmPTE")));
  const changes: (readonly [number, number])[] = [];
  for (let round = 0; round < rounds; round++) changes.push(await change(tree, round));
  const [more, fewer] = [0, 1].map((index) => median(changes.map((one) => one[index] ?? 0)));
  console.log(
    `${count} services: ${pids.length} runsv; PSS ${median(pss)} kB (max ${Math.max(...pss)}), ` +
      `private dirty ${median(dirty)} kB, page tables ${tables} kB; ` +
      `runsvdir ${field(tree.pid, "smaps_rollup", "Pss")} kB; ` +
      `up in ${tookMs} ms, ${Math.round(startMs)} ms of runsvdir; ` +
      `pick-up ${more?.toFixed(1)} ms, removal ${fewer?.toFixed(1)} ms`,
  );
  await stop(tree);
  fs.rmSync(base, { recursive: true, force: true, maxRetries: 5 });
}

const counts = process.argv.slice(2).map(Number);
for (const count of counts.length > 0 ? counts : [200, 1000]) await measure(count);
