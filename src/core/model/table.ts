import { assert, present } from "../../base/assert.js";
import { isCovered, sameTimestamp, type Timestamp } from "./ballot.js";
import { ChangeList } from "./change-list.js";
import { type ChangeNumber, type Key, NO_CHANGE } from "./ids.js";
import type { Register } from "./register.js";
import { type Forgotten, Removals, type RemovalsPage } from "./removals.js";
import { SortedKeys } from "./sorted-keys.js";

/** A replica knows nothing of a key whose register fails its checksum. It is never taken for absent (R11). */
export const BAD = "bad";
export type Bad = typeof BAD;

/** The latest change of one key. */
export interface Change {
  readonly change: ChangeNumber;
  readonly key: Key;
  /** null: the register is bad here. */
  readonly timestamp: Timestamp | null;
}

/** One key's part of a stream in the order of keys. */
export interface Held {
  readonly key: Key;
  readonly held: Register | Bad;
  /** The latest change of the key. */
  readonly change: ChangeNumber;
  /** Its register is known to be settled. */
  readonly settled: boolean;
}

/**
 * The registers of one partition, as the replica sees them at once; durability is the business of the entries that go
 * with every change. Changes are numbered by the replica, 1, 2, 3 …; the number of an entry is that of its change.
 * Storage gives the implementation: a map, or a memory table over a checkpoint.
 */
export interface RegisterTable {
  /** null: absent. */
  get(key: Key): Register | Bad | null;
  /** `change` is above every earlier one of this table. `settled`: the register is known to be settled. */
  put(register: Register, change: ChangeNumber, settled?: boolean): void;
  remove(key: Key, change: ChangeNumber): void;
  /** Whether this register is what is held of its key, with the mark that it is settled (H10). */
  isSettled(register: Register): boolean;
  /** Registers held, bad ones included. */
  readonly size: number;
  /** The highest change number there was; 0 when there was none. */
  readonly lastChange: ChangeNumber;
  /**
   * The latest change of each key that changed after `after`, by ascending number, at most `limit` of them. Removals
   * are not listed.
   */
  changesAfter(after: ChangeNumber, limit: number): Change[];
  /** Tombstones held, those that changed longest ago first, at most `limit` of them. */
  tombstones(limit: number): Change[];
  /**
   * The registers behind that key (null: from the first one), in the order of `compareKeys`, bad ones included. At most
   * `limit` of them, and none behind the one by which they have so many bytes together. The next page shows each key as
   * it is by then.
   */
  orderedAfter(after: Key | null, limit: number, maxBytes?: number): Held[];
  /**
   * The keys whose latest change is a removal above `after`, by ascending number. At most `limit` of them, and none
   * behind the one by which the keys have so many bytes together. A key may be listed twice: its later number counts.
   * "forgotten": not all since then are known.
   */
  removalsAfter(after: ChangeNumber, limit: number, maxBytes?: number): RemovalsPage | Forgotten;
}

/** Keys looked at together, so that a page of long keys is not read far beyond its end. */
const PORTION = 32;

export interface ChangesPage {
  readonly found: readonly Change[];
  /** There may be later ones. */
  readonly more: boolean;
}

/**
 * As `changesAfter`, and cut short where the keys are longer than so many bytes together; one at least is found if
 * there is one.
 */
export function changesPage(
  table: Pick<RegisterTable, "changesAfter">,
  after: ChangeNumber,
  limit: number,
  maxBytes: number,
): ChangesPage {
  const found: Change[] = [];
  let bytes = 0;
  for (let last = after; found.length < limit; ) {
    const wanted = Math.min(PORTION, limit - found.length);
    const portion = table.changesAfter(last, wanted);
    for (const change of portion) {
      bytes += change.key.length;
      if (bytes > maxBytes && found.length > 0) return { found, more: true };
      found.push(change);
      last = change.change;
    }
    if (portion.length < wanted) return { found, more: false };
  }
  return { found, more: true };
}

export interface OrderedPage {
  readonly found: readonly Held[];
  /** There may be more behind them. */
  readonly more: boolean;
}

/**
 * As `orderedAfter`, and cut short where the registers are longer than so many bytes together; one at least is found if
 * there is one.
 */
