/**
 * The checkpoint's registers and their indexes, in packed trees over a store of blocks:
 *
 *   records   (table, key)    → the register (codec/disk/checkpoint-record.ts)
 *   changes   (table, change) → key: the latest change of each
 *   deleted   (table, change) → key: those of them that are tombstones
 *   removed   (table, change) → key: the last ones that are gone (removed-tree.ts)
 *
 * The first three tell the same twice, so that what one has lost is known from another. For a rotten block of records
 * the changes say which keys are bad. A rotten block of an index is filled again from the records. When both have
 * rotted in one table, every key of the lost range is bad. Nothing can be folded over it any more: the node counts as
 * lost.
 */

import { bytesOf, NO_BYTES, textOf } from "../../codec/bytes/bytes.js";
import type { BlockEntry } from "../../codec/disk/block.js";
import {
  decodeStored,
  encodeStored,
  entryKeyOf,
  isSound,
  keyOfEntry,
  type Stored,
  spoilt,
  storedHead,
} from "../../codec/disk/checkpoint-record.js";
import { type TableId, tableId } from "../../codec/disk/table-id.js";
import { type ChangeNumber, changeNumber, type Key, NO_CHANGE } from "../../core/model/ids.js";
import type { Forgotten, RemovalsPage } from "../../core/model/removals.js";
import { BAD, bytesOfHeld, type Change, type Held } from "../../core/model/table.js";
import { changeKey, changeOfKey } from "./change-key.js";
import {
  type Below,
  CheckpointError,
  type FoldBatch,
  type FoldItem,
  NONE_BELOW,
  type Scan,
  type Scanned,
} from "./checkpoint.js";
import { LastSection } from "./last-section.js";
import {
  type BlockSizes,
  type BlockStore,
  type BlockWrite,
  blockName,
  type Edit,
  PackedTree,
  type Section,
} from "./packed-tree.js";
import { headAt, REMOVAL_BOUNDS, type RemovalHead, RemovedTree } from "./removed-tree.js";

/** Format 1 had these, too. */
export const FIRST_TREES = ["records", "changes", "deleted"] as const;
export type FirstTreeName = (typeof FIRST_TREES)[number];
export const TREES = [...FIRST_TREES, "removed"] as const;
export type TreeName = (typeof TREES)[number];

export interface TreeWrite extends BlockWrite {
  readonly tree: TreeName;
}

/** The known part of a hole. */
interface Rescued {
  readonly entries: BlockEntry[];
  /** The tree that tells it has no hole itself in that table. */
  readonly whole: boolean;
}

const NO_KEY = Buffer.alloc(0);
const UNKNOWN: Stored = { change: changeNumber(0), register: BAD, settled: false, bytes: 0 };

export class Packed {
  private readonly records: PackedTree;
  private readonly last: LastSection;
  private readonly index: PackedTree;
  private readonly deleted: PackedTree;
  private readonly removed: RemovedTree;
  private readonly heads = new Map<TableId, RemovalHead>();
  /** Once what was planned last is written. */
  private readonly plannedHeads = new Map<TableId, RemovalHead>();
  /** Finding out is slow, and asked for with every read until the keys are mended. */
  private readonly rescued = new Map<string, Rescued>();

  constructor(
    private readonly stores: Readonly<Record<TreeName, BlockStore>>,
    sizes: BlockSizes,
    bounds = REMOVAL_BOUNDS,
  ) {
    const tree = (name: TreeName): PackedTree =>
      new PackedTree(stores[name], sizes, (...hole) => this.refill(name, ...hole));
    this.records = tree("records");
    this.last = new LastSection(this.records);
    this.index = tree("changes");
    this.deleted = tree("deleted");
    this.removed = new RemovedTree(tree("removed"), bounds);
  }

  get(table: TableId, key: Key): Stored | null {
    const found = this.find(table, key);
    if (found === null || found === "unknown") return found === null ? null : UNKNOWN;
    return decodeStored(key, found.meta, found.value);
  }

  below(table: TableId, key: Key): Below | null {
    const found = this.find(table, key);
    if (found === null || found === "unknown") return found === null ? NONE_BELOW : null;
    const head = storedHead(found.meta);
    return head.change === 0 ? null : head;
  }

  changes(table: TableId, after: ChangeNumber, limit: number, skip: (key: Key) => boolean): Change[] {
    return this.listed(this.index, table, after, limit, skip);
  }

  tombstones(table: TableId, limit: number, skip: (key: Key) => boolean): Change[] {
    return this.listed(this.deleted, table, changeNumber(0), limit, skip);
  }

  /** See Checkpoint. */
  ordered(table: TableId, after: Key | null, limit: number, maxBytes: number, skip: (key: Key) => boolean): Held[] {
    const found: Held[] = [];
    let bytes = 0;
    const from = after === null ? NO_KEY : entryKeyOf(after);
    for (const { key: name, meta, value } of this.records.entries(table, from, true)) {
      if (found.length >= limit || bytes >= maxBytes) break;
      const key = keyOfEntry(name, meta);
      if (key === after || skip(key)) continue;
      const { register, change, settled } = decodeStored(key, meta, value);
      const one = { key, held: register, change, settled };
      found.push(one);
      bytes += bytesOfHeld(one);
    }
    return found;
  }

