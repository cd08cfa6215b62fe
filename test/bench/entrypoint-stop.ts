// How long a container with ten services takes to end: `tsx test/bench/entrypoint-stop.ts ROUNDS`.
// From TERM to the exit, where all end at once; and from the end of the last process, a main one
// that takes a second for it and says when, to the exit. As root.
import * as fs from "node:fs";
import path from "node:path";
import { execa } from "execa";
import { median } from "../bench.ts";

const root = path.resolve(import.meta.dirname, "../..");
const rounds = Number(process.argv[2] ?? 20);

const setUp = `mount -t tmpfs none /run; i=0
while [ $i -lt 10 ]; do mkdir -p /run/sv/$i
  printf '#!/bin/sh\\nexec sleep 600\\n' >/run/sv/$i/run; chmod +x /run/sv/$i/run
  i=$((i + 1)); done
exec "$@"`;
const quick = "echo ready; exec sleep 600";
const late = "trap 'sleep 1; date +%s%N; exit' TERM; echo ready; while :; do sleep 0.01; done";

/** Milliseconds since 1970 at TERM and at the exit, and what the main process said last. */
async function round(script: string): Promise<[number, number, string]> {
  const options = ["--service-dir", "/run/sv", "--", "sh", "-c", script];
  const words = [path.join(root, "dist/trinit"), "entrypoint", ...options];
  const unshare = ["--pid", "--mount", "--fork", "--mount-proc", "sh", "-c", setUp, "sh"];
  const container = execa("unshare", [...unshare, ...words], { reject: false });
  const stdout = container.stdout.setEncoding("utf8");
  await new Promise<void>((resolve) =>
    stdout.on("data", (text) => text.includes("ready") && resolve()),
  );
  const children = `/proc/${container.pid}/task/${container.pid}/children`;
  const first = Number(fs.readFileSync(children, "utf8").split(" ")[0]);
  const now = () => performance.timeOrigin + performance.now();
  const told = now();
  process.kill(first, "SIGTERM");
  await new Promise((resolve) => container.once("exit", resolve));
  const ended = now();
  return [told, ended, (await container).stdout.split("\n").at(-1) ?? ""];
}

async function measure(what: string, script: string, isLate: boolean): Promise<void> {
  const times: number[] = [];
  for (let i = 0; i < rounds; i++) {
    const [told, ended, last] = await round(script);
    times.push(ended - (isLate ? Number(last) / 1e6 : told));
  }
  const sorted = times.toSorted((a, b) => a - b).map((time) => time.toFixed(1));
  console.log(`${what}: median ${median(times).toFixed(1)} ms (${sorted[0]} to ${sorted.at(-1)})`);
}

await measure("from TERM to the exit", quick, false);
await measure("from the end of the last process to the exit", late, true);
