// shutdown, halt, poweroff, reboot: what people type to end a system. They wait where a time is
// given, and then do what `init 0` or `init 6` does; the ending itself is process 1's. With -B and
// -w stages have them write down that the system has started, and that it ends.
import { errnos, sentence } from "../core/message.ts";
import { parseShutdown } from "../core/shutdown.ts";
import { systemRecord } from "../core/utmp.ts";
import { baseName } from "../core/verbs.ts";
import { waitReady } from "../sys/loop.ts";
import { complain, reasonOf, SysError } from "../sys/posix.ts";
import { answer } from "./answer.ts";
import { tellInit } from "./init-files.ts";
import { appendRecord, utmp, wtmp } from "./utmp-files.ts";

export const usage = "[-hPr] now | +minutes [message]";

export function main(argv: readonly string[]): number {
  const name = baseName(argv[0] ?? "shutdown");
  const asked = parseShutdown([name, ...argv.slice(1)]);
  if ("valid" in asked) {
    const help = `usage: ${name} ${name === "shutdown" ? usage : "[-Bfnpw]"}`;
    if (asked.question !== undefined) return answer(asked.question, help);
    complain(`${name}: ${asked.complaint}\n${help}`);
    return 100;
  }
  if (asked.ignored.length > 0) {
    complain(`${name}: warning: no effect here: -${asked.ignored.join(" -")}`);
  }
  if (asked.record !== null) return writeDown(name, asked.record);
  if (asked.level === null) return 0;
  if (asked.delayMs > 0) {
    complain(`${name}: in ${asked.delayMs / 60_000} minutes; Ctrl-C cancels`);
    waitReady([], sys.monotonic() + asked.delayMs);
  }
  return tellInit(name, asked.level);
}

/** Into those of the two files that somebody has made, where they can be written. */
function writeDown(name: string, what: "boot" | "end"): number {
  const release = sys.readfile("/proc/sys/kernel/osrelease", 256);
  const [seconds] = sys.realtime();
  const text = typeof release === "number" ? "" : release.trim();
  const record = systemRecord(what, text, seconds, sys.UTMP_BYTES);
  let code = 0;
  for (const path of what === "boot" ? [utmp, wtmp] : [wtmp]) {
    try {
      appendRecord(name, path, 0, record);
    } catch (error) {
      if (!(error instanceof SysError)) throw error;
      if (error.errno === errnos.ENOENT || error.errno === errnos.EROFS) continue;
      complain(sentence(name, "warning", error.what, reasonOf(error)));
      code = 111;
    }
  }
  return code;
}
