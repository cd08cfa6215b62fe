// A program at a terminal of its own, for the tests of who gets its keys.
import type { TestContext } from "node:test";
import { spawn } from "node-pty";
import { withDescendants } from "../src/client/processes.ts";
import { Transcript } from "../vm/transcript.ts";
import { bin, deadlineMs, inTime, kill } from "./harness.ts";

export interface Terminal {
  /** Of the program. */
  readonly pid: number;
  type(keys: string): void;
  /** The first line that matches. */
  waitFor(pattern: RegExp): Promise<unknown>;
  text(): string;
  /** The exit code. */
  waitForExit(): Promise<number>;
}

/** A terminal with this program as the leader of its session. */
export function openTerminal(t: TestContext, program: string, args: readonly string[]): Terminal {
  const env = { ...process.env, PS1: "ready> ", TRINIT: bin("trinit"), ENV: "" };
  const terminal = spawn(program, [...args], { cols: 200, env });
  const shown = new Transcript();
  terminal.onData((text) => shown.add(text));
  t.after(() => {
    for (const pid of withDescendants([terminal.pid])) kill(pid, "SIGKILL");
  });
  const ended = new Promise<number>((resolve) => terminal.onExit((end) => resolve(end.exitCode)));
  return {
    pid: terminal.pid,
    type: (keys) => terminal.write(keys),
    waitFor: (pattern) => shown.waitFor(pattern, deadlineMs),
    text: () => shown.text,
    waitForExit: () => inTime(ended, `the end of ${program}`, () => shown.text),
  };
}
