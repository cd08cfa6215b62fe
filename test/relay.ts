// What the tests of runsvdir -o share: its output where no stream of Node.js reads it by itself.
import * as fs from "node:fs";
import path from "node:path";
import type { TestContext } from "node:test";
import { execaSync } from "execa";
import { bin, childrenOf, commandLine, eventually, type Program, start } from "./harness.ts";

/** The pid of the relay of a service, another one than `before`. */
export function relayOf({ pid }: { readonly pid: number }, name: string, before = 0) {
  return eventually(`relay ${name}`, () =>
    childrenOf(pid).find((one) => commandLine(one) === `relay ${name}` && one !== before),
  );
}

/** A tree whose standard output is a FIFO that nobody reads yet: its path. */
export function startIntoFifo(
  t: TestContext,
  dir: string,
  scan: string,
  more = "",
): { readonly tree: Program; readonly fifo: string } {
  const fifo = path.join(dir, "fifo");
  execaSync("mkfifo", [fifo]);
  const script = `${more} exec "$1" -P -o prefix "$2" 1<>"$3"`;
  const args = ["-c", script, "sh", bin("runsvdir"), scan, fifo];
  return { tree: start(t, "/bin/sh", { args, endSignal: "SIGHUP" }), fifo };
}

/** All that was read from a FIFO until a text came. */
export function readUntil(t: TestContext, fifo: string, last: string): Promise<string> {
  const cat = start(t, "/bin/cat", { args: [fifo] });
  return cat.stdout
    .waitFor(new RegExp(last))
    .then(() => cat.stdout.text())
    .finally(() => cat.signal("SIGKILL"));
}

/** How many bytes a service has written by what its file `count` says. */
export function sizeOf(file: string): number {
  return fs.statSync(file, { throwIfNoEntry: false })?.size ?? 0;
}
