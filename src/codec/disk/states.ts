/** A partition's small state, or the node's, as one piece of bytes: its entries as records of the log that never stood in one. */
import { isKnown, type StateEntry, stateFrom } from "./entry.js";
import { RecordBuffer, recordAt } from "./log-record.js";

const SALT = 0x53544154;

const buffer = new RecordBuffer();

export function encodeStates(entries: readonly StateEntry[]): Buffer {
  buffer.clear();
  for (const entry of entries) buffer.push(entry, 0, SALT);
  return Buffer.from(buffer.bytes);
}

/** null: not as it was written, or of a newer version. */
export function decodeStates(bytes: Buffer): StateEntry[] | null {
  const entries: StateEntry[] = [];
  for (let at = 0; at < bytes.length; ) {
    const record = recordAt(bytes, at, SALT);
    if (record?.body == null || !isKnown(record.kind)) return null;
    entries.push(stateFrom(record.kind, record, record.body));
    at = record.end;
  }
  return entries;
}
