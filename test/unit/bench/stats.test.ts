import { describe, expect, test } from "vitest";
import { cpuSecondsOf, residentBytesOf } from "../../../bench/process/procfs.js";
import { Histogram } from "../../../bench/stats/histogram.js";
import { KeyChooser, parseDistribution, Random } from "../../../bench/stats/random.js";
import { fitLine, median, quantile, studentT975 } from "../../../bench/stats/summary.js";

describe("histogram", () => {
  test("quantiles are off by less than one part in 64, from microseconds to seconds", () => {
    for (const scale of [0.001, 0.1, 7, 900]) {
      const histogram = new Histogram();
      for (let i = 1; i <= 10_000; i++) histogram.record((i / 10_000) * scale);
      for (const fraction of [0.5, 0.99, 0.999]) {
        expect(Math.abs(histogram.quantileMs(fraction) / (fraction * scale) - 1)).toBeLessThan(1 / 64);
      }
      expect(histogram.summary().meanMs).toBeCloseTo(0.50005 * scale, 6);
      expect(histogram.summary().maxMs).toBe(scale);
    }
  });

  test("records of two generators add up", () => {
    const all = new Histogram();
    const parts = [new Histogram(), new Histogram()];
    for (let i = 1; i <= 100; i++) {
      all.record(i);
      parts[i % 2]?.record(i);
    }
    const sum = new Histogram();
    for (const part of parts) sum.add(JSON.parse(JSON.stringify(part)));
    expect(sum.summary()).toEqual(all.summary());
  });

  test("an empty one and a latency of zero are no trouble", () => {
    const histogram = new Histogram();
    expect(histogram.summary()).toMatchObject({ count: 0, meanMs: 0, p99Ms: 0 });
    histogram.record(0);
    expect(histogram.summary()).toMatchObject({ count: 1, meanMs: 0, p50Ms: 0 });
  });
});

describe("summary", () => {
  test("median and quantile", () => {
    expect(median([3, 1, 2])).toBe(2);
    expect(median([4, 1, 3, 2])).toBe(2.5);
    expect(quantile([5, 1, 4, 2, 3], 0.8)).toBe(4);
    expect(median([])).toBeNaN();
  });

  test("a straight line is found, and its interval holds the slope", () => {
    const random = new Random(5);
    const points = Array.from({ length: 200 }, (_, x) => ({ x, y: 10 + 0.5 * x + random.fraction() - 0.5 }));
    const line = fitLine(points);
    expect(line?.slope).toBeCloseTo(0.5, 2);
    expect(line?.slopeLow).toBeLessThan(0.5);
    expect(line?.slopeHigh).toBeGreaterThan(0.5);
    expect((line?.slopeHigh ?? 1) - (line?.slopeLow ?? 0)).toBeLessThan(0.01);
  });

  test("residuals that resemble their neighbours widen the interval", () => {
    const wave = (period: number) =>
      fitLine(Array.from({ length: 240 }, (_, x) => ({ x, y: Math.sin((2 * Math.PI * x) / period) })));
    const width = (line: ReturnType<typeof fitLine>): number => (line?.slopeHigh ?? 0) - (line?.slopeLow ?? 0);
    expect(width(wave(40))).toBeGreaterThan(2 * width(wave(2.1)));
  });

  test("too few points give no line; Student's t is within two percent", () => {
    expect(fitLine([{ x: 1, y: 1 }])).toBeUndefined();
    for (const [degrees, t] of [
      [3, 3.182],
      [5, 2.571],
      [10, 2.228],
      [30, 2.042],
      [1000, 1.962],
    ] as const) {
      expect(Math.abs(studentT975(degrees) / t - 1)).toBeLessThan(0.02);
    }
  });
});

describe("keys", () => {
  test("zipf draws key i in proportion to 1/(i+1)^theta", () => {
    for (const theta of [0.5, 0.99, 1.2]) {
      const chooser = new KeyChooser(100, { kind: "zipf", theta }, new Random(7));
      const counts = new Array<number>(100).fill(0);
      for (let i = 0; i < 200_000; i++) {
        const key = chooser.next();
        counts[key] = (counts[key] ?? 0) + 1;
      }
      for (const other of [1, 3, 9]) {
        expect((counts[0] ?? 0) / (counts[other] ?? 1) / (other + 1) ** theta).toBeCloseTo(1, 0.9);
      }
    }
  });

  test("uniform reaches every key about equally often", () => {
    const chooser = new KeyChooser(10, { kind: "uniform" }, new Random(1));
    const counts = new Array<number>(10).fill(0);
    for (let i = 0; i < 100_000; i++) {
      const key = chooser.next();
      counts[key] = (counts[key] ?? 0) + 1;
    }
    expect(Math.min(...counts)).toBeGreaterThan(9500);
    expect(Math.max(...counts)).toBeLessThan(10_500);
  });

  test("distributions are read, and unknown ones refused", () => {
    expect(parseDistribution("zipf:0.8")).toEqual({ kind: "zipf", theta: 0.8 });
    expect(() => parseDistribution("zipf:")).toThrow("unknown key distribution");
  });
});

test("a process's CPU time and memory are read, and a missing process has none", () => {
  expect(cpuSecondsOf(process.pid)).toBeGreaterThan(0);
  expect(residentBytesOf(process.pid)).toBeGreaterThan(1e6);
  expect(cpuSecondsOf(2 ** 30)).toBeUndefined();
  expect(residentBytesOf(2 ** 30)).toBeUndefined();
});
