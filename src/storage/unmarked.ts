/**
 * Keys whose register went into the checkpoint before it was known to be settled. A later fold gives them their mark
 * (H10). They are in memory only: a start forgets them, and so does a node that has too many. That costs an impose for
 * a key that is read after its ballot was forgotten.
 */
import { isCovered, type Timestamp } from "../core/model/ballot.js";
import type { Key } from "../core/model/ids.js";

/** Keys of all tables of a node, and their bytes. At it: further ones are not remembered. */
export const MAX_UNMARKED = 65_536;
export const UNMARKED_BYTES = 4 * 1024 * 1024;

/** All tables of a node together. */
export class UnmarkedLoad {
  keys = 0;
  bytes = 0;
}

const SETTLED = "settled";

export class Unmarked {
  private readonly keys = new Map<Key, Timestamp | typeof SETTLED>();

  constructor(private readonly load: UnmarkedLoad) {}

  add(key: Key, timestamp: Timestamp): void {
    const { load } = this;
    if (!this.keys.has(key)) {
      if (load.keys >= MAX_UNMARKED || load.bytes + key.length > UNMARKED_BYTES) return;
      load.keys++;
      load.bytes += key.length;
    }
    this.keys.set(key, timestamp);
  }

  delete(key: Key): void {
    if (this.keys.size === 0 || !this.keys.delete(key)) return;
    this.load.keys--;
    this.load.bytes -= key.length;
  }

  /** Every register of that ballot up to that seq is settled. */
  settle(last: Timestamp): void {
    for (const [key, known] of this.keys) if (known !== SETTLED && isCovered(known, last)) this.keys.set(key, SETTLED);
  }

  isSettled(key: Key): boolean {
    return this.keys.get(key) === SETTLED;
  }

  /** Those that are settled by now. */
  *settled(covers: (timestamp: Timestamp) => boolean): IterableIterator<Key> {
    for (const [key, known] of this.keys) if (known === SETTLED || covers(known)) yield key;
  }

  clear(): void {
    for (const key of this.keys.keys()) this.delete(key);
  }
}
