/**
 * The checkpoint of a directory of format 1, which is read and never written: each register is a value of LMDB's.
 *
 *   records   (partition, key)    → the register with its checksums (codec/disk/checkpoint-record-1.ts)
 *   changes   (partition, change) → key: the latest change of each
 *   deleted   (partition, change) → key: those of them that are tombstones
 *   states    as today
 *
 * A key is a 0 and itself, or, above 1,900 bytes, a 1 and its SHA-256, with the key in front of the register.
 */

import { bytesOf, NO_BYTES, textOf } from "../../codec/bytes/bytes.js";
import type { BlockEntry } from "../../codec/disk/block.js";
import { encodeStored, entryKeyOf, type Stored, spoilt } from "../../codec/disk/checkpoint-record.js";
import { decodeFirstStored, firstStoredHead } from "../../codec/disk/checkpoint-record-1.js";
import { type TableId, tableId } from "../../codec/disk/table-id.js";
import { type ChangeNumber, changeNumber, type Key, NO_CHANGE } from "../../core/model/ids.js";
import { FORGOTTEN, type Forgotten } from "../../core/model/removals.js";
import { BAD, bytesOfHeld, type Change, type Held } from "../../core/model/table.js";
import { toBuffer } from "../../wire/bytes.js";
import { changeKey, changeOfKey } from "./change-key.js";
import {
  type Below,
  type Checkpoint,
  CheckpointError,
  type FoldedState,
  NONE_BELOW,
  type Scan,
  type Tally,
} from "./checkpoint.js";
import { Environment, type Tree } from "./environment.js";
import type { FirstTreeName } from "./packed.js";
import { blockName } from "./packed-tree.js";
import { SealedTree } from "./sealed-tree.js";

const HASHED = 1;
const LAST_CHANGE = 2 ** 48 - 1;

/** As they go into the packed tree of that name. */
export interface TableEntry extends BlockEntry {
  readonly table: TableId;
}

export class FirstCheckpoint implements Checkpoint {
  readonly position: number;
  readonly written = 0;
  readonly sealed: SealedTree;
  private readonly environment: Environment;
  private readonly trees: Readonly<Record<FirstTreeName, Tree>>;

  /** Throws a CheckpointError. */
  constructor(folder: string) {
    this.environment = new Environment(folder, true);
    const tree = (name: string): Tree => this.environment.tree(name);
    this.trees = { records: tree("records"), changes: tree("changes"), deleted: tree("deleted") };
    this.sealed = new SealedTree(tree("states"));
    this.position = this.sealed.position;
  }

  get bytes(): number {
    return this.environment.bytes;
  }

  get(table: TableId, key: Key): Stored | null {
    const name = entryKeyOf(key);
    const found = this.trees.records.getBinary(blockName(table, name));
    return found === undefined ? null : decodeFirstStored(table, key, registerOf(name, toBuffer(found)));
  }

  below(table: TableId, key: Key): Below | null {
    const name = entryKeyOf(key);
    const found = this.trees.records.getBinary(blockName(table, name));
    return found === undefined ? NONE_BELOW : firstStoredHead(table, key, registerOf(name, toBuffer(found)));
  }

  tallies(): Iterable<Tally> {
    return this.sealed.tallies();
  }

  states(): Iterable<FoldedState> {
    return this.sealed.states();
  }

  changes(table: TableId, after: ChangeNumber, limit: number, skip: (key: Key) => boolean): Change[] {
    return this.listed(this.trees.changes, table, after, limit, skip);
  }

  tombstones(table: TableId, limit: number, skip: (key: Key) => boolean): Change[] {
    return this.listed(this.trees.deleted, table, changeNumber(0), limit, skip);
  }

