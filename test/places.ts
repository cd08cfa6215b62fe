// What keeps tests and the machine that they run on apart: a mount namespace in which everything
// that trinit reads and writes by default is the test's own, and a look at the machine's.
import * as fs from "node:fs";
import os from "node:os";
import path from "node:path";

export const isRoot = process.geteuid?.() === 0;
const root = path.resolve(import.meta.dirname, "..");
const script = path.join(import.meta.dirname, "places.sh");

/** `unshare` with these options of its, and a mount namespace in which /run, /tmp, /var/log and all
 * places of services are the command's own, made in `base`; `kept` are directories that stay. */
export function inOwnPlaces(
  base: string,
  kept: readonly string[],
  command: readonly string[],
  options: readonly string[] = [],
): [string, string[]] {
  const user = isRoot ? [] : ["--user", "--map-root-user"];
  const words = [base, root, ...kept, "--", ...command];
  return ["/usr/bin/unshare", [...user, "--mount", ...options, "/bin/sh", script, ...words]];
}

// --- The machine's -------------------------------------------------------------------------

/** Where runit, daemontools, s6 and trinit have what a machine boots and supervises, and what
 * trinit makes elsewhere by default. */
const places = [
  ...[
    "/etc/runit",
    "/etc/service",
    "/etc/sv",
    "/service",
    "/var/service",
    "/etc/s6",
    "/etc/inittab",
  ],
  ...["/run/runit", "/run/runit.stopit", "/run/runit.reboot", "/run/runit.nosync", "/run/service"],
  ...["/run/initctl", "/run/trinit", "/dev/shm/service", "/tmp/service", "/var/log/runit"],
];

/** What services of the machine that run write to. */
const written = /^(supervise(\..*)?|event|log|main|current|status|pid)$/;

/** What is at a place and below: its kind and permissions, its owner, a link's target, and when a
 * file was written last, but for what is written all the time. */
function listing(place: string): string[] {
  const stat = fs.lstatSync(place, { throwIfNoEntry: false });
  if (stat === undefined) return [];
  const target = stat.isSymbolicLink() ? ` -> ${fs.readlinkSync(place)}` : "";
  const shown = `${place}${target} mode ${stat.mode.toString(8)} owner ${stat.uid}`;
  if (written.test(path.basename(place))) return [shown];
  if (!stat.isDirectory()) return [`${shown} at ${stat.mtimeMs}`];
  return [shown, ...fs.readdirSync(place).flatMap((name) => listing(path.join(place, name)))];
}

/** The machine's places as they are. */
export function lookAtHost(where: readonly string[] = places): ReadonlySet<string> {
  return new Set(where.flatMap(listing));
}

/** What is not as it was: `+` for what is new, `-` for what is gone; both for what was changed. */
export function changesOf(before: ReadonlySet<string>, now: ReadonlySet<string>): string[] {
  const gone = [...before].filter((line) => !now.has(line)).map((line) => `- ${line}`);
  return [...gone, ...[...now].filter((line) => !before.has(line)).map((line) => `+ ${line}`)];
}

/** Directories that a run uses, and does not make: the builds under test, and what tsx has
 * compiled, without which every file is compiled again. */
export function usedByRuns(): string[] {
  const { TRINIT_BIN = ".", TRINIT_ORACLE = "." } = process.env;
  const directories = [path.join(os.tmpdir(), `tsx-${process.geteuid?.()}`), TRINIT_ORACLE];
  if (fs.existsSync(TRINIT_BIN)) directories.push(path.dirname(fs.realpathSync(TRINIT_BIN)));
  return directories.map((name) => path.resolve(name)).filter((name) => fs.existsSync(name));
}
