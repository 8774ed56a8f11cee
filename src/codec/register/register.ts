/**
 * A register and its encoded form, in which it travels and rests. It is encoded once, and what is received is passed on
 * as it came.
 */
import { COMPLETION_RECORD, REGISTER } from "../../../gen/ts/onar/replication/v1/fields.js";
import { CompletionOutcome } from "../../../gen/ts/onar/replication/v1/register.js";
import { present } from "../../base/assert.js";
import { MAX_RECORDS, REQUEST_ID_BYTES } from "../../base/limits.js";
import type { Timestamp } from "../../core/model/ballot.js";
import {
  type CompletionRecord,
  CompletionRecords,
  type RecordedOutcome,
  RecordList,
} from "../../core/model/completion-records.js";
import { type Key, revision } from "../../core/model/ids.js";
import type { RequestId } from "../../core/model/operation.js";
import { planted } from "../../core/model/planted.js";
import { Register } from "../../core/model/register.js";
import { toBuffer } from "../../wire/bytes.js";
import { BYTES, FIXED32, tag, VARINT, WireReader, WireWriter } from "../../wire/protobuf.js";
import { NO_BYTES } from "../bytes/bytes.js";
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

/** Their buffers serve register after register. */
const writer = new WireWriter();
const recordWriter = new WireWriter();

export function encodeRegister(register: Register): Buffer {
  if (register.encoded === null) {
    writer.text(REGISTER.key, register.key);
    putTimestamp(REGISTER.timestamp, register.timestamp, writer);
    const { value } = register;
    writer.number(REGISTER.tombstone, value === null ? 1 : 0);
    if (value !== null) writer.bytes(REGISTER.value, value);
    const valueEnd = writer.length;
    writer.number(REGISTER.version, register.version);
    writer.number(REGISTER.revision, register.revision);
    writer.number(REGISTER.floor, register.floor);
    writer.raw(encodedRecords(register.records));
    register.restAs(writer.finish(), valueEnd - (value?.length ?? 0), valueEnd);
  }
  return toBuffer(present(register.encoded, "an encoded form"));
}

/** The beginning of a register's encoded form, except for one that somebody else encoded in another way. */
export function keyField(key: Key): Buffer {
  writer.text(REGISTER.key, key);
  return writer.finish();
}

/**
 * Keeps `bytes`: they must be in memory of their own (`ownCopy`). The records are decoded when somebody looks at them.
 */
export function decodeRegister(bytes: Uint8Array): Register {
  const reader = new WireReader(bytes);
  let key = "";
  let at: Timestamp | null = null;
  let tombstone = false;
  let valueStart = 0;
  let valueEnd = 0;
  let version = 0;
  let decided = 0;
  let floor = 0;
  let records = 0;
  while (reader.more) {
    const field = reader.tag();
    if (field === tag(REGISTER.key, BYTES)) key = reader.text();
    else if (field === tag(REGISTER.timestamp, BYTES)) at = readTimestamp(reader.message());
    else if (field === tag(REGISTER.tombstone, VARINT)) tombstone = reader.varint() !== 0;
    else if (field === tag(REGISTER.value, BYTES)) {
      valueStart = reader.span();
      valueEnd = reader.position;
    } else if (field === tag(REGISTER.version, VARINT)) version = reader.varint();
    else if (field === tag(REGISTER.revision, VARINT)) decided = reader.varint();
    else if (field === tag(REGISTER.floor, VARINT)) floor = reader.varint();
    else {
      if (field === tag(REGISTER.records, BYTES)) records++;
      reader.skip(field);
    }
  }
  if (records > MAX_RECORDS)
    throw new Error(`a register with ${records} completion records, of at most ${MAX_RECORDS}`);
  if (at === null || key === "") throw new Error("a register without key or timestamp");
  const register = new Register(
    key as Key,
    at,
    tombstone ? null : NO_BYTES,
    revision(version),
    revision(decided),
    revision(floor),
    records > 0 ? decodeRecords : CompletionRecords.none,
  );
  register.restAs(bytes, valueStart, valueEnd);
  return register;
}

/**
 * Nobody looked at the records when the register came, so this must read whatever a peer may have sent. A record that
 * cannot be is left out. Its revision would become the floor of a partition when it goes, and a node that ended here
 * would end again at each start.
 */
function decodeRecords(register: Uint8Array): CompletionRecords {
  const list = new RecordList();
  const decided = revisionIn(register);
  const reader = new WireReader(register);
  while (reader.more) {
    const start = reader.position;
    const field = reader.tag();
    if (field === tag(REGISTER.records, BYTES)) {
      const record = recordFrom(reader.message());
      if (record === null || record.revision > decided) continue;
      list.add(record);
      // Fields of it that this version does not know go on to the next register.
      list.addEncoded(register.subarray(start, reader.position));
    } else reader.skip(field);
  }
  return CompletionRecords.over(list);
}

function revisionIn(register: Uint8Array): number {
  let decided = 0;
  const reader = new WireReader(register);
  while (reader.more) {
    const field = reader.tag();
    if (field === tag(REGISTER.revision, VARINT)) decided = reader.varint();
    else reader.skip(field);
  }
  return decided;
}

/** null: it cannot be. */
function recordFrom(reader: WireReader): CompletionRecord | null {
  try {
    const record = decodeRecord(reader);
    return record.requestId.length === REQUEST_ID_BYTES ? record : null;
  } catch (error) {
    if (planted("R9.records-end-nodes")) throw error;
    return null;
  }
}

/** Each is encoded once: a busy key's next register has all but the oldest records of the last one's, as they were. */
function encodedRecords({ list, first, end }: CompletionRecords): Uint8Array {
  for (let i = list.ends.length; i < end; i++) {
    const record = list.records[i] as CompletionRecord;
    const field = recordWriter.begin(REGISTER.records);
    recordWriter.text(COMPLETION_RECORD.requestId, record.requestId);
    recordWriter.fixed32(COMPLETION_RECORD.fingerprint, record.fingerprint);
    recordWriter.number(COMPLETION_RECORD.revision, record.revision);
    recordWriter.number(COMPLETION_RECORD.outcome, OUTCOMES[record.outcome]);
    recordWriter.number(COMPLETION_RECORD.version, record.version);
    recordWriter.end(field);
    list.addEncoded(recordWriter.take());
  }
  return list.encoded(first, end);
}

function decodeRecord(reader: WireReader): CompletionRecord {
  let requestId = "";
  let fingerprint = 0;
  let decided = 0;
  let outcome = 0;
  let version = 0;
  while (reader.more) {
    const field = reader.tag();
    if (field === tag(COMPLETION_RECORD.requestId, BYTES)) requestId = reader.text();
    else if (field === tag(COMPLETION_RECORD.fingerprint, FIXED32)) fingerprint = reader.fixed32();
    else if (field === tag(COMPLETION_RECORD.revision, VARINT)) decided = reader.varint();
    else if (field === tag(COMPLETION_RECORD.outcome, VARINT)) outcome = reader.varint();
    else if (field === tag(COMPLETION_RECORD.version, VARINT)) version = reader.varint();
    else reader.skip(field);
  }
  return {
    requestId: requestId as RequestId,
    fingerprint,
    revision: revision(decided),
    outcome: OUTCOME_NAMES.get(outcome) ?? "untold",
    version: revision(version),
  };
}