export function orderedPage(
  table: Pick<RegisterTable, "orderedAfter">,
  after: Key | null,
  limit: number,
  maxBytes: number,
): OrderedPage {
  const found = table.orderedAfter(after, limit, maxBytes);
  let bytes = 0;
  for (const one of found) bytes += bytesOfHeld(one);
  const more = found.length >= limit || bytes >= maxBytes;
  if (bytes > maxBytes && found.length > 1) found.pop();
  return { found, more };
}

/** About how many bytes it takes in memory and on the wire. */
export const bytesOfHeld = ({ key, held }: Held): number => (held === BAD ? key.length : held.bytes);

interface Slot {
  readonly register: Register | Bad;
  readonly change: ChangeNumber;
  settled: boolean;
}

export class MemoryTable implements RegisterTable {
  private readonly slots = new Map<Key, Slot>();
  private changes = new ChangeList(this.slots);
  /** Tombstones, in the order of their changes. */
  private readonly deleted = new Set<Key>();
  private readonly order = new SortedKeys();
  private removals = new Removals();
  lastChange = NO_CHANGE;

  get(key: Key): Register | Bad | null {
    return this.slots.get(key)?.register ?? null;
  }

  put(register: Register, change: ChangeNumber, settled = false): void {
    const { key } = register;
    this.note(change);
    if (!this.slots.has(key)) this.order.add(key);
    this.slots.set(key, { register, change, settled });
    this.changes.add(key, change);
    this.removals.takeBack(key);
    if (this.deleted.size > 0) this.deleted.delete(key);
    if (register.tombstone) this.deleted.add(key);
  }

  remove(key: Key, change: ChangeNumber): void {
    this.note(change);
    if (this.slots.delete(key)) this.order.delete(key);
    this.deleted.delete(key);
    this.removals.add(key, change);
  }

  isSettled({ key, timestamp }: Register): boolean {
    const slot = this.slots.get(key);
    return slot?.settled === true && slot.register !== BAD && sameTimestamp(slot.register.timestamp, timestamp);
  }

  /** Every register of that ballot up to that seq is settled: it gets its mark. */
  settle(last: Timestamp): void {
    for (const slot of this.slots.values())
      if (slot.register !== BAD && isCovered(slot.register.timestamp, last)) slot.settled = true;
  }

  /** Makes the key's checksum fail: for storages in tests. */
  spoil(key: Key): void {
    const slot = this.slots.get(key);
    if (slot !== undefined) this.slots.set(key, { register: BAD, change: slot.change, settled: false });
  }

  /** A table of its own with the same content. */
  copy(): MemoryTable {
    const copy = new MemoryTable();
    for (const [key, slot] of this.slots) {
      copy.slots.set(key, { ...slot });
      copy.order.add(key);
    }
    for (const key of this.deleted) copy.deleted.add(key);
    copy.changes = this.changes.copy(copy.slots);
    copy.removals = this.removals.copy();
    copy.lastChange = this.lastChange;
    return copy;
  }

  get size(): number {
    return this.slots.size;
  }

  changesAfter(after: ChangeNumber, limit: number): Change[] {
    const found: Change[] = [];
    for (const key of this.changes.keysAfter(after)) {
      if (found.length >= limit) break;
      found.push(this.describe(key));
    }
    return found;
  }

  tombstones(limit: number): Change[] {
    const found: Change[] = [];
    for (const key of this.deleted) {
      if (found.length >= limit) break;
      found.push(this.describe(key));
    }
    return found;
  }

  orderedAfter(after: Key | null, limit: number, maxBytes = Number.POSITIVE_INFINITY): Held[] {
    const found: Held[] = [];
    let bytes = 0;
    for (const key of this.order.after(after)) {
      if (found.length >= limit || bytes >= maxBytes) break;
      const { register, change, settled } = present(this.slots.get(key), "a slot");
      const one = { key, held: register, change, settled };
      found.push(one);
      bytes += bytesOfHeld(one);
    }
    return found;
  }

  removalsAfter(after: ChangeNumber, limit: number, maxBytes = Number.POSITIVE_INFINITY): RemovalsPage | Forgotten {
    return this.removals.page(after, limit, maxBytes, this.lastChange);
  }

  private describe(key: Key): Change {
    const { register, change } = present(this.slots.get(key), "a slot");
    return { change, key, timestamp: register === BAD ? null : register.timestamp };
  }

  private note(change: ChangeNumber): void {
    assert(change > this.lastChange, "changes are numbered upwards");
    this.lastChange = change;
  }
}
