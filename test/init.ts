// What the tests of process 1 share: stages that only say that they ran, a namespace of the build
// with fault points, and what process 1 said.
import * as fs from "node:fs";
import path from "node:path";
import type { TestContext } from "node:test";
import { faultsBin, tempDir } from "./harness.ts";
import { type Namespace, type NamespaceOptions, startNamespace } from "./namespace.ts";

/** A stage 2 that stays until it is told to end. */
export const stays = "#!/bin/sh\nexec sleep 600\n";
const nothing = "#!/bin/sh\n";
export const quickStages = { "1!": nothing, "2!": stays, "3!": nothing };

/** A namespace whose process 1 is init, once stage 2 runs. */
export async function startInit(
  t: TestContext,
  options: Partial<NamespaceOptions> = {},
): Promise<Namespace> {
  const inside = await startNamespace(t, { pid1: ["init"], runit: quickStages, ...options });
  await inside.stderr.waitFor(/enter stage: .*2$/);
  return inside;
}

export interface FaultyInit extends Namespace {
  arm(point: string): void;
  disarm(point: string): void;
}

/** As startInit, of the build with fault points; with `machine` armed it is one, on a console of
 * its own, and reboot(2) is refused all the same: then it ends with exit code 0. */
export async function startFaultyInit(
  t: TestContext,
  points: readonly string[],
  options: Partial<NamespaceOptions> = {},
): Promise<FaultyInit> {
  const faults = tempDir(t);
  const arm = (point: string): void => fs.writeFileSync(path.join(faults, point), "");
  const disarm = (point: string): void => fs.rmSync(path.join(faults, point));
  points.forEach(arm);
  const isMachine = points.includes("machine");
  const inside = await startNamespace(t, {
    pid1: ["init"],
    runit: quickStages,
    trinit: faultsBin("trinit"),
    console: isMachine,
    ...options,
    env: { TRINIT_FAULTS: faults, ...options.env },
  });
  await saidBy(inside, isMachine).waitFor(/enter stage: .*2$/);
  return { ...inside, arm, disarm };
}

/** For a machine whose rescue shell does this after the fault is mended, and ends: its console is a
 * FIFO, where a real one would read what it prints. Stages have another shell. */
export function withShell(
  runit: Readonly<Record<string, string>>,
  commands: string,
): { runit: Record<string, string>; prepare: string } {
  const stages = Object.entries(runit).map(([name, text]) => [
    name,
    text.replace("#!/bin/sh", "#!/run/dash"),
  ]);
  const prepare = `cp -L /bin/sh /run/dash
    echo '#!/run/dash' >/run/sh
    echo 'rm "$TRINIT_FAULTS/crash-segv"; ${commands}; sleep 1' >>/run/sh
    chmod +x /run/sh
    mount --bind /run/sh "$(readlink -f /bin/sh)"`;
  return { runit: Object.fromEntries(stages), prepare };
}

/** Where it speaks: a machine on its console. */
export function saidBy(inside: Namespace, isMachine: boolean): Namespace["console"] {
  return isMachine ? inside.console : inside.stderr;
}

/** What process 1 said from its first line to its last, without its name in front. */
export function story(lines: readonly string[]): string[] {
  const own = lines.filter((line) => line.startsWith("- runit: "));
  return own.map((line) => line.slice("- runit: ".length)).slice(1); // the first is the version
}
