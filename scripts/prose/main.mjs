/**
 * Reads the prose of README, manual, help texts, errors and comments by the rules beside this file. Some older files do
 * not keep them yet: unrepaired.json lists those. All others keep the rules, and make check sees to it.
 *
 *   node scripts/prose/main.mjs [FILE…]    all findings, or those in these files, with lines
 *   node scripts/prose/main.mjs --check    what make check runs: fails for files that are not listed, and for those that are without need
 */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { TextlintKernel } from "@textlint/kernel";
import markdown from "@textlint/textlint-plugin-markdown";
import { commentsOf } from "./comments.mjs";
import { literalsOf } from "./literals.mjs";
import { findingsOf, prose, sentencesOf } from "./rules.mjs";

const root = fileURLToPath(new URL("../..", import.meta.url));
const unrepaired = new Set(JSON.parse(readFileSync(join(root, "scripts/prose/unrepaired.json"), "utf8")));
const ROOMS = ["bench", "src", "test", "clients", "deploy", "gen", "proto"];
const PAGES = ["README.md", "CONTRIBUTING.md", ...inFolder("docs", ".md")]
  .concat(ROOMS.flatMap((room) => inFolder(room, ".md", true)))
  .filter((path) => !/(^|\/)node_modules\//.test(path));
const SOURCES = inFolder("src", ".ts", true);
const NOT_OURS = /(^|\/)(node_modules|out)\/|^test\/layers\/fixture\//;
/** Their comments alone are read: names of tests and what a script prints are not for users. */
const TOOLS = new Set(
  ["test", "bench", "scripts"]
    .flatMap((room) => [...inFolder(room, ".ts", true), ...inFolder(room, ".mjs", true)])
    .filter((path) => !NOT_OURS.test(path)),
);
/** Generated from the heads of traces. */
const LEFT_OUT = new Set(["docs/traces.md"]);

function inFolder(folder, ending, recursive = false) {
  return readdirSync(join(root, folder), { recursive })
    .map((name) => `${folder}/${name}`)
    .filter((path) => path.endsWith(ending));
}

const kernel = new TextlintKernel();

async function findingsIn(path) {
  const text = readFileSync(join(root, path), "utf8");
  if (path.endsWith(".md")) return findingsInMarkdown(path, text);
  const literals = TOOLS.has(path) ? [] : literalsOf(text);
  const found = literals.flatMap(({ line, text: literal }) =>
    sentencesOf(literal).flatMap(({ text: sentence }) =>
      findingsOf(sentence).map((finding) => ({ line, message: `${finding}: ${sentence.slice(0, 90)}` })),
    ),
  );
  for (const { line, text: comment } of commentsOf(text)) {
    for (const finding of await findingsInMarkdown(`${path}.md`, comment)) {
      found.push({ ...finding, line: line + finding.line - 1 });
    }
  }
  return found.toSorted((a, b) => a.line - b.line);
}

async function findingsInMarkdown(filePath, text) {
  const { messages } = await kernel.lintText(text, {
    filePath,
    ext: ".md",
    plugins: [{ pluginId: "markdown", plugin: markdown.default ?? markdown }],
    rules: [{ ruleId: "prose", rule: prose }],
  });
  return messages.map(({ line, message }) => ({ line, message }));
}

const args = process.argv.slice(2);
const named = args.filter((arg) => !arg.startsWith("--"));
const files = (named.length > 0 ? named : [...PAGES, ...SOURCES, ...TOOLS])
  .filter((path) => !LEFT_OUT.has(path))
  .toSorted();
const found = new Map();
for (const path of files) found.set(path, await findingsIn(path));

const check = args.includes("--check");
for (const [path, findings] of found) {
  const isListed = unrepaired.has(path);
  if (check && isListed && findings.length === 0) {
    console.log(`${path} keeps the rules: take it off scripts/prose/unrepaired.json`);
    process.exitCode = 1;
  }
  if (findings.length === 0 || (check && isListed)) continue;
  if (check) process.exitCode = 1;
  for (const { line, message } of findings) console.log(`${path}:${line} ${message}`);
}
