/**
 * Reads the prose of README, manual, help texts and errors by the rules beside this file. Some older pages do not keep them yet:
 * unrepaired.json lists those. What is not listed there keeps the rules, and make check sees to it.
 *
 *   node scripts/prose/main.mjs [FILE…]    all findings, or those in these files, with lines
 *   node scripts/prose/main.mjs --check    what make check runs: fails for files that are not listed, and for those that are without need
 */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { TextlintKernel } from "@textlint/kernel";
import markdown from "@textlint/textlint-plugin-markdown";
import { literalsOf } from "./literals.mjs";
import { findingsOf, prose, sentencesOf } from "./rules.mjs";

const root = fileURLToPath(new URL("../..", import.meta.url));
const unrepaired = new Set(JSON.parse(readFileSync(join(root, "scripts/prose/unrepaired.json"), "utf8")));
const PAGES = ["README.md", "CONTRIBUTING.md", ...inFolder("docs", ".md")];
const SOURCES = [...inFolder("src/cli", ".ts", true), ...inFolder("src/config", ".ts")];
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
  if (path.endsWith(".ts")) {
    return literalsOf(text).flatMap(({ line, text: literal }) =>
      sentencesOf(literal).flatMap(({ text: sentence }) =>
        findingsOf(sentence).map((finding) => ({ line, message: `${finding}: ${sentence.slice(0, 90)}` })),
      ),
    );
  }
  const { messages } = await kernel.lintText(text, {
    filePath: path,
    ext: ".md",
    plugins: [{ pluginId: "markdown", plugin: markdown.default ?? markdown }],
    rules: [{ ruleId: "prose", rule: prose }],
  });
  return messages.map(({ line, message }) => ({ line, message }));
}

const args = process.argv.slice(2);
const named = args.filter((arg) => !arg.startsWith("--"));
const files = (named.length > 0 ? named : [...PAGES, ...SOURCES]).filter((path) => !LEFT_OUT.has(path)).toSorted();
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
