/**
 * No cast outside the codec and constructors. A cast (`as T`, `x!`) tells the compiler something that it cannot see,
 * and so hides what changes later. Allowed everywhere are `as const` and an element by its index, as the compiler
 * doubts every index. All others are counted in casts.json, by file: the number there may only fall.
 */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseSync, Visitor } from "rolldown/utils";
import { expect, test } from "vitest";

const root = fileURLToPath(new URL("../../", import.meta.url));

/** Here bytes become messages, and numbers and strings the core's own kinds of them. */
const MAY_CAST = [/^codec\//, /^base\/time\.ts$/, /^core\/model\/ids\.ts$/];

/** The casts of a text that the rule is about, each as it is written. */
function castsOf(text: string): string[] {
  const found: string[] = [];
  const note = ({ start, end }: { start: number; end: number }): void => {
    found.push(text.slice(start, end));
  };
  new Visitor({
    TSAsExpression: (cast) => {
      const { expression, typeAnnotation } = cast;
      const constant = text.slice(typeAnnotation.start, typeAnnotation.end) === "const";
      const byIndex = expression.type === "MemberExpression" && expression.computed;
      if (!constant && !byIndex) note(cast);
    },
    TSTypeAssertion: note,
    TSNonNullExpression: note,
  }).visit(parseSync("x.ts", text).program);
  return found;
}

const allowed: Record<string, number> = JSON.parse(readFileSync(join(root, "test/unit/casts.json"), "utf8"));

test("casts are in the codec and in constructors, and elsewhere not one more than is counted", () => {
  const names = readdirSync(join(root, "src"), { recursive: true, encoding: "utf8" });
  const beyond: string[] = [];
  for (const name of names.filter((one) => one.endsWith(".ts") && !MAY_CAST.some((may) => may.test(one))).sort()) {
    const casts = castsOf(readFileSync(join(root, "src", name), "utf8"));
    if (casts.length > (allowed[name] ?? 0)) beyond.push(`${name}: ${casts.length}: ${casts.join("; ")}`);
  }
  expect(beyond).toEqual([]);
});

test("the rule bites on casts, and on nothing else", () => {
  expect(castsOf("const a = b as C; const d = e!; const f = <G>h;")).toEqual(["b as C", "e!", "<G>h"]);
  expect(castsOf("const a = [1] as const; const b = c[0] as D; const e = f satisfies G; // h as I")).toEqual([]);
});
