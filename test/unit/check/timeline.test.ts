import { expect, test } from "vitest";
import { checkHistory } from "../../../src/check/check.js";
import { timelinePage } from "../../../src/check/timeline.js";
import { versionWitness } from "../../../src/check/version-witness.js";
import { wingGong } from "../../../src/check/wing-gong.js";
import { failed, get, put, unknown } from "./histories.js";

test("violation is drawn with its sentence, a bar for each operation and the contradiction marked", () => {
  const history = [
    put(1, [0, 1], "a", 1),
    put(1, [2, 3], "b", 2),
    unknown(7, 2, { kind: "put", value: "c" }),
    failed(3, [2, 3], { kind: "delete" }),
    get(2, [4, 5], "a", 1),
  ];
  const page = timelinePage(checkHistory(history, { checker: versionWitness }).keys);
  expect(page).toContain("Version 1 comes back after version 2");
  expect(page.match(/<g class="bar/g)).toHaveLength(5);
  expect(page.match(/<g class="bar [a-z]+ culprit"/g)).toHaveLength(2);
  expect(page.match(/<g class="bar write open"/g)).toHaveLength(1);
  expect(page).toContain('<path class="link"');
  expect(page).toContain(">process 7<");
});

test("what contradicts is numbered in the order of time, in the drawing and in the list", () => {
  const history = [put(1, [0, 1], "a", 1), put(1, [2, 3], "b", 2), get(2, [4, 5], "a", 1)];
  const [report] = checkHistory(history, { checker: versionWitness }).keys;
  if (report?.verdict.kind !== "violation") throw new Error("a violation was expected");
  const [first, second] = report.verdict.culprits.map(({ invoked }) => invoked);
  const turned = { ...report, verdict: { ...report.verdict, culprits: report.verdict.culprits.toReversed() } };
  expect(first).not.toBe(second);
  for (const one of [report, turned]) {
    const page = timelinePage([one]);
    const marks = [...page.matchAll(/<circle cx="([\d.]+)"[^>]*\/><text class="mark"[^>]*>(\d)</g)];
    expect(marks.toSorted((a, b) => Number(a[1]) - Number(b[1])).map(([, , mark]) => mark)).toEqual(["1", "2"]);
    expect(page).toMatch(/<ol class="culprits"><li><b>put.*<li><b>get/);
  }
});

test("page of the search tells the end of the longest order", () => {
  const history = [put(1, [0, 1], "a", 1), put(1, [2, 3], "b", 2), get(2, [4, 5], "a", 1)];
  const page = timelinePage(checkHistory(history, { checker: wingGong }).keys);
  expect(page).toContain("The end of the longest order that explains what came before");
  expect(page).toContain("does not fit here");
});

test("hostile keys, values and processes stay text", () => {
  const evil = `</svg></title><script>alert('x')</script><img src=x onerror="y">&\u202e\u0007`;
  const history = [put(1, [0, 1], evil, 1), get(2, [2, 3], `${evil}2`, 1)].map((operation) => ({
    ...operation,
    key: evil,
    process: evil,
  }));
  const page = timelinePage(checkHistory(history, { checker: versionWitness }).keys);
  for (const active of ["<script", "<img", "\u202e", "\u0007"]) expect(page).not.toContain(active);
  expect(page).toContain("&#60;script");
});

test("only what is near a contradiction of a long history is drawn", () => {
  const history = Array.from({ length: 500 }, (_, index) => put(1, [2 * index, 2 * index + 1], `${index}`, index + 1));
  const page = timelinePage(
    checkHistory([...history, get(2, [1000, 1001], "497", 498)], { checker: versionWitness }).keys,
  );
  expect(page.match(/<g class="bar/g)?.length).toBeLessThanOrEqual(36);
  expect(page).toMatch(/\d+ of the key's 501 operations are drawn/);
});

test("page without a violation says so", () => {
  expect(timelinePage([])).toContain("No violation was found");
});
