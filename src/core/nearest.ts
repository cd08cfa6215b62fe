// What somebody may have meant who has typed a word that there is not.

/** Edits, as letters added, left out, replaced or swapped with the next, that make another word. */
function distance(from: string, to: string): number {
  let last: number[] = [];
  let row = Array.from({ length: to.length + 1 }, (_, at) => at);
  for (let i = 1; i <= from.length; i++) {
    const next = [i];
    for (let j = 1; j <= to.length; j++) {
      const replaced = (row[j - 1] ?? 0) + (from[i - 1] === to[j - 1] ? 0 : 1);
      let best = Math.min(replaced, (row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1);
      const isSwapped = from[i - 1] === to[j - 2] && from[i - 2] === to[j - 1];
      if (i > 1 && j > 1 && isSwapped) best = Math.min(best, (last[j - 2] ?? 0) + 1);
      next.push(best);
    }
    [last, row] = [row, next];
  }
  return row[to.length] ?? 0;
}

/** The known word that is nearest to a typed one; null when none is near: more than two edits, or
 * more than one in three letters. */
export function nearest(typed: string, known: readonly string[]): string | null {
  let best: string | null = null;
  let least = Math.min(2, Math.floor(typed.length / 3)) + 1;
  if (typed.length > 64) return null; // no word is so long
  for (const word of known) {
    if (word === typed || Math.abs(word.length - typed.length) >= least) continue;
    const edits = distance(typed, word);
    if (edits < least) [best, least] = [word, edits];
  }
  return best;
}
