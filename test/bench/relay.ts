// How much runsvdir -o brings out: `tsx test/bench/relay.ts`. Services write lines of 100 bytes as
// fast as their pipes take them, and `head` reads. The formats take turns.
//
// MEGABYTES: how much all services together (200).
import { spawn, spawnSync } from "node:child_process";
import * as fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { lineBytes, makeGenerator, median, waitUntil } from "../bench.ts";

const runsvdir = path.resolve(import.meta.dirname, "../../dist/bin/runsvdir");
const rounds = 3;
const megabytes = Number(process.env.MEGABYTES ?? 200);
const lines = (megabytes * 1_000_000) / lineBytes;
const formats = ["plain", "prefix", "prefix,iso", "json"];

function makeServices(scan: string, count: number, generator: string): void {
  for (let i = 0; i < count; i++) {
    const dir = path.join(scan, `s${i}`);
    fs.mkdirSync(dir, { recursive: true });
    const script = `#!/bin/sh\n${generator} ${lines / count}\nexec sleep 600\n`;
    fs.writeFileSync(path.join(dir, "run"), script, { mode: 0o755 });
  }
}

/** Seconds from the start to the last line. */
async function measure(scan: string, fifo: string, format: string): Promise<number> {
  const out = fs.openSync(fifo, fs.constants.O_RDWR);
  const before = performance.now();
  const tree = spawn(runsvdir, ["-P", "-o", format, scan], { stdio: ["ignore", out, "inherit"] });
  const reader = ["-n", `${lines}`, fifo];
  const { status } = spawnSync("head", reader, { stdio: ["ignore", "ignore", "inherit"] });
  const seconds = (performance.now() - before) / 1000;
  fs.closeSync(out);
  if (status !== 0) throw new Error(`head: exit ${status}`);
  tree.kill("SIGHUP");
  const locks = fs.readdirSync(scan).map((name) => path.join(scan, name, "supervise/lock"));
  const isFree = (lock: string): boolean => spawnSync("flock", ["-n", lock, "true"]).status === 0;
  await waitUntil("the end of all services", () => locks.every(isFree));
  return seconds;
}

async function compare(directory: string, count: number, generator: string): Promise<void> {
  const scan = path.join(directory, `scan${count}`);
  const fifo = path.join(directory, `fifo${count}`);
  spawnSync("mkfifo", [fifo]);
  makeServices(scan, count, generator);
  const seconds = formats.map((): number[] => []);
  for (let round = 0; round < rounds; round++) {
    for (const [index, format] of formats.entries()) {
      seconds[index]?.push(await measure(scan, fifo, format));
    }
  }
  console.log(`${megabytes} MB by ${count} services, median of ${rounds}:`);
  for (const [index, format] of formats.entries()) {
    const rate = megabytes / median(seconds[index] ?? []);
    console.log(`  ${format.padEnd(12)} ${rate.toFixed(0).padStart(4)} MB/s`);
  }
}

const directory = fs.mkdtempSync(path.join(os.tmpdir(), "trinit-bench-"));
try {
  const generator = makeGenerator(directory);
  for (const count of [1, 10]) await compare(directory, count, generator);
} finally {
  fs.rmSync(directory, { recursive: true, force: true, maxRetries: 3 });
}
