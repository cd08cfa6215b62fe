// `npm start`: the services in sv/ under an init of their own, shown as they live. Built if need
// be; init is process 1 of new PID and mount namespaces, with a terminal as its console. Ctrl-C
// ends it through stage 3. Everything it makes is in one temporary directory, which goes with it.
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import os from "node:os";
import path from "node:path";
import { createInterface } from "node:readline";
import { inspect } from "node:util";
import {
  log,
  ServiceError,
  type ServiceStatus,
  startTree,
  status,
  type Tree,
  watch,
} from "../src/client/index.ts";
import { word } from "../src/client/launch.ts";
import { buildFlavour } from "./build.ts";

const root = path.resolve(import.meta.dirname, "..");
const names = ["beat", "flaky", "greet"] as const;
/** Stage 3 takes milliseconds; a service that does not end is what takes longer. */
const stopTimeoutMs = 10_000;
/** Ctrl-C may come twice for one keystroke: from the terminal, and from npm or tsx. */
const sameKeystrokeMs = 500;

// --- What is shown -------------------------------------------------------------------------

const isColoured = process.stdout.isTTY && !process.env.NO_COLOR;
const colours = { run: 32, finish: 33, down: 31, log: 36, init: 35, faint: 2 } as const;

function paint(text: string, colour: keyof typeof colours): string {
  return isColoured ? `\x1b[${colours[colour]}m${text}\x1b[0m` : text;
}

const nameWidth = Math.max(...names.map((name) => name.length));

/** On a terminal, what stays below all other lines: how to type commands. */
let lastLine = "";

function print(line: string): void {
  if (!process.stdout.isTTY) process.stdout.write(`${line}\n`);
  else process.stdout.write(`\r\x1b[K${line}\n${lastLine}`);
}

function keep(line: string): void {
  if (!process.stdout.isTTY) return;
  lastLine = paint(line.slice(0, process.stdout.columns - 1), "faint");
  process.stdout.write(`\r\x1b[K${lastLine}`);
}

function show(name: string, text: string, when = new Date()): void {
  const time = when.toTimeString().slice(0, 8);
  print(`${paint(time, "faint")}  ${name.padEnd(nameWidth)}  ${text}`);
}

/** `run     pid 12 inside`: the number that it has in its namespace, where there is one. What it
 * wants, where that is not what it does. */
function stateText({ state, pid, want, paused }: ServiceStatus, isIsolated: boolean): string {
  const where = isIsolated ? " inside" : "";
  const words = [pid === null ? "" : `pid ${pid}${where}`, paused ? "paused" : ""];
  if (want !== (state === "down" ? "down" : "up")) words.push(`wants ${want}`);
  const rest = words.filter((word) => word !== "").join(", ");
  return `${paint(state.padEnd(6), state)}  ${rest}`.trimEnd();
}

async function showStates(
  name: string,
  directory: string,
  isIsolated: boolean,
  ended: AbortSignal,
): Promise<void> {
  let last = "";
  const showState = (now: ServiceStatus): void => {
    const text = stateText(now, isIsolated);
    if (text !== last) show(name, text);
    last = text;
  };
  for await (const now of watch(directory, ended)) showState(now);
  try {
    showState(await status(directory)); // the abort may have been quicker than the last change
  } catch (error) {
    if (!(error instanceof ServiceError)) throw error; // it was never supervised
  }
}

async function showLog(name: string, directory: string, signal: AbortSignal): Promise<void> {
  for await (const { stamp, text } of log(directory, { signal })) {
    show(name, paint(`| ${text}`, "log"), stamp ?? undefined);
  }
}

async function showConsole(tree: Tree): Promise<void> {
  for await (const line of createInterface({ input: tree.console })) {
    if (line !== "") show("init", paint(line, "init"));
  }
}

const headline = `trinit, an init system: three services of sv/, and what happens to them.
beat writes a line each second, flaky fails now and then, greet runs once.`;

/** While it is built, which takes a while the first time only. */
function showProgress(text: string): void {
  if (lastLine === "") print("Building dist/trinit ...");
  keep(`  ${text}`);
}

