// --help and --version, the same in every program: on stdout, with exit code 0, and nothing else is
// done.
import type { Question } from "../core/args.ts";
import { sentence } from "../core/message.ts";
import { complain, reasonOf, writeAll } from "../sys/posix.ts";

/** Prints the version, or `help`: the usage, and whatever else there is to say. The exit code: 111
 * where it cannot be written. */
export function answer(question: Question, help: string): number {
  try {
    writeAll(1, question === "help" ? `${help}\n` : `trinit ${VERSION}\n`, "stdout");
    return 0;
  } catch (error) {
    complain(sentence("trinit", "fatal", "unable to write to stdout", reasonOf(error)));
    return 111;
  }
}
