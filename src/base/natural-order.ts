/**
 * The order in which people look for names with numbers in them: n2 before n10. By hand, as the language's own
 * collation takes 10 ms to load, which a command would wait for.
 */

/**
 * Negative: `a` comes first; 0: they are equal. Runs of digits count as numbers, however long; all else as characters.
 */
export function compareNaturally(a: string, b: string): number {
  const left = partsOf(a);
  const right = partsOf(b);
  for (let i = 0; i < Math.min(left.length, right.length); i++) {
    const order = comparePart(left[i] ?? "", right[i] ?? "");
    if (order !== 0) return order;
  }
  return left.length - right.length || compareText(a, b);
}

/** Text and digits in turn. */
const partsOf = (text: string): readonly string[] => text.split(/(\d+)/);

const isNumber = (text: string): boolean => /^\d/.test(text);
const withoutZeros = (digits: string): string => digits.replace(/^0+(?=\d)/, "");
const compareText = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);

function comparePart(a: string, b: string): number {
  if (!isNumber(a) || !isNumber(b)) return compareText(a, b);
  const [one, other] = [withoutZeros(a), withoutZeros(b)];
  return one.length - other.length || compareText(one, other);
}
