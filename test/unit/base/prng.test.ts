import { describe, expect, test } from "vitest";
import { Prng } from "../../../src/base/prng.js";

const draw = (prng: Prng, count = 20): number[] => Array.from({ length: count }, () => prng.next());

describe("determinism", () => {
  test("the same seed gives the same numbers, another seed others", () => {
    expect(draw(new Prng(7))).toEqual(draw(new Prng(7)));
    expect(draw(new Prng(7))).not.toEqual(draw(new Prng(8)));
  });

  test("the first numbers of a seed never change, so that a seed in an old report still replays", () => {
    expect(draw(new Prng(1), 3)).toMatchInlineSnapshot(`
      [
        393288148,
        2174103013,
        3814759091,
      ]
    `);
  });

  test("seed 0 is as good as any", () => {
    expect(new Set(draw(new Prng(0), 100)).size).toBe(100);
  });

  test("neighbouring seeds do not give similar numbers", () => {
    const first = new Set(Array.from({ length: 1_000 }, (_, seed) => new Prng(seed).next()));
    expect(first.size).toBe(1_000);
  });
});

describe("forks", () => {
  test("a fork does not depend on how much was drawn before", () => {
    const drawn = new Prng(5);
    draw(drawn);
    expect(draw(drawn.fork("network"))).toEqual(draw(new Prng(5).fork("network")));
  });

  test("drawing from a fork does not shift what its origin draws", () => {
    const prng = new Prng(5);
    draw(prng.fork("disk"));
    expect(draw(prng)).toEqual(draw(new Prng(5)));
  });

  test("another name or another seed gives another stream", () => {
    const prng = new Prng(5);
    expect(draw(prng.fork("disk"))).not.toEqual(draw(prng.fork("network")));
    expect(draw(prng.fork("disk"))).not.toEqual(draw(new Prng(6).fork("disk")));
    expect(draw(prng.fork("disk"))).not.toEqual(draw(prng));
  });
});

describe("ranges", () => {
  const prng = new Prng(11);

  test("next is a whole number in [0, 2^32) and reaches both halves", () => {
    const numbers = draw(prng, 2_000);
    for (const n of numbers) expect(Number.isInteger(n) && n >= 0 && n < 2 ** 32).toBe(true);
    const high = numbers.filter((n) => n >= 2 ** 31).length;
    expect(high).toBeGreaterThan(800);
    expect(high).toBeLessThan(1_200);
  });

  test("below stays below its bound and hits every number evenly", () => {
    const counts = new Array<number>(6).fill(0);
    for (let i = 0; i < 6_000; i++) {
      const n = prng.below(6);
      counts[n] = (counts[n] ?? 0) + 1;
    }
    expect(counts).toHaveLength(6);
    for (const count of counts) expect(count).toBeGreaterThan(850);
  });

  test("a fraction is in [0, 1)", () => {
    for (let i = 0; i < 1_000; i++) {
      const fraction = prng.fraction();
      expect(fraction >= 0 && fraction < 1).toBe(true);
    }
  });

  test("chance 0 never happens, chance 1 always, chance 1/4 about every fourth time", () => {
    let hits = 0;
    for (let i = 0; i < 4_000; i++) {
      expect(prng.chance(0)).toBe(false);
      expect(prng.chance(1)).toBe(true);
      if (prng.chance(0.25)) hits++;
    }
    expect(hits).toBeGreaterThan(850);
    expect(hits).toBeLessThan(1_150);
  });

  test("pick gives every item, and an empty list is an error", () => {
    const seen = new Set(Array.from({ length: 200 }, () => prng.pick(["a", "b", "c"])));
    expect([...seen].sort()).toEqual(["a", "b", "c"]);
    expect(() => prng.pick([])).toThrow("empty list");
  });

  test("shuffle keeps the items, leaves its argument alone and reaches every order", () => {
    const items = [1, 2, 3];
    const orders = new Set<string>();
    for (let i = 0; i < 200; i++) orders.add(prng.shuffle(items).join(""));
    expect([...orders].sort()).toEqual(["123", "132", "213", "231", "312", "321"]);
    expect(items).toEqual([1, 2, 3]);
  });
});
