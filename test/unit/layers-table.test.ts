/** The table of layers in docs/architecture.md says what the code does: who imports whom, no more and no less. */
import { readdirSync, readFileSync } from "node:fs";
import { dirname, join, relative, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";

const root = fileURLToPath(new URL("../../", import.meta.url));
const IMPORT = /(?:from|import)\s*\(?\s*"(\.[^"]+)"/g;

/** The layer that a file lies in: a folder of src, a file right in src, or the generated code. */
function layerOf(path: string): string {
  const [first, second] = relative(root, path).split("/");
  return first === "src" ? (second as string).replace(/\.js$/, ".ts") : (first as string);
}

const importedBy = new Map<string, Set<string>>();
for (const name of readdirSync(join(root, "src"), { recursive: true, encoding: "utf8" })) {
  if (!name.endsWith(".ts")) continue;
  const file = join(root, "src", name);
  const layer = layerOf(file);
  const imported = importedBy.get(layer) ?? new Set();
  importedBy.set(layer, imported);
  for (const [, specifier] of readFileSync(file, "utf8").matchAll(IMPORT)) {
    const other = layerOf(resolve(dirname(file), specifier as string));
    // Every layer may know its version, and none gains anything by it.
    if (other !== layer && other !== "version.ts") imported.add(other);
  }
}

interface Row {
  readonly layers: readonly string[];
  readonly imports: ReadonlySet<string>;
}

const namesIn = (cell: string): string[] => [...cell.matchAll(/`src\/([\w.]+)`/g)].map(([, name]) => name as string);

function table(): Row[] {
  const text = readFileSync(join(root, "docs/architecture.md"), "utf8");
  const rows: Row[] = [];
  for (const [, first, second] of text.matchAll(/^\| (`src\/[^|]*) \| ([^|]*) ?\|/gm)) {
    if (!/^(`src\/[\w.]+`(, )?)+$/.test(first as string)) continue;
    const said = (second as string).trim();
    const words = said.split(/, /).filter((word) => word !== "" && word !== "nothing" && word !== "not even base");
    const imports = new Set(
      words.flatMap((word) => (word === "all of the above" ? rows.flatMap(({ layers }) => layers) : [word])),
    );
    if (!said.includes("not even base") && !said.startsWith("nothing")) imports.add("base");
    if (words.includes("all of the above")) imports.add("gen");
    rows.push({ layers: namesIn(first as string), imports });
  }
  return rows;
}

const rows = table();
const layers = [...importedBy.keys()].filter((layer) => layer !== "version.ts");

test("every folder of src has its row", () => {
  expect(rows.flatMap((row) => row.layers).toSorted()).toEqual(layers.toSorted());
});

describe.each(layers)("%s", (layer) => {
  test("imports what its row says", () => {
    const said = rows.find((row) => row.layers.includes(layer))?.imports ?? new Set();
    expect([...(importedBy.get(layer) ?? [])].filter((other) => !said.has(other))).toEqual([]);
  });
});

test("no row names a layer that none of its folders imports", () => {
  const unused = rows.flatMap(({ layers: named, imports }) =>
    [...imports]
      .filter((other) => other !== "base" && !named.includes("server"))
      .filter((other) => !named.some((layer) => importedBy.get(layer)?.has(other)))
      .map((other) => `${named.join(", ")}: ${other}`),
  );
  expect(unused).toEqual([]);
});
