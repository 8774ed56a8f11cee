/**
 * The effect of a write on a register: a pure function of the register, the request and the next revision. The writer
 * decides who may call it, and when its result may be told.
 *
 * A decision either changes the register or leaves it as it is. An applied write changes it, and so does any decision
 * of a request with an id, which leaves a completion record. A failed condition or a delete of nothing, without an id,
 * leaves it: then its answer still needs a round (R5).
 */
import { present, unreachable } from "../../base/assert.js";
import { MAX_RECORDS } from "../../base/limits.js";
import { type Instant, since } from "../../base/time.js";
import type { Timestamp } from "../model/ballot.js";
import { type CompletionRecord, CompletionRecords, type RecordedOutcome } from "../model/completion-records.js";
import { type Key, NO_REVISION, type Revision } from "../model/ids.js";
import type { Answer, Condition, KeyEntry, Refusal, WriteOperation, WriteRequest } from "../model/operation.js";
import { planted } from "../model/planted.js";
import { Register, visibleVersion } from "../model/register.js";

/** Records are kept this long after this writer decided or recovered them … */
export const RECORD_RETENTION_MS = 10_000;
/** … never fewer than this many of a key, and never more than MAX_RECORDS. */
export const MIN_RECORDS = 16;

const INT64_MIN = -(2n ** 63n);
const INT64_MAX = 2n ** 63n - 1n;
const NUMBER = /^-?(0|[1-9][0-9]{0,18})$/;

export interface Decision {
  readonly outcome: RecordedOutcome;
  /** The value after it; meaningful when applied. */
  readonly value: Uint8Array | null;
}

/** The operation's findings and its effect. Does not look at ids. */
export function evaluate(operation: WriteOperation, register: Register | null): Decision {
  switch (operation.kind) {
    case "put":
      return { outcome: "applied", value: operation.value };
    case "cas":
      return holds(operation.condition, register)
        ? { outcome: "applied", value: operation.value }
        : { outcome: "condition-failed", value: null };
    case "delete":
      if (operation.condition !== null && !holds(operation.condition, register)) {
        return { outcome: "condition-failed", value: null };
      }
      return entryOf(register) === null ? { outcome: "absent", value: null } : { outcome: "applied", value: null };
    case "add": {
      const before = numberOf(register);
      if (before === null) return { outcome: "not-a-number", value: null };
      const number = before + operation.delta;
      if (number < INT64_MIN || number > INT64_MAX) return { outcome: "overflow", value: null };
      return { outcome: "applied", value: encodeNumber(number) };
    }
    default:
      return unreachable(operation);
  }
}

/** The register after a decision that changes it. `records` is what `retain` left of the old ones. */
export function successor(
  key: Key,
  register: Register | null,
  request: WriteRequest,
  decision: Decision,
  timestamp: Timestamp,
  revision: Revision,
  retained: Retained,
): Register {
  const applied = decision.outcome === "applied";
  const version = applied ? revision : (register?.version ?? NO_REVISION);
  const records =
    planted("R9.forget-failed-cas") && !applied
      ? retained.records
      : appendRecord(retained.records, request, register, decision, revision);
  return new Register(
    key,
    timestamp,
    applied ? decision.value : (register?.value ?? null),
    version,
    revision,
    retained.floor,
    records,
  );
}

/** The client's answer after a decision; `register` is the state before it. */
export function answerOf(
  operation: WriteOperation,
  decision: Decision,
  register: Register | null,
  revision: Revision,
): Answer | Refusal {
  const applied = decision.outcome === "applied";
  switch (operation.kind) {
    case "put":
      return { kind: "put", version: revision };
    case "cas":
      return applied
        ? { kind: "cas", swapped: true, version: revision, found: null }
        : { kind: "cas", swapped: false, version: visibleVersion(register), found: entryOf(register) };
    case "delete":
      return {
        kind: "delete",
        deleted: applied,
        versionFound: visibleVersion(register),
        found: decision.outcome === "condition-failed" ? entryOf(register) : null,
      };
    case "add":
      if (decision.outcome === "not-a-number" || decision.outcome === "overflow") return { reason: decision.outcome };
      return { kind: "add", version: revision, number: decision.value === null ? null : parseNumber(decision.value) };
    default:
      return unreachable(operation);
  }
}

/** The answer to a duplicate, from its record and the register as it is now. It repeats what was found only while that
 * is still there. */