  ordered(table: TableId, after: Key | null, limit: number, maxBytes: number, skip: (key: Key) => boolean): Held[] {
    const found: Held[] = [];
    let bytes = 0;
    const start = blockName(table, after === null ? NO_BYTES : entryKeyOf(after));
    for (const { key: entry, value } of this.trees.records.getRange({ start })) {
      const name = Buffer.from(entry);
      if (name.readUInt32BE(0) !== table || found.length >= limit || bytes >= maxBytes) break;
      const key = keyOf(name.subarray(4), value);
      if (key === after || skip(key)) continue;
      const { register, change } = decodeFirstStored(table, key, Buffer.from(registerOf(name.subarray(4), value)));
      const one = { key, held: register, change, settled: false };
      found.push(one);
      bytes += bytesOfHeld(one);
    }
    return found;
  }

  /** That format kept none. */
  removals(): Forgotten {
    return FORGOTTEN;
  }

  lastRemoval(table: TableId): ChangeNumber {
    for (const tally of this.tallies()) if (tally.table === table) return tally.lastChange;
    return NO_CHANGE;
  }

  scan(): Scan {
    return { records: [], next: null };
  }

  commit(): void {
    throw new CheckpointError("a checkpoint of format 1 is not written to");
  }

  sweep(): void {
    this.commit();
  }

  close(done: () => void): void {
    this.environment.close(done);
  }

  /** Everything, table by table and by ascending key, as it goes into a packed tree. Rotten entries are bad
   * there, too. */
  *entries(tree: FirstTreeName): Iterable<TableEntry> {
    for (const { key: found, value } of this.trees[tree].getRange({ start: Buffer.alloc(1) })) {
      const name = Buffer.from(found);
      const table = tableId(name.readUInt32BE(0));
      const own = name.subarray(4);
      if (tree === "records") yield { table, ...this.record(table, own, value) };
      else if (this.isLatest(table, textOf<Key>(value), changeOfKey(own)))
        yield { table, key: own, meta: Buffer.from(value), value: NO_BYTES };
    }
  }

  private record(table: TableId, name: Buffer, value: Buffer): BlockEntry {
    const key = keyOf(name, value);
    const bytes = Buffer.from(registerOf(name, value));
    const { register, change } = decodeFirstStored(table, key, bytes);
    if (register !== BAD) return encodeStored(key, register, change);
    const head = firstStoredHead(table, key, bytes);
    return spoilt(key, head?.change ?? this.changeInIndex(table, key), head?.tombstone ?? false);
  }

  private isLatest(table: TableId, key: Key, change: ChangeNumber): boolean {
    const below = this.below(table, key);
    return below === null || below.change === change;
  }

  /** Slow, and as rare as rot. 0: nobody knows. */
  private changeInIndex(table: TableId, key: Key): ChangeNumber {
    const text = bytesOf(key);
    const range = { start: blockName(table, changeKey(0)), end: blockName(table, changeKey(LAST_CHANGE)) };
    for (const { key: name, value } of this.trees.changes.getRange(range))
      if (text.equals(value)) return changeOfKey(name.subarray(4));
    return changeNumber(0);
  }

  private listed(
    tree: Tree,
    table: TableId,
    after: ChangeNumber,
    limit: number,
    skip: (key: Key) => boolean,
  ): Change[] {
    const found: Change[] = [];
    if (limit <= 0) return found;
    const start = blockName(table, changeKey(after + 1));
    for (const { key: name, value } of tree.getRange({ start, end: blockName(table, changeKey(LAST_CHANGE)) })) {
      const key = textOf<Key>(value);
      if (skip(key)) continue;
      const change = changeOfKey(name.subarray(4));
      const stored = this.get(table, key);
      // A rotten head has no change of its own: the index' word counts.
      if (stored === null || (stored.change !== change && stored.change !== 0)) continue;
      const { register } = stored;
      found.push({ change, key, timestamp: register === BAD ? null : register.timestamp });
      if (found.length >= limit) break;
    }
    return found;
  }
}

const keyOf = (name: Buffer, value: Buffer): Key =>
  name[0] === HASHED ? textOf<Key>(value.subarray(4, 4 + value.readUInt32LE(0))) : textOf<Key>(name.subarray(1));

const registerOf = (name: Buffer, value: Buffer): Buffer =>
  name[0] === HASHED ? value.subarray(4 + value.readUInt32LE(0)) : value;
