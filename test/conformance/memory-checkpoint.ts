/**
 * A checkpoint in memory that outlives the storage on it, as a disk does: what was committed is there, and nothing
 * else. Its trees are the real ones, in blocks so small that they split and join all the time.
 */
import { Block } from "../../src/codec/disk/block.js";
import { entryKeyOf, type Stored } from "../../src/codec/disk/checkpoint-record.js";
import type { TableId } from "../../src/codec/disk/table-id.js";
import { type ChangeNumber, changeNumber, type Key } from "../../src/core/model/ids.js";
import type { Forgotten, RemovalsPage } from "../../src/core/model/removals.js";
import type { Change, Held } from "../../src/core/model/table.js";
import { changeKey } from "../../src/storage/checkpoint/change-key.js";
import type {
  Below,
  Checkpoint,
  FoldBatch,
  FoldedState,
  Scan,
  Swept,
  Tally,
} from "../../src/storage/checkpoint/checkpoint.js";
import { Packed, TREES, type TreeName } from "../../src/storage/checkpoint/packed.js";
import {
  type BlockSizes,
  type BlockStore,
  type BlockWrite,
  blockName,
} from "../../src/storage/checkpoint/packed-tree.js";
import type { RemovalBounds } from "../../src/storage/checkpoint/removed-tree.js";
import type { Done } from "../../src/storage/files.js";

const SMALL_BLOCKS = { page: 256, overhead: 16, pages: 3, largeEntry: 120, pagesOfLarge: 2 };

/** Blocks by name. */
class MemoryBlocks implements BlockStore {
  private names: string[] = [];
  private blocks = new Map<string, Buffer>();

  floor(name: Buffer): { readonly name: Buffer; readonly bytes: Buffer } | null {
    const text = name.toString("latin1");
    const at = this.firstAbove(text) - 1;
    const found = this.names[at];
    if (found === undefined) return null;
    return { name: Buffer.from(found, "latin1"), bytes: this.blocks.get(found) as Buffer };
  }

  above(name: Buffer): Buffer | null {
    const found = this.names[this.firstAbove(name.toString("latin1"))];
    return found === undefined ? null : Buffer.from(found, "latin1");
  }

  write({ name, bytes }: BlockWrite): void {
    const text = name.toString("latin1");
    const at = this.firstAbove(text);
    const isThere = this.names[at - 1] === text;
    if (bytes === null && isThere) this.names.splice(at - 1, 1);
    if (bytes !== null && !isThere) this.names.splice(at, 0, text);
    if (bytes === null) this.blocks.delete(text);
    else this.blocks.set(text, Buffer.from(bytes));
  }

  replace(other: MemoryBlocks): void {
    this.blocks = new Map([...other.blocks].map(([name, bytes]) => [name, Buffer.from(bytes)]));
    this.names = [...other.names];
  }

  get all(): readonly (readonly [string, Buffer])[] {
    return [...this.blocks];
  }

  private firstAbove(text: string): number {
    let low = 0;
    let high = this.names.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.names[middle] as string) > text) high = middle;
      else low = middle + 1;
    }
    return low;
  }
}

export class MemoryCheckpoint implements Checkpoint {
  position = 0;
  /** Transactions so far, those that failed left out. */
  commits = 0;
  /** See Checkpoint; set by tests. */
  written = 0;
  /** The next commits fail with these, or are never told. */
  readonly errors: (Error | "never")[] = [];
  private readonly blocks: Readonly<Record<TreeName, MemoryBlocks>> = {
    records: new MemoryBlocks(),
    changes: new MemoryBlocks(),
    deleted: new MemoryBlocks(),
    removed: new MemoryBlocks(),
  };
  private readonly packed: Packed;
  private readonly tallied = new Map<TableId, Tally>();
  private readonly folded = new Map<TableId | null, FoldedState>();

  /** `defer` runs a commit, now or later; until then it has not happened. */
  constructor(
    private readonly defer: (commit: () => void) => void = (commit) => commit(),
    sizes: BlockSizes = SMALL_BLOCKS,
    removals?: RemovalBounds,
  ) {
    this.packed = new Packed(this.blocks, sizes, removals);
  }

  get bytes(): number {
    let sum = 0;
    for (const tree of Object.values(this.blocks))
      for (const [name, bytes] of tree.all) sum += name.length + bytes.length;
    return sum;
  }

  get(table: TableId, key: Key): Stored | null {
    return this.packed.get(table, key);
  }

  below(table: TableId, key: Key): Below | null {
    return this.packed.below(table, key);
  }

  tallies(): Iterable<Tally> {
    return this.tallied.values();
  }

