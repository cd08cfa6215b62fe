// The files in a service directory that say how its service is to end, and what it sees: read when
// it matters, so that a change needs no restart. One value each; one that cannot be understood is
// complained of, and as good as none.

import { signals } from "../core/commands.ts";
import { changeEnvironment } from "../core/environment.ts";
import { settingBytes } from "../core/limits.ts";
import { reason } from "../core/message.ts";
import { signalNumber } from "../core/signals.ts";
import type { Millis } from "../core/time.ts";
import {
  isDirectory,
  readdirOwn,
  readIfThere,
  readOwnIfThere,
  SysError,
  statIfThere,
} from "../sys/posix.ts";
import { type Supervisor, say, type Unit } from "./runsv-unit.ts";
import { readVariables } from "./variables.ts";

type Setting = "down-signal" | "timeout-kill" | "timeout-finish";

/** The value, without what is blank around it; null: there is none, or it cannot be read. */
function readSetting(supervisor: Supervisor, unit: Unit, name: Setting): string | null {
  try {
    return readIfThere(name, settingBytes)?.trim() ?? null;
  } catch (error) {
    if (!(error instanceof SysError)) throw error;
    say(supervisor, unit, "warning", error.what, reason(error.errno));
    return null;
  }
}

/** The number of the signal that tells this service to end. */
export function stopSignal(supervisor: Supervisor, unit: Unit): number {
  const text = readSetting(supervisor, unit, "down-signal");
  const number = text === null ? signals.TERM : signalNumber(text);
  if (number !== null) return number;
  say(supervisor, unit, "warning", "unable to use down-signal, sending TERM", "no signal");
  return signals.TERM;
}

/** How long its process has until it is killed, once it was told to end, or as a finish; Infinity:
 * for ever; null: nothing says so. */
export function killAfter(
  supervisor: Supervisor,
  unit: Unit,
  state: "run" | "finish",
): Millis | null {
  const name = state === "run" ? "timeout-kill" : "timeout-finish";
  const text = readSetting(supervisor, unit, name);
  if (text === null) return null;
  const ms = millisIn(text);
  if (ms === null) {
    say(supervisor, unit, "warning", `unable to use ${name}`, "no number of milliseconds");
  }
  return ms === 0 ? Number.POSITIVE_INFINITY : ms;
}

/** Null where anything but digits is. */
function millisIn(text: string): Millis | null {
  for (const digit of text) if (digit < "0" || digit > "9") return null;
  return text === "" ? null : Number(text);
}

/** What ./run, ./finish and the scripts in control see, where env/ says so; null: what we do. Who
 * could change PATH there would decide what root's ./run starts: so nobody else may. */
export function serviceEnvironment(): readonly string[] | null {
  const there = statIfThere("env");
  if (there === null || !isDirectory(there)) return null;
  const pass = (): void => {}; // over a directory, as chpst does
  const changes = readVariables("env", readdirOwn("env"), pass, readOwnIfThere);
  return changeEnvironment(sys.environ(), changes);
}
