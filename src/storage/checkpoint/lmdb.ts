/**
 * The checkpoint in LMDB: the packed trees of registers and indexes (packed.ts), and a tree of small states
 * (sealed-tree.ts).
 *
 * A fold's transaction is planned first, in turns of a few milliseconds, and then handed to LMDB's thread whole.
 */

import { present } from "../../base/assert.js";
import { errorOf } from "../../base/errno.js";
import type { BlockEntry } from "../../codec/disk/block.js";
import type { Stored } from "../../codec/disk/checkpoint-record.js";
import type { TableId } from "../../codec/disk/table-id.js";
import type { ChangeNumber, Key } from "../../core/model/ids.js";
import type { Forgotten, RemovalsPage } from "../../core/model/removals.js";
import type { Change, Held } from "../../core/model/table.js";
import { toBuffer } from "../../wire/bytes.js";
import type { Done } from "../files.js";
import type { Below, Checkpoint, FoldBatch, FoldedState, Scan, Swept, Tally } from "./checkpoint.js";
import { Environment, type Tree } from "./environment.js";
import { type FirstTreeName, Packed, TREES, type TreeName, type TreeWrite } from "./packed.js";
import { type BlockStore, LMDB_BLOCKS } from "./packed-tree.js";
import { SealedTree } from "./sealed-tree.js";

/** How long planning may hold up the loop. */
const TURN_MS = 2;

export class LmdbCheckpoint implements Checkpoint {
  position: number;
  written = 0;
  private readonly environment: Environment;
  private readonly trees: Readonly<Record<FirstTreeName, Tree> & Record<TreeName, Tree | null>>;
  private readonly stateTree: Tree;
  private readonly sealed: SealedTree;
  private readonly packed: Packed;
  private closed = false;

  /**
   * `folder` is made when it is missing. Throws a CheckpointError when what is there cannot be read. `readOnly`:
   * nothing is written.
   */
  constructor(folder: string, readOnly = false) {
    this.environment = new Environment(folder, readOnly);
    const tree = (name: string): Tree => this.environment.tree(name);
    this.trees = {
      records: tree("packed-records"),
      changes: tree("packed-changes"),
      deleted: tree("packed-deleted"),
      // Directories of earlier versions do not have it.
      removed: this.environment.treeIfThere("packed-removed"),
    };
    this.stateTree = tree("states");
    this.sealed = new SealedTree(this.stateTree);
    const stores = Object.fromEntries(TREES.map((name) => [name, storeOf(this.trees[name])]));
    this.packed = new Packed(stores as Record<TreeName, BlockStore>, LMDB_BLOCKS);
    for (const [table, head] of this.sealed.removalHeads()) this.packed.restoreHead(table, head);
    this.position = this.sealed.position;
  }

  get bytes(): number {
    return this.environment.bytes;
  }

  /** Bytes of empty pages. */
  get freeBytes(): number {
    return this.environment.freeBytes;
  }

  get(table: TableId, key: Key): Stored | null {
    return this.packed.get(table, key);
  }

  below(table: TableId, key: Key): Below | null {
    return this.packed.below(table, key);
  }

  tallies(): Iterable<Tally> {
    return this.sealed.tallies();
  }

  states(): Iterable<FoldedState> {
    return this.sealed.states();
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
    this.plan(this.packed.plan(batch), (error, writes) => {
      if (error !== null) return done(error);
      const putStates = (): void =>
        this.sealed.write(
          batch,
          (table) => this.packed.removalHead(table, true),
          (key, value) => this.environment.put(this.stateTree, key, value),
        );
      this.write(writes, putStates, (failed) => {
        if (failed === null && batch.end !== null) this.position = batch.end.position;
        done(failed);
      });
    });
  }

  sweep(table: TableId, blocks: number, kept: FoldedState | null, done: Swept): void {
    this.plan(this.packed.removal(table, blocks), (unplanned, writes) => {
      if (unplanned !== null) return done(unplanned, true);
      const { environment, sealed, stateTree } = this;
      const sweepStates = (): void => {
        if (writes.length > 0) return;
        const put = (key: Buffer, value: Buffer): void => environment.put(stateTree, key, value);
        sealed.sweep(table, kept, put, (key) => environment.remove(stateTree, key));
      };
      this.write(writes, sweepStates, (error) => {
        if (error === null && writes.length === 0) this.packed.swept(table);
        done(error, writes.length > 0);
      });
    });
  }

  /** For a new checkpoint: entries of one table by ascending key, behind all that it has. */
  load(tree: FirstTreeName, table: TableId, entries: readonly BlockEntry[]): Promise<void> {
    return this.loaded(this.packed.load(tree, table, entries), []);
  }

  loadStates(copies: readonly { readonly key: Buffer; readonly value: Buffer }[]): Promise<void> {
    return this.loaded([], copies);
  }

  close(done: () => void): void {
    this.closed = true;
    this.environment.close(done);
  }

  private plan(planned: Iterable<TreeWrite>, told: (error: Error | null, writes: readonly TreeWrite[]) => void): void {
    const writes: TreeWrite[] = [];
    const rest = planned[Symbol.iterator]();
    const turn = (): void => {
      // Nobody waits for it any more.
      if (this.closed) return;
      const until = performance.now() + TURN_MS;
      try {
        for (let next = rest.next(); next.done !== true; next = rest.next()) {
          writes.push(next.value);
          if (performance.now() > until) return void setImmediate(turn);
        }
      } catch (error) {
        return told(errorOf(error), []);
      }
      told(null, writes);
    };
    turn();
  }

  private loaded(
    writes: Iterable<TreeWrite>,
    states: readonly { readonly key: Buffer; readonly value: Buffer }[],
  ): Promise<void> {
    return new Promise((resolve, reject) => {
      const put = (): void => {
        for (const { key, value } of states) this.environment.put(this.stateTree, key, value);
      };
      this.write([...writes], put, (error) => (error === null ? resolve() : reject(error)));
    });
  }

  private write(writes: readonly TreeWrite[], putStates: () => void, done: Done): void {
    const { environment, trees } = this;
    const put = (): void => {
      for (const { tree, name, bytes } of writes) {
        const into = present(trees[tree], "a tree of what may be written");
        if (bytes === null) environment.remove(into, name);
        else environment.put(into, name, bytes);
      }
      putStates();
    };
    environment.commit(put, (error) => {
      if (error === null) {
        this.packed.written();
        this.written = writes.reduce((sum, { bytes }) => sum + (bytes?.length ?? 0), 0);
      }
      done(error);
    });
  }
}

const storeOf = (tree: Tree | null): BlockStore => (tree === null ? NOTHING : storeIn(tree));

const NOTHING: BlockStore = { floor: () => null, above: () => null };

const storeIn = (tree: Tree): BlockStore => ({
  floor(name, keep) {
    for (const found of tree.getKeys({ start: name, reverse: true, limit: 1 })) {
      const own = Buffer.from(found);
      const bytes = keep ? tree.getBinary(own) : tree.getBinaryFast(own);
      // A long value comes as a Uint8Array, whatever the types say.
      return bytes === undefined ? null : { name: own, bytes: toBuffer(bytes) };
    }
    return null;
  },
  above(name) {
    for (const found of tree.getKeys({ start: name, exclusiveStart: true, limit: 1 })) return Buffer.from(found);
    return null;
  },
});