export function answerFromRecord(
  operation: WriteOperation,
  record: CompletionRecord,
  register: Register,
): Answer | Refusal {
  const unmoved = entryOf(register) !== null && register.version === record.version;
  const found = unmoved ? entryOf(register) : null;
  switch (operation.kind) {
    case "put":
      return { kind: "put", version: record.version };
    case "cas":
      return record.outcome === "applied"
        ? { kind: "cas", swapped: true, version: record.version, found: null }
        : { kind: "cas", swapped: false, version: record.version, found };
    case "delete":
      return {
        kind: "delete",
        deleted: record.outcome === "applied",
        versionFound: record.version,
        found: record.outcome === "condition-failed" ? found : null,
      };
    case "add":
      if (record.outcome === "not-a-number" || record.outcome === "overflow") return { reason: record.outcome };
      return { kind: "add", version: record.version, number: found === null ? null : parseNumber(found.value) };
    default:
      return unreachable(operation);
  }
}

export function findRecord(register: Register | null, request: WriteRequest): CompletionRecord | null {
  if (register === null || request.requestId === null) return null;
  return register.records.find(request.requestId);
}

export interface Retained {
  readonly records: CompletionRecords;
  readonly floor: Revision;
  /** How many of the oldest records went. */
  readonly forgotten: number;
}

/**
 * Forgets records that are old or too many; the floor rises to the highest forgotten (R9). `knownSince[i]` is when this
 * writer decided or recovered record i: no rule needs a clock that is right. `adding`: how many records the decision
 * adds, 0 or 1, which count as kept.
 */
export function retain(
  register: Register | null,
  floor: Revision,
  knownSince: readonly Instant[],
  now: Instant,
  adding: number,
): Retained {
  if (register === null) return { records: CompletionRecords.none, floor, forgotten: 0 };
  const { records } = register;
  let forgotten = Math.max(0, records.length + adding - MAX_RECORDS);
  while (records.length + adding - forgotten > MIN_RECORDS) {
    if (since(now, knownSince[forgotten] ?? now) < RECORD_RETENTION_MS) break;
    forgotten++;
  }
  if (forgotten === 0) return { records, floor: register.floor, forgotten };
  let risen = register.floor;
  if (!planted("R9.forget-without-floor")) {
    for (let i = 0; i < forgotten; i++) {
      const { revision } = present(records.at(i), "a record that is forgotten");
      if (revision > risen) risen = revision;
    }
  }
  return { records: records.without(forgotten), floor: risen, forgotten };
}

export function entryOf(register: Register | null): KeyEntry | null {
  const value = register?.value ?? null;
  return register === null || value === null ? null : { value, version: register.version };
}

function appendRecord(
  records: CompletionRecords,
  request: WriteRequest,
  register: Register | null,
  decision: Decision,
  revision: Revision,
): CompletionRecords {
  if (request.requestId === null) return records;
  const made = decision.outcome === "applied" && request.operation.kind !== "delete";
  return records.with({
    requestId: request.requestId,
    fingerprint: request.fingerprint,
    revision,
    outcome: decision.outcome,
    version: made ? revision : visibleVersion(register),
  });
}

function holds(condition: Condition, register: Register | null): boolean {
  const entry = entryOf(register);
  switch (condition.kind) {
    case "absent":
      return entry === null;
    case "present":
      return entry !== null;
    case "version":
      return entry !== null && entry.version === condition.version;
    case "value":
      return entry !== null && sameBytes(entry.value, condition.value);
    default:
      return unreachable(condition);
  }
}

function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false;
  return true;
}

/** The decimal signed 64-bit number a value holds; absent counts as 0; null: not a number. */
function numberOf(register: Register | null): bigint | null {
  const entry = entryOf(register);
  return entry === null ? 0n : parseNumber(entry.value);
}

function parseNumber(value: Uint8Array): bigint | null {
  if (value.length === 0 || value.length > 20) return null;
  let text = "";
  for (const byte of value) text += String.fromCharCode(byte);
  if (!NUMBER.test(text) || text === "-0") return null;
  const number = BigInt(text);
  return number < INT64_MIN || number > INT64_MAX ? null : number;
}

function encodeNumber(number: bigint): Uint8Array {
  const text = number.toString();
  const bytes = new Uint8Array(text.length);
  for (let i = 0; i < text.length; i++) bytes[i] = text.charCodeAt(i);
  return bytes;
}
