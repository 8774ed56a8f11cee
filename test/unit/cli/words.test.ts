import fc from "fast-check";
import { expect, test } from "vitest";
import { wordsOf } from "../../../src/cli/prompt/split-line.js";

test.each<[string, string[]]>([
  ["", []],
  ["  get   k ", ["get", "k"]],
  ["put 'a b' \"c d\"", ["put", "a b", "c d"]],
  ["put k ''", ["put", "k", ""]],
  ["put k a'b'c\"d\"", ["put", "k", "abcd"]],
  ['put k a\\ b\\"', ["put", "k", 'a b"']],
  ['put k "a\\tb\\n\\"\\\\"', ["put", "k", 'a\tb\n"\\']],
  ["put k 'a\\tb'", ["put", "k", "a\\tb"]],
  ["get k # why", ["get", "k"]],
  ["get k#1", ["get", "k#1"]],
  ["# only a comment", []],
])("the words of %j are %j", (line, words) => {
  expect(wordsOf(line)).toEqual(words);
});

test.each(["put k 'a", 'put k "a', "put k a\\"])("%j does not end well, and says why", (line) => {
  expect(() => wordsOf(line)).toThrow(/the line ends/);
});

test("any words come back from quotes as they were", () => {
  fc.assert(
    fc.property(fc.array(fc.string()), (words) => {
      const line = words.map((word) => `'${word.replaceAll("'", "'\\''")}'`).join(" ");
      expect(wordsOf(line)).toEqual(words);
    }),
  );
});
