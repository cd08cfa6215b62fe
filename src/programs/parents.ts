// Whose child a process is, that a record names and we have not started: who has a parent to watch
// it needs no other.
import { leadingNumber } from "../core/args.ts";
import { readIfThere } from "../sys/posix.ts";

const statBytes = 1024;

/** Fields of proc(5)'s stat from the third on; [] when there is no such process, or a dead one. */
export function statOf(pid: number): readonly string[] {
  const stat = readIfThere(`/proc/${pid}/stat`, statBytes) ?? "";
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return fields.length < 20 || fields[0] === "Z" || fields[0] === "X" ? [] : fields;
}

function parentOf(pid: number): number {
  return leadingNumber(statOf(pid)[1] ?? "") ?? 0;
}

/** The process's parent, if that is a program of this name; 0: it is not. One that we are below
 * ourselves has it as a subreaper, and knows nothing of it. */
export function parentCalled(name: string, pid: number): number {
  const parent = parentOf(pid);
  for (let above = sys.getpid(); above > 0; above = parentOf(above)) {
    if (above === parent) return 0;
  }
  return readIfThere(`/proc/${parent}/comm`, statBytes) === `${name}\n` ? parent : 0;
}
