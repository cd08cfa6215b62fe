// What the fuzzers share: rounds with a seed of their own, as many as there is time for, and
// whatever can be random in them. SEED=n begins with another round, FUZZ_SECONDS=n goes on for so
// long, FUZZ_ROUNDS=n ends after so many: a failure says how to see it again.
import type { TestContext } from "node:test";
import { newRandom } from "./record.ts";

const seconds = Number(process.env.FUZZ_SECONDS ?? 10);
const roundsMax = Number(process.env.FUZZ_ROUNDS ?? Number.POSITIVE_INFINITY);
const firstSeed = Number(process.env.SEED ?? 1);

/** The same choices for the same seed. */
export class Random {
  readonly below: (limit: number) => number;

  constructor(seed: number) {
    this.below = newRandom(seed);
  }

  /** For something that happens at the same time as others. */
  fork(): Random {
    return new Random(this.below(2 ** 32));
  }

  /** From low to high, both included. */
  between(low: number, high: number): number {
    return low + this.below(high - low + 1);
  }

  /** True once in `times`. */
  once(times: number): boolean {
    return this.below(times) === 0;
  }

  pick<T>(choices: readonly T[]): T {
    return choices[this.below(choices.length)] as T;
  }

  /** As many choices, which may be the same. */
  picks<T>(count: number, choices: readonly T[]): T[] {
    return Array.from({ length: count }, () => this.pick(choices));
  }

  /** Any bytes, but for those in `without`. */
  bytes(count: number, without = ""): string {
    let text = "";
    while (text.length < count) {
      const byte = String.fromCharCode(this.below(256));
      if (!without.includes(byte)) text += byte;
    }
    return text;
  }

  /** The text with some bytes changed, doubled or left out. */
  mutated(text: string, without = ""): string {
    let changed = text;
    for (let times = this.between(1, 3); times > 0; times--) {
      const at = this.below(changed.length + 1);
      const insertion = this.once(3) ? "" : this.bytes(1, without);
      changed = changed.slice(0, at) + insertion + changed.slice(at + this.below(2));
    }
    return changed;
  }
}

/** Plays rounds until the time is over; one that fails says its seed. */
export async function playRounds(
  t: TestContext,
  play: (random: Random) => Promise<void>,
): Promise<void> {
  const end = performance.now() + seconds * 1000;
  let played = 0;
  for (; played < roundsMax && (played === 0 || performance.now() < end); played++) {
    const seed = firstSeed + played;
    try {
      await play(new Random(seed));
    } catch (error) {
      const text = error instanceof Error ? error.message : String(error);
      throw new Error(`with SEED=${seed} FUZZ_ROUNDS=1: ${text}`, { cause: error });
    }
  }
  t.diagnostic(`${played} rounds from SEED=${firstSeed} on`);
}
