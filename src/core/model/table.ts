import { assert } from "../../base/assert.js";
import type { Timestamp } from "./ballot.js";
import { ChangeList } from "./change-list.js";
import { type ChangeNumber, type Key, NO_CHANGE } from "./ids.js";
import type { Register } from "./register.js";

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

/**
 * The registers of one partition, as the replica sees them at once; durability is the business of the entries that go with every change.
 * Changes are numbered by the replica, 1, 2, 3 …; the number of an entry is that of its change. Storage gives the implementation: a map,
 * or a memory table over a checkpoint.
 */
export interface RegisterTable {
  /** null: absent. */
  get(key: Key): Register | Bad | null;
  /** `change` is above every earlier one of this table. */
  put(register: Register, change: ChangeNumber): void;
  remove(key: Key, change: ChangeNumber): void;
  /** Registers held, bad ones included. */
  readonly size: number;
  /** The highest change number there was; 0 when there was none. */
  readonly lastChange: ChangeNumber;
  /** The latest change of each key that changed after `after`, by ascending number, at most `limit` of them. Removals are not listed. */
  changesAfter(after: ChangeNumber, limit: number): Change[];
  /** Tombstones held, those that changed longest ago first, at most `limit` of them. */
  tombstones(limit: number): Change[];
}

/** Keys looked at together, so that a page of long keys is not read far beyond its end. */
const PORTION = 32;

export interface ChangesPage {
  readonly found: readonly Change[];
  /** There may be later ones. */
  readonly more: boolean;
}

/** As `changesAfter`, and cut short where the keys are longer than so many bytes together; one at least is found if there is one. */
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

interface Slot {
  readonly register: Register | Bad;
  readonly change: ChangeNumber;
}

export class MemoryTable implements RegisterTable {
  private readonly slots = new Map<Key, Slot>();
  private changes = new ChangeList(this.slots);
  /** Tombstones, in the order of their changes. */
  private readonly deleted = new Set<Key>();
  lastChange = NO_CHANGE;

  get(key: Key): Register | Bad | null {
    return this.slots.get(key)?.register ?? null;
  }

  put(register: Register, change: ChangeNumber): void {
    const { key } = register;
    this.note(change);
    this.slots.set(key, { register, change });
    this.changes.add(key, change);
    if (this.deleted.size > 0) this.deleted.delete(key);
    if (register.tombstone) this.deleted.add(key);
  }

  remove(key: Key, change: ChangeNumber): void {
    this.note(change);
    this.slots.delete(key);
    this.deleted.delete(key);
  }

  /** Makes the key's checksum fail: for storages in tests. */
  spoil(key: Key): void {
    const slot = this.slots.get(key);
    if (slot !== undefined) this.slots.set(key, { register: BAD, change: slot.change });
  }

  /** A table of its own with the same content. */
  copy(): MemoryTable {
    const copy = new MemoryTable();
    for (const [key, slot] of this.slots) copy.slots.set(key, slot);
    for (const key of this.deleted) copy.deleted.add(key);
    copy.changes = this.changes.copy(copy.slots);
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

  private describe(key: Key): Change {
    const { register, change } = this.slots.get(key) as Slot;
    return { change, key, timestamp: register === BAD ? null : register.timestamp };
  }

  private note(change: ChangeNumber): void {
    assert(change > this.lastChange, "changes are numbered upwards");
    this.lastChange = change;
  }
}
