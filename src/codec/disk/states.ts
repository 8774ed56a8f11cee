/**
 * The small state of a copy, or the node's, as one piece of bytes: its entries as records that never stood in the log.
 */
import type { Partition } from "../../core/model/ids.js";
import { isKnown, KIND, type StateEntry, stateFrom } from "./entry.js";
import { type LogRecord, RecordBuffer, recordAt } from "./log-record.js";
import { partitionOfFirst, type TableId } from "./table-id.js";

const SALT = 0x53544154;

const buffer = new RecordBuffer();

export function encodeStates(table: TableId, entries: readonly StateEntry[]): Buffer {
  buffer.clear();
  for (const entry of entries) buffer.push(entry, table, 0, SALT);
  return Buffer.from(buffer.bytes);
}

/** null: not as it was written, or of a newer version. */
export function decodeStates(bytes: Buffer): StateEntry[] | null {
  const entries: StateEntry[] = [];
  let partition: Partition | null = null;
  for (let at = 0; at < bytes.length; ) {
    const record = recordAt(bytes, at, SALT);
    if (record?.body == null || !isKnown(record.kind)) return null;
    partition ??= partitionIn(record, record.body);
    if (partition === null) return null;
    entries.push(stateFrom(record.kind, partition, record.body));
    at = record.end;
  }
  return entries;
}

/** The first entry tells; a copy that the founding gave has that of its table. */
function partitionIn({ kind, table }: LogRecord, body: Buffer): Partition | null {
  if (kind !== KIND.begun && kind !== KIND.dropped && kind !== KIND.swept) return partitionOfFirst(table);
  const entry = stateFrom(kind, 0 as Partition, body);
  return "partition" in entry ? entry.partition : null;
}
