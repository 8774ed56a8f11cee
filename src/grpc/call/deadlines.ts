/**
 * Deadlines of many calls on one timer.
 *
 * Intuition: nearly every call has ended long before its deadline. So adding and deleting must be cheap, and nothing
 * else. Calls lie in buckets of a few milliseconds, and the timer waits for the first bucket.
 *
 * Invariants:
 * 1. A call expires after its deadline and at most a bucket later, as far as the event loop is free.
 * 2. A call that was deleted does not expire.
 */

import { performance } from "node:perf_hooks";

export interface Expiring {
  /** By `performance.now()`. */
  readonly deadlineAt: number;
  expired(): void;
}

const BUCKET_MS = 8;
/** The longest delay of a timer; it is set again then. */
const MAX_DELAY_MS = 86_400_000;

export class Deadlines {
  readonly #buckets = new Map<number, Set<Expiring>>();
  #first = Number.POSITIVE_INFINITY;
  #timer: NodeJS.Timeout | undefined;

  /** A deadline of Infinity is none. */
  add(one: Expiring): void {
    if (one.deadlineAt === Number.POSITIVE_INFINITY) return;
    const at = bucketOf(one.deadlineAt);
    const bucket = this.#buckets.get(at);
    if (bucket !== undefined) bucket.add(one);
    else this.#buckets.set(at, new Set([one]));
    if (at < this.#first) this.#arm(at);
  }

  delete(one: Expiring): void {
    const at = bucketOf(one.deadlineAt);
    const bucket = this.#buckets.get(at);
    if (bucket?.delete(one) && bucket.size === 0) this.#buckets.delete(at);
  }

  #arm(at: number): void {
    clearTimeout(this.#timer);
    this.#first = at;
    if (at === Number.POSITIVE_INFINITY) return;
    const delay = Math.min(MAX_DELAY_MS, Math.max(0, at * BUCKET_MS - performance.now()));
    this.#timer = setTimeout(() => this.#fire(), delay);
    this.#timer.unref();
  }

  #fire(): void {
    const due = Math.floor(performance.now() / BUCKET_MS);
    let first = Number.POSITIVE_INFINITY;
    const expired: Expiring[] = [];
    for (const [at, bucket] of this.#buckets) {
      if (at > due) first = Math.min(first, at);
      else {
        this.#buckets.delete(at);
        for (const one of bucket) expired.push(one);
      }
    }
    this.#first = Number.POSITIVE_INFINITY;
    this.#arm(first);
    for (const one of expired) one.expired();
  }
}

/** The end of the bucket lies at or after the deadline. */
function bucketOf(at: number): number {
  return Math.ceil(at / BUCKET_MS);
}
