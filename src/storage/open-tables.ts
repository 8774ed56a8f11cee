/**
 * The tables in use, one for each copy that was asked for, and what their youngest layers hold: that is what the next
 * fold takes.
 */
import type { TableId } from "../codec/disk/table-id.js";
import type { Key } from "../core/model/ids.js";
import type { Checkpoint, Tally } from "./checkpoint/checkpoint.js";
import type { CopyState } from "./copy-state.js";
import { DiskTable, type TableSurroundings } from "./disk-table.js";
import type { RegisterCache } from "./register-cache.js";
import { UnmarkedLoad } from "./unmarked.js";

export interface OpenTablesOptions {
  readonly checkpoint: Checkpoint;
  readonly cache: RegisterCache;
  readonly foundBad: (table: TableId, key: Key) => void;
}

export class OpenTables {
  private readonly opened = new Map<TableId, DiskTable>();
  private readonly tallies = new Map<TableId, Tally>();
  private readonly around: TableSurroundings;
  /** Tables with something in their youngest layer. */
  private readonly changed = new Set<DiskTable>();
  private bytes = 0;
  /** The tables may hold what is not in the log yet. */
  unappended = false;

  constructor({ checkpoint, cache, foundBad }: OpenTablesOptions) {
    this.around = {
      checkpoint,
      cache,
      unmarked: new UnmarkedLoad(),
      foundBad,
      grown: (table, bytes) => {
        this.unappended = true;
        this.bytes += bytes;
        this.changed.add(table);
      },
    };
    for (const tally of checkpoint.tallies()) this.tallies.set(tally.table, tally);
  }

  /** Bytes of the youngest layers. */
  get liveBytes(): number {
    return this.bytes;
  }

  of(state: CopyState): DiskTable {
    const { table: id } = state;
    let table = this.opened.get(id);
    if (table === undefined) {
      table = new DiskTable(id, this.tallies.get(id), (timestamp) => state.covers(timestamp), this.around);
      this.opened.set(id, table);
    }
    return table;
  }

  /** Whether memory has a later state of the key than the checkpoint. */
  covers(table: TableId, key: Key): boolean {
    return this.opened.get(table)?.covers(key) === true;
  }

  /** Nothing is left of it in memory but what a fold has in hand. */
  drop(state: CopyState): void {
    const table = this.opened.get(state.table);
    if (table === undefined) return;
    if (this.changed.delete(table)) this.bytes -= table.live.bytes;
    table.drop();
    this.opened.delete(state.table);
  }

  /** Those with something to fold; their youngest layers count no more. */
  takeChanged(): DiskTable[] {
    const tables = [...this.changed];
    this.changed.clear();
    this.bytes = 0;
    return tables;
  }
}
