import { expect, test } from "vitest";
import {
  ProgressLines,
  partDone,
  percentOf,
  progressBar,
  progressText,
} from "../../../src/cli/members/progress-text.js";

const known = { partitions: 8, partitionsDone: 6, keys: 100n, keysMoved: 50n, bytes: 4_096n, bytesMoved: 2_048n };

test("the part that is done is counted in bytes, or in partitions where bytes are not known", () => {
  expect(partDone(known)).toBe(0.5);
  expect(partDone({ partitions: 8, partitionsDone: 6 })).toBe(0.75);
  expect(partDone({ partitions: 0, partitionsDone: 0 })).toBe(0);
  expect(percentOf({ ...known, bytesMoved: 4_095n })).toBe("99 %");
});

test("a narrow terminal gets what matters most, and the bar is as long as the part that is done", () => {
  expect(progressText({ ...known, timeLeftMs: 7_300_000n })).toBe(
    "50 %, 6 of 8 partitions, 2.0 KiB of 4.0 KiB, 3 h left, 50 of 100 keys",
  );
  expect(progressBar({ ...known, timeLeftMs: 130_000n }, 60)).toBe("██████████░░░░░░░░░░ 50 %, 6 of 8 partitions");
  expect(progressText({ ...known, timeLeftMs: 130_000n }, 1)).toBe("50 %");
  expect(progressText({ ...known, timeLeftMs: 130_000n })).toContain("3 min left");
});

test("where no bar can be drawn a line tells it, the same one not twice, and none on a terminal", () => {
  const said: string[] = [];
  const lines = (errorTerminal: boolean, everyMs = 0): ProgressLines =>
    new ProgressLines({ error: (line) => said.push(line), errorTerminal }, "a drain", everyMs);
  const told = lines(false);
  for (const text of ["1 %", "1 %", "2 %"]) told.say(text);
  lines(true).say("3 %");
  lines(false, 60_000).say("4 %");
  new ProgressLines(null, "a drain", 0).say("5 %");
  expect(said).toEqual(["a drain: 1 %", "a drain: 2 %"]);
});
