// Every exit code and every signal that CMD can end with, beside a stage 2: one container for each,
// some at a time, all in one namespace.
import assert from "node:assert/strict";
import { test } from "node:test";
import { startNamespace, unsanitized } from "../namespace.ts";

const codes = Array.from({ length: 256 }, (_, code) => `exit ${code}`);
/** Those that end a shell: not STOP and its like, nor what is nothing by default. */
const harmless = [17, 18, 19, 20, 21, 22, 23, 28];
const numbers = Array.from({ length: 64 }, (_, at) => at + 1).filter(
  (number) => !harmless.includes(number) && number !== 32 && number !== 33, // the C library's
);
const deaths = numbers.map((number) => `kill -${number} $$`);

/** The code for each of these ends of CMD, in their order. */
const script = `
  one() {
    unshare --mount --pid --fork --mount-proc trinit entrypoint -- sh -c "ulimit -c 0; $1"
    echo "$1: $?"
  }
  while read -r ends; do one "$ends" & while read -r ends; do one "$ends"; done; wait; done`;

test("all 256 codes, and all signals, are the container's", unsanitized, async (t) => {
  const runit = { "2!": "#!/bin/sh\nexec sleep 600\n" };
  const inside = await startNamespace(t, { pid1: ["sleep", "600"], runit });
  const list = [...codes, ...deaths].join("\n");
  const all = `printf '%s\\n' "$1" >/run/ends; ( ${script} ) </run/ends; echo over`;
  const program = inside.start("sh", "-c", all, "sh", list);
  for (const end of ["exit 64", "exit 128", "exit 192", "exit 255"]) {
    await program.stdout.waitFor(new RegExp(`^${end}: `)); // each in its time
  }
  await program.stdout.waitFor(/^over$/);
  const expected = [
    ...codes.map((end, code) => `${end}: ${code}`),
    ...deaths.map((end, at) => `${end}: ${128 + (numbers[at] ?? 0)}`),
  ];
  assert.deepEqual(program.stdout.lines().sort(), [...expected, "over"].sort());
});
