import { describe, expect, test } from "vitest";
import { BASE_WINDOW, Detector, MAX_GROWTH } from "../../../../src/core/election/detector.js";
import { nodeId } from "../../../../src/core/model/ids.js";

const self = nodeId(2);
const a = nodeId(1);
const b = nodeId(3);

const detector = () => new Detector({ self, peers: [b, a] });

/** Ends rounds in which only these answer. */
function rounds(d: Detector, count: number, ...answering: (typeof a)[]): void {
  for (let i = 0; i < count; i++) {
    for (const node of answering) d.answered(node, d.round);
    d.roundEnded(false);
  }
}

/** Ends rounds in which that peer answers what it was asked so many rounds ago. */
function lateRounds(d: Detector, count: number, late: number): void {
  for (let i = 0; i < count; i++) {
    d.answered(a, d.round - late);
    d.roundEnded(false);
  }
}

describe("a peer is lost", () => {
  test("once it answered nothing for longer than any window, counted from the first round that asked it", () => {
    const d = detector();
    rounds(d, BASE_WINDOW + MAX_GROWTH, b);
    expect(d.isLost(a)).toBe(false);
    rounds(d, 1, b);
    expect([d.isLost(a), d.isLost(b), d.isLost(self)]).toEqual([true, false, false]);
    // A member of a later view is given the same time.
    const c = nodeId(9);
    d.setPeers([a, b, c]);
    expect(d.isLost(c)).toBe(false);
    rounds(d, BASE_WINDOW + MAX_GROWTH + 1, a, b);
    expect([d.isLost(a), d.isLost(c)]).toEqual([false, true]);
  });
});

describe("D3: a peer that always answers, however far away", () => {
  test("within the window's bound is heard from some round on, also when it never was", () => {
    const d = detector();
    const late = BASE_WINDOW + MAX_GROWTH - 1;
    lateRounds(d, 4 * late, late);
    expect(d.hears(a)).toBe(true);
    lateRounds(d, 100, late);
    expect(d.hears(a)).toBe(true);
  });

  test("beyond it is never heard", () => {
    const d = detector();
    lateRounds(d, 100, BASE_WINDOW + MAX_GROWTH);
    expect(d.hears(a)).toBe(false);
  });

  test("what waited for long and comes all at once makes it patient by one round only", () => {
    const d = detector();
    rounds(d, 10);
    for (let round = 1; round < 9; round++) d.answered(a, round);
    expect(d.windowOf(a)).toBe(BASE_WINDOW + 1);
  });
});

describe("hearing", () => {
  test("nobody is heard before a round ended, but a node always hears itself (D4)", () => {
    const d = detector();
    d.answered(a, d.round);
    expect(d.hears(a)).toBe(false);
    expect(d.hears(self)).toBe(true);
    d.roundEnded(false);
    expect(d.hears(a)).toBe(true);
  });

  test("heard nodes are listed in ascending order, without the node itself", () => {
    const d = detector();
    rounds(d, 1, b, a);
    expect(d.heard()).toEqual([a, b]);
  });

  test("the list stays the same array while nothing changes", () => {
    const d = detector();
    rounds(d, 1, a);
    const heard = d.heard();
    rounds(d, 5, a);
    expect(d.heard()).toBe(heard);
  });

  test("one missed round is forgiven, two are not (D1)", () => {
    const d = detector();
    rounds(d, 1, a);
    rounds(d, 1);
    expect(d.hears(a)).toBe(true);
    rounds(d, 1);
    expect(d.hears(a)).toBe(false);
  });

  test("a late answer counts for the round it answers, not for the round it comes in", () => {
    const d = detector();
    rounds(d, 5, b);
    d.answered(a, 3);
    d.roundEnded(false);
    expect(d.hears(a)).toBe(false);
    d.answered(a, 6);
    d.roundEnded(false);
    expect(d.hears(a)).toBe(true);
  });

  test("doubled and reordered answers change nothing", () => {
    const d = detector();
    rounds(d, 4, a);
    d.answered(a, 1);
    d.answered(a, 1);
    rounds(d, 1);
    expect(d.hears(a)).toBe(true);
    rounds(d, 1);
    expect(d.hears(a)).toBe(false);
  });

  test("an answer to a round that was never opened, or by a stranger, is ignored", () => {
    const d = detector();
    d.answered(a, 7);
    d.answered(a, 0);
    d.answered(nodeId(9), 1);
    d.roundEnded(false);
    expect(d.heard()).toEqual([]);
  });
});