  removals(table: TableId, after: ChangeNumber, limit: number, maxBytes: number): RemovalsPage | Forgotten {
    return this.removed.page(table, this.removalHead(table), after, limit, maxBytes);
  }

  /** The newest of the removals that are there, or will be when what was planned is written. */
  removalHead(table: TableId, planned = false): RemovalHead {
    return (planned ? this.plannedHeads.get(table) : undefined) ?? this.heads.get(table) ?? headAt(NO_CHANGE);
  }

  /** As it was kept beside the trees. */
  restoreHead(table: TableId, head: RemovalHead): void {
    this.heads.set(table, head);
  }

  /** Whole blocks, until there are that many records. */
  scan(from: Buffer | null, limit: number, skip: (table: TableId) => boolean): Scan {
    const records: Scanned[] = [];
    const { records: store } = this.stores;
    let at = from ?? store.above(NO_KEY);
    while (at !== null && records.length < limit) {
      const table = tableId(at.readUInt32BE(0));
      if (skip(table)) {
        at = firstBlock(store, tableId(table + 1));
        continue;
      }
      const section: Section = this.records.at(table, at.subarray(4), true);
      const { block } = section;
      for (let i = 0; i < (block?.count ?? 0); i++) {
        const meta = block?.meta(i) ?? NO_BYTES;
        const sound = isSound(meta, block?.value(i) ?? NO_BYTES);
        records.push({ table, key: keyOfEntry(block?.key(i) ?? NO_BYTES, meta), sound });
      }
      if (block === null) {
        for (const { key, meta } of this.rescue("records", table, section).entries)
          records.push({ table, key: keyOfEntry(key, meta), sound: false });
      }
      at = section.to === null ? store.above(blockName(table, section.from)) : blockName(table, section.to);
    }
    return { records, next: at };
  }

  /**
   * The blocks to write for these registers, each key at most once, a table's together, and removals. Reads while it is
   * gone through.
   */
  *plan({ items, removed }: Pick<FoldBatch, "items" | "removed">): Iterable<TreeWrite> {
    this.plannedHeads.clear();
    for (let from = 0; from < items.length; ) {
      const { table } = items[from] as FoldItem;
      let to = from + 1;
      while (to < items.length && items[to]?.table === table) to++;
      yield* this.planned(table, items.slice(from, to));
      from = to;
    }
    for (const folded of removed) {
      const { writes, head } = this.removed.add(folded, this.removalHead(folded.table));
      for (const write of writes) yield { tree: "removed", ...write };
      this.plannedHeads.set(folded.table, head);
    }
  }

  /** The blocks to write for entries of one table by ascending key. */
  *load(tree: FirstTreeName, table: TableId, entries: readonly BlockEntry[]): Iterable<TreeWrite> {
    const into = { records: this.records, changes: this.index, deleted: this.deleted }[tree];
    const edits = entries.map((entry) => ({ key: entry.key, entry }));
    for (const write of into.edit(table, edits)) yield { tree, ...write };
  }

  /** The first blocks of a table, at most so many, to be removed. */
  *removal(table: TableId, blocks: number): Iterable<TreeWrite> {
    let left = blocks;
    for (const tree of TREES) {
      const store = this.stores[tree];
      for (
        let name = firstBlock(store, table);
        name !== null && name.readUInt32BE(0) === table;
        name = store.above(name)
      ) {
        if (left-- === 0) return;
        yield { tree, name, bytes: null };
      }
    }
  }

  /** After what was planned has been written. */
  written(): void {
    this.last.forget();
    this.rescued.clear();
    for (const [table, head] of this.plannedHeads) this.heads.set(table, head);
    this.plannedHeads.clear();
  }

  /** Nothing is left of the table. */
  swept(table: TableId): void {
    this.heads.delete(table);
  }

  private *planned(table: TableId, items: readonly FoldItem[]): Iterable<TreeWrite> {
    const records: Edit[] = [];
    const index = new Map<ChangeNumber, Key | null>();
    const deleted = new Map<ChangeNumber, Key | null>();
    for (const { key, below } of items) {
      if (below === null) {
        this.sweep(this.index, table, key, index);
        this.sweep(this.deleted, table, key, deleted);
      } else if (below.change !== 0) {
        index.set(below.change, null);
        if (below.tombstone) deleted.set(below.change, null);
      }
    }
    for (const { key, register, change, settled } of items) {
      const entry = register === null ? null : encodeStored(key, register, change, settled);
      records.push({ key: entry?.key ?? entryKeyOf(key), entry });
      if (register === null) continue;
      index.set(change, key);
      if (register !== BAD && register.tombstone) deleted.set(change, key);
    }
    records.sort((a, b) => a.key.compare(b.key));
    for (const write of this.records.edit(table, records)) yield { tree: "records", ...write };
    for (const write of this.index.edit(table, indexEdits(index))) yield { tree: "changes", ...write };
    for (const write of this.deleted.edit(table, indexEdits(deleted))) yield { tree: "deleted", ...write };
  }

