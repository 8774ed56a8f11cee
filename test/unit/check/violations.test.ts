import * as fc from "fast-check";
import { describe, expect, test, vi } from "vitest";
import { checkHistory } from "../../../src/check/check.js";
import type { Condition, Operation } from "../../../src/check/history.js";
import { decide, versionWitness } from "../../../src/check/version-witness.js";
import { wingGong } from "../../../src/check/wing-gong.js";
import {
  added,
  draw,
  failed,
  get,
  localGet,
  put,
  refused,
  removed,
  swapped,
  trueHistory,
  unknown,
} from "./histories.js";

// Generated histories take long on a busy machine.
vi.setConfig({ testTimeout: 60_000 });

const version = (expected: number): Condition => ({ kind: "version", version: expected });
const checkers = [wingGong, versionWitness];

/** The witness must know it by itself: each of these is decided without the search. */
const violations: Record<string, { history: Operation[]; reason: RegExp }> = {
  "stale read": {
    history: [put(1, [0, 1], "a", 1), put(1, [2, 3], "b", 2), get(2, [4, 5], "a", 1)],
    reason: /Version 1 comes back after version 2/,
  },
  "read that goes back behind a read": {
    history: [put(1, [0, 1], "a", 1), put(1, [2, 9], "b", 2), get(2, [3, 4], "b", 2), get(3, [5, 6], "a", 1)],
    reason: /Version 1 comes back/,
  },
  "lost update: an add that did not see another": {
    history: [added(1, [0, 1], "1", "1", 1), added(1, [2, 3], "1", "2", 2), added(2, [4, 5], "1", "2", 3)],
    reason: /cannot have succeeded/,
  },
  "two compare-and-sets that win from one version": {
    history: [put(1, [0, 1], "a", 1), swapped(2, [2, 5], version(1), "b", 2), swapped(3, [3, 6], version(1), "c", 3)],
    reason: /version 1 was gone by then/,
  },
  "two compare-and-sets that both create": {
    history: [swapped(2, [2, 5], { kind: "absent" }, "b", 2), swapped(3, [3, 6], { kind: "absent" }, "c", 3)],
    reason: /the key held "b"/,
  },
  "phantom value": { history: [put(1, [0, 1], "a", 1), get(2, [2, 3], "z", 2)], reason: /nobody wrote it/ },
  "value of a write that was not executed": {
    history: [failed(1, [0, 1], { kind: "put", value: "a" }), get(2, [2, 3], "a", 1)],
    reason: /was not executed/,
  },
  "value seen before its write was invoked": {
    history: [get(2, [0, 1], "a", 1), put(1, [2, 3], "a", 1)],
    reason: /seen before it was written/,
  },
  "value of an unknown write seen before it was invoked": {
    history: [get(2, [0, 1], "a", 1), unknown(1, 2, { kind: "put", value: "a" })],
    reason: /before anybody wrote it/,
  },
  "unknown write that takes effect twice": {
    history: [
      unknown(1, 0, { kind: "put", value: "a" }),
      get(2, [1, 2], "a", 1),
      put(2, [3, 4], "b", 2),
      get(2, [5, 6], "a", 3),
    ],
    reason: /"a" comes back as version 3, although only one write/,
  },
  "version made twice": {
    history: [put(1, [0, 1], "a", 1), put(1, [2, 3], "b", 1)],
    reason: /Two writes made version 1/,
  },
  "version with two values": {
    history: [put(1, [0, 1], "a", 1), get(2, [2, 3], "b", 1)],
    reason: /Version 1 has two values/,
  },
  "versions that fall": {
    history: [put(1, [0, 1], "a", 5), put(1, [2, 3], "b", 4)],
    reason: /comes back|returned before/,
  },
  "version number used again by the write after a delete": {
    history: [put(1, [0, 1], "a", 1), removed(1, [2, 3], 1), put(1, [4, 5], "b", 2)],
    reason: /no version is left for the delete/,
  },
  "double add": { history: [added(1, [0, 1], "5", "5", 1), get(2, [2, 3], "10", 2)], reason: /nobody wrote it/ },
  "delete of one version twice": {
    history: [put(1, [0, 1], "a", 1), removed(1, [2, 3], 1), removed(2, [2, 4], 1)],
    reason: /deleted twice/,
  },
  "read of a deleted version": {
    history: [put(1, [0, 1], "a", 1), removed(1, [2, 3], 1), get(2, [4, 5], "a", 1)],
    reason: /seen after its end/,
  },
  "absence of what was written": {
    history: [put(1, [0, 1], "a", 1), get(2, [2, 3], null)],
    reason: /found the key absent/,
  },
  "absence in the middle of one version": {
    history: [put(1, [0, 1], "a", 1), get(2, [2, 3], null), get(2, [4, 5], "a", 1), removed(1, [6, 7], 1)],
    reason: /found the key absent/,
  },
  "refusal although the expected version was there": {
    history: [put(1, [0, 1], "a", 1), refused(1, [2, 3], version(1), "b", { version: 1, value: "a" })],
    reason: /contradicts its own call/,
  },
  "expected version that was a tombstone's": {
    history: [put(1, [0, 1], "a", 1), removed(1, [2, 3], 1), swapped(1, [4, 5], version(2), "b", 3)],
    reason: /No write made version 2/,
  },
  "swap whose expected value never was there": {
    history: [put(1, [0, 1], "a", 1), swapped(1, [2, 3], { kind: "value", value: "x" }, "b", 3)],
    reason: /cannot have succeeded/,
  },
};

