// shutdown, halt, poweroff, reboot: what people type to end a system. They wait where a time is
// given, and then do what `init 0` or `init 6` does; the ending itself is process 1's.
import { parseShutdown } from "../core/shutdown.ts";
import { baseName } from "../core/verbs.ts";
import { waitReady } from "../sys/loop.ts";
import { complain } from "../sys/posix.ts";
import { tellInit } from "./init-files.ts";

export const usage = "[-hPr] [now | +minutes [message]]";

export function main(argv: readonly string[]): number {
  const name = baseName(argv[0] ?? "shutdown");
  const asked = parseShutdown([name, ...argv.slice(1)]);
  if (asked === null) {
    complain(`usage: ${name} ${name === "shutdown" ? usage : "[-fnpw]"}`);
    return 100;
  }
  if (asked.ignored.length > 0) {
    complain(`${name}: warning: no effect here: -${asked.ignored.join(" -")}`);
  }
  if (asked.level === null) return 0;
  if (asked.delayMs > 0) {
    complain(`${name}: in ${asked.delayMs / 60_000} minutes; Ctrl-C cancels`);
    waitReady([], sys.monotonic() + asked.delayMs);
  }
  return tellInit(name, asked.level);
}
