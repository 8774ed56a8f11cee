/** A register and its encoded form, in which it travels and rests. It is encoded once, and what is received is passed on as it came. */
import { BinaryReader, BinaryWriter } from "@bufbuild/protobuf/wire";
import {
  CompletionOutcome,
  type CompletionRecord as WireRecord,
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
};
const OUTCOME_NAMES = new Map(Object.entries(OUTCOMES).map(([name, code]) => [code, name as RecordedOutcome]));

/** Making a writer costs more than encoding with it; `finish` leaves it empty for the next. */
const writer = new BinaryWriter();

export function encodeRegister(register: Register): Buffer {
  if (register.encoded === null) {
    register.encoded = WireRegister.encode(
      {
        key: bytesOf(register.key),
        timestamp: { ballot: ballotToWire(register.timestamp.ballot), seq: register.timestamp.seq },
        tombstone: register.value === null,
        value: register.value === null ? NO_BYTES : toBuffer(register.value),
        version: register.version,
        revision: register.revision,
        floor: register.floor,
        records: register.records.map(recordToWire),
      },
      writer,
    ).finish();
  }
  return toBuffer(register.encoded);
}

/** What was decoded last: many reads of one key at a time are answered with one register, and its records are what costs. */
let latest: Register | null = null;

/** Keeps `bytes`: the caller must not share them with a network chunk. Registers never change, so the same one may be returned twice. */
export function decodeRegister(bytes: Uint8Array): Register {
  if (latest?.encoded != null && toBuffer(latest.encoded).equals(bytes)) return latest;
  const wire = WireRegister.decode(new BinaryReader(bytes));
  if (wire.timestamp?.ballot === undefined || wire.key.length === 0)
    throw new Error("a register without key or timestamp");
  const register = new Register(
    textOf<Key>(wire.key),
    { ballot: ballotFromWire(wire.timestamp.ballot), seq: wire.timestamp.seq },
    wire.tombstone ? null : wire.value,
    revision(wire.version),
    revision(wire.revision),
    revision(wire.floor),
    wire.records.map(recordFromWire),
  );
  register.encoded = bytes;
  latest = register;
  return register;
}

const recordToWire = (record: CompletionRecord): WireRecord => ({
  requestId: bytesOf(record.requestId),
  fingerprint: record.fingerprint,
  revision: record.revision,
  outcome: OUTCOMES[record.outcome],
  version: record.version,
});

function recordFromWire(wire: WireRecord): CompletionRecord {
  const outcome = OUTCOME_NAMES.get(wire.outcome);
  if (outcome === undefined) throw new Error(`completion record with unknown outcome ${wire.outcome}`);
  return {
    requestId: textOf<RequestId>(wire.requestId),
    fingerprint: wire.fingerprint,
    revision: revision(wire.revision),
    outcome,
    version: revision(wire.version),
  };
}