describe("violation", () => {
  for (const [name, { history, reason }] of Object.entries(violations)) {
    test(name, () => {
      expect(wingGong.check(history, {}).kind).toBe("violation");
      const verdict = decide(history);
      expect(verdict).toMatchObject({ kind: "violation", reason: expect.stringMatching(reason) });
    });
  }

  test("is found when planted at the end of any true history", () => {
    const plants: ((end: number, top: number) => Operation[])[] = [
      (end, top) => [
        put(50, [end, end + 1], "p", top),
        put(50, [end + 2, end + 3], "q", top + 1),
        get(51, [end + 4, end + 5], "p", top),
      ],
      (end, top) => [
        put(50, [end, end + 1], "p", top),
        swapped(51, [end + 2, end + 5], version(top), "q", top + 1),
        swapped(52, [end + 3, end + 6], version(top), "r", top + 2),
      ],
      (end, top) => [get(51, [end, end + 1], "phantom", top)],
      (end, top) => [put(50, [end, end + 1], "p", top), put(50, [end + 2, end + 3], "q", top)],
      (end, top) => [put(50, [end, end + 1], "p", top + 1), put(50, [end + 2, end + 3], "q", top)],
      (end, top) => [
        unknown(50, end, { kind: "put", value: "once" }),
        get(51, [end, end + 1], "once", top),
        put(52, [end + 2, end + 3], "p", top + 1),
        get(51, [end + 4, end + 5], "once", top + 2),
      ],
    ];
    fc.assert(
      fc.property(fc.array(draw(true), { minLength: 1, maxLength: 10 }), fc.constantFrom(...plants), (draws, plant) => {
        const history = trueHistory(draws);
        const end = Math.max(...history.map(({ invoked, returned }) => Math.max(invoked, returned ?? 0))) + 30;
        const planted = [...history, ...plant(end, 1000)];
        for (const checker of checkers) expect(checker.check(planted, {}).kind).toBe("violation");
      }),
      { numRuns: 300 },
    );
  });

  test("names the operation at which the search got stuck, and the order up to there", () => {
    const [first, second, stale] = [put(1, [0, 1], "a", 1), put(1, [2, 3], "b", 2), get(2, [4, 5], "a", 1)];
    expect(wingGong.check([first, second, stale], {})).toMatchObject({
      kind: "violation",
      culprits: [stale],
      partial: [first, second],
    });
  });
});

