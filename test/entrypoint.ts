// What the tests of `trinit entrypoint` with one process share: to start it as process 1 of a PID
// namespace and as any other, and a command that says which signals it gets.
import path from "node:path";
import type { TestContext } from "node:test";
import { execaSync } from "execa";
import {
  bin,
  childrenOf,
  eventually,
  type Program,
  root,
  start,
  tempDir,
  tempParent,
} from "./harness.ts";
import { inOwnPlaces } from "./places.ts";

/** Process 1 of a namespace, or one of many. */
export type Place = "first" | "other";

/** The words in front of options and command. */
export function wordsOf(t: TestContext, place: Place): readonly string[] {
  if (place === "other") return [bin("trinit"), "entrypoint"];
  const apart = ["--pid", "--fork", "--kill-child"];
  const [unshare, words] = inOwnPlaces(tempDir(t), [tempParent()], [bin("trinit")], apart);
  return [unshare, ...words];
}

export interface Started extends Program {
  /** Sends it a signal, by number. */
  send(number: number): void;
}

/** Starts it with these options and this command. */
export async function startEntrypoint(
  t: TestContext,
  place: Place,
  args: readonly string[],
): Promise<Started> {
  const [program = "", ...words] = [...wordsOf(t, place), ...args];
  const started = start(t, program, { args: words, endSignal: "SIGKILL" });
  const pid = place === "first" ? await firstBelow(started.pid) : started.pid;
  return { ...started, pid, send: (number) => process.kill(pid, number) };
}

/** The pid that process 1 of a new namespace has out here. */
async function firstBelow(parent: number): Promise<number> {
  const { pid } = await eventually("process 1", () => {
    const [pid] = childrenOf(parent);
    return pid !== undefined && { pid };
  });
  return pid;
}

/** A program that says `NAME 0` once it can be sent signals, and then the number of each. */
export function signalsProgram(t: TestContext): string {
  const program = path.join(tempDir(t), "signals");
  execaSync("cc", ["-O1", "-o", program, path.join(root, "test/fixtures/signals.c")]);
  return program;
}