describe("the window", () => {
  /** Suspects a, and shows at once that this was wrong. */
  function wrongSuspicion(d: Detector): void {
    while (d.hears(a)) d.roundEnded(false);
    rounds(d, 1, a);
  }

  test("a suspicion that proved wrong makes the window a round longer, for that peer only", () => {
    const d = detector();
    rounds(d, 1, a);
    wrongSuspicion(d);
    expect(d.windowOf(a)).toBe(BASE_WINDOW + 1);
    expect(d.windowOf(b)).toBe(BASE_WINDOW);
    rounds(d, 2);
    expect(d.hears(a)).toBe(true);
    rounds(d, 1);
    expect(d.hears(a)).toBe(false);
  });

  test("the window stops growing, so a dead peer is always suspected in the end (D2)", () => {
    const d = detector();
    rounds(d, 1, a);
    for (let i = 0; i < 20; i++) wrongSuspicion(d);
    expect(d.windowOf(a)).toBe(BASE_WINDOW + MAX_GROWTH);
    rounds(d, BASE_WINDOW + MAX_GROWTH);
    expect(d.hears(a)).toBe(false);
  });

  test("a peer that answers five rounds late, and now and then at once, is heard for good after a few rounds", () => {
    const d = detector();
    for (let i = 0; i < 200; i++) {
      const before = d.hears(a);
      if (d.round > 5) d.answered(a, d.round - 5);
      if (d.round % 10 === 0) d.answered(a, d.round);
      d.roundEnded(false);
      if (before && !d.hears(a)) expect(i).toBeLessThan(100);
    }
    expect(d.hears(a)).toBe(true);
  });

  test("an even slower peer gets its window from the answers that prove it alive", () => {
    const d = detector();
    rounds(d, 1, a);
    rounds(d, 2);
    expect(d.hears(a)).toBe(false);
    d.answered(a, 2); // sent before it was suspected
    expect(d.windowOf(a)).toBe(BASE_WINDOW + 1);
  });

  test("a suspicion proves wrong once, however many answers prove it", () => {
    const d = detector();
    rounds(d, 1, a);
    rounds(d, 3);
    for (let i = 0; i < 5; i++) d.answered(a, 4);
    expect(d.windowOf(a)).toBe(BASE_WINDOW + 1);
  });

  test("a peer that was away for long, or restarted, was suspected rightly", () => {
    const d = detector();
    rounds(d, 1, a, b);
    rounds(d, 5);
    d.restarted(b);
    d.answered(b, d.round);
    expect(d.windowOf(b)).toBe(BASE_WINDOW);
    rounds(d, 30);
    d.answered(a, d.round);
    expect(d.windowOf(a)).toBe(BASE_WINDOW);
  });
});

describe("stalls and views", () => {
  test("a node that stalled blames nobody for that round", () => {
    const d = detector();
    rounds(d, 1, a);
    for (let i = 0; i < 10; i++) d.roundEnded(true);
    expect(d.hears(a)).toBe(true);
    expect(d.hears(b)).toBe(false);
    rounds(d, 1);
    expect(d.hears(a)).toBe(true);
    rounds(d, 1);
    expect(d.hears(a)).toBe(false);
  });

  test("a view's new peers are watched, the removed forgotten, the others kept", () => {
    const d = detector();
    rounds(d, 1, a, b);
    const c = nodeId(7);
    d.setPeers([b, c]);
    expect(d.heard()).toEqual([b]);
    expect(d.hears(a)).toBe(false);
    rounds(d, 1, b, c);
    expect(d.heard()).toEqual([b, c]);
  });
});