describe("unknown outcome", () => {
  test("many additions behind a delete, in one gap between known versions, are found without the search", () => {
    // From a chaos run: the power went while one copy alone had them, so the key was absent until a later writer found
    // that copy.
    const deltas = [3011538212, 2752901070, 2907843140, -994902556, 460403253, 2401885429];
    const others = [-984127384, 670286133, 1915019566, 1495674172, 2478664224, 1641324759, 2145008157];
    const sum = deltas.reduce((total, delta) => total + delta, 0);
    const history = [
      added(1, [0, 1], "7", "7", 1),
      unknown(2, 2, { kind: "delete" }),
      ...[...deltas, ...others].map((delta, i) => unknown(10 + i, 3 + i, { kind: "add", delta: `${delta}` })),
      get(3, [40, 41], null, 0),
      added(4, [50, 60], "5", `${sum + 5}`, 10_001),
    ];
    expect(decide(history)?.kind).toBe("ok");
  });

  test("made what was deleted before others found nothing: not the one that was invoked only then", () => {
    // A run on a real cluster: the search took longer over it than it was given.
    const history = [
      added(1, [0, 10], "5", "5", 1),
      unknown(7, 1, { kind: "add", delta: "7" }),
      removed(2, [20, 100], 2),
      get(3, [25, 40], null),
      unknown(8, 50, { kind: "add", delta: "9" }),
      added(4, [60, 110], "1", "1", 4),
    ];
    expect(wingGong.check(history, {}).kind).toBe("ok");
    expect(decide(history)?.kind).toBe("ok");
  });

  test("made what a delete found, out of those that nothing behind the delete needs", () => {
    // As above: only the addition invoked last makes the sum behind the delete.
    const history = [
      added(1, [0, 10], "5", "5", 1),
      unknown(7, 11, { kind: "add", delta: "7" }),
      unknown(8, 12, { kind: "add", delta: "9" }),
      removed(2, [13, 100], 2),
      added(4, [14, 101], "1", "10", 5),
    ];
    expect(wingGong.check(history, {}).kind).toBe("ok");
    expect(decide(history)?.kind).toBe("ok");
  });

  const write = unknown(9, 0, { kind: "put", value: "a" });
  const cases: Record<string, Operation[]> = {
    "that is never seen": [write, get(1, [5, 6], null)],
    "that takes effect at once": [write, get(1, [1, 2], "a", 1)],
    "that takes effect long after": [write, get(1, [5, 6], null), put(1, [7, 8], "b", 1), get(1, [9, 10], "a", 2)],
    "whose version only a delete reveals": [write, removed(1, [5, 6], 4)],
    "whose version only a compare-and-set expects": [write, swapped(1, [5, 6], version(4), "b", 5)],
    "of a delete that explains an absence": [
      put(1, [0, 1], "a", 1),
      unknown(9, 2, { kind: "delete" }),
      get(1, [3, 4], "a", 1),
      get(1, [5, 6], null),
    ],
    "of an add that another add shows": [
      added(1, [0, 1], "1", "1", 1),
      unknown(9, 2, { kind: "add", delta: "3" }),
      added(1, [5, 6], "1", "5", 3),
    ],
    "of several adds between two answers": [
      added(1, [0, 1], "1", "1", 1),
      unknown(7, 2, { kind: "add", delta: "3" }),
      unknown(8, 2, { kind: "add", delta: "3" }),
      unknown(9, 2, { kind: "add", delta: "4" }),
      added(1, [5, 6], "1", "8", 5),
    ],
    "of a write that nobody saw but a value condition needs": [
      put(1, [0, 1], "b", 1),
      write,
      swapped(1, [2, 3], { kind: "value", value: "a" }, "c", 3),
    ],
  };
  for (const [name, history] of Object.entries(cases)) {
    test(`${name} is ok, and the versions decide`, () => {
      expect(wingGong.check(history, {}).kind).toBe("ok");
      expect(decide(history)?.kind).toBe("ok");
    });
  }

  test("needs room between the versions for what nobody saw", () => {
    const history = [
      added(1, [0, 1], "1", "1", 1),
      unknown(9, 2, { kind: "add", delta: "3" }),
      added(1, [5, 6], "1", "5", 2),
    ];
    for (const checker of checkers) expect(checker.check(history, {}).kind).toBe("violation");
  });

  test("whose condition never held made nothing", () => {
    const condition: Condition = { kind: "value", value: "x" };
    const history = [
      put(1, [0, 1], "b", 1),
      unknown(9, 2, { kind: "cas", condition, value: "a" }),
      get(1, [5, 6], "a", 2),
    ];
    expect(wingGong.check(history, {}).kind).toBe("violation");
    expect(decide(history)).toMatchObject({
      kind: "violation",
      reason: expect.stringContaining('No write of "a" can have made version 2'),
    });
  });

  test("is left to the search where the versions do not tell, and the verdict says so", () => {
    // Each of the two gaps between the versions could be bridged by the one unknown addition, but not both.
    const history = [
      added(1, [0, 1], "1", "1", 1),
      unknown(9, 2, { kind: "add", delta: "3" }),
      added(1, [5, 6], "1", "5", 3),
      added(1, [7, 8], "1", "9", 5),
    ];
    expect(decide(history)).toBeNull();
    expect(versionWitness.check(history, {})).toMatchObject({ kind: "violation", decidedBy: "wing-gong" });
  });
});

