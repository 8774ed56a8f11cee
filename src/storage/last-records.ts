/**
 * The log's last record of each key. A busy key stands in the log again and again, and only its last record counts. The
 * others are not even decoded. So the time of a start depends on how much there is, and hardly on how often it was
 * written. Until then the segments that were read stay in memory.
 */
import type { LogRecord } from "../codec/disk/log-record.js";
import type { TableId } from "../codec/disk/table-id.js";
import type { Key } from "../core/model/ids.js";

export class LastRecords {
  private readonly tables = new Map<TableId, Map<Key, LogRecord>>();

  /** In the order of the log: it takes the place of what the key had before. */
  take(record: LogRecord): void {
    const { table, key } = record;
    let records = this.tables.get(table);
    if (records === undefined) {
      records = new Map();
      this.tables.set(table, records);
    }
    records.set(key, record);
  }

  /** The copy was dropped. */
  forget(table: TableId): void {
    this.tables.delete(table);
  }

  /** Those of each table in the order of their changes. */
  *inOrder(): Iterable<LogRecord> {
    for (const records of this.tables.values()) yield* [...records.values()].sort((a, b) => a.change - b.change);
  }
}
