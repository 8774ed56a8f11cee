/** Splits a line of the prompt into words, as a shell does. Blanks separate, quotes hold together, a backslash takes
 * the next character as it is. */
import { usage } from "../ending/exit.js";

const ESCAPES: Readonly<Record<string, string>> = { n: "\n", r: "\r", t: "\t", "0": "\0" };

/**
 * Everything after a # that begins a word is a comment. Within "…" \\n, \\r, \\t and \\0 stand for what they do
 * elsewhere; '…' is as it is.
 */
export function wordsOf(line: string): string[] {
  const words: string[] = [];
  let word: string | null = null;
  let quoted: "'" | '"' | null = null;
  for (let i = 0; i < line.length; i++) {
    const c = line[i] ?? "";
    if (quoted === "'") {
      if (c === "'") quoted = null;
      else word = (word ?? "") + c;
    } else if (c === "\\") {
      i++;
      const next = line[i];
      if (next === undefined) throw usage("the line ends with a backslash");
      word = (word ?? "") + (quoted === '"' ? (ESCAPES[next] ?? next) : next);
    } else if (c === quoted) {
      quoted = null;
    } else if (quoted !== null) {
      word = (word ?? "") + c;
    } else if (c === "'" || c === '"') {
      quoted = c;
      word ??= "";
    } else if (/\s/.test(c)) {
      if (word !== null) words.push(word);
      word = null;
    } else if (c === "#" && word === null) {
      break;
    } else {
      word = (word ?? "") + c;
    }
  }
  if (quoted !== null) throw usage(`the line ends within ${quoted}…${quoted}`);
  if (word !== null) words.push(word);
  return words;
}
