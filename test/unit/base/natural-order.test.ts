import { expect, test } from "vitest";
import { compareNaturally } from "../../../src/base/natural-order.js";

test("numbers in names count as numbers", () => {
  const names = ["n10:4600", "n2:4700", "n2:4600", "10.0.0.9:1", "10.0.0.10:1", "n2", "", "[::1]:4600"];
  expect(names.toSorted(compareNaturally)).toEqual([
    "",
    "10.0.0.9:1",
    "10.0.0.10:1",
    "[::1]:4600",
    "n2",
    "n2:4600",
    "n2:4700",
    "n10:4600",
  ]);
});

test("a number may be longer than any number of the language, and begin with zeros", () => {
  const long = "9".repeat(40);
  expect(compareNaturally(`n${long}`, `n1${"0".repeat(40)}`)).toBeLessThan(0);
  expect(compareNaturally("n007", "n8")).toBeLessThan(0);
});

test("only equal names are equal", () => {
  expect(compareNaturally("n1", "n1")).toBe(0);
  expect(compareNaturally("n01", "n1")).not.toBe(0);
});
