/**
 * Rules by their numbers: each of docs/protocol.md is cited by a test and by the code that keeps it. Each planted bug
 * names one that there is.
 */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { plantedBugs } from "../planted/planted.js";

const root = fileURLToPath(new URL("../../", import.meta.url));

function textOf(folder: string, endings: RegExp): string {
  const names = readdirSync(join(root, folder), { recursive: true, encoding: "utf8" });
  return names
    .filter((name) => endings.test(name) && !name.endsWith("rules.test.ts"))
    .map((name) => readFileSync(join(root, folder, name), "utf8"))
    .join("\n");
}

const protocol = readFileSync(join(root, "docs/protocol.md"), "utf8");
/** The first cell of a row in its tables: "R1 fence". */
const RULES = [...protocol.matchAll(/^\| ([A-Z]\d+) [a-z]/gm)].map(([, rule]) => rule as string);
const tests = textOf("test", /\.(ts|txt)$/);
const code = textOf("src", /\.ts$/);

test("there are rules", () => {
  expect(RULES).toEqual(expect.arrayContaining(["R1", "R14", "V1"]));
});

describe.each(RULES)("%s", (rule) => {
  const cited = new RegExp(`\\b${rule}\\b`);

  test("is cited by a test", () => {
    expect(tests).toMatch(cited);
  });

  test("is cited where the code keeps it", () => {
    expect(code).toMatch(cited);
  });
});

test("each planted bug breaks a rule or an invariant that is written down", () => {
  const known = `${protocol}\n${code.replace(/planted\("[^"]*"\)/g, "")}`;
  const unknown = plantedBugs().filter((bug) => {
    const rule = bug.split(".")[0] as string;
    return !new RegExp(`\\b${rule}\\b`).test(known);
  });
  expect(unknown).toEqual([]);
});
