/**
 * Folding: what the log holds goes into the checkpoint, in the background, and the log's old segments go.
 *
 * First every table begins a new layer, so that the layers to fold do not change any more. Then it waits until all of
 * that is durable in the log. Then the layers go into the checkpoint in transactions of a few hundred keys. The keys
 * are sorted, so that each transaction touches few pages and blocks the loop for a millisecond or two. The last one
 * says which record of the log all is complete up to. A crash in between is harmless: the log still has everything, and
 * is replayed over what is there.
 */
import { type Key, NO_CHANGE } from "../core/model/ids.js";
import { planted } from "../core/model/planted.js";
import type { Removal } from "../core/model/removals.js";
import { BAD } from "../core/model/table.js";
import type { Checkpoint, FoldedRemovals, FoldedState, FoldItem, Tally } from "./checkpoint/checkpoint.js";
import type { DiskTable } from "./disk-table.js";
import { isPassing } from "./files.js";
import type { Slot } from "./layer.js";
import type { Log } from "./log/log.js";
import type { RegisterCache } from "./register-cache.js";
import type { Turns } from "./turns.js";

/** About how many bytes a transaction has at most. */
const CHUNK_BYTES = 2 * 1024 * 1024;
/**
 * How much a transaction should write at most: keys that lie far apart each cost a block or two. The next has fewer, or
 * more again.
 */
const MAX_WRITTEN_BYTES = 8 * 1024 * 1024;
const MIN_KEYS = 64;
/** How long to wait before a transaction is tried again that found no space or no memory. */
const FULL_RETRY_MS = 1_000;

export interface FoldOptions {
  readonly log: Log;
  readonly checkpoint: Checkpoint;
  /** Commits wait for theirs. */
  readonly turns: Turns;
  readonly cache: RegisterCache;
  /** Keys of a transaction at most. */
  readonly keys: number;
  readonly failed: (error: Error) => void;
  readonly later: (ms: number, call: () => void) => void;
}

/** The rest that one table still has to fold. */
interface Rest {
  readonly table: DiskTable;
  /** Sorted; null: not looked at yet. */
  keys: readonly Key[] | null;
  next: number;
  /** By ascending change. They come behind the keys. */
  removals: readonly Removal[] | null;
  nextRemoval: number;
}

/** Slots of one table in one transaction. */
interface Share {
  readonly table: DiskTable;
  readonly keys: Key[];
  readonly slots: Slot[];
  readonly removals: Removal[];
}

export class Fold {
  folds = 0;
  foldedKeys = 0;
  /** The layers are durable in the log and are going into the checkpoint. */
  underway = false;
  active = false;
  private readonly options: FoldOptions;
  private tables: readonly DiskTable[] = [];
  private rest: Rest[] = [];
  private states: readonly FoldedState[] = [];
  private position = 0;
  /** Keys of the next transaction. */
  private keys: number;
  private done: () => void = () => {};
  private stepping = false;
  private again = false;
  private closed = false;

  constructor(options: FoldOptions) {
    this.options = options;
    this.keys = options.keys;
  }

  /** These tables and states as they are now are what `start` folds; everything in them has been pushed to the log. */
  freeze(tables: Iterable<DiskTable>, states: readonly FoldedState[], done: () => void): void {
    const { log } = this.options;
    this.active = true;
    this.states = states;
    this.done = done;
    this.position = log.appended;
    this.tables = [...tables].sort((a, b) => a.id - b.id);
    this.rest = this.tables.map((table) => ({ table, keys: null, next: 0, removals: null, nextRemoval: 0 }));
    for (const table of this.tables) table.freeze();
  }

  start(): void {
    const { log } = this.options;
    log.roll();
    log.commit(() => {
      this.underway = true;
      this.step();
    });
  }

  close(): void {
    this.closed = true;
  }

  /** Never deeper than one: a checkpoint in memory is done at once. */
  private step(): void {
    this.again = true;
    if (this.stepping) return;
    this.stepping = true;
    while (this.again && !this.closed) {
      this.again = false;
      this.commit(this.take());
    }
    this.stepping = false;
  }

