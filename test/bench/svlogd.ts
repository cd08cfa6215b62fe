// How fast svlogd is beside runit's and s6-log: `tsx test/bench/svlogd.ts`. The runs take turns,
// so that a machine that is busy meanwhile is so for all of them.
//
// ORACLE: runit's svlogd (cache/oracle/usr/bin/svlogd). MEGABYTES: how much (200).
import { spawnSync } from "node:child_process";
import * as fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { lineBytes, makeGenerator, median } from "../bench.ts";

const root = path.resolve(import.meta.dirname, "../..");
const stampBytes = 26;
const rounds = 5;
const megabytes = Number(process.env.MEGABYTES ?? 200);
const lines = (megabytes * 1_000_000) / lineBytes;

interface Logger {
  readonly name: string;
  readonly program: string;
  /** As sh has it, in a directory with an empty log directory \`log\`. */
  readonly command: string;
  readonly seconds: number[];
}

function loggers(): Logger[] {
  const ours = path.join(root, "dist/bin/svlogd");
  const oracle = path.resolve(root, process.env.ORACLE ?? "cache/oracle/usr/bin/svlogd");
  const s6 = "/usr/bin/s6-log";
  const all = [
    { name: "trinit svlogd -tt", program: ours, command: `${ours} -tt log` },
    { name: "runit svlogd -tt", program: oracle, command: `${oracle} -tt log` },
    { name: "s6-log T", program: s6, command: `${s6} T n20 s1000000 ./log` },
  ];
  const there = all.filter(({ program }) => fs.existsSync(program));
  for (const { name, program } of all) {
    if (!fs.existsSync(program)) console.log(`${name}: SKIPPED, there is no ${program}`);
  }
  return there.map((logger) => ({ ...logger, seconds: [] }));
}

/** Seconds that one logger takes for all lines; the log directory is left for a look at it. */
function measure(logger: Logger, lineMaker: string, directory: string): number {
  fs.rmSync(path.join(directory, "log"), { recursive: true, force: true });
  fs.mkdirSync(path.join(directory, "log"));
  fs.writeFileSync(path.join(directory, "log/config"), "n0\n");
  spawnSync("sync");
  const before = process.hrtime.bigint();
  const pipeline = `${lineMaker} ${lines} | ${logger.command}`;
  const { status, stderr } = spawnSync("sh", ["-c", pipeline], { cwd: directory });
  if (status !== 0) throw new Error(`${pipeline}: exit ${status}: ${stderr}`);
  return Number(process.hrtime.bigint() - before) / 1e9;
}

/** Throws unless the log has every line once and in order, and nothing but the stamps besides. */
function checkLog(log: string): void {
  const old = fs.readdirSync(log).filter((name) => name.startsWith("@"));
  let number = 0;
  let bytes = 0;
  for (const name of [...old.sort(), "current"]) {
    const text = fs.readFileSync(path.join(log, name), "latin1");
    bytes += text.length;
    for (let at = 0; at < text.length; at += stampBytes + lineBytes, number++) {
      const found = text.slice(at + stampBytes, at + stampBytes + 10);
      if (found === String(number).padStart(10, "0")) continue;
      throw new Error(`${name}: line ${found} where ${number} should be`);
    }
  }
  const expected = lines * (lineBytes + stampBytes);
  if (bytes !== expected) throw new Error(`${bytes} bytes in the logs, not ${expected}`);
  console.log(
    `every line is there once: ${bytes} bytes = ${lines} x (${stampBytes} + ${lineBytes})`,
  );
}

function main(): void {
  const directory = fs.mkdtempSync(path.join(os.tmpdir(), "trinit-bench-"));
  try {
    const lineMaker = makeGenerator(directory);
    const all = loggers();
    for (let round = 0; round < rounds; round++) {
      for (const logger of all) {
        logger.seconds.push(measure(logger, lineMaker, directory));
        if (round === 0 && logger === all[0]) checkLog(path.join(directory, "log"));
      }
    }
    const base = median(all[0]?.seconds ?? []);
    console.log(`${megabytes} MB in lines of ${lineBytes} bytes, median of ${rounds}:`);
    for (const { name, seconds } of all) {
      const time = median(seconds);
      const rate = `${(megabytes / time).toFixed(0)} MB/s`.padStart(9);
      const ratio = (time / base).toFixed(2).padStart(6);
      const range = `${Math.min(...seconds).toFixed(2)}-${Math.max(...seconds).toFixed(2)}`;
      console.log(`${name.padEnd(18)} ${time.toFixed(2)} s (${range}) ${rate} ${ratio}`);
    }
  } finally {
    fs.rmSync(directory, { recursive: true, force: true });
  }
}

main();
