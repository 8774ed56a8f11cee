/**
 * A Map for entries that come and go while it stays, such as those of calls under way.
 *
 * V8 gives a Map a new table when deleted entries fill the old one. It leaves in the old table a pointer to the new
 *    one, for iterators. A table that has outlived two collections of the young space lies in the old space until the
 *    next full collection, dead or not. It keeps the table after it alive, and so each later one, with all that ever
 *    was in them. So entries that lived for a millisecond are copied about and then collected as old
 *    (docs/adr/2026-11-21-maps-of-what-comes-and-goes.md).
 *
 * Here the Map itself is replaced by a copy now and then, to which nothing old points.
 */

/** New entries after which a small Map is replaced; a large one is after as many as it holds. */
const RENEWED_AFTER = 64;

export class TransientMap<K, V> {
  private map = new Map<K, V>();
  private untilRenewed = RENEWED_AFTER;
  /** Iterations under way: they are of this Map. */
  private readers = 0;

  get size(): number {
    return this.map.size;
  }

  has(key: K): boolean {
    return this.map.has(key);
  }

  get(key: K): V | undefined {
    return this.map.get(key);
  }

  set(key: K, value: V): void {
    if (--this.untilRenewed <= 0 && this.readers === 0) this.renew();
    this.map.set(key, value);
  }

  delete(key: K): boolean {
    return this.map.delete(key);
  }

  clear(): void {
    this.map.clear();
  }

  /** In the order of insertion, as those of a Map: also when entries come or go meanwhile. */
  values(): IterableIterator<V> {
    return this.map.size === 0 ? NOTHING.values() : new Values(this.map.values(), this);
  }

  /** As `values`, and makes nothing for each of them. */
  each(visit: (value: V) => void): void {
    this.began();
    try {
      this.map.forEach(visit);
    } finally {
      this.ended();
    }
  }

  /** An iteration has begun. */
  began(): void {
    this.readers++;
  }

  /** … and is over. */
  ended(): void {
    this.readers--;
  }

  private renew(): void {
    this.map = new Map(this.map);
    this.untilRenewed = Math.max(RENEWED_AFTER, this.map.size);
  }
}

const NOTHING: readonly never[] = [];

/** By hand: a generator costs several times as much, and some maps are gone through very often. */
class Values<V> implements IterableIterator<V> {
  private state: "new" | "open" | "over" = "new";

  constructor(
    private readonly inner: IterableIterator<V>,
    private readonly map: { began(): void; ended(): void },
  ) {}

  [Symbol.iterator](): this {
    return this;
  }

  next(): IteratorResult<V, undefined> {
    if (this.state === "new") {
      this.state = "open";
      this.map.began();
    }
    const result = this.inner.next();
    if (result.done === true) this.close();
    return result;
  }

  return(): IteratorResult<V, undefined> {
    this.close();
    return { done: true, value: undefined };
  }

  private close(): void {
    if (this.state === "open") this.map.ended();
    this.state = "over";
  }
}
