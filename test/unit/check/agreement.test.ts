import * as fc from "fast-check";
import { describe, expect, test, vi } from "vitest";
import { isDone, type Operation } from "../../../src/check/history.js";
import { decide, explains, versionWitness } from "../../../src/check/version-witness.js";
import { wingGong } from "../../../src/check/wing-gong.js";
import { bruteForce, corrupted, draw, trueHistory } from "./histories.js";

// Generated histories take long on a busy machine.
vi.setConfig({ testTimeout: 60_000 });

const small = fc.array(draw(true), { minLength: 1, maxLength: 6 });

function verdicts(history: readonly Operation[]): Record<string, string> {
  return { wingGong: wingGong.check(history, {}).kind, versionWitness: versionWitness.check(history, {}).kind };
}

describe("true histories", () => {
  test("of a register whose every answer arrives are ok for both, and the versions alone decide", () => {
    fc.assert(
      fc.property(fc.array(draw(false), { minLength: 1, maxLength: 40 }), (draws) => {
        const history = trueHistory(draws);
        expect(wingGong.check(history, {}).kind).toBe("ok");
        expect(decide(history)?.kind).toBe("ok");
      }),
      { numRuns: 500 },
    );
  });

  test("with failed, lost and late calls are no violation for either, and the order that a checker gives explains them", () => {
    fc.assert(
      fc.property(fc.array(draw(true), { minLength: 1, maxLength: 24 }), (draws) => {
        const history = trueHistory(draws);
        for (const checker of [wingGong, versionWitness]) {
          const verdict = checker.check(history, { steps: 100_000 });
          // Running out of time is honest, if rare; a violation would be a lie.
          expect(verdict.kind).not.toBe("violation");
          if (verdict.kind === "ok") expect(explains(verdict.linearization, history)).toBe(true);
        }
      }),
      { numRuns: 500 },
    );
  });
});

describe("histories of at most six operations get the verdict of trying every order", () => {
  test("when they are true", () => {
    fc.assert(
      fc.property(small, (draws) => {
        expect(bruteForce(trueHistory(draws))).toBe(true);
      }),
    );
  });

  test("when one to three answers were changed", () => {
    fc.assert(
      fc.property(
        small,
        fc.array(fc.tuple(fc.nat(5), fc.nat(60)), { minLength: 1, maxLength: 3 }),
        (draws, changes) => {
          const history = changes.reduce<Operation[]>(
            (now, [which, how]) => corrupted(now, which, how),
            trueHistory(draws),
          );
          const expected = bruteForce(history) ? "ok" : "violation";
          expect(verdicts(history)).toEqual({ wingGong: expected, versionWitness: expected });
        },
      ),
      { numRuns: 3000 },
    );
  });

  test("when answers were forgotten as well", () => {
    fc.assert(
      fc.property(small, fc.nat(5), fc.nat(60), fc.nat(63), (draws, which, how, forgotten) => {
        const history = corrupted(trueHistory(draws), which, how).map(
          (operation, index): Operation =>
            isDone(operation) && (forgotten & (1 << index)) !== 0
              ? { ...operation, returned: null, outcome: { status: "unknown" } }
              : operation,
        );
        const expected = bruteForce(history) ? "ok" : "violation";
        expect(verdicts(history)).toEqual({ wingGong: expected, versionWitness: expected });
      }),
      { numRuns: 3000 },
    );
  });
});

test("longer histories with changed answers get the same verdict from both, if they get one", () => {
  fc.assert(
    fc.property(fc.array(draw(true), { minLength: 6, maxLength: 16 }), fc.nat(20), fc.nat(60), (draws, which, how) => {
      const history = corrupted(trueHistory(draws), which, how);
      const searched = wingGong.check(history, { steps: 100_000 }).kind;
      const witnessed = versionWitness.check(history, { steps: 100_000 }).kind;
      fc.pre(searched !== "out of time" && witnessed !== "out of time");
      expect(witnessed).toBe(searched);
    }),
    { numRuns: 1000 },
  );
});
