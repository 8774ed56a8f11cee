/**
 * One layer of a partition's memory table: the latest change of each key since the layer began. It lies over the
 * checkpoint; while a layer is being folded, a younger one lies over it.
 */

import { present } from "../base/assert.js";
import { isCovered, type Timestamp } from "../core/model/ballot.js";
import type { ChangeNumber, Key } from "../core/model/ids.js";
import type { Register } from "../core/model/register.js";
import { Removals } from "../core/model/removals.js";
import { SortedKeys } from "../core/model/sorted-keys.js";
import { BAD, type Bad, type Change } from "../core/model/table.js";
import type { Below } from "./checkpoint/checkpoint.js";
import { OVERHEAD_BYTES } from "./register-cache.js";
import { SlotChanges } from "./slot-changes.js";

/**
 * The layer alone changes it; once the layer is being folded, nothing but `below` and `settled` changes. A class: all
 * slots have one shape, whatever they were made of, so that the code that reads them stays fast.
 */
export class Slot {
  constructor(
    readonly key: Key,
    /** null: removed. */
    public register: Register | Bad | null,
    public change: ChangeNumber,
    /** The register is known to be settled, which may become known at any time. */
    public settled: boolean,
    public bytes: number,
    /** The change that lies below this layer; "unknown" until somebody has looked; null: one whose number nobody
     * knows. */
    public below: Below | "unknown" | null,
  ) {}
}

/** A key as its latest change left it. */
export type Latest = Pick<Slot, "register" | "change" | "settled">;

export class Layer {
  readonly slots = new Map<Key, Slot>();
  bytes = 0;
  /** Registers here more than below, as far as `below` is known. */
  gain = 0;
  /** Slots whose `below` is not known. */
  unknown = 0;
  private readonly changes = new SlotChanges<Slot>();
  /** Tombstones, in the order of their changes. */
  private readonly deleted = new Set<Key>();
  /** Those that the checkpoint has already are not among them. */
  readonly removals = new Removals();
  /** The keys in order: made when somebody asks for the first time, and kept up from then on. */
  private order: SortedKeys | null = null;

  set(key: Key, latest: Latest, below: Slot["below"]): void {
    const slot = this.slots.get(key);
    if (slot !== undefined) return this.renew(slot, latest, below);
    const { register, change, settled } = latest;
    const fresh = new Slot(key, register, change, settled, sizeOf(key, register), below);
    this.slots.set(key, fresh);
    this.order?.add(key);
    this.enter(fresh);
  }

  /** The key's slot in this layer gets a later change. */
  renew(slot: Slot, { register, change, settled }: Latest, below = slot.below): void {
    this.uncount(slot);
    slot.register = register;
    slot.change = change;
    slot.settled = settled;
    slot.bytes = sizeOf(slot.key, register);
    slot.below = below;
    this.enter(slot);
  }

  private enter(slot: Slot): void {
    const { key, register } = slot;
    this.changes.add(slot, this.slots.size);
    this.count(slot);
    if (this.deleted.size > 0) this.deleted.delete(key);
    if (register !== null && register !== BAD && register.tombstone) this.deleted.add(key);
    if (register === null) this.removals.add(key, slot.change);
    else this.removals.takeBack(key);
  }

  /** Keys behind this one (null: all), in the order that all nodes share. */
  keysAfter(key: Key | null): IterableIterator<Key> {
    if (this.order === null) {
      this.order = new SortedKeys();
      for (const own of this.slots.keys()) this.order.add(own);
    }
    return this.order.after(key);
  }

  /** Fills in what lies below. */
  resolve(slot: Slot, below: Below | null): void {
    this.uncount(slot);
    slot.below = below;
    this.count(slot);
  }

  /** Every register of that ballot up to that seq is settled. True: some of these were not known to be. */
  settle(last: Timestamp): boolean {
    let news = false;
    for (const slot of this.slots.values()) {
      const { register, settled } = slot;
      if (settled || register === null || register === BAD || !isCovered(register.timestamp, last)) continue;
      slot.settled = true;
      news = true;
    }
    return news;
  }

  changesAfter(after: ChangeNumber, limit: number, skip: (key: Key) => boolean, found: Change[]): void {
    if (found.length >= limit) return;
    this.changes.eachAfter(after, (slot) => {
      const change = skip(slot.key) ? null : described(slot);
      if (change !== null) found.push(change);
      return found.length < limit;
    });
  }

  tombstones(limit: number, skip: (key: Key) => boolean, found: Change[]): void {
    for (const key of this.deleted) {
      if (found.length >= limit) return;
      const change = skip(key) ? null : described(present(this.slots.get(key), "a key of the layer"));
      if (change !== null) found.push(change);
    }
  }

  private count(slot: Slot): void {
    this.bytes += slot.bytes;
    if (slot.below === "unknown") this.unknown++;
    else this.gain += gainOf(slot);
  }

  private uncount(slot: Slot): void {
    this.bytes -= slot.bytes;
    if (slot.below === "unknown") this.unknown--;
    else this.gain -= gainOf(slot);
  }
}

/** null: removals are not listed. */
function described({ key, register, change }: Slot): Change | null {
  if (register === null) return null;
  return { change, key, timestamp: register === BAD ? null : register.timestamp };
}

/** For a slot whose `below` is known: what it adds to the number of registers below. */
export const gainOf = (slot: Slot): number =>
  (slot.register === null ? 0 : 1) -
  (slot.below === null || (slot.below !== "unknown" && slot.below.change > 0) ? 1 : 0);

function sizeOf(key: Key, register: Register | Bad | null): number {
  const own = OVERHEAD_BYTES + 2 * key.length;
  if (register === null || register === BAD) return own;
  return own + (register.encoded?.length ?? (register.value?.length ?? 0) + 256);
}
