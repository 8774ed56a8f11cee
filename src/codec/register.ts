/** A register and its encoded form, in which it travels and rests. It is encoded once, and what is received is passed on as it came. */
import { CompletionOutcome, CompletionRecord as WireRecord } from "../../gen/ts/onar/replication/v1/register.js";
import type { Timestamp } from "../core/ballot.js";
import { type Key, revision } from "../core/ids.js";
import type { RequestId } from "../core/register/operation.js";
import { type CompletionRecord, type RecordedOutcome, Register } from "../core/register/register.js";
import { toBuffer } from "../wire/bytes.js";
import { BYTES, tag, VARINT, WireReader, WireWriter } from "../wire/protobuf.js";
import { bytesOf, NO_BYTES, textOf } from "./bytes.js";
import { putTimestamp, readTimestamp } from "./timestamp.js";

const OUTCOMES: Record<RecordedOutcome, CompletionOutcome> = {
  applied: CompletionOutcome.APPLIED,
  "condition-failed": CompletionOutcome.CONDITION_FAILED,
  absent: CompletionOutcome.ABSENT,
  "not-a-number": CompletionOutcome.NOT_A_NUMBER,
  overflow: CompletionOutcome.OVERFLOW,
  untold: CompletionOutcome.UNSPECIFIED,
};
const OUTCOME_NAMES = new Map(Object.entries(OUTCOMES).map(([name, code]) => [code, name as RecordedOutcome]));

/** Its buffer serves register after register. */
const writer = new WireWriter();

/** Fields of Register. */
const KEY = 1;
const TIMESTAMP = 2;
const TOMBSTONE = 3;
const VALUE = 4;
const VERSION = 5;
const REVISION = 6;
const FLOOR = 7;
const RECORDS = 8;

/** Each record as it stands in a register: a busy key's next register has all but the oldest of the last one's. */
const encodedRecords = new WeakMap<CompletionRecord, Uint8Array>();

export function encodeRegister(register: Register): Buffer {
  if (register.encoded === null) {
    // Encoding a record uses the same writer.
    const records = register.records.map(encodeRecord);
    writer.text(KEY, register.key);
    putTimestamp(TIMESTAMP, register.timestamp, writer);
    writer.number(TOMBSTONE, register.value === null ? 1 : 0);
    if (register.value !== null) writer.bytes(VALUE, register.value);
    writer.number(VERSION, register.version);
    writer.number(REVISION, register.revision);
    writer.number(FLOOR, register.floor);
    for (const record of records) writer.raw(record);
    register.encoded = writer.finish();
  }
  return toBuffer(register.encoded);
}

/** Keeps `bytes`: they must be in memory of their own (`ownCopy`). The records are decoded when somebody looks at them. */
export function decodeRegister(bytes: Uint8Array): Register {
  const reader = new WireReader(bytes);
  let key = "";
  let at: Timestamp | null = null;
  let tombstone = false;
  let value: Uint8Array = NO_BYTES;
  let version = 0;
  let decided = 0;
  let floor = 0;
  let hasRecords = false;
  while (reader.more) {
    const field = reader.tag();
    if (field === tag(KEY, BYTES)) key = reader.text();
    else if (field === tag(TIMESTAMP, BYTES)) at = readTimestamp(reader.message());
    else if (field === tag(TOMBSTONE, VARINT)) tombstone = reader.varint() !== 0;
    else if (field === tag(VALUE, BYTES)) value = reader.view();
    else if (field === tag(VERSION, VARINT)) version = reader.varint();
    else if (field === tag(REVISION, VARINT)) decided = reader.varint();
    else if (field === tag(FLOOR, VARINT)) floor = reader.varint();
    else {
      hasRecords ||= field === tag(RECORDS, BYTES);
      reader.skip(field);
    }
  }
  if (at === null || key === "") throw new Error("a register without key or timestamp");
  const register = new Register(
    key as Key,
    at,
    tombstone ? null : value,
    revision(version),
    revision(decided),
    revision(floor),
    hasRecords ? () => decodeRecords(bytes) : NO_RECORDS,
  );
  register.encoded = bytes;
  return register;
}

const NO_RECORDS: readonly CompletionRecord[] = [];

function decodeRecords(register: Uint8Array): CompletionRecord[] {
  const records: CompletionRecord[] = [];
  const reader = new WireReader(register);
  while (reader.more) {
    const field = reader.tag();
    if (field === tag(RECORDS, BYTES)) records.push(decodeRecord(reader.view()));
    else reader.skip(field);
  }
  return records;
}

function encodeRecord(record: CompletionRecord): Uint8Array {
  let bytes = encodedRecords.get(record);
  if (bytes === undefined) {
    writer.bytes(RECORDS, WireRecord.encode(recordToWire(record)).finish());
    bytes = writer.finish();
    encodedRecords.set(record, bytes);
  }
  return bytes;
}

const recordToWire = (record: CompletionRecord): WireRecord => ({
  requestId: bytesOf(record.requestId),
  fingerprint: record.fingerprint,
  revision: record.revision,
  outcome: OUTCOMES[record.outcome],
  version: record.version,
});

function decodeRecord(bytes: Uint8Array): CompletionRecord {
  const wire = WireRecord.decode(bytes);
  const record: CompletionRecord = {
    requestId: textOf<RequestId>(wire.requestId),
    fingerprint: wire.fingerprint,
    revision: revision(wire.revision),
    outcome: OUTCOME_NAMES.get(wire.outcome) ?? "untold",
    version: revision(wire.version),
  };
  // What this version does not know of it goes on to the next register.
  writer.bytes(RECORDS, bytes);
  encodedRecords.set(record, writer.finish());
  return record;
}
