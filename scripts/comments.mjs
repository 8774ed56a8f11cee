/**
 * Keeps comments as narrow as the code: at most 120 characters a line. `--check` names the lines that are longer;
 * without it they are wrapped. A line that is too long hands its last words to the next line of its paragraph, or to a
 * new one. So little else changes. Some lines stay, as they cannot be broken: an address, a directive of a tool, a row
 * of a table or of a drawing.
 */
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const WIDTH = 120;
const FOLDERS = ["src", "test", "bench", "scripts", "clients/typescript", "clients/typescript-stubs"];
const LEFT_OUT = /(^|\/)(node_modules|dist|gen|\.cache)(\/|$)|\.d\.ts$/;
const CODE = /\.(ts|mjs)$/;
/** Lines that are not prose. */
const FIXED = /biome-ignore|https?:\/\/|eslint|\|.*\||[─│→←┌└]|\S {3,}\S|^\s*\/\/\/ |@ts-|@vitest/;
const ITEM = /^(?:[-*•] +|\d+\. +|[A-Z]\d+[a-z]? +)/;

const root = fileURLToPath(new URL("..", import.meta.url));
const check = process.argv.includes("--check");
let found = 0;
for (const folder of FOLDERS) {
  for (const name of readdirSync(join(root, folder), { recursive: true, encoding: "utf8" })) {
    const path = join(folder, name);
    if (!CODE.test(name) || LEFT_OUT.test(path)) continue;
    const text = readFileSync(join(root, path), "utf8");
    const lines = text.split("\n");
    if (check) {
      for (const [i, line] of lines.entries()) {
        if (!isLong(line)) continue;
        found++;
        console.log(
          `${path}:${i + 1} ${line.length} characters in a line of a comment, at most ${WIDTH}: ${line.trim().slice(0, 60)}`,
        );
      }
    } else {
      const wrapped = wrap(lines).join("\n");
      if (wrapped !== text) writeFileSync(join(root, path), wrapped);
    }
  }
}
if (found > 0) console.log("node scripts/comments.mjs wraps them");
process.exit(found > 0 ? 1 : 0);

/** The parts of a line that is nothing but a comment; null: it is another. */
function commentOf(line) {
  const match = /^(\s*)(\/\*\*? |\* |\/\/ )( *)(.*)$/.exec(line);
  if (match === null) return null;
  const [, indent, mark, inner, text] = match;
  return { indent, mark, inner, text };
}

function isLong(line) {
  const comment = line.length > WIDTH ? commentOf(line) : null;
  if (comment === null || FIXED.test(comment.text)) return false;
  return broken(comment) !== null;
}

/** Where the line is cut: what stays, and the words that go on below; null: it has nowhere to be cut. */
function broken({ indent, mark, inner, text }) {
  const begin = indent.length + mark.length + inner.length;
  const end = text.endsWith(" */") ? " */" : "";
  const words = text.slice(0, text.length - end.length);
  const at = words.lastIndexOf(" ", WIDTH - begin);
  return at <= 0 || words.slice(0, at).trim() === ""
    ? null
    : { kept: words.slice(0, at), rest: words.slice(at + 1), end };
}

function wrap(lines) {
  const results = [...lines];
  for (let i = 0; i < results.length; i++) {
    const line = results[i];
    if (!isLong(line)) continue;
    const comment = commentOf(line);
    const { indent, mark, inner, text } = comment;
    if (mark.startsWith("/*")) {
      // A comment of one line, or the first of more: the text begins below.
      const ends = text.endsWith(" */");
      const below = `${indent} * ${inner}${ends ? text.slice(0, -3) : text}`;
      results.splice(i, 1, `${indent}${mark.trim()}`, below, ...(ends ? [`${indent} */`] : []));
      continue;
    }
    const { kept, rest, end } = broken(comment);
    const next = results[i + 1] === undefined ? null : commentOf(results[i + 1]);
    const hang = inner + " ".repeat(ITEM.exec(text)?.[0].length ?? 0);
    const goesOn =
      end === "" &&
      next !== null &&
      next.mark === mark &&
      next.indent === indent &&
      (next.inner === hang || next.inner === inner) &&
      next.text !== "" &&
      !next.text.startsWith("/") &&
      !next.text.startsWith("@") &&
      !ITEM.test(next.text) &&
      !FIXED.test(next.text);
    results[i] = `${indent}${mark}${inner}${kept}`;
    if (goesOn) results[i + 1] = `${indent}${mark}${next.inner}${rest} ${next.text}`;
    else results.splice(i + 1, 0, `${indent}${mark}${hang}${rest}${end}`);
  }
  return results;
}
