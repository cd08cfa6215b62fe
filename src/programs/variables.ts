// The files of an environment directory, for chpst and for runsv.
import { variableOf } from "../core/environment.ts";
import { variableBytes } from "../core/limits.ts";
import { errnos } from "../core/message.ts";
import { readIfThere, SysError } from "../sys/posix.ts";

/** What changeEnvironment() takes, of these names in a directory, whose files `read` reads; one
 * that is itself a directory is none, and told. */
export function readVariables(
  directory: string,
  names: readonly string[],
  isNone: (error: SysError) => void,
  read = readIfThere,
): string[] {
  const changes: string[] = [];
  for (const name of names) {
    if (name[0] === ".") continue;
    try {
      const bytes = read(`${directory}/${name}`, variableBytes);
      if (bytes !== null) changes.push(variableOf(name, bytes));
    } catch (error) {
      if (!(error instanceof SysError) || error.errno !== errnos.EISDIR) throw error;
      isNone(error);
    }
  }
  return changes;
}
