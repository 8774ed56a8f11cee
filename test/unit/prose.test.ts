/** The rules of prose find what they are to find (scripts/prose), in pages and in the texts of the program. */
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, expect, test } from "vitest";

const root = fileURLToPath(new URL("../..", import.meta.url));
const folder = mkdtempSync(join(tmpdir(), "onar-prose-"));
afterAll(() => rmSync(folder, { recursive: true }));

function findings(name: string, text: string): string[] {
  writeFileSync(join(folder, name), text);
  const args = ["scripts/prose/main.mjs", relative(root, join(folder, name))];
  const { stdout, stderr } = spawnSync(process.execPath, args, { cwd: root, encoding: "utf8" });
  expect(stderr).toBe("");
  return stdout
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => line.replace(/^.*?:(\d+) (.*?)(: .*)?$/, "$1 $2"));
}

test("in a page: long sentences, sentences that begin behind themselves, and words with a better one; code is one word", () => {
  const long = `One ${"and two ".repeat(13)}words.`;
  const page = `# Of titles nothing is said\n\nOf a key nothing is known. What is it?\n\n${long}\n\n| a | b |\n|---|---|\n| x | It is kept for ever. |\n\nShort \`${"a ".repeat(40)}\` code.\n`;
  expect(findings("page.md", page)).toEqual([
    "3 begins with Of",
    "5 28 words in a sentence, at most 25",
    '9 say "forever"',
  ]);
});

test("in a source: texts of some words, and comments", () => {
  const source = `// Of comments much is said here.\nconst a = "Who is behind asks for the rest";\nconst b = \`it waits for ever for \${name}\`;\n`;
  expect(findings("source.ts", source)).toEqual(["1 begins with Of", "2 begins with Who", '3 say "forever"']);
});

test("in a comment: a number of a rule begins a sentence, lines of `//` are one text, columns and code are not read", () => {
  const source = `/**
 * It is short
 *   I1  What begins a rule
 *   I2  and what goes on
 *       12  ${"word ".repeat(40)}
 *
 *     Who.calls(${"word ".repeat(40)});
 */
const a = "// What is no comment"; // biome-ignore What is for a tool
// ${"and two ".repeat(8)}
// ${"and two ".repeat(5)}words
`;
  expect(findings("comments.ts", source)).toEqual(["3 begins with What", "10 27 words in a sentence, at most 25"]);
});
