/**
 * A sorted map for each table, in packed blocks (codec/disk/block.ts), over a store that keeps blocks by name. A
 * block's name is its table and the first key that may lie in it.
 *
 * Why: a B-tree of pages has its pages half full when keys come in order within a table, and two thirds full
 * otherwise. A block has as many pages as it needs, so a rotten page costs half a page a block. An entry in it has no
 * header of a tree's.
 *
 * Invariants, by which rot is found:
 *
 * 1. The sections of a table, from each block's first key to its end, lie side by side and cover all keys, or there are
 *    none.
 * 2. Where they do not, or a block fails its checksum, nobody knows what was there: a hole. The caller's other trees
 *    may tell (`rescue`).
 */
import {
  Block,
  type BlockEntry,
  type BlockPart,
  blockHeadBytes,
  encodeBlock,
  partBytes,
  partOf,
} from "../../codec/disk/block.js";
import type { TableId } from "../../codec/disk/table-id.js";

/** The blocks of one tree, by name. */
export interface BlockStore {
  /**
   * The block with the highest name that is not above this one. Without `keep` its bytes may change with the next call.
   */
  floor(name: Buffer, keep: boolean): { readonly name: Buffer; readonly bytes: Buffer } | null;
  /** The lowest name above this one. */
  above(name: Buffer): Buffer | null;
}

export interface BlockSizes {
  /** A block takes whole pages of so many bytes … */
  readonly page: number;
  /** … less so many of the first one. */
  readonly overhead: number;
  /** Most pages of a block that has more than one entry … */
  readonly pages: number;
  /** … and if its entries are larger than this on average, as one of them costs a whole block to write. */
  readonly largeEntry: number;
  readonly pagesOfLarge: number;
}

/** LMDB's: what does not fit beside other entries gets pages of its own, with 16 bytes in front. */
export const LMDB_BLOCKS: BlockSizes = { page: 4_096, overhead: 16, pages: 4, largeEntry: 512, pagesOfLarge: 2 };

/** The entries between two keys of a table. */
export interface Section {
  readonly from: Buffer;
  /** null: the end of the table. */
  readonly to: Buffer | null;
  /** null: a hole. */
  readonly block: Block | null;
  /** The name of the block that is there, rotten or not; null: there is none. */
  readonly name: Buffer | null;
}

export interface Edit {
  readonly key: Buffer;
  /** null: it goes. */
  readonly entry: BlockEntry | null;
}

/** null: the block goes. */
export interface BlockWrite {
  readonly name: Buffer;
  readonly bytes: Buffer | null;
}

/** The known entries of a hole, by ascending key. `certain`: throws when that may not be all. */
export type Rescue = (table: TableId, hole: Section, certain: boolean) => BlockEntry[];

const NO_KEY = Buffer.alloc(0);

export class PackedTree {
  constructor(
    private readonly store: BlockStore,
    private readonly sizes: BlockSizes,
    private readonly rescue: Rescue,
  ) {}

  /** Where the key belongs. Without `keep` it is valid until the store is asked for something again. */
  at(table: TableId, key: Buffer, keep: boolean): Section {
    const name = blockName(table, key);
    const found = this.store.floor(name, keep);
    if (found === null || found.name.readUInt32BE(0) !== table) {
      const to = this.next(table, name);
      return { from: NO_KEY, to, block: to === null ? Block.EMPTY : null, name: null };
    }
    const from = found.name.subarray(4);
    const block = Block.read(found.name, found.bytes);
    if (block === null) return { from, to: this.next(table, found.name), block, name: found.name };
    const { end } = block;
    if (end === null || key.compare(end) < 0) return { from, to: end, block, name: found.name };
    const hole = { from: Buffer.from(end), block: null, name: null };
    return { ...hole, to: this.next(table, name) };
  }

  /**
   * All entries from this key on, by ascending key; of holes what can be rescued. `certain`: throws when that may not
   * be all.
   */
  *entries(table: TableId, from: Buffer, certain = false): Iterable<BlockEntry> {
    for (let at: Buffer | null = from; at !== null; ) {
      const section: Section = this.at(table, at, true);
      const { block } = section;
      if (block === null) {
        const start = at;
        yield* this.rescue(table, section, certain).filter(({ key }) => key.compare(start) >= 0);
      } else {
        for (let i = block.search(at); i < block.count; i++) yield entryAt(block, i);
      }
      at = section.to;
    }
  }

