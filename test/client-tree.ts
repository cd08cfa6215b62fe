// What the tests of startTree() share: a tree with a directory of services, which ends with its
// test, and where the kernel does not allow an isolation, a test that says so.
import * as fs from "node:fs";
import path from "node:path";
import type { TestContext } from "node:test";
import {
  type Isolation,
  ServiceError,
  startTree,
  type Tree,
  type TreeOptions,
} from "../src/client/index.ts";
import { bin, Lines, serviceDir, tempDir } from "./harness.ts";

export const isolations: readonly Isolation[] = ["root", "user", "none"];

export interface TestTree {
  readonly tree: Tree;
  /** What its console prints. */
  readonly console: Lines;
  /** Aborts the signal that it was started with. */
  abort(): void;
}

/** What startTree() needs for an empty directory of services. */
export function treeOptions(t: TestContext): TreeOptions {
  const services = path.join(tempDir(t), "service");
  fs.mkdirSync(services);
  return { executable: fs.realpathSync(bin("trinit")), services };
}

/** A directory with stages of these names, as serviceDir() has it. */
export function stagesOf(t: TestContext, files: Record<string, string>): string {
  return serviceDir(tempDir(t), "stages", files);
}

/** Starts a tree, which is killed after the test; null when the test has been skipped. */
export async function startTestTree(
  t: TestContext,
  options: TreeOptions,
): Promise<TestTree | null> {
  const abort = new AbortController();
  try {
    const tree = await startTree({ ...options, signal: abort.signal });
    t.after(async () => {
      abort.abort();
      await tree.exited;
    });
    const console = new Lines("the console", tree.console);
    return { tree, console, abort: () => abort.abort() };
  } catch (error) {
    const refused = error instanceof ServiceError && error.code === "not-isolated";
    if (!refused || process.env.CI !== undefined) throw error;
    t.skip(`${error.message}; type: sudo npm test`);
    return null;
  }
}
