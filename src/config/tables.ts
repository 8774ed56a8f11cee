/** The tables of docs/configuration.md, made from the list of settings. */

import { flagOf, nameOf, noFlagOf, type Setting, variableOf } from "./setting.js";
import { CLIENT_SETTINGS, NODE_SETTINGS } from "./settings.js";

/** Markdown by the name of the table, which stands in the document around it as a comment. */
const settingTables = (): ReadonlyMap<string, string> =>
  new Map([
    ["node", table(NODE_SETTINGS, (setting) => setting.scope === "node", true)],
    ["cluster", table(NODE_SETTINGS, (setting) => setting.scope === "cluster", true)],
    ["client", table(CLIENT_SETTINGS, () => true, false)],
  ]);

/** The document with its tables as they should be. */
export function withTables(document: string): string {
  let result = document;
  for (const [name, rows] of settingTables()) {
    const [begin, end] = [`<!-- settings ${name}: begin -->`, `<!-- settings ${name}: end -->`];
    const from = result.indexOf(begin);
    const to = result.indexOf(end);
    if (from < 0 || to < from) throw new Error(`the document has no place for the table ${name}: ${begin} … ${end}`);
    result = `${result.slice(0, from + begin.length)}\n${rows}\n${result.slice(to)}`;
  }
  return result;
}

function table(
  settings: Readonly<Record<string, Setting<unknown>>>,
  wanted: (setting: Setting<unknown>) => boolean,
  inFile: boolean,
): string {
  const head = inFile ? "| flag | variable | in a file |" : "| flag | variable |";
  const rows = Object.entries(settings)
    .filter(([, setting]) => wanted(setting))
    .map(([key, { argument, bound, fallback, text, on }]) => {
      const flag = `\`${flagOf(key)}${argument === "" ? "" : ` ${argument}`}\``;
      const names = [on === true ? `${flag}, \`${noFlagOf(key)}\`` : flag, `\`${variableOf(key)}\``];
      if (inFile) names.push(`\`${nameOf(key)}\``);
      return `| ${[...names, bound, fallback, text].join(" | ")} |`;
    });
  return [
    `${head} must be | default | what it does |`,
    `${head.replaceAll(/[^|]+/g, "---")}---|---|---|`,
    ...rows,
  ].join("\n");
}
