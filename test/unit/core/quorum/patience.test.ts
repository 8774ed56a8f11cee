import { describe, expect, test } from "vitest";
import { instant } from "../../../../src/base/time.js";
import { Asking, MAX_PATIENCE_MS, RESEND_MS } from "../../../../src/core/quorum/patience.js";

/** When it is asked again, looked at every tick. */
function repetitions(firstMs: number, untilMs: number): number[] {
  const asking = new Asking(instant(0));
  const at: number[] = [];
  for (let now = 0; now <= untilMs; now += 20) {
    if (asking.due(instant(now), { firstMs, returned: 0 }, 0b10)) at.push(now);
  }
  return at;
}

describe("patience", () => {
  test("begins with the round trip and doubles up to a bound", () => {
    expect(repetitions(RESEND_MS, 4_500)).toEqual([100, 300, 700, 1_500, 2_500, 3_500, 4_500]);
    expect(repetitions(RESEND_MS + 300, 3_300)).toEqual([400, 1_200, 2_200, 3_200]);
  });

  test("is never shorter than the round trip", () => {
    expect(repetitions(MAX_PATIENCE_MS + 500, 4_500)).toEqual([1_500, 3_000, 4_500]);
  });

  test("ends at once when somebody that did not answer is heard again, and begins anew", () => {
    const asking = new Asking(instant(0));
    asking.due(instant(100), { firstMs: RESEND_MS, returned: 0 }, 0b10);
    expect(asking.due(instant(200), { firstMs: RESEND_MS, returned: 0b01 }, 0b10)).toBe(false);
    expect(asking.due(instant(200), { firstMs: RESEND_MS, returned: 0b10 }, 0b10)).toBe(true);
    expect(asking.due(instant(299), { firstMs: RESEND_MS, returned: 0 }, 0b10)).toBe(false);
    expect(asking.due(instant(300), { firstMs: RESEND_MS, returned: 0 }, 0b10)).toBe(true);
  });
});
