/** A register and its encoded form, in which it travels and rests. It is encoded once, and what is received is passed on as it came. */
import { BinaryReader, BinaryWriter } from "@bufbuild/protobuf/wire";
import {
  CompletionOutcome,
  CompletionRecord as WireRecord,
  Register as WireRegister,
} from "../../gen/ts/onar/replication/v1/register.js";
import { type Key, revision } from "../core/ids.js";
import type { RequestId } from "../core/register/operation.js";
import { type CompletionRecord, type RecordedOutcome, Register } from "../core/register/register.js";
import { ballotFromWire, ballotToWire } from "./ballot.js";
import { bytesOf, NO_BYTES, textOf, toBuffer } from "./bytes.js";

const OUTCOMES: Record<RecordedOutcome, CompletionOutcome> = {
  applied: CompletionOutcome.APPLIED,
  "condition-failed": CompletionOutcome.CONDITION_FAILED,
  absent: CompletionOutcome.ABSENT,
  "not-a-number": CompletionOutcome.NOT_A_NUMBER,
  overflow: CompletionOutcome.OVERFLOW,
  untold: CompletionOutcome.UNSPECIFIED,
};
const OUTCOME_NAMES = new Map(Object.entries(OUTCOMES).map(([name, code]) => [code, name as RecordedOutcome]));

/** Making a writer costs more than encoding with it; `finish` leaves it empty for the next. */
const writer = new BinaryWriter();

const RECORDS = 8;
const LENGTH_DELIMITED = 2;

/** Each record as it stands in a register: a busy key's next register has all but the oldest of the last one's. */
const encodedRecords = new WeakMap<CompletionRecord, Uint8Array>();

export function encodeRegister(register: Register): Buffer {
  if (register.encoded === null) {
    const head = WireRegister.encode(
      {
        key: bytesOf(register.key),
        timestamp: { ballot: ballotToWire(register.timestamp.ballot), seq: register.timestamp.seq },
        tombstone: register.value === null,
        value: register.value === null ? NO_BYTES : toBuffer(register.value),
        version: register.version,
        revision: register.revision,
        floor: register.floor,
        records: [],
      },
      writer,
    ).finish();
    const { records } = register;
    register.encoded = records.length === 0 ? head : Buffer.concat([head, ...records.map(encodeRecord)]);
  }
  return toBuffer(register.encoded);
}

/** Keeps `bytes`: the caller must not share them with a network chunk. The records are decoded when somebody looks at them. */
export function decodeRegister(bytes: Uint8Array): Register {
  const { head, records } = split(bytes);
  const wire = WireRegister.decode(head);
  if (wire.timestamp?.ballot === undefined || wire.key.length === 0) {
    throw new Error("a register without key or timestamp");
  }
  const register = new Register(
    textOf<Key>(wire.key),
    { ballot: ballotFromWire(wire.timestamp.ballot), seq: wire.timestamp.seq },
    wire.tombstone ? null : wire.value,
    revision(wire.version),
    revision(wire.revision),
    revision(wire.floor),
    records.length === 0 ? NO_RECORDS : () => records.map(decodeRecord),
  );
  register.encoded = bytes;
  return register;
}

const NO_RECORDS: readonly CompletionRecord[] = [];

/** The fields before the records, which come last, and each record's bytes. */
function split(bytes: Uint8Array): { head: Uint8Array; records: Uint8Array[] } {
  const reader = new BinaryReader(bytes);
  const records: Uint8Array[] = [];
  let end = bytes.length;
  while (reader.pos < bytes.length) {
    const at = reader.pos;
    const [field, type] = reader.tag();
    if (field !== RECORDS || type !== LENGTH_DELIMITED) {
      // A newer version's fields may stand behind the records: then all of it is the head, and its records are decoded and dropped.
      if (records.length > 0) end = bytes.length;
      reader.skip(type, field);
      continue;
    }
    if (records.length === 0) end = at;
    records.push(reader.bytes());
  }
  return { head: bytes.subarray(0, end), records };
}

function encodeRecord(record: CompletionRecord): Uint8Array {
  let bytes = encodedRecords.get(record);
  if (bytes === undefined) {
    writer.uint32((RECORDS << 3) | LENGTH_DELIMITED).fork();
    bytes = WireRecord.encode(recordToWire(record), writer).join().finish();
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
  writer.uint32((RECORDS << 3) | LENGTH_DELIMITED).bytes(bytes);
  encodedRecords.set(record, writer.finish());
  return record;
}
