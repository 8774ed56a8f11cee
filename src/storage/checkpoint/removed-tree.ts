/**
 * The removals of each table that a checkpoint remembers (core/model/removals.ts), in a packed tree:
 *
 *   removed   (table, change) → the change of the removal before it (u48), key
 *
 * So they are a chain, and what is missing from it shows: the oldest, which went, and any that rotted. Whoever asks
 * from before such a gap is told that something was forgotten. The head of the chain is kept with the table's tally.
 */
import { bytesOf, NO_BYTES, textOf } from "../../codec/bytes/bytes.js";
import type { BlockEntry } from "../../codec/disk/block.js";
import type { TableId } from "../../codec/disk/table-id.js";
import { MAX_REMOVALS, REMOVAL_BYTES } from "../../core/model/bounds.js";
import { type ChangeNumber, changeNumber } from "../../core/model/ids.js";
import { planted } from "../../core/model/planted.js";
import { FORGOTTEN, type Forgotten, type Removal, type RemovalsPage, removalsPage } from "../../core/model/removals.js";
import { changeKey, changeOfKey } from "./change-key.js";
import type { FoldedRemovals } from "./checkpoint.js";
import type { BlockWrite, Edit, PackedTree } from "./packed-tree.js";

const LINK_BYTES = 6;
const NO_KEY = Buffer.alloc(0);

/** The newest removal that has come here, and how much there is. */
export interface RemovalHead {
  readonly last: ChangeNumber;
  readonly count: number;
  /** All their keys together. */
  readonly bytes: number;
}

/** Nothing is known of earlier removals than this. */
export const headAt = (last: ChangeNumber): RemovalHead => ({ last, count: 0, bytes: 0 });

export interface RemovalBounds {
  readonly count: number;
  /** All keys together. */
  readonly bytes: number;
}

export const REMOVAL_BOUNDS: RemovalBounds = { count: MAX_REMOVALS, bytes: REMOVAL_BYTES };

export interface RemovalWrites {
  readonly writes: Iterable<BlockWrite>;
  /** Once they are written. */
  readonly head: RemovalHead;
}

export class RemovedTree {
  constructor(
    private readonly tree: PackedTree,
    private readonly bounds: RemovalBounds,
  ) {}

  /** At most `limit` above that change, and no further once their keys have so many bytes. */
  page(
    table: TableId,
    head: RemovalHead,
    after: ChangeNumber,
    limit: number,
    maxBytes: number,
  ): RemovalsPage | Forgotten {
    let gap = false;
    let before: ChangeNumber | null = null;
    const chain = function* (this: RemovedTree): IterableIterator<Removal> {
      for (const { key: name, meta } of this.tree.entries(table, changeKey(after + 1))) {
        const change = changeOfKey(name);
        if (change > head.last) break;
        const link = meta.readUIntBE(0, LINK_BYTES);
        gap = before === null ? link > after : link !== before;
        if (gap && !planted("H8.gap-unseen")) return;
        before = change;
        yield { key: textOf(meta.subarray(LINK_BYTES)), change };
      }
      gap = (before ?? after) < head.last;
    };
    const page = removalsPage(chain.call(this), limit, maxBytes, head.last);
    return gap && !planted("H8.gap-unseen") ? FORGOTTEN : page;
  }

  /** The blocks to write so that these are there, and no more in all than is kept. */
  add({ table, removals, forgotten }: FoldedRemovals, { last, count, bytes }: RemovalHead): RemovalWrites {
    const added: Edit[] = [];
    let before = Math.max(last, forgotten);
    let addedBytes = 0;
    for (const { key, change } of removals) {
      added.push({ key: changeKey(change), entry: linked(before, { key, change }) });
      before = change;
      addedBytes += key.length;
    }
    const gone: Edit[] = [];
    let left = count + added.length;
    let leftBytes = bytes + addedBytes;
    const tooMuch = (): boolean => left > this.bounds.count || leftBytes > this.bounds.bytes;
    if (tooMuch()) {
      for (const { key, meta } of this.tree.entries(table, NO_KEY)) {
        if (!tooMuch()) break;
        gone.push({ key, entry: null });
        left--;
        leftBytes -= meta.length - LINK_BYTES;
      }
    }
    const writes = this.tree.edit(table, [...gone, ...added]);
    return { writes, head: { last: changeNumber(before), count: left, bytes: leftBytes } };
  }
}

function linked(before: number, { key, change }: Removal): BlockEntry {
  const meta = Buffer.allocUnsafe(LINK_BYTES + key.length);
  meta.writeUIntBE(before, 0, LINK_BYTES);
  bytesOf(key).copy(meta, LINK_BYTES);
  return { key: changeKey(change), meta, value: NO_BYTES };
}
