// What the tests of runsvdir -o share: its output where no stream of Node.js reads it by itself.
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

/** A tree whose standard output is a FIFO that nobody reads yet: its path. `through` are programs
 * that become it, one after the other. */
export function startIntoFifo(
  t: TestContext,
  dir: string,
  scan: string,
  through: readonly string[] = [],
): { readonly tree: Program; readonly fifo: string } {
  const fifo = path.join(dir, "fifo");
  execaSync("mkfifo", [fifo]);
  const command = [...through, bin("runsvdir"), "-P", "-o", "prefix", scan];
  const args = ["-c", 'exec 1<>"$1"; shift; exec "$@"', "sh", fifo, ...command];
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
