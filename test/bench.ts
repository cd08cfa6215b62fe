// What the measurements share.
import { spawnSync } from "node:child_process";
import * as fs from "node:fs";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { withDescendants } from "../src/client/processes.ts";

export function median(numbers: readonly number[]): number {
  return numbers.toSorted((a, b) => a - b)[numbers.length >> 1] ?? Number.NaN;
}

/** Looks every 20 ms; throws after a minute. */
export async function waitUntil(what: string, look: () => boolean): Promise<void> {
  const end = Date.now() + 60_000;
  while (!look()) {
    if (Date.now() > end) throw new Error(`waited for ${what} in vain`);
    await sleep(20);
  }
}

export function descendants(pid: number): number[] {
  return withDescendants([pid]).filter((found) => found !== pid);
}

/** What the generator writes. */
export const lineBytes = 100;

/** Writes numbered lines of 100 bytes to a pipe as fast as the pipe takes them. */
const generator = `
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
int main(int argc, char **argv) {
	static char block[65500];
	long lines = argc > 1 ? atol(argv[1]) : 0, number = 0;
	memset(block, '.', sizeof block);
	while (number < lines) {
		size_t size = 0;
		for (; size < sizeof block && number < lines; size += ${lineBytes}, number++) {
			long rest = number;
			for (int i = 9; i >= 0; i--, rest /= 10) block[size + i] = '0' + rest % 10;
			block[size + ${lineBytes - 1}] = '\\n';
		}
		for (size_t at = 0; at < size;) {
			ssize_t written = write(1, block + at, size - at);
			if (written < 0) return 1;
			at += (size_t)written;
		}
	}
	return 0;
}
`;

/** The program that writes lines, in C: its path. */
export function makeGenerator(directory: string): string {
  const source = path.join(directory, "lines.c");
  const output = path.join(directory, "lines");
  fs.writeFileSync(source, generator);
  const { status, stderr } = spawnSync("cc", ["-O2", "-o", output, source], { encoding: "utf8" });
  if (status !== 0) throw new Error(`cc: ${stderr}`);
  return output;
}