  states(): Iterable<FoldedState> {
    return this.folded.values();
  }

  changes(table: TableId, after: ChangeNumber, limit: number, skip: (key: Key) => boolean): Change[] {
    return this.packed.changes(table, after, limit, skip);
  }

  tombstones(table: TableId, limit: number, skip: (key: Key) => boolean): Change[] {
    return this.packed.tombstones(table, limit, skip);
  }

  ordered(table: TableId, after: Key | null, limit: number, maxBytes: number, skip: (key: Key) => boolean): Held[] {
    return this.packed.ordered(table, after, limit, maxBytes, skip);
  }

  removals(table: TableId, after: ChangeNumber, limit: number, maxBytes: number): RemovalsPage | Forgotten {
    return this.packed.removals(table, after, limit, maxBytes);
  }

  lastRemoval(table: TableId): ChangeNumber {
    return this.packed.removalHead(table).last;
  }

  scan(from: Buffer | null, limit: number, skip: (table: TableId) => boolean): Scan {
    return this.packed.scan(from, limit, skip);
  }

  commit(batch: FoldBatch, done: Done): void {
    this.defer(() => {
      const error = this.errors.shift();
      if (error === "never") return;
      if (error !== undefined) return done(error);
      try {
        this.take(batch);
      } catch (why) {
        return done(why as Error);
      }
      this.commits++;
      done(null);
    });
  }

  sweep(table: TableId, blocks: number, kept: FoldedState | null, done: Swept): void {
    this.defer(() => {
      const error = this.errors.shift();
      if (error === "never") return;
      if (error !== undefined) return done(error, true);
      const writes = [...this.packed.removal(table, blocks)];
      for (const { tree, ...write } of writes) this.blocks[tree].write(write);
      this.packed.written();
      this.commits++;
      if (writes.length === 0) {
        this.tallied.delete(table);
        this.packed.swept(table);
        if (kept === null) this.folded.delete(table);
        else this.folded.set(table, kept);
      }
      done(null, writes.length > 0);
    });
  }

  close(done: () => void): void {
    done();
  }

  /** The change of the key's record; 0: there is none. */
  changeOf(table: TableId, key: Key): ChangeNumber {
    return this.packed.below(table, key)?.change ?? changeNumber(0);
  }

  /** As it is now: for a directory that is put back later. */
  saved(): MemoryCheckpoint {
    const copy = new MemoryCheckpoint();
    copy.replace(this);
    return copy;
  }

  /** Puts what that one holds in the place of what is here. */
  replace(saved: MemoryCheckpoint): void {
    for (const tree of TREES) this.blocks[tree].replace(saved.blocks[tree]);
    this.packed.written();
    for (const table of this.tallied.keys()) this.packed.swept(table);
    for (const table of saved.tallied.keys()) this.packed.restoreHead(table, saved.packed.removalHead(table));
    this.tallied.clear();
    this.folded.clear();
    for (const [table, tally] of saved.tallied) this.tallied.set(table, tally);
    for (const [table, state] of saved.folded) this.folded.set(table, state);
    this.position = saved.position;
  }

  /** Changes a byte of a record's value; false: there is no such record. */
  rot(table: TableId, key: Key): boolean {
    const name = entryKeyOf(key);
    const found = this.blocks.records.floor(blockName(table, name));
    const block = found === null ? null : Block.read(found.name, found.bytes);
    const i = block?.search(name) ?? 0;
    if (block?.has(i, name) !== true) return false;
    const value = block.value(i);
    value[value.length - 1] = (value.at(-1) as number) ^ 0x40;
    return true;
  }

  /** The block that the key's record, or its entry of an index by that change, lies in, as it lies there. */
  blockOf(tree: TreeName, table: TableId, of: Key | ChangeNumber): Buffer {
    const key = typeof of === "number" ? changeKey(of) : entryKeyOf(of);
    return this.blocks[tree].floor(blockName(table, key))?.bytes as Buffer;
  }

  remove(tree: TreeName, name: string): void {
    this.blocks[tree].write({ name: Buffer.from(name, "latin1"), bytes: null });
  }

  /** All blocks of a tree: name, content. */
  blocksOf(tree: TreeName): readonly (readonly [string, Buffer])[] {
    return this.blocks[tree].all;
  }

  private take(batch: FoldBatch): void {
    const writes = [...this.packed.plan(batch)];
    for (const { tree, ...write } of writes) this.blocks[tree].write(write);
    this.packed.written();
    for (const tally of batch.tallies) this.tallied.set(tally.table, tally);
    if (batch.end === null) return;
    for (const state of batch.end.states) this.folded.set(state.table, state);
    this.position = batch.end.position;
  }
}
