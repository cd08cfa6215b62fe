// How many tests passed, failed and were skipped, and why: scripts/test.ts says it at the end. A
// test with tests of its own counts as these.
import path from "node:path";

const root = path.resolve(import.meta.dirname, "..");

interface Ended {
  readonly name: string;
  readonly nesting: number;
  readonly file?: string | undefined;
  readonly skip?: string | boolean | undefined;
  readonly details: object;
}

export class Counts {
  passed = 0;
  failed = 0;
  readonly #skipped = new Map<string, number>();
  /** How deep the test that ended last was, in each file: what is less deep consists of such. */
  readonly #lastNesting = new Map<string, number>();

  pass(test: Ended): void {
    const isWhole = this.#hasParts(test);
    if (test.file !== undefined && path.resolve(test.name) === test.file) {
      this.failed++;
      process.stderr.write(`${path.relative(root, test.file)}: no test in it\n`);
    } else if (test.skip !== undefined && test.skip !== false) {
      const reason = test.skip === true ? "no reason given" : String(test.skip);
      this.#skipped.set(reason, (this.#skipped.get(reason) ?? 0) + 1);
    } else if (!isWhole) this.passed++;
  }

  fail(test: Ended): void {
    const isWhole = this.#hasParts(test);
    const error = "error" in test.details ? test.details.error : null;
    const ofParts = error instanceof Error && "failureType" in error ? error.failureType : null;
    if (!isWhole || ofParts !== "subtestsFailed") this.failed++;
  }

  summary(): string {
    const skipped = [...this.#skipped.values()].reduce((sum, count) => sum + count, 0);
    const reasons = [...this.#skipped].map(([reason, count]) => `${count}: ${reason}`);
    const why = skipped === 0 ? "" : ` (${reasons.join("; ")})`;
    return `${this.passed} tests passed, ${this.failed} failed, ${skipped} skipped${why}`;
  }

  #hasParts({ file = "", nesting }: Ended): boolean {
    const last = this.#lastNesting.get(file) ?? 0;
    this.#lastNesting.set(file, nesting);
    return last > nesting;
  }
}
