/**
 * Where a directory keeps one copy of a partition: the number that its records in the log and its blocks in the
 * checkpoint carry. A number is never used for a second copy. So nothing that is left of an old copy is ever taken for
 * a part of a new one (H9).
 *
 * Numbers below 65,536 belong to the copies that a cluster's founding gave: each is that of its partition, and needs no
 * entry. All later copies get the next number from there on, by an entry of the log.
 */
import type { Brand } from "../../base/brand.js";
import { type GroupEpoch, groupEpoch, type Partition } from "../../core/model/ids.js";
import { MAX_PARTITIONS } from "../../core/placement/position.js";

export type TableId = Brand<number, "TableId">;

export const tableId = (value: number): TableId => value as TableId;

/** The first number for a copy that was begun by an entry. */
export const FIRST_BEGUN_TABLE = tableId(MAX_PARTITIONS);
/** The group epoch of the copies that the founding of a cluster gave. */
export const FIRST_COPY: GroupEpoch = groupEpoch(1);

/** The table of the copy that the founding gave. */
export const firstTableOf = (partition: Partition): TableId => tableId(partition);

/** null: a copy of that number was begun by an entry. */
export const partitionOfFirst = (table: TableId): Partition | null =>
  table < FIRST_BEGUN_TABLE ? (table as number as Partition) : null;
