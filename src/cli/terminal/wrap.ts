/** Sentences on a narrow terminal: lines end between words, so that nothing is cut. */

/**
 * The text in lines of at most `width` characters. A word that is longer, such as an address, stays whole, as it may
 * have to be copied. `hanging`: so many spaces stand in front of every line except the first.
 */
export function wrapped(text: string, width: number, hanging = 0): string {
  if (text.length <= width) return text;
  const indent = " ".repeat(hanging);
  const lines: string[] = [];
  // Spaces in front of the first word stay.
  let line = /^ */.exec(text)?.[0] ?? "";
  let begun = false;
  for (const word of text.trimStart().split(" ")) {
    if (begun && line.length + 1 + word.length > width) {
      lines.push(line);
      line = indent + word;
    } else {
      line += begun ? ` ${word}` : word;
    }
    begun = true;
  }
  return [...lines, line].join("\n");
}
