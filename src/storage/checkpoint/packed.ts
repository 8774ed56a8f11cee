/**
 * The checkpoint's registers and their indexes, in three packed trees over a store of blocks:
 *
 *   records   (partition, key)    → the register (codec/disk/checkpoint-record.ts)
 *   changes   (partition, change) → key: the latest change of each
 *   deleted   (partition, change) → key: those of them that are tombstones
 *
 * They tell the same twice, so that what one has lost is known from another. For a rotten block of records the changes
 * say which keys are bad. A rotten block of an index is filled again from the records. When both have rotted in one
 * partition, every key of the lost range is bad. Nothing can be folded over it any more: the node counts as lost.
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
import {
  type ChangeNumber,
  changeNumber,
  type Key,
  type Partition,
  partition as partitionOf,
} from "../../core/model/ids.js";
import { BAD, type Change } from "../../core/model/table.js";
import { type Below, CheckpointError, type FoldItem, NONE_BELOW, type Scanned } from "./checkpoint.js";
import {
  type BlockSizes,
  type BlockStore,
  type BlockWrite,
  blockName,
  type Edit,
  PackedTree,
  type Section,
} from "./packed-tree.js";

export const TREES = ["records", "changes", "deleted"] as const;
export type TreeName = (typeof TREES)[number];

export interface TreeWrite extends BlockWrite {
  readonly tree: TreeName;
}

/** The known part of a hole. */
interface Rescued {
  readonly entries: BlockEntry[];
  /** The tree that tells it has no hole itself in that partition. */
  readonly whole: boolean;
}

const NO_KEY = Buffer.alloc(0);
const UNKNOWN: Stored = { change: changeNumber(0), register: BAD, bytes: 0 };

export class Packed {
  private readonly records: PackedTree;
  private readonly index: PackedTree;
  private readonly deleted: PackedTree;
  /** Finding out is slow, and asked for with every read until the keys are mended. */
  private readonly rescued = new Map<string, Rescued>();

  constructor(
    private readonly stores: Readonly<Record<TreeName, BlockStore>>,
    sizes: BlockSizes,
  ) {
    const tree = (name: TreeName): PackedTree =>
      new PackedTree(stores[name], sizes, (...hole) => this.refill(name, ...hole));
    this.records = tree("records");
    this.index = tree("changes");
    this.deleted = tree("deleted");
  }

  get(partition: Partition, key: Key): Stored | null {
    const found = this.find(partition, key);
    if (found === null || found === "unknown") return found === null ? null : UNKNOWN;
    return decodeStored(key, found.meta, found.value);
  }

  below(partition: Partition, key: Key): Below | null {
    const found = this.find(partition, key);
    if (found === null || found === "unknown") return found === null ? NONE_BELOW : null;
    const head = storedHead(found.meta);
    return head.change === 0 ? null : head;
  }

  changes(partition: Partition, after: ChangeNumber, limit: number, skip: (key: Key) => boolean): Change[] {
    return this.listed(this.index, partition, after, limit, skip);
  }

  tombstones(partition: Partition, limit: number, skip: (key: Key) => boolean): Change[] {
    return this.listed(this.deleted, partition, changeNumber(0), limit, skip);
  }

  /** Whole blocks, until there are that many records. */
  scan(from: Buffer | null, limit: number): { readonly records: readonly Scanned[]; readonly next: Buffer | null } {
    const records: Scanned[] = [];
    const { records: store } = this.stores;
    let at = from ?? store.above(NO_KEY);
    while (at !== null && records.length < limit) {
      const partition = partitionOf(at.readUInt32BE(0));
      const section: Section = this.records.at(partition, at.subarray(4), true);
      const { block } = section;
      for (let i = 0; i < (block?.count ?? 0); i++) {
        const meta = block?.meta(i) ?? NO_BYTES;
        const sound = isSound(meta, block?.value(i) ?? NO_BYTES);
        records.push({ partition, key: keyOfEntry(block?.key(i) ?? NO_BYTES, meta), sound });
      }
      if (block === null) {
        for (const { key, meta } of this.rescue("records", partition, section).entries)
          records.push({ partition, key: keyOfEntry(key, meta), sound: false });
      }
      at = section.to === null ? store.above(blockName(partition, section.from)) : blockName(partition, section.to);
    }
    return { records, next: at };
  }

  /** The blocks to write for these registers, each key at most once, a partition's together. Reads while it is gone through. */
  *plan(items: readonly FoldItem[]): Iterable<TreeWrite> {
    for (let from = 0; from < items.length; ) {
      const { partition } = items[from] as FoldItem;
      let to = from + 1;
      while (to < items.length && items[to]?.partition === partition) to++;
      yield* this.planned(partition, items.slice(from, to));
      from = to;
    }
  }

  /** The blocks to write for entries of one partition by ascending key. */
  *load(tree: TreeName, partition: Partition, entries: readonly BlockEntry[]): Iterable<TreeWrite> {
    const into = { records: this.records, changes: this.index, deleted: this.deleted }[tree];
    const edits = entries.map((entry) => ({ key: entry.key, entry }));
    for (const write of into.edit(partition, edits)) yield { tree, ...write };
  }

