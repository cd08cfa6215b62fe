// Every exit code and every signal of a command, with `trinit entrypoint` as process 1, where /proc
// is another namespace's, and as any other process.
import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { type Place, wordsOf } from "../entrypoint.ts";
import { run } from "../harness.ts";
import { inNamespaces } from "../namespace.ts";

/** $1 has numbers, $2 what is added to each; $3 is the command's script, which has it as $0. What
 * does not come out is said. */
const loop = `ulimit -c 0
numbers=$1 more=$2 script=$3; shift 3
for number in $numbers; do
  code=0
  "$@" sh -c "$script" "$number" || code=$?
  [ "$code" = $((number + more)) ] || echo "$number: $code"
done`;

/** By default these do not end anybody. */
const harmless = [17, 18, 19, 20, 21, 22, 23, 28];

const loops = 8; // at a time: the end of a namespace is mostly waiting

/** What does not come out for these numbers. */
async function wrongOnes(
  t: TestContext,
  place: Place,
  numbers: readonly number[],
  more: number,
  script: string,
): Promise<string> {
  const parts = Array.from({ length: loops }, async (_, part) => {
    const own = numbers.filter((_, at) => at % loops === part).join(" ");
    const args = ["-c", loop, "sh", own, `${more}`, script, ...wordsOf(t, place)];
    const { stdout, stderr } = await run(t, "/bin/sh", args, { milliseconds: 60_000 });
    return stdout + stderr;
  });
  return (await Promise.all(parts)).join("");
}

function numbersTo(last: number): number[] {
  return Array.from({ length: last }, (_, at) => at + 1);
}

const signals = numbersTo(64).filter((number) => !harmless.includes(number));

for (const place of ["first", "other"] as const satisfies readonly Place[]) {
  test(`${place}: all 256 exit codes are the command's`, inNamespaces, async (t) => {
    const wrong = await wrongOnes(t, place, [0, ...numbersTo(255)], 0, 'exit "$0"');
    assert.equal(wrong, "");
  });

  test(`${place}: every signal that ends it is 128 and its number`, inNamespaces, async (t) => {
    const wrong = await wrongOnes(t, place, signals, 128, 'kill "-$0" $$');
    assert.equal(wrong, "");
  });
}