  /** All sound sections' entries: what helps to fill the holes of another tree. `whole`: there was no hole. */
  sound(table: TableId, told: (key: Buffer, meta: Buffer) => void): { readonly whole: boolean } {
    let whole = true;
    for (let at: Buffer | null = NO_KEY; at !== null; ) {
      const { block, to }: Section = this.at(table, at, true);
      if (block === null) whole = false;
      else for (let i = 0; i < block.count; i++) told(block.key(i), block.meta(i));
      at = to;
    }
    return { whole };
  }

  /** The blocks to write so that these edits, by ascending key and one for each, are done. */
  *edit(table: TableId, edits: readonly Edit[]): Iterable<BlockWrite> {
    for (let i = 0; i < edits.length; ) {
      let changed = this.rewrite(table, edits, i, false);
      // A block that has become small joins the one behind it, so that many removals do not leave many small blocks.
      if (this.isSmall(changed)) changed = this.rewrite(table, edits, i, true);
      i = changed.next;
      yield* changed.writes;
    }
  }

  /** The block that the first of the edits is for, and others that it is joined with. */
  private rewrite(table: TableId, edits: readonly Edit[], from: number, join: boolean): Rewritten {
    // A block that is not joined with others is done with when it has been written.
    const first = this.at(table, (edits[from] as Edit).key, join);
    const changed = new Rewrite(first);
    let next = this.merge(table, first, edits, from, changed);
    while (join && this.isSmall(changed)) {
      const section = this.at(table, changed.to as Buffer, true);
      changed.absorb(section);
      next = this.merge(table, section, edits, next, changed);
    }
    const { shrunk, to, bytes } = changed;
    const writes = !join && this.isSmall(changed) ? [] : this.written(table, changed);
    return { next, writes, shrunk, to, bytes };
  }

  private isSmall({ shrunk, to, bytes }: Pick<Rewrite, "shrunk" | "to" | "bytes">): boolean {
    return shrunk && to !== null && bytes < this.sizes.page;
  }

  /**
   * Adds the section's entries to the rewrite, with the edits that belong there; returns the first edit that does not.
   */
  private merge(table: TableId, section: Section, edits: readonly Edit[], from: number, into: Rewrite): number {
    const block = section.block ?? Block.of(this.rescue(table, section, true));
    let next = 0;
    let i = from;
    for (; i < edits.length; i++) {
      const { key, entry } = edits[i] as Edit;
      if (section.to !== null && key.compare(section.to) >= 0) break;
      const place = block.search(key, next);
      if (place > next) into.keep(block.part(next, place), place - next);
      next = place;
      if (block.has(place, key)) {
        into.drop(block.part(place, place + 1));
        next++;
      }
      if (entry !== null) into.add(partOf(entry));
    }
    if (next < block.count) into.keep(block.part(next, block.count), block.count - next);
    return i;
  }

  private written(table: TableId, changed: Rewrite): BlockWrite[] {
    const { parts, count, bytes, from, to, names } = changed;
    const gone = new Set(names.map((name) => name.toString("latin1")));
    const writes: BlockWrite[] = [];
    const { page, overhead, pages, largeEntry, pagesOfLarge } = this.sizes;
    const most = (bytes > count * largeEntry ? pagesOfLarge : pages) * page - overhead;
    if (bytes + blockHeadBytes(to?.length ?? 0) <= most || count === 1) {
      const name = blockName(table, from);
      if (count > 0 || from.length > 0 || to !== null) {
        gone.delete(name.toString("latin1"));
        writes.push({ name, bytes: encodeBlock(name, to, parts, count) });
      }
    } else {
      const pieces = this.pieces(changed, most);
      let start = from;
      for (const [n, piece] of pieces.entries()) {
        const following = pieces[n + 1]?.[0];
        const end = following === undefined ? to : between((piece.at(-1) as BlockPart).key, following.key);
        const name = blockName(table, start);
        gone.delete(name.toString("latin1"));
        writes.push({ name, bytes: encodeBlock(name, end, piece, piece.length) });
        if (end !== null) start = end;
      }
    }
    for (const name of gone) writes.push({ name: Buffer.from(name, "latin1"), bytes: null });
    return writes;
  }

