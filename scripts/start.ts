// `npm start`: a tree of the example services in sv/, run by the built executable in a directory
// of its own, shown as it happens. Ctrl-C brings every service down.
import { cpSync, mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { execa } from "execa";
import { type ServiceStatus, watch } from "../src/client/index.ts";
import { buildFlavour } from "./build.ts";

const root = path.resolve(import.meta.dirname, "..");
const bin = path.join(root, "dist/bin");
const examples = path.join(root, "sv");

/** Copies the examples, and links those that have the files they need into the scanned one. */
function makeTree(directory: string): readonly string[] {
  const names = readdirSync(examples);
  mkdirSync(path.join(directory, "service"));
  for (const name of names) {
    cpSync(path.join(examples, name), path.join(directory, "sv", name), { recursive: true });
    mkdirSync(path.join(directory, "sv", name, "log/main"), { recursive: true });
    symlinkSync(`../sv/${name}`, path.join(directory, "service", name));
  }
  return names;
}

const colours: Record<ServiceStatus["state"], number> = { run: 32, finish: 33, down: 31 };

function paint(text: string, colour: number): string {
  return process.stdout.isTTY ? `\x1b[${colour}m${text}\x1b[0m` : text;
}

async function showStates(name: string, directory: string, ended: AbortSignal): Promise<void> {
  for await (const { state, pid, want } of watch(directory, ended)) {
    const who = pid === null ? "" : ` (pid ${pid})`;
    console.log(`${name.padEnd(8)} ${paint(state, colours[state])}${who}, want ${want}`);
  }
}

async function showLog(file: string, name: string, ended: AbortSignal): Promise<void> {
  const tail = execa("tail", ["-qF", "-n", "+1", file], { cancelSignal: ended, reject: false });
  for await (const line of tail) console.log(`${name.padEnd(8)} ${paint(`| ${line}`, 36)}`);
}

async function main(): Promise<number> {
  await buildFlavour("release", false);
  const directory = mkdtempSync(path.join(os.tmpdir(), "trinit-start-"));
  const names = makeTree(directory);
  const service = path.join(directory, "service");
  console.log(`The services in ${service} start now. In another terminal:`);
  console.log(`  export SVDIR=${service} PATH=${bin}:$PATH`);
  console.log("  sv status beat flaky greet;  sv restart beat;  sv down flaky;  sv up greet");
  console.log("Ctrl-C here brings all of them down.");
  const env = { PATH: `${bin}:${process.env.PATH}`, SVDIR: service };
  const tree = execa(path.join(bin, "runsvdir"), ["-P", service], {
    env,
    detached: true, // Ctrl-C is ours: we bring the services down in order
    stdio: ["ignore", "inherit", "inherit"],
    reject: false,
  });
  const ended = new AbortController();
  for (const name of names) {
    void showStates(name, path.join(service, name), ended.signal);
    void showLog(path.join(service, name, "log/main/current"), name, ended.signal);
  }
  const told = new Promise<void>((resolve) => {
    for (const signal of ["SIGINT", "SIGTERM"] as const) process.on(signal, () => resolve());
  });
  await Promise.race([told, tree]);
  const shutdown = names.map((name) => path.join(service, name));
  const down = await execa(path.join(bin, "sv"), ["shutdown", ...shutdown], { reject: false });
  tree.kill("SIGHUP");
  await tree;
  ended.abort();
  console.log(down.stdout);
  rmSync(directory, { recursive: true, force: true });
  return down.exitCode ?? 1;
}

process.exitCode = await main();
