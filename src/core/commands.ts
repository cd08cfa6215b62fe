// The control letters, once: what a byte in supervise/control means. runsv, sv, the client
// and their tests derive from this table.

export const signals = {
  HUP: 1, INT: 2, QUIT: 3, KILL: 9, USR1: 10, USR2: 12, ALRM: 14, TERM: 15, CHLD: 17,
  CONT: 18, STOP: 19, IO: 29,
} as const; // biome-ignore format: a table

export type Signal = keyof typeof signals;

export interface Command {
  /** As people type it behind `sv`. */
  readonly verb: string;
  /** What the service shall be from now on; null leaves that as it is. */
  readonly want: "up" | "down" | "once" | "exit" | null;
  /** Sent to a running service, unless control/LETTER says that it has done it. */
  readonly signal: Signal | null;
}

export const commands = {
  u: { verb: "up", want: "up", signal: null },
  d: { verb: "down", want: "down", signal: null },
  o: { verb: "once", want: "once", signal: null },
  x: { verb: "exit", want: "exit", signal: null },
  t: { verb: "term", want: null, signal: "TERM" },
  k: { verb: "kill", want: null, signal: "KILL" },
  p: { verb: "pause", want: null, signal: "STOP" },
  c: { verb: "cont", want: null, signal: "CONT" },
  h: { verb: "hup", want: null, signal: "HUP" },
  a: { verb: "alarm", want: null, signal: "ALRM" },
  i: { verb: "interrupt", want: null, signal: "INT" },
  q: { verb: "quit", want: null, signal: "QUIT" },
  "1": { verb: "1", want: null, signal: "USR1" },
  "2": { verb: "2", want: null, signal: "USR2" },
} as const satisfies Record<string, Command>;

export type Letter = keyof typeof commands;

/** True for a byte that is a command; every other byte is ignored. */
export function isLetter(byte: string): byte is Letter {
  return Object.hasOwn(commands, byte);
}