  /** The entries of an index for a key whose change is not known any more. Slow, and as rare as rot. */
  private sweep(tree: PackedTree, table: TableId, key: Key, edits: Map<ChangeNumber, Key | null>): void {
    const text = bytesOf(key);
    for (const entry of tree.entries(table, NO_KEY))
      if (text.equals(entry.meta)) edits.set(changeOfKey(entry.key), null);
  }

  private find(table: TableId, key: Key): Pick<BlockEntry, "meta" | "value"> | "unknown" | null {
    const name = entryKeyOf(key);
    const section = this.last.at(table, name);
    const { block } = section;
    if (block !== null) {
      const i = block.search(name);
      return block.has(i, name) ? { meta: block.meta(i), value: block.value(i) } : null;
    }
    const { entries, whole } = this.rescue("records", table, { ...section, from: Buffer.from(section.from) });
    return entries.find((entry) => entry.key.equals(name)) ?? (whole ? null : "unknown");
  }

  private listed(
    tree: PackedTree,
    table: TableId,
    after: ChangeNumber,
    limit: number,
    skip: (key: Key) => boolean,
  ): Change[] {
    const found: Change[] = [];
    if (limit <= 0) return found;
    for (const entry of tree.entries(table, changeKey(after + 1))) {
      const key = textOf<Key>(entry.meta);
      if (skip(key)) continue;
      const change = changeOfKey(entry.key);
      const stored = this.get(table, key);
      if (stored === null) continue;
      const { register } = stored;
      // For a register whose change nobody knows, the index' word counts.
      if (stored.change !== change && stored.change !== 0) continue;
      found.push({ change, key, timestamp: register === BAD ? null : register.timestamp });
      if (found.length >= limit) break;
    }
    return found;
  }

  // ---- holes

  /**
   * `certain`: for what is written in the hole's place. If it is not known for certain what was there, nothing may be.
   */
  private refill(tree: TreeName, table: TableId, hole: Section, certain: boolean): BlockEntry[] {
    // It shows by itself that something is missing there.
    if (tree === "removed") return [];
    const { entries, whole } = this.rescue(tree, table, hole);
    if (certain && !whole) throw new CheckpointError(LOST);
    return entries;
  }

  private rescue(tree: FirstTreeName, table: TableId, hole: Section): Rescued {
    const name = `${tree}/${table}/${hole.from.toString("latin1")}`;
    let rescued = this.rescued.get(name);
    if (rescued === undefined) {
      rescued = tree === "records" ? this.rescueRecords(table, hole) : this.rescueIndex(tree, table, hole);
      rescued.entries.sort((a, b) => a.key.compare(b.key));
      this.rescued.set(name, rescued);
    }
    return rescued;
  }

  private rescueRecords(table: TableId, hole: Section): Rescued {
    const tombstones = new Set<ChangeNumber>();
    this.deleted.sound(table, (change) => tombstones.add(changeOfKey(change)));
    const entries: BlockEntry[] = [];
    const { whole } = this.index.sound(table, (name, text) => {
      const key = textOf<Key>(text);
      const change = changeOfKey(name);
      if (isWithin(entryKeyOf(key), hole)) entries.push(spoilt(key, change, tombstones.has(change)));
    });
    return { entries, whole };
  }

  private rescueIndex(tree: FirstTreeName, table: TableId, hole: Section): Rescued {
    const entries: BlockEntry[] = [];
    const { whole } = this.records.sound(table, (name, meta) => {
      const { change, tombstone } = storedHead(meta);
      const key = changeKey(change);
      if (!isWithin(key, hole) || (tree === "deleted" && !tombstone)) return;
      entries.push({ key, meta: bytesOf(keyOfEntry(name, meta)), value: NO_BYTES });
    });
    return { entries, whole };
  }
}

/** The name of the first block of this table or a later one. */
function firstBlock(store: BlockStore, table: TableId): Buffer | null {
  const first = blockName(table, NO_KEY);
  const found = store.floor(first, false)?.name ?? null;
  return found?.equals(first) === true ? found : store.above(first);
}

const LOST =
  "the checkpoint has rotted in two places of one partition: which keys it held is not known any more. " +
  "This node counts as lost: move its directory away and replace the node";

const isWithin = (key: Buffer, { from, to }: Section): boolean =>
  key.compare(from) >= 0 && (to === null || key.compare(to) < 0);

function indexEdits(changes: ReadonlyMap<ChangeNumber, Key | null>): Edit[] {
  return [...changes]
    .sort(([a], [b]) => a - b)
    .map(([change, key]) => {
      const name = changeKey(change);
      return { key: name, entry: key === null ? null : { key: name, meta: bytesOf(key), value: NO_BYTES } };
    });
}
