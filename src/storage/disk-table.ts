/**
 * The registers of one copy of a partition on disk: the layers of the memory table over the checkpoint. An entry is seen as soon
 * as it is put, durable or not.
 */
import { assert } from "../base/assert.js";
import type { TableId } from "../codec/disk/table-id.js";
import type { ChangeNumber, Key } from "../core/model/ids.js";
import { compareKeys } from "../core/model/key-order.js";
import { planted } from "../core/model/planted.js";
import type { Register } from "../core/model/register.js";
import { FORGOTTEN, type Forgotten, type Removal, type RemovalsPage } from "../core/model/removals.js";
import { BAD, type Bad, bytesOfHeld, type Change, type Held, type RegisterTable } from "../core/model/table.js";
import { type Below, type Checkpoint, NONE_BELOW, type Tally } from "./checkpoint/checkpoint.js";
import { gainOf, Layer, type Slot } from "./layer.js";
import type { RegisterCache } from "./register-cache.js";

/** The parts that the tables of a node share. */
export interface TableSurroundings {
  readonly checkpoint: Checkpoint;
  readonly cache: RegisterCache;
  /** A register of the checkpoint fails its checksum. */
  readonly foundBad: (table: TableId, key: Key) => void;
  /** The youngest layer of this table has grown by so many bytes. */
  readonly grown: (table: DiskTable, bytes: number) => void;
}

export class DiskTable implements RegisterTable {
  lastChange: ChangeNumber;
  live = new Layer();
  /** Its copy was dropped: nothing is put here any more, nor folded from here. */
  dropped = false;
  /** Being folded; null: nothing is. */
  frozen: Layer | null = null;
  /** Registers in the checkpoint. */
  private below: number;
  /** The last change in the frozen layer. */
  private frozenChange = 0 as ChangeNumber;
  /** No change in the checkpoint is above this one, except those that the frozen layer has, too. */
  private foldedChange: ChangeNumber;

  constructor(
    readonly id: TableId,
    tally: Tally | undefined,
    private readonly around: TableSurroundings,
  ) {
    this.lastChange = tally?.lastChange ?? (0 as ChangeNumber);
    this.foldedChange = this.lastChange;
    this.below = tally?.count ?? 0;
  }

  get(key: Key): Register | Bad | null {
    const slot = this.slot(key);
    if (slot !== undefined) return slot.register;
    const { cache, checkpoint, foundBad } = this.around;
    const cached = cache.get(this.id, key);
    if (cached !== undefined) return cached.register;
    const stored = checkpoint.get(this.id, key);
    if (stored === null) return null;
    if (stored.register === BAD) foundBad(this.id, key);
    else cache.set(this.id, stored.register, stored.change, stored.bytes);
    return stored.register;
  }

  put(register: Register, change: ChangeNumber): void {
    this.change(register.key, register, change);
  }

  remove(key: Key, change: ChangeNumber): void {
    this.change(key, null, change);
  }

  get size(): number {
    this.resolveAll();
    return this.below + (this.frozen?.gain ?? 0) + this.live.gain;
  }

  changesAfter(after: ChangeNumber, limit: number): Change[] {
    const found = after < this.foldedChange ? this.foldedAfter(after, limit) : [];
    this.frozen?.changesAfter(after, limit, (key) => this.hasYounger(key), found);
    this.live.changesAfter(after, limit, NEVER, found);
    return found;
  }

  tombstones(limit: number): Change[] {
    const found = this.around.checkpoint.tombstones(this.id, limit, (key) => this.slot(key) !== undefined);
    this.frozen?.tombstones(limit, (key) => this.hasYounger(key), found);
    this.live.tombstones(limit, NEVER, found);
    return found;
  }

  orderedAfter(after: Key | null, limit: number, maxBytes = Number.POSITIVE_INFINITY): Held[] {
    const covered = (key: Key): boolean => this.slot(key) !== undefined;
    const below = this.around.checkpoint.ordered(this.id, after, limit, maxBytes, covered);
    for (const { key, held } of below) if (held === BAD) this.around.foundBad(this.id, key);
    const found: Held[] = [];
    let bytes = 0;
    for (const one of merged(below, this.layered(after))) {
      if (found.length >= limit || bytes >= maxBytes) break;
      found.push(one);
      bytes += bytesOfHeld(one);
    }
    return found;
  }

  removalsAfter(after: ChangeNumber, limit: number, maxBytes = Number.POSITIVE_INFINITY): RemovalsPage | Forgotten {
    const folded = this.around.checkpoint.lastRemoval(this.id);
    if (after < folded) {
      const page = this.around.checkpoint.removals(this.id, after, limit, maxBytes);
      if (page === FORGOTTEN) return FORGOTTEN;
      const found = page.found.filter((removal) => this.isLatest(removal));
      return { ...page, found, more: true };
    }
    if (this.frozen !== null && after < this.frozenChange) {
      const page = this.frozen.removals.page(after, limit, maxBytes, this.frozenChange);
      if (page === FORGOTTEN) return FORGOTTEN;
      return { ...page, found: page.found.filter(({ key }) => !this.hasYounger(key)), more: true };
    }
    return this.live.removals.page(after, limit, maxBytes, this.lastChange);
  }

  /** Replays the log's records in their order; the checkpoint may have them already. */
  replay(key: Key, register: Register | Bad | null, change: ChangeNumber): void {
    if (change > this.lastChange) this.lastChange = change;
    this.set(key, register, change, "unknown");
  }

  /** Whether the checkpoint's register of the key is out of date. */
  covers(key: Key): boolean {
    return this.slot(key) !== undefined;
  }

