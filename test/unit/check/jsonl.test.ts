import * as fc from "fast-check";
import { describe, expect, test, vi } from "vitest";
import { corruptionInWords, formatHistory, parseHistory } from "../../../src/check/jsonl.js";
import { draw, get, localGet, put, refused, trueHistory } from "./histories.js";

// Generated histories take long on a busy machine.
vi.setConfig({ testTimeout: 60_000 });

const line = (change: object): string =>
  JSON.stringify({
    process: 1,
    key: "k",
    call: { kind: "put", value: "a" },
    invoked: 1,
    returned: 2,
    outcome: { status: "done", answer: { kind: "put", version: 1 } },
    ...change,
  });

function problemOf(text: string): string {
  const parsed = parseHistory(text);
  return parsed.kind === "corrupt" ? corruptionInWords(parsed) : "none";
}

test("history survives being written and read", () => {
  fc.assert(
    fc.property(fc.array(draw(true), { minLength: 1, maxLength: 12 }), fc.string({ unit: "binary" }), (draws, key) => {
      const operations = trueHistory(draws).map((operation) => ({ ...operation, key }));
      expect(parseHistory(formatHistory(operations))).toEqual({ kind: "history", operations });
    }),
  );
  const others = [
    localGet(1, [0, 1], "a", 1),
    get(1, [0, 1], null),
    refused(1, [0, 1], { kind: "present" }, "x", { version: 3 }),
  ];
  expect(parseHistory(formatHistory(others))).toEqual({ kind: "history", operations: others });
});

test("empty lines and a missing last line end are passed over", () => {
  const text = `\n${formatHistory([put(1, [0, 1], "a", 1)])}\r\n${formatHistory([put(1, [2, 3], "b", 2)]).trimEnd()}`;
  expect(parseHistory(text)).toMatchObject({ kind: "history", operations: [{ invoked: 0 }, { invoked: 2 }] });
});

describe("corrupt history names line and field", () => {
  test.each([
    ["no operation", "\n", "line 1: there is no operation in this history"],
    [
      "cut short",
      `${line({})}\n${line({}).slice(0, 60)}`,
      "line 2: not a JSON object; the file seems to be cut short here",
    ],
    ["garbage", `${line({})}\nhello\n${line({})}`, "line 2: not a JSON object"],
    ["array", "[]", "line 1: must be an object; the file seems to be cut short here"],
    ["missing field", line({ key: undefined }), "line 1: field key: is missing"],
    ["wrong type", line({ key: 7 }), "line 1: field key: must be a string"],
    ["unknown field", line({ color: 1 }), "line 1: field color: is not known here"],
    [
      "unknown nested field",
      line({ call: { kind: "delete", conditon: {} } }),
      "line 1: field call.conditon: is not known here",
    ],
    [
      "unknown call",
      line({ call: { kind: "scan" } }),
      "line 1: field call.kind: must be one of get, put, cas, delete, add",
    ],
    ["prototype as field", line({ call: { kind: "put" } }), "line 1: field call.value: is missing"],
    ["return before invocation", line({ returned: 0 }), "line 1: field returned: is before invoked"],
    ["done without return", line({ returned: null }), "line 1: field returned: is null, although the outcome is done"],
    ["time as text", line({ invoked: "1" }), "line 1: field invoked: must be a number"],
    [
      "other answer",
      line({ outcome: { status: "done", answer: { kind: "get", present: false } } }),
      "line 1: field outcome.answer.kind: must be put, as the call is",
    ],
    [
      "version zero",
      line({ outcome: { status: "done", answer: { kind: "put", version: 0 } } }),
      "line 1: field outcome.answer.version: must be a whole number from 1 to 2^53 - 1",
    ],
    [
      "version beyond doubles",
      line({}).replace('"version":1', '"version":9007199254740993'),
      "line 1: field outcome.answer.version: must be a whole number from 1 to 2^53 - 1",
    ],
    [
      "answer to what failed",
      line({ outcome: { status: "failed", answer: {} } }),
      "line 1: field outcome.answer: is not known here",
    ],
    [
      "delta that is no number",
      line({ call: { kind: "add", delta: "9223372036854775808" } }),
      "line 1: field call.delta: must be a decimal string of a signed 64-bit number",
    ],
    [
      "found entry of another version",
      line({
        call: { kind: "delete", condition: { kind: "absent" } },
        outcome: { status: "done", answer: { kind: "delete", deleted: false, versionFound: 2, found: { version: 3 } } },
      }),
      "line 1: field outcome.answer.found: is not of the version found",
    ],
  ])("%s", (_, text, problem) => {
    expect(problemOf(text)).toBe(problem);
  });

  test("whatever is cut from a good file or changed in it, there is a verdict or an error, no exception", () => {
    const good = formatHistory(trueHistory(fc.sample(draw(true), { seed: 1, numRuns: 5 })));
    fc.assert(
      fc.property(fc.nat(good.length), fc.nat(6), fc.string(), (at, cut, inserted) => {
        expect(["history", "corrupt"]).toContain(
          parseHistory(good.slice(0, at) + inserted + good.slice(at + cut)).kind,
        );
      }),
    );
  });
});
