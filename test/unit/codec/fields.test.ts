/** Each field that a node reads from another one has its bound written down, and the page names no others. */
import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { type ContractField, REPLICATION } from "../../fuzz/peer/contract.js";

/** Fields with a size or a magnitude; the others are messages, whose fields have rows of their own. */
const needsBound = ({ scalar, repeated }: ContractField): boolean => repeated || scalar;

const page = readFileSync(new URL("../../../docs/protocol-fields.md", import.meta.url), "utf8");
const rows = page.split("\n").filter((line) => line.startsWith("| `"));
const named = rows.flatMap((row) => [...(row.split("|")[1] ?? "").matchAll(/`(\w+\.\w+)`/g)].map(([, name]) => name));

test("every number, text and list of the contract between nodes has a row", () => {
  const needed = [...REPLICATION].flatMap(([message, fields]) =>
    fields.filter(needsBound).map(({ name }) => `${message}.${name}`),
  );
  expect(needed.length).toBeGreaterThan(150);
  expect(needed.filter((name) => !named.includes(name))).toEqual([]);
});

test("the page names each once, and none that there is not", () => {
  const all = new Set([...REPLICATION].flatMap(([message, fields]) => fields.map(({ name }) => `${message}.${name}`)));
  expect(named.filter((name) => name === undefined || !all.has(name))).toEqual([]);
  expect(named.filter((name, i) => named.indexOf(name) !== i)).toEqual([]);
});
