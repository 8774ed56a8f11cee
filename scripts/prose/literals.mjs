/** The texts in a source file that people read: string literals of some words, line by line, without comments. A
 * value that is filled in counts as one word. */
const FEWEST_WORDS = 5;
const TOKEN = /\/\*[\s\S]*?\*\/|\/\/[^\n]*|"((?:[^"\\\n]|\\.)*)"|`((?:[^`\\]|\\.)*)`/g;

export function literalsOf(source) {
  const found = [];
  for (const token of source.matchAll(TOKEN)) {
    const literal = token[1] ?? token[2];
    if (literal === undefined) continue;
    const line = source.slice(0, token.index).split("\n").length;
    const lines = literal.replaceAll(/\$\{(?:[^{}]|\{[^{}]*\})*\}/g, "x").split(/\n|\\n/);
    for (const text of lines.map((one) => one.replaceAll(/\\(.)/g, "$1").trim())) {
      if (text.split(/\s+/).filter((word) => /\p{L}/u.test(word)).length >= FEWEST_WORDS) found.push({ line, text });
    }
  }
  return found;
}