  /** After what was planned has been written. */
  written(): void {
    this.rescued.clear();
  }

  private *planned(partition: Partition, items: readonly FoldItem[]): Iterable<TreeWrite> {
    const records: Edit[] = [];
    const index = new Map<ChangeNumber, Key | null>();
    const deleted = new Map<ChangeNumber, Key | null>();
    for (const { key, below } of items) {
      if (below === null) {
        this.sweep(this.index, partition, key, index);
        this.sweep(this.deleted, partition, key, deleted);
      } else if (below.change !== 0) {
        index.set(below.change, null);
        if (below.tombstone) deleted.set(below.change, null);
      }
    }
    for (const { key, register, change } of items) {
      const entry = register === null ? null : encodeStored(key, register, change);
      records.push({ key: entry?.key ?? entryKeyOf(key), entry });
      if (register === null) continue;
      index.set(change, key);
      if (register !== BAD && register.tombstone) deleted.set(change, key);
    }
    records.sort((a, b) => a.key.compare(b.key));
    for (const write of this.records.edit(partition, records)) yield { tree: "records", ...write };
    for (const write of this.index.edit(partition, indexEdits(index))) yield { tree: "changes", ...write };
    for (const write of this.deleted.edit(partition, indexEdits(deleted))) yield { tree: "deleted", ...write };
  }

  /** The entries of an index for a key whose change is not known any more. Slow, and as rare as rot. */
  private sweep(tree: PackedTree, partition: Partition, key: Key, edits: Map<ChangeNumber, Key | null>): void {
    const text = bytesOf(key);
    for (const entry of tree.entries(partition, NO_KEY))
      if (text.equals(entry.meta)) edits.set(changeOf(entry.key), null);
  }

  private find(partition: Partition, key: Key): Pick<BlockEntry, "meta" | "value"> | "unknown" | null {
    const name = entryKeyOf(key);
    const section = this.records.at(partition, name, false);
    const { block } = section;
    if (block !== null) {
      const i = block.search(name);
      return block.has(i, name) ? { meta: block.meta(i), value: block.value(i) } : null;
    }
    const { entries, whole } = this.rescue("records", partition, { ...section, from: Buffer.from(section.from) });
    return entries.find((entry) => entry.key.equals(name)) ?? (whole ? null : "unknown");
  }

  private listed(
    tree: PackedTree,
    partition: Partition,
    after: ChangeNumber,
    limit: number,
    skip: (key: Key) => boolean,
  ): Change[] {
    const found: Change[] = [];
    if (limit <= 0) return found;
    for (const entry of tree.entries(partition, changeKey(after + 1))) {
      const key = textOf<Key>(entry.meta);
      if (skip(key)) continue;
      const change = changeOf(entry.key);
      const stored = this.get(partition, key);
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

  /** `certain`: for what is written in the hole's place. If it is not known for certain what was there, nothing may be. */
  private refill(tree: TreeName, partition: Partition, hole: Section, certain: boolean): BlockEntry[] {
    const { entries, whole } = this.rescue(tree, partition, hole);
    if (certain && !whole) throw new CheckpointError(LOST);
    return entries;
  }

  private rescue(tree: TreeName, partition: Partition, hole: Section): Rescued {
    const name = `${tree}/${partition}/${hole.from.toString("latin1")}`;
    let rescued = this.rescued.get(name);
    if (rescued === undefined) {
      rescued = tree === "records" ? this.rescueRecords(partition, hole) : this.rescueIndex(tree, partition, hole);
      rescued.entries.sort((a, b) => a.key.compare(b.key));
      this.rescued.set(name, rescued);
    }
    return rescued;
  }

  private rescueRecords(partition: Partition, hole: Section): Rescued {
    const tombstones = new Set<ChangeNumber>();
    this.deleted.sound(partition, (change) => tombstones.add(changeOf(change)));
    const entries: BlockEntry[] = [];
    const { whole } = this.index.sound(partition, (name, text) => {
      const key = textOf<Key>(text);
      const change = changeOf(name);
      if (isWithin(entryKeyOf(key), hole)) entries.push(spoilt(key, change, tombstones.has(change)));
    });
    return { entries, whole };
  }

  private rescueIndex(tree: TreeName, partition: Partition, hole: Section): Rescued {
    const entries: BlockEntry[] = [];
    const { whole } = this.records.sound(partition, (name, meta) => {
      const { change, tombstone } = storedHead(meta);
      const key = changeKey(change);
      if (!isWithin(key, hole) || (tree === "deleted" && !tombstone)) return;
      entries.push({ key, meta: bytesOf(keyOfEntry(name, meta)), value: NO_BYTES });
    });
    return { entries, whole };
  }
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

export function changeKey(change: number): Buffer {
  const name = Buffer.allocUnsafe(6);
  name.writeUIntBE(change, 0, 6);
  return name;
}

const changeOf = (name: Buffer): ChangeNumber => changeNumber(name.readUIntBE(0, 6));