  private take(): Share[] {
    const shares: Share[] = [];
    const most = this.keys;
    let keys = 0;
    let bytes = 0;
    while (this.rest.length > 0 && keys < most && bytes < CHUNK_BYTES) {
      const rest = this.rest[0] as Rest;
      const layer = rest.table.frozen;
      if (layer === null) break;
      // A crash may take the drop back. Then what this fold left out would be lost: its position is beyond that.
      if (rest.table.dropped && planted("H9.folds-less")) {
        this.rest.shift();
        continue;
      }
      rest.keys ??= rest.table.keysToFold(layer);
      const share: Share = { table: rest.table, keys: [], slots: [], removals: [] };
      while (rest.next < rest.keys.length && keys < most && bytes < CHUNK_BYTES) {
        const key = rest.keys[rest.next++] as Key;
        const slot = rest.table.slotToFold(layer, key);
        if (slot === null) continue;
        share.keys.push(key);
        share.slots.push(slot);
        keys++;
        bytes += slot.bytes;
      }
      rest.removals ??= rest.table.unfoldedRemovals(layer);
      while (rest.nextRemoval < rest.removals.length && keys < most && bytes < CHUNK_BYTES) {
        const removal = rest.removals[rest.nextRemoval++] as Removal;
        share.removals.push(removal);
        keys++;
        bytes += removal.key.length;
      }
      shares.push(share);
      if (rest.next >= rest.keys.length && rest.nextRemoval >= rest.removals.length) this.rest.shift();
    }
    return shares;
  }

  private commit(shares: readonly Share[]): void {
    const items: FoldItem[] = [];
    const removed: FoldedRemovals[] = [];
    const tallies: Tally[] = [];
    for (const { table, keys, slots, removals } of shares) {
      tallies.push(table.tallyWith(slots));
      const forgotten = table.frozen?.removals.forgotten ?? NO_CHANGE;
      if (removals.length > 0 || forgotten > 0) removed.push({ table: table.id, removals, forgotten });
      slots.forEach(({ register, change, settled, below }, i) => {
        const key = keys[i] as Key;
        items.push({ table: table.id, key, register, change, settled, below: below === "unknown" ? null : below });
      });
    }
    const last = this.rest.length === 0;
    const end = last ? { position: this.position, states: this.states } : null;
    this.options.turns.take((over) => {
      this.options.checkpoint.commit({ items, removed, tallies, end }, (error) => {
        if (this.closed) return;
        if (error === null) this.adjust();
        over();
        if (error !== null) return this.trouble(error, shares);
        this.foldedKeys += items.length;
        for (const share of shares) this.settle(share);
        if (last) this.finish();
        else this.step();
      });
    });
  }

  private adjust(): void {
    const { keys, checkpoint } = this.options;
    if (checkpoint.written > MAX_WRITTEN_BYTES) this.keys = Math.max(Math.min(keys, MIN_KEYS), this.keys >> 1);
    else if (checkpoint.written < MAX_WRITTEN_BYTES / 3) this.keys = Math.min(keys, 2 * this.keys);
  }

  private settle({ table, keys, slots }: Share): void {
    table.folded(keys, slots);
    const { cache } = this.options;
    slots.forEach(({ register, change, settled }, i) => {
      const key = keys[i] as Key;
      // Younger registers lie in a layer above.
      if (register === null || register === BAD || table.hasYounger(key)) cache.forget(key);
      else cache.set(table.id, register, { change, settled, bytes: register.encoded?.length ?? 0 });
    });
  }

  private finish(): void {
    for (const table of this.tables) table.melt();
    this.tables = [];
    this.folds++;
    this.options.log.drop(this.position, () => {
      this.active = false;
      this.underway = false;
      this.done();
    });
  }

  private trouble(error: Error, shares: readonly Share[]): void {
    if (!isPassing(error)) {
      this.closed = true;
      return this.options.failed(error);
    }
    this.options.later(FULL_RETRY_MS, () => {
      if (!this.closed) this.commit(shares);
    });
  }
}