/** `commands`: a file with what a shell needs to find sv and the services. */
function showHelp(tree: Tree, directory: string, commands: string): void {
  const bin = path.join(root, "dist/bin");
  writeFileSync(commands, `export SVDIR=${word(directory)} PATH=${word(bin)}:$PATH\n`);
  if (tree.isolation === "none") {
    print("No namespaces are to be had here, so runsvdir runs the services, without init:");
    for (const reason of tree.refused) print(`  ${reason}`);
  } else print("Process 1 is init, in namespaces of its own; a pid below is the one inside.");
  print("In another terminal:");
  print(`  . ${word(commands)}`);
  print("  sv status beat flaky greet;  sv restart beat;  sv down flaky;  sv up greet");
  print(`  ${tree.enter}  # a shell inside`);
  print("Ctrl-C here brings all of them down.");
  keep(`In another terminal: . ${word(commands)}; sv status.  Ctrl-C ends it.`);
}

// --- What runs -----------------------------------------------------------------------------

/** Copies the services, each with a log/, which is what makes them logged. */
function copyServices(directory: string): string {
  const services = path.join(directory, "service");
  mkdirSync(services);
  for (const name of names) {
    const copy = path.join(directory, "sv", name);
    cpSync(path.join(root, "sv", name), copy, { recursive: true });
    mkdirSync(path.join(copy, "log/main"), { recursive: true });
    symlinkSync(`../sv/${name}`, path.join(services, name));
  }
  return services;
}

/** The stages of this repository; init has its own where there are none. */
function copyStages(directory: string): { stages?: string } {
  const original = path.join(root, "stages");
  if (!existsSync(original)) return {};
  const stages = path.join(directory, "stages");
  cpSync(original, stages, { recursive: true });
  return { stages };
}

/** Calls back with what number a request to end has. */
function onRequests(handle: (count: number) => void): void {
  let count = 0;
  let last = Number.NEGATIVE_INFINITY;
  const hear = (): void => {
    const now = performance.now();
    if (now - last < sameKeystrokeMs) return;
    last = now;
    handle(++count);
  };
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, hear);
  process.stdout.on("error", hear); // the terminal is gone, and the signal may be lost with it
}

/** Runs the tree until it ends or is told to; its exit code. */
async function runTree(directory: string): Promise<number> {
  const kill = new AbortController();
  let requests = 0;
  let begin = (): void => kill.abort();
  onRequests((count) => {
    requests = count;
    if (count === 1) begin();
    else kill.abort();
  });
  const services = copyServices(directory);
  const { columns = 80, rows = 24 } = process.stdout;
  const starting = startTree({
    executable: path.join(root, "dist/trinit"),
    services,
    ...copyStages(directory),
    console: "pty",
    columns,
    rows,
    signal: kill.signal,
  });
  const tree = await starting.catch((error) => {
    if (requests > 0) return null; // it was told to end before it had begun
    throw error;
  });
  if (tree === null) return 0;
  let stopped: Promise<unknown> | null = null;
  begin = () => {
    show("init", "Every service is told to go down. Ctrl-C again kills what is left.");
    stopped = tree.stop(stopTimeoutMs);
  };
  process.stdout.on("resize", () => tree.resize(process.stdout.columns, process.stdout.rows));
  showHelp(tree, services, path.join(directory, "env"));
  const isIsolated = tree.isolation !== "none";
  const over = new AbortController();
  const shown = [showConsole(tree)];
  for (const name of names) {
    const service = path.join(services, name);
    shown.push(
      showStates(name, service, isIsolated, over.signal),
      showLog(name, service, over.signal),
    );
  }
  const { code } = await tree.exited;
  await (stopped ?? tree.stop(stopTimeoutMs)); // without isolation, the services may be left
  over.abort();
  await Promise.all(shown);
  keep("");
  if (requests > 0) return kill.signal.aborted ? 1 : 0;
  return code ?? 1;
}

async function main(): Promise<number> {
  print(headline);
  await buildFlavour("release", false, showProgress);
  keep("");
  const directory = mkdtempSync(path.join(os.tmpdir(), "trinit-start-"));
  try {
    return await runTree(directory);
  } catch (error) {
    const reason = error instanceof ServiceError ? error.message : inspect(error);
    console.error(`start: fatal: ${reason}`);
    return 1;
  } finally {
    rmSync(directory, { recursive: true, force: true, maxRetries: 3 });
  }
}

process.exitCode = await main();
