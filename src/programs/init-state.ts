// What process 1 has in its hands besides core/boot.ts's state, and how it speaks and remembers:
// for programs/init.ts and programs/init-stages.ts.
import type { Boot, Effect, Event, Request } from "../core/boot-state.ts";
import { noteOf, notePending } from "../core/boot-state.ts";
import type { Entrypoint } from "../core/entrypoint.ts";
import { type Level, reason } from "../core/message.ts";
import { complain } from "../sys/posix.ts";

interface Owed {
  readonly task: Event | Effect;
  attempts: number;
}

export interface Init {
  /** argv[0], for the title. */
  readonly name: string;
  readonly signalFd: number;
  /** What a container was told on its command line. */
  readonly options: Entrypoint;
  /** Process 1. */
  readonly isFirst: boolean;
  /** The directory of 1, 2, 3, ctrlaltdel and timeout-3; null where all stages are built in. */
  readonly stages: string | null;
  boot: Boot;
  /** What has come and nobody has handled yet, and what follows from it. */
  readonly owed: Owed[];
  /** What was asked, and not looked at yet. */
  readonly heard: Request[];
  /** Signals that mean nothing to us. */
  readonly forwards: number[];
  /** The services have their place. */
  isPrepared: boolean;
  /** True from the beginning of a turn to its end: what it finds set was a fault. */
  unsettled: boolean;
  /** More have ended than one turn reaps. */
  crowded: boolean;
  leaving: boolean;
  lacksConsole: boolean;
}

/** A container keeps what its engine gave it. Where the kernel finds no console in an empty /dev,
 * there is one once stage 1 has mounted it. */
export function openConsole(init: Init): void {
  const fd = sys.open("/dev/console", sys.O_RDWR, 0);
  init.lacksConsole = fd < 0;
  for (let target = 0; fd >= 0 && target < 3; target++) sys.dup2(fd, target);
  if (fd > 2) sys.close(fd);
  if (fd < 0) say("warning", `unable to open /dev/console: ${reason(-fd)}`);
}

export function say(level: Level | null, text: string): void {
  complain(`- runit: ${level === null ? "" : `${level}: `}${text}`);
}

/** Below a command line that does not ask for it, only what is wrong is said. */
export function announce({ options }: Init, level: Level | null, text: string): void {
  if (level !== null || options.isVerbose) say(level, text);
}

export function remember({ heard }: Init, note: string): void {
  sys.remember(notePending(note, heard));
}

/** A successor must not start it again. */
export function known({ boot, heard }: Init, event: Event): Event {
  if (!("pid" in event)) return event;
  const main = { ...boot.main, pid: event.pid };
  sys.remember(notePending(noteOf({ ...boot, main }), heard));
  return event;
}
