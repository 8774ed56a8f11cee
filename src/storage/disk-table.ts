/**
 * The registers of one copy of a partition on disk: the layers of the memory table over the checkpoint. An entry is
 * seen as soon as it is put, durable or not.
 */
import { assert, present } from "../base/assert.js";
import type { TableId } from "../codec/disk/table-id.js";
import { sameTimestamp, type Timestamp } from "../core/model/ballot.js";
import { type ChangeNumber, type Key, NO_CHANGE } from "../core/model/ids.js";
import { compareKeys } from "../core/model/key-order.js";
import { planted } from "../core/model/planted.js";
import type { Register } from "../core/model/register.js";
import { FORGOTTEN, type Forgotten, type Removal, type RemovalsPage } from "../core/model/removals.js";
import { BAD, type Bad, bytesOfHeld, type Change, type Held, type RegisterTable } from "../core/model/table.js";
import { type Below, type Checkpoint, NONE_BELOW, type Tally } from "./checkpoint/checkpoint.js";
import { gainOf, type Latest, Layer, Slot } from "./layer.js";
import type { RegisterCache } from "./register-cache.js";
import { Unmarked, type UnmarkedLoad } from "./unmarked.js";

/** The parts that the tables of a node share. */
export interface TableSurroundings {
  readonly checkpoint: Checkpoint;
  readonly cache: RegisterCache;
  readonly unmarked: UnmarkedLoad;
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
  private readonly unmarked: Unmarked;
  /** Registers in the checkpoint. */
  private below: number;
  /** The last change in the frozen layer. */
  private frozenChange = NO_CHANGE;
  /** No change in the checkpoint is above this one, except those that the frozen layer has, too. */
  private foldedChange: ChangeNumber;

  constructor(
    readonly id: TableId,
    tally: Tally | undefined,
    /** Whether the copy knows, by its ballots, that a register with that timestamp is settled. */
    private readonly isCovered: (timestamp: Timestamp) => boolean,
    private readonly around: TableSurroundings,
  ) {
    this.unmarked = new Unmarked(around.unmarked);
    this.lastChange = tally?.lastChange ?? NO_CHANGE;
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
    else cache.set(this.id, stored.register, stored);
    return stored.register;
  }

  put(register: Register, change: ChangeNumber, settled = false): void {
    this.change(register.key, { register, change, settled });
  }

  remove(key: Key, change: ChangeNumber): void {
    this.change(key, { register: null, change, settled: false });
  }

  isSettled({ key, timestamp }: Register): boolean {
    const found = this.slot(key) ?? this.around.cache.get(this.id, key) ?? this.around.checkpoint.get(this.id, key);
    if (found == null || found.register === null || found.register === BAD) return false;
    if (!sameTimestamp(found.register.timestamp, timestamp)) return false;
    return found.settled || this.isCovered(timestamp) || (this.slot(key) === undefined && this.unmarked.isSettled(key));
  }

  /**
   * Every register of that ballot up to that seq is settled. True: some of those that are not folded yet were not known
   * to be.
   */
  settle(last: Timestamp): boolean {
    this.unmarked.settle(last);
    this.frozen?.settle(last);
    return this.live.settle(last);
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
      const settled = one.settled || this.knows(one);
      found.push(settled === one.settled ? one : { ...one, settled });
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
  replay(key: Key, latest: Latest): void {
    const { lastChange, live } = this;
    if (latest.change > lastChange) this.lastChange = latest.change;
    const before = live.bytes;
    live.set(key, latest, "unknown");
    this.around.grown(this, live.bytes - before);
  }

  /** Whether the checkpoint's register of the key is out of date. */
  covers(key: Key): boolean {
    return this.slot(key) !== undefined;
  }

  /** It gives up what it holds in memory, except what a fold has in hand. */
  drop(): void {
    this.dropped = true;
    this.live = new Layer();
    this.unmarked.clear();
  }

  // ---- for the fold

  /** Changes from now on go into a new layer. */
  freeze(): void {
    assert(this.frozen === null, "one fold at a time");
    this.frozen = this.live;
    this.frozenChange = this.lastChange;
    this.live = new Layer();
  }

  /** Sorted: those of the layer, and those in the checkpoint that can get their mark by now. */
  keysToFold(layer: Layer): readonly Key[] {
    const keys = [...layer.slots.keys()];
    for (const key of this.unmarked.settled(this.isCovered)) if (this.slot(key) === undefined) keys.push(key);
    return keys.sort();
  }

  /** The content of the checkpoint's record to be; null: it stays as it is. */
  slotToFold(layer: Layer, key: Key): Slot | null {
    const slot = layer.slots.get(key);
    if (slot === undefined) return this.markedBelow(key);
    this.resolve(layer, key, slot);
    const { register } = slot;
    if (register === null || register === BAD) return slot;
    if (this.isCovered(register.timestamp) || planted("H10.mark-accepted")) slot.settled = true;
    return slot;
  }

  /** How many registers the checkpoint will have once these slots are in it. */
  tallyWith(slots: readonly Slot[]): Tally {
    let count = this.below;
    for (const slot of slots) count += gainOf(slot);
    return { table: this.id, count, lastChange: this.frozenChange };
  }

  /** These slots are in the checkpoint now. */
  folded(keys: readonly Key[], slots: readonly Slot[]): void {
    let gain = 0;
    slots.forEach((slot, i) => {
      const { register, settled } = slot;
      gain += gainOf(slot);
      if (register === null || register === BAD || settled) this.unmarked.delete(keys[i] as Key);
      else if (!this.dropped) this.unmarked.add(register.key, register.timestamp);
    });
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
      const { register, change, settled } = present(this.slot(key), "a slot");
      if (register !== null) yield { key, held: register, change, settled };
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

  private change(key: Key, latest: Latest): void {
    assert(latest.change > this.lastChange, "changes are numbered upwards");
    assert(!this.dropped, "T2: a dropped copy takes nothing");
    this.lastChange = latest.change;
    const { live, around } = this;
    const before = live.bytes;
    const slot = live.slots.get(key);
    if (slot !== undefined) live.renew(slot, latest);
    else {
      live.set(key, latest, this.belowLive(key));
      around.cache.forget(key);
    }
    around.grown(this, live.bytes - before);
  }

  /** The checkpoint's register of the key with its mark. */
  private markedBelow(key: Key): Slot | null {
    const stored = this.around.checkpoint.get(this.id, key);
    if (stored === null || stored.register === BAD || stored.settled) {
      this.unmarked.delete(key);
      return null;
    }
    const { register, change, bytes } = stored;
    return new Slot(key, register, change, true, bytes, belowOf(register, change));
  }

  private resolve(layer: Layer, key: Key, slot: Slot): void {
    if (slot.below === "unknown") layer.resolve(slot, this.around.checkpoint.below(this.id, key));
  }

  /** Whether a register without a mark is known to be settled all the same. */
  private knows({ key, held }: Held): boolean {
    if (held === BAD) return false;
    return this.isCovered(held.timestamp) || (this.slot(key) === undefined && this.unmarked.isSettled(key));
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