  /** It gives up what it holds in memory, except what a fold has in hand. */
  drop(): void {
    this.dropped = true;
    this.live = new Layer();
  }

  // ---- for the fold

  /** Changes from now on go into a new layer. */
  freeze(): void {
    assert(this.frozen === null, "one fold at a time");
    this.frozen = this.live;
    this.frozenChange = this.lastChange;
    this.live = new Layer();
  }

  resolve(layer: Layer, key: Key, slot: Slot): void {
    if (slot.below === "unknown") layer.resolve(slot, this.around.checkpoint.below(this.id, key));
  }

  /** How many registers the checkpoint will have once these slots are in it. */
  tallyWith(slots: readonly Slot[]): Tally {
    let count = this.below;
    for (const slot of slots) count += gainOf(slot);
    return { table: this.id, count, lastChange: this.frozenChange };
  }

  /** These slots of the frozen layer are in the checkpoint now. */
  folded(slots: readonly Slot[]): void {
    let gain = 0;
    for (const slot of slots) gain += gainOf(slot);
    this.below += gain;
    if (this.frozen !== null) this.frozen.gain -= gain;
  }

  /** Removals of the frozen layer that the checkpoint does not have yet. */
  unfoldedRemovals(layer: Layer): readonly Removal[] {
    if (planted("H8.not-folded")) return [];
    return [...layer.removals.since(this.around.checkpoint.lastRemoval(this.id))];
  }

  /** Whether the key has changed since the layer was frozen. */
  hasYounger(key: Key): boolean {
    return this.live.slots.has(key);
  }

  melt(): void {
    this.frozen = null;
    this.foldedChange = this.frozenChange;
  }

  // ---- helpers

  /** The layers' registers behind this key, in order. */
  private *layered(after: Key | null): IterableIterator<Held> {
    const { live, frozen } = this;
    const keys = frozen === null ? live.keysAfter(after) : joined(frozen.keysAfter(after), live.keysAfter(after));
    for (const key of keys) {
      const { register, change } = this.slot(key) as Slot;
      if (register !== null) yield { key, held: register, change, settled: false };
    }
  }

  /** Whether the key has not changed since the checkpoint's removal, as far as that can be told. */
  private isLatest({ key, change }: Removal): boolean {
    const slot = this.slot(key);
    if (slot === undefined) return this.around.checkpoint.below(this.id, key)?.change === 0;
    // The layer that it came from, or the log's replay.
    return slot.register === null && slot.change === change;
  }

  private foldedAfter(after: ChangeNumber, limit: number): Change[] {
    const covered = (key: Key): boolean => this.slot(key) !== undefined;
    return this.around.checkpoint.changes(this.id, after, limit, covered);
  }

  private change(key: Key, register: Register | null, change: ChangeNumber): void {
    assert(change > this.lastChange, "changes are numbered upwards");
    assert(!this.dropped, "T2: a dropped copy takes nothing");
    this.lastChange = change;
    const { live, around } = this;
    const before = live.bytes;
    const slot = live.slots.get(key);
    if (slot !== undefined) live.renew(slot, key, register, change);
    else {
      live.set(key, register, change, this.belowLive(key));
      around.cache.forget(key);
    }
    around.grown(this, live.bytes - before);
  }

  private set(key: Key, register: Register | Bad | null, change: ChangeNumber, below: Slot["below"]): void {
    const { live } = this;
    const before = live.bytes;
    live.set(key, register, change, below);
    this.around.grown(this, live.bytes - before);
  }

  private slot(key: Key): Slot | undefined {
    return this.live.slots.get(key) ?? this.frozen?.slots.get(key);
  }

  private belowLive(key: Key): Below | null {
    const frozen = this.frozen?.slots.get(key);
    if (frozen !== undefined) return frozen.register === null ? NONE_BELOW : belowOf(frozen.register, frozen.change);
    const cached = this.around.cache.get(this.id, key);
    if (cached !== undefined) return belowOf(cached.register, cached.change);
    return this.around.checkpoint.below(this.id, key);
  }

  private resolveAll(): void {
    for (const layer of [this.frozen, this.live]) {
      if (layer === null || layer.unknown === 0) continue;
      for (const [key, slot] of layer.slots) this.resolve(layer, key, slot);
    }
  }
}

const NEVER = (): boolean => false;

const belowOf = (register: Register | Bad, change: ChangeNumber): Below => ({
  change,
  tombstone: register !== BAD && register.tombstone,
});

/** Two streams by ascending key that have no key in common, as one. */
function* merged(a: Iterable<Held>, b: Iterable<Held>): IterableIterator<Held> {
  const [left, right] = [a[Symbol.iterator](), b[Symbol.iterator]()];
  let [l, r] = [left.next(), right.next()];
  while (l.done !== true && r.done !== true) {
    if (compareKeys(l.value.key, r.value.key) < 0) {
      yield l.value;
      l = left.next();
    } else {
      yield r.value;
      r = right.next();
    }
  }
  for (; l.done !== true; l = left.next()) yield l.value;
  for (; r.done !== true; r = right.next()) yield r.value;
}

/** Two streams of ascending keys as one. */
function* joined(a: Iterable<Key>, b: Iterable<Key>): IterableIterator<Key> {
  const [left, right] = [a[Symbol.iterator](), b[Symbol.iterator]()];
  let [l, r] = [left.next(), right.next()];
  while (l.done !== true && r.done !== true) {
    const order = compareKeys(l.value, r.value);
    yield order <= 0 ? l.value : r.value;
    if (order <= 0) l = left.next();
    if (order >= 0) r = right.next();
  }
  for (; l.done !== true; l = left.next()) yield l.value;
  for (; r.done !== true; r = right.next()) yield r.value;
}
