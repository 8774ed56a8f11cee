/** Texts on a terminal: how wide they are, and where their lines end. */
import { stripVTControlCharacters } from "node:util";

const PLAIN = /^[\x20-\x7e]*$/;
/** Chinese, Japanese and Korean signs, and pictures, take two columns. */
const WIDE =
  /[\u1100-\u115f\u2e80-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6]|\p{Emoji_Presentation}/u;
/** Accents and the like share the column of the sign before. */
const SHARED = /\p{M}/u;

/** The columns that the text takes on a terminal; colours take none. */
export function columnsOf(text: string): number {
  if (PLAIN.test(text)) return text.length;
  let columns = 0;
  for (const sign of stripVTControlCharacters(text)) columns += SHARED.test(sign) ? 0 : WIDE.test(sign) ? 2 : 1;
  return columns;
}

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
