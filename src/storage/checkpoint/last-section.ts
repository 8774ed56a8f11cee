/**
 * The section of a table where the last key was looked up. Folds, transfers and loads go along keys in their order, so
 * many keys in a row lie in one block. It is read and checked once for them.
 *
 * A copy of a block costs about a tenth of reading it, so none is made for keys without an order. Only when a second
 * key in a row lies in a section is its block kept. There is one at most, and only until something is written.
 */
import type { TableId } from "../../codec/disk/table-id.js";
import type { PackedTree, Section } from "./packed-tree.js";

export class LastSection {
  private table: TableId | null = null;
  private from: Buffer | null = null;
  /** null: the end of the table. */
  private to: Buffer | null = null;
  /** null: its block was not kept. */
  private kept: Section | null = null;

  constructor(private readonly tree: PackedTree) {}

  /** Where the key belongs. It is valid until the store is asked for something again. */
  at(table: TableId, key: Buffer): Section {
    if (!this.holds(table, key)) {
      const section = this.tree.at(table, key, false);
      this.table = table;
      this.kept = null;
      // A hole has no block to keep, and may be filled from elsewhere.
      this.from = section.block === null ? null : Buffer.from(section.from);
      this.to = section.to === null ? null : Buffer.from(section.to);
      return section;
    }
    this.kept ??= this.tree.at(table, key, true);
    return this.kept;
  }

  /** Something was written: what is there may be another block by now. */
  forget(): void {
    this.from = null;
    this.kept = null;
  }

  private holds(table: TableId, key: Buffer): boolean {
    const { from, to } = this;
    if (table !== this.table || from === null || key.compare(from) < 0) return false;
    return to === null || key.compare(to) < 0;
  }
}
