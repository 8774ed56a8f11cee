import { describe, expect, test } from "vitest";
import { instant } from "../../../../src/base/time.js";
import { RoundTrips } from "../../../../src/core/election/round-trips.js";
import { nodeId } from "../../../../src/core/model/ids.js";

const a = nodeId(1);

describe("how long a peer takes to answer", () => {
  test("is unknown at first", () => {
    expect(new RoundTrips().of(a)).toBe(0);
  });

  test("is learnt from the round that is answered, not from the last one", () => {
    const trips = new RoundTrips();
    trips.sent(1, instant(1_000));
    trips.sent(2, instant(1_200));
    trips.answered(a, 1, instant(1_300));
    expect(trips.of(a)).toBe(300);
  });

  test("rises at once and falls slowly", () => {
    const trips = new RoundTrips();
    for (let round = 1; round <= 100; round++) {
      trips.sent(round, instant(round * 200));
      trips.answered(a, round, instant(round * 200 + (round === 1 ? 180 : 20)));
      if (round === 2) expect(trips.of(a)).toBe(160);
    }
    expect(Math.round(trips.of(a))).toBe(20);
  });

  test("a node that stood still is not taken for a slow one for long, and what was asked long ago says nothing", () => {
    const trips = new RoundTrips();
    trips.sent(1, instant(0));
    trips.answered(a, 1, instant(60_000));
    expect(trips.of(a)).toBe(1_000);
    for (let round = 2; round <= 40; round++) trips.sent(round, instant(60_000));
    trips.answered(a, 2, instant(60_001));
    expect(trips.of(a)).toBe(1_000);
  });
});
