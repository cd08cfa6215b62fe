// What the tests of a container with services share: `trinit entrypoint` as process 1 of a
// namespace, services that say what happens to them, and files that they say it in.
import * as fs from "node:fs";
import path from "node:path";
import type { TestContext } from "node:test";
import { waitForFile } from "./harness.ts";
import { type Namespace, type NamespaceOptions, startNamespace } from "./namespace.ts";

export interface Container extends Namespace {
  /** What was written to /run/said so far. */
  said(): string;
  /** Once /run/said has such a text. */
  waitFor(pattern: RegExp): Promise<string>;
}

/** `trinit entrypoint OPTIONS -- CMD`, in a container without stages of its own. */
export async function startContainer(
  t: TestContext,
  options: readonly string[],
  command: readonly string[],
  more: Partial<NamespaceOptions> = {},
): Promise<Container> {
  const pid1 = ["trinit", "entrypoint", ...options, "--", ...command];
  const inside = await startNamespace(t, { runit: {}, ...more, pid1 });
  const file = path.join(inside.etc, "../run/said");
  return {
    ...inside,
    said: () => (fs.existsSync(file) ? fs.readFileSync(file, "latin1") : ""),
    waitFor: (pattern) => waitForFile(file, (text) => pattern.test(text)),
  };
}

/** A shell line that appends to /run/said. */
export function say(text: string): string {
  return `echo ${text} >>/run/said`;
}

/** A program that says `NAME up`, and, told to end, what it does then. */
export function polite(name: string, atEnd = "", signal = "TERM"): string {
  const end = `${atEnd === "" ? "" : `${atEnd}; `}${say(`${name} down`)}; exit`;
  return `trap '${end}' ${signal}; ${say(`${name} up`)}; while :; do sleep 0.02; done`;
}

/** A service directory with such a program. */
export function service(
  name: string,
  atEnd = "",
  files: Readonly<Record<string, string>> = {},
): Record<string, string> {
  return { "run!": `#!/bin/sh\n${polite(name, atEnd)}\n`, ...files };
}
