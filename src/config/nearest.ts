/** "Did you mean …": the known name that a mistyped one is closest to. */

/** The closest of the names within `most` edits, dashes and case aside; null when none is. */
export function nearest(typed: string, names: readonly string[], most = 3): string | null {
  const wanted = plain(typed);
  let best: string | null = null;
  let least = Math.min(most, Math.floor(wanted.length / 2)) + 1;
  for (const name of names) {
    const edits = distance(wanted, plain(name));
    if (edits < least) {
      least = edits;
      best = name;
    }
  }
  return best;
}

const plain = (name: string): string => name.toLowerCase().replaceAll(/[-_]/g, "");

/** Characters to insert, delete, replace or swap with their neighbour. */
function distance(a: string, b: string): number {
  // Names are short; what is not cannot be close.
  if (Math.abs(a.length - b.length) > 8 || a.length > 60) return Number.POSITIVE_INFINITY;
  const rows: number[][] = [Array.from({ length: b.length + 1 }, (_, j) => j)];
  const at = (i: number, j: number): number => rows[i]?.[j] ?? Number.POSITIVE_INFINITY;
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    rows.push(row);
    for (let j = 1; j <= b.length; j++) {
      const same = a[i - 1] === b[j - 1] ? 0 : 1;
      let least = Math.min(at(i - 1, j) + 1, (row[j - 1] ?? 0) + 1, at(i - 1, j - 1) + same);
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1])
        least = Math.min(least, at(i - 2, j - 2) + 1);
      row[j] = least;
    }
  }
  return at(a.length, b.length);
}
