/**
 * The comments of a source file as Markdown, one text a comment, without the signs around comments and in front of
 * lines. Lines keep their numbers. */
const TOKEN =
  /"(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*'|`(?:[^`\\]|\\.)*`|\/\*([\s\S]*?)\*\/|((?:(?<=^|\n)[ \t]*\/\/[^\n]*\n?)+|\/\/[^\n]*)/g;
const DIRECTIVE = /^\s*(biome-ignore|@ts-|eslint-|node:coverage|v8 ignore)/;

/** E1, R4b: the number of an invariant or rule in front of its text. */
const LABEL = /^\s{0,3}[A-Z]{1,2}\d{1,2}[a-z]?[:.]? +(?=\S)/;
/** A table, as of bytes in a file. */
const COLUMNS = /\S {3,}\S|^\s{4,}\S.* {2,}\S|^\s*\w+ {2,}\S/;
const HEADING = /^\s*(Invariants|Format|Layout):?\s*$/;

export function commentsOf(source) {
  const found = [];
  for (const token of source.matchAll(TOKEN)) {
    const [, block, lines] = token;
    if (block === undefined && lines === undefined) continue;
    const line = source.slice(0, token.index).split("\n").length;
    found.push({ line, text: block === undefined ? textOfLines(lines) : textOfBlock(block) });
  }
  return found;
}

const textOfLines = (text) => asMarkdown(text.split("\n").map((one) => one.replace(/^\s*\/\/ ?/, "")));

const textOfBlock = (text) => asMarkdown(text.split("\n").map((one) => one.replace(/^\s*\*+ ?/, "")));

/**
 * A numbered rule and a tag begin a point of a list. A directive for a tool, a table of columns and code are not read.
 */
function asMarkdown(lines) {
  const rows = [];
  let isCode = false;
  for (const [at, line] of lines.entries()) {
    const isBlank = line.trim() === "";
    isCode = line.startsWith("    ") ? isCode || (lines[at - 1] ?? "").trim() === "" : isCode && isBlank;
    const isColumns = COLUMNS.test(line) && !LABEL.test(line);
    if (isCode || isColumns || DIRECTIVE.test(line) || HEADING.test(line)) rows.push("");
    else rows.push(line.replace(LABEL, "* ").replace(/^@\w+ ?/, "* "));
  }
  return rows.join("\n");
}
