/**
 * The numbered invariants in the heads of files: each is asserted, or shown by a test that names it. An assertion
 * begins with the number, as in "I1: the promise never falls". In another file it has the file's name before it, as in
 * "writer I5: …". A test of the file names the number in its title, and so does any other test together with the file's
 * name.
 */
import { readdirSync, readFileSync } from "node:fs";
import { basename, join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";

const root = fileURLToPath(new URL("../../", import.meta.url));

interface Text {
  readonly path: string;
  readonly name: string;
  readonly text: string;
}

const textsOf = (folder: string, endings: RegExp): readonly Text[] =>
  readdirSync(join(root, folder), { recursive: true, encoding: "utf8" })
    .filter((path) => endings.test(path))
    .map((path) => ({
      path: `${folder}/${path}`,
      name: basename(path).replace(endings, ""),
      text: readFileSync(join(root, folder, path), "utf8"),
    }));

const sources = textsOf("src", /\.ts$/);
const tests = textsOf("test", /(\.test|-suite)\.ts$|\.yaml$/);

/** Those that neither can show, and why. */
const NOT_SHOWN: Readonly<Record<string, string>> = {};

const headOf = (text: string): string => /^\/\*\*[\s\S]*?\*\//.exec(text)?.[0] ?? "";
const numbersOf = (head: string): readonly string[] =>
  /\binvariants\b/i.test(head)
    ? [...head.matchAll(/^ \* +([A-Z]\d+[a-z]?) +[A-Z`]/gm)].map(([, number]) => number as string)
    : [];

const INVARIANTS = sources.flatMap(({ path, name, text }) =>
  numbersOf(headOf(text)).map((number) => ({ path, name, number, code: text.slice(headOf(text).length) })),
);

function isShown({ name, number, code }: (typeof INVARIANTS)[number]): boolean {
  const away = new RegExp(`\\b${name} ${number}\\b`);
  return (
    code.includes(`"${number}: `) ||
    sources.some(({ text }) => text.includes(`"${name} ${number}: `)) ||
    tests.some(
      (file) => away.test(file.text) || (isOf(file.name, name) && new RegExp(`\\b${number}\\b`).test(file.text)),
    )
  );
}

const isOf = (test: string, name: string): boolean => test === name || test.startsWith(`${name}-`);

test("the heads of files number invariants", () => {
  expect(INVARIANTS.length).toBeGreaterThan(80);
});

describe.each(INVARIANTS)("$number of $path", (invariant) => {
  test("is asserted, or shown by a test that names it", () => {
    expect(isShown(invariant) || `${invariant.path} ${invariant.number}` in NOT_SHOWN).toBe(true);
  });
});

test("those that nothing can show are there, and nothing does show them", () => {
  const known = INVARIANTS.filter((one) => !isShown(one)).map(({ path, number }) => `${path} ${number}`);
  expect(known).toEqual(expect.arrayContaining(Object.keys(NOT_SHOWN)));
});
