// What the tests of runsvdir share: services that do nothing, supervisors by name, fault points.
import * as fs from "node:fs";
import path from "node:path";
import type { TestContext } from "node:test";
import { type ServiceStatus, until } from "../src/client/index.ts";
import {
  childrenOf,
  commandLine,
  deadlineMs,
  eventually,
  faultsBin,
  type Program,
  type StartOptions,
  serviceDir,
  startRunsvdir,
  tempDir,
} from "./harness.ts";

export const forever = "#!/bin/sh\nexec sleep 600\n";

/** A directory of this test's own with an empty directory for links, and one for services. */
export function newScan(t: TestContext): { dir: string; scan: string; services: string } {
  const dir = tempDir(t);
  const [scan, services] = [path.join(dir, "scan"), path.join(dir, "sv")];
  fs.mkdirSync(scan);
  fs.mkdirSync(services);
  return { dir, scan, services };
}

/** A service that runs until it is told to end, there in one step: a directory that grows in
 * front of runsvdir would be started half made. */
export function sleeper(parent: string, name: string, more: Record<string, string> = {}): string {
  const made = serviceDir(parent, `.new-${name}`, { "run!": forever, ...more });
  fs.renameSync(made, path.join(parent, name));
  return path.join(parent, name);
}

/** The status once ./run runs. */
export function isUp(dir: string): Promise<ServiceStatus & { readonly pid: number }> {
  const up = until(dir, ({ state, supervised }) => supervised && state === "run", deadlineMs);
  return up as Promise<ServiceStatus & { readonly pid: number }>;
}

/** The pids of the runsv of a tree that have this name: more than one would be a mistake. */
export function runsvNamed({ pid }: { readonly pid: number }, name: string): number[] {
  return childrenOf(pid).filter((child) => commandLine(child) === `runsv ${name}`);
}

/** The pid of the one runsv of this name, another one than `before`. */
export function runsvOf(tree: { readonly pid: number }, name: string, before = 0): Promise<number> {
  return eventually(`runsv ${name}`, () => {
    const [found] = runsvNamed(tree, name);
    return found !== before && found;
  });
}

/** How often a line that holds this text was said on stderr. */
export function timesSaid(tree: Program, text: string): number {
  return tree.stderr.lines().filter((line) => line.includes(text)).length;
}

export interface FaultyTree {
  readonly tree: Program;
  arm(point: string): void;
  disarm(point: string): void;
}

/** A tree of the build with fault points, some of which are armed from the start. */
export function startFaulty(
  t: TestContext,
  scan: string,
  points: readonly string[],
  options: StartOptions = {},
): FaultyTree {
  const directory = tempDir(t);
  const arm = (point: string): void => fs.writeFileSync(path.join(directory, point), "");
  const disarm = (point: string): void => fs.rmSync(path.join(directory, point));
  points.forEach(arm);
  const env = { ...options.env, TRINIT_FAULTS: directory };
  const tree = startRunsvdir(t, scan, { program: faultsBin("runsvdir"), ...options, env });
  return { tree, arm, disarm };
}

/** `rm -r` of a directory that somebody still writes to: until nothing is left of it. */
export async function removeTree(directory: string): Promise<void> {
  await eventually(`${directory} is gone`, () => {
    try {
      fs.rmSync(directory, { recursive: true, force: true });
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "ENOTEMPTY") throw error;
    }
    return !fs.existsSync(directory);
  });
}
