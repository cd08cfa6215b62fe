// How sv wants to be called: its usage, what --help shows, and what each word does.
import { vocabulary } from "./verbs.ts";

/** What the words do, in a line; completions show these, too. */
export const verbTexts: Readonly<Record<string, string>> = {
  status: "show the service and its log",
  start: "up, and wait until it runs and check agrees",
  stop: "down, and wait until it is down",
  restart: "TERM and up, and wait until a new process runs",
  "try-restart": "restart, but leave what is down",
  reload: "send HUP, and show the service",
  shutdown: "exit, and wait until runsv has gone",
  check: "wait for the state that is wanted",
  "force-stop": "stop, and KILL when the time is up",
  "force-reload": "try-restart, and KILL when the time is up",
  "force-restart": "restart, and KILL when the time is up",
  "force-shutdown": "shutdown, and KILL when the time is up",
  D: "force-stop",
  T: "force-reload",
  X: "force-shutdown",
  E: "force-shutdown",
  up: "start it, and again whenever it ends",
  down: "send TERM and CONT, and do not start it again",
  once: "start it, and do not start it again",
  exit: "down, then its log, then runsv",
  term: "send TERM",
  kill: "send KILL",
  pause: "send STOP",
  cont: "send CONT",
  hup: "send HUP",
  alarm: "send ALRM",
  interrupt: "send INT",
  quit: "send QUIT",
  "1": "send USR1",
  "2": "send USR2",
};

export interface Usage {
  readonly line: string;
  /** The exit code of a wrong call. */
  readonly code: number;
  /** The exit code when sv itself cannot go on. */
  readonly fatal: number;
}

/** How sv wants to be called: as sv, or as the init script of a service. */
export function usageOf(script: string | null): Usage {
  return script === null
    ? { line: "usage: sv [-v] [-w sec] command service ...", code: 100, fatal: 100 }
    : { line: `usage: ${script} [-w sec] command`, code: 2, fatal: 151 };
}

const helpEnd = `
options:
  -v                wait up to 7 seconds for any command to take effect
  -w sec            wait up to so many seconds for any command to take effect
  -V, --version     show the version
  -h, --help        show this

A service is a directory in $SVDIR, or in /etc/service; a name that begins with a dot or a slash, or
ends with a slash, is a path. See sv(8).`;

/** What `--help` shows: everything that can be typed. */
export function helpText({ line }: Usage): string {
  const words = vocabulary.map((word) => `  ${word.padEnd(16)}  ${verbTexts[word] ?? ""}`);
  const status = "       sv status [--json] [service ...]";
  const lines = line.startsWith("usage: sv ") ? [line, status] : [line];
  return [...lines, "", "commands:", ...words, helpEnd].join("\n");
}
