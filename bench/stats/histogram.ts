/**
 * A histogram of latencies with a bounded relative error. So millions of them need a few kilobytes, and the percentiles
 * of several generators can be added up.
 *
 * Intuition: each power of two of nanoseconds is cut into 64 equal slices. So a value is off by at most one part in 64
 * (1.6 %). It is half of that on average, because a percentile is reported as its slice's middle. Mean and maximum are
 * exact.
 */

const SLICES = 64;
/** 2^42 ns is more than an hour. */
const BUCKETS = 42 * SLICES;

/** A histogram as JSON: pairs of bucket and count. */
export interface HistogramRecord {
  readonly buckets: readonly (readonly [number, number])[];
  readonly sumMs: number;
  readonly maxMs: number;
}

export interface LatencySummary {
  readonly count: number;
  readonly meanMs: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly p999Ms: number;
  readonly maxMs: number;
}

export class Histogram {
  readonly #counts = new Float64Array(BUCKETS);
  #count = 0;
  #sumMs = 0;
  #maxMs = 0;

  get count(): number {
    return this.#count;
  }

  record(latencyMs: number): void {
    const bucket = bucketOf(latencyMs);
    this.#counts[bucket] = (this.#counts[bucket] ?? 0) + 1;
    this.#count++;
    this.#sumMs += latencyMs;
    if (latencyMs > this.#maxMs) this.#maxMs = latencyMs;
  }

  add(record: HistogramRecord): void {
    for (const [bucket, count] of record.buckets) {
      this.#counts[bucket] = (this.#counts[bucket] ?? 0) + count;
      this.#count += count;
    }
    this.#sumMs += record.sumMs;
    this.#maxMs = Math.max(this.#maxMs, record.maxMs);
  }

  /** The smallest latency that `fraction` of all do not exceed, in ms; 0 when there are none. */
  quantileMs(fraction: number): number {
    const rank = Math.max(1, Math.ceil(fraction * this.#count));
    let seen = 0;
    for (let bucket = 0; bucket < BUCKETS; bucket++) {
      seen += this.#counts[bucket] ?? 0;
      if (seen >= rank) return Math.min(middleMs(bucket), this.#maxMs);
    }
    return 0;
  }

  summary(): LatencySummary {
    return {
      count: this.#count,
      meanMs: this.#count === 0 ? 0 : this.#sumMs / this.#count,
      p50Ms: this.quantileMs(0.5),
      p99Ms: this.quantileMs(0.99),
      p999Ms: this.quantileMs(0.999),
      maxMs: this.#maxMs,
    };
  }

  toJSON(): HistogramRecord {
    const buckets: [number, number][] = [];
    this.#counts.forEach((count, bucket) => {
      if (count > 0) buckets.push([bucket, count]);
    });
    return { buckets, sumMs: this.#sumMs, maxMs: this.#maxMs };
  }
}

function bucketOf(latencyMs: number): number {
  const ns = latencyMs * 1e6;
  if (!(ns >= 1)) return 0;
  const power = Math.floor(Math.log2(ns));
  // log2 may round up right below a power of two: the slice is clamped, not the power.
  const slice = Math.min(SLICES - 1, Math.max(0, Math.floor((ns / 2 ** power - 1) * SLICES)));
  return Math.min(BUCKETS - 1, power * SLICES + slice);
}

function middleMs(bucket: number): number {
  const power = Math.floor(bucket / SLICES);
  return (2 ** power * (1 + ((bucket % SLICES) + 0.5) / SLICES)) / 1e6;
}