test("operations that touch in time are concurrent", () => {
  const history = [put(1, [0, 1], "a", 1), put(1, [2, 3], "b", 2), get(2, [3, 4], "a", 1)];
  for (const checker of checkers) expect(checker.check(history, {}).kind).toBe("ok");
});

test("budget that is spent gives out of time, which is no verdict", () => {
  const history = Array.from({ length: 14 }, (_, index) => put(index, [0, 100], `${index}`, 100 - index));
  const stale = [...history, get(20, [200, 201], "0", 3)];
  expect(wingGong.check(stale, { steps: 50 })).toMatchObject({ kind: "out of time" });
  let looks = 0;
  expect(wingGong.check(stale, { expired: () => ++looks > 1 })).toMatchObject({ kind: "out of time" });
});

test("long history does not overflow the stack", () => {
  const history = Array.from({ length: 30_000 }, (_, index) =>
    put(index % 3, [index, index + 2.5], `${index}`, index + 1),
  );
  for (const checker of checkers) expect(checker.check(history, {}).kind).toBe("ok");
});

describe("whole history", () => {
  test("is checked key by key, and one violation makes it one", () => {
    const good = [put(1, [0, 1], "a", 1), get(1, [2, 3], "a", 1)];
    const bad = [get(1, [4, 5], "z", 7)].map((operation) => ({ ...operation, key: "other" }));
    for (const checker of checkers) {
      const report = checkHistory([...good, ...bad], { checker });
      expect(report.kind).toBe("violation");
      expect(report.keys.map(({ key, verdict }) => [key, verdict.kind])).toEqual([
        ["k", "ok"],
        ["other", "violation"],
      ]);
    }
  });

  test.each([
    ["an old value is fine", [put(1, [0, 1], "a", 1), put(1, [2, 3], "b", 2), localGet(2, [4, 5], "a", 1)], "ok"],
    ["a value nobody wrote is not", [put(1, [0, 1], "a", 1), localGet(2, [4, 5], "z", 1)], "violation"],
    ["a version nobody made is not", [put(1, [0, 1], "a", 1), localGet(2, [4, 5], "a", 9)], "violation"],
    ["a value from the future is not", [localGet(2, [0, 1], "a", 1), put(1, [2, 3], "a", 1)], "violation"],
    [
      "a value of a failed write is not",
      [failed(1, [0, 1], { kind: "put", value: "a" }), localGet(2, [4, 5], "a", 1)],
      "violation",
    ],
    [
      "a value of an unknown write is fine",
      [unknown(1, 0, { kind: "put", value: "a" }), localGet(2, [4, 5], "a", 1)],
      "ok",
    ],
  ] as const)("local read: %s", (_, history, kind) => {
    for (const checker of checkers) expect(checkHistory(history, { checker }).kind).toBe(kind);
  });
});