  /**
   * A block is left full when new entries come behind it, or in front of it: keys often come in order. When they come
   * everywhere, both sides get room to grow, and the side that does not have them ends where a page does.
   */
  private pieces({ parts, bytes, front, back }: Rewrite, most: number): BlockPart[][] {
    const { page, overhead } = this.sizes;
    const single = parts.flatMap((part) => part.apart());
    const wanted = front === 0 || back === 0 ? 0 : Math.ceil(bytes / most);
    const size = Math.max(1, Math.round(bytes / Math.max(1, wanted) / page)) * page - overhead;
    if (front >= back) return cut(single, wanted, size, most);
    const backwards = cut(single.reverse(), wanted, size, most);
    return backwards.reverse().map((piece) => piece.reverse());
  }

  private next(table: TableId, name: Buffer): Buffer | null {
    const next = this.store.above(name);
    return next === null || next.readUInt32BE(0) !== table ? null : Buffer.from(next.subarray(4));
  }
}

interface Rewritten {
  /** The first edit that is not done by it. */
  readonly next: number;
  readonly writes: readonly BlockWrite[];
  readonly shrunk: boolean;
  readonly to: Buffer | null;
  readonly bytes: number;
}

/** One or more neighbouring blocks that are written anew. */
class Rewrite {
  readonly from: Buffer;
  to: Buffer | null;
  readonly parts: BlockPart[] = [];
  /** Names of the blocks that were there. */
  readonly names: Buffer[] = [];
  /** Entries, and their bytes. */
  count = 0;
  bytes = 0;
  /** Old entries before the first new one, and behind the last one. */
  front = 0;
  back = 0;
  private added = 0;
  private dropped = 0;

  constructor(section: Section) {
    this.from = section.from;
    this.to = section.to;
    if (section.name !== null) this.names.push(section.name);
  }

  get shrunk(): boolean {
    return this.dropped > this.added;
  }

  absorb(section: Section): void {
    this.to = section.to;
    if (section.name !== null) this.names.push(section.name);
  }

  keep(part: BlockPart, count: number): void {
    const bytes = partBytes(part);
    if (this.added === 0) this.front += bytes;
    else this.back += bytes;
    this.push(part, count);
  }

  add(part: BlockPart): void {
    this.added += partBytes(part);
    this.back = 0;
    this.push(part, 1);
  }

  drop(part: BlockPart): void {
    this.dropped += partBytes(part);
  }

  private push(part: BlockPart, count: number): void {
    this.parts.push(part);
    this.count += count;
    this.bytes += partBytes(part);
  }
}

/** Pieces of about `size` each, the last of `wanted` of them and what comes behind it of `most`. */
function cut(parts: readonly BlockPart[], wanted: number, size: number, most: number): BlockPart[][] {
  const pieces: BlockPart[][] = [];
  let piece: BlockPart[] = [];
  let length = 0;
  for (const part of parts) {
    const limit = pieces.length + 1 < wanted ? Math.min(size, most) : most;
    const added = partBytes(part);
    if (piece.length > 0 && length + added + blockHeadBytes(part.key.length) > limit) {
      pieces.push(piece);
      piece = [];
      length = 0;
    }
    piece.push(part);
    length += added;
  }
  pieces.push(piece);
  return pieces;
}

export function blockName(table: TableId, key: Buffer): Buffer {
  const name = Buffer.allocUnsafe(4 + key.length);
  name.writeUInt32BE(table, 0);
  key.copy(name, 4);
  return name;
}

const entryAt = (block: Block, i: number): BlockEntry => ({
  key: block.key(i),
  meta: block.meta(i),
  value: block.value(i),
});

/** The shortest key above the one and not above the other. */
function between(below: Buffer, above: Buffer): Buffer {
  let same = 0;
  while (same < below.length && below[same] === above[same]) same++;
  return Buffer.from(above.subarray(0, same + 1));
}
