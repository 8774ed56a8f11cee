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
  *values(): IterableIterator<V> {
    this.readers++;
    try {
      yield* this.map.values();
    } finally {
      this.readers--;
    }
  }

  private renew(): void {
    this.map = new Map(this.map);
    this.untilRenewed = Math.max(RENEWED_AFTER, this.map.size);
  }
}
