/**
 * The tools of the tests of the register's machines: an outbox that can be read, names for ballots, registers and
 * requests.
 */
import { type Instant, instant } from "../../../../src/base/time.js";
import { type Ballot, ballot, initialBallot, type Timestamp, timestamp } from "../../../../src/core/model/ballot.js";
import { type CompletionRecord, CompletionRecords } from "../../../../src/core/model/completion-records.js";
import type { Entry } from "../../../../src/core/model/entry.js";
import {
  changeNumber,
  groupEpoch,
  type Key,
  key,
  type NodeId,
  nodeId,
  partition,
  revision,
} from "../../../../src/core/model/ids.js";
import type { CoreMessage } from "../../../../src/core/model/message.js";
import type { RequestId, WriteOperation, WriteRequest } from "../../../../src/core/model/operation.js";
import type { Outbox, Outcome, Raised, Sink } from "../../../../src/core/model/outbox.js";
import { Register } from "../../../../src/core/model/register.js";
import { BAD, type RegisterTable } from "../../../../src/core/model/table.js";
import { Group } from "../../../../src/core/quorum/group.js";
import { type Patience, RESEND_MS } from "../../../../src/core/quorum/patience.js";

/** With replicas that answer at once. */
export const PATIENCE: Patience = { firstMs: RESEND_MS, returned: 0 };

export type KindOf<Kind extends CoreMessage["kind"]> = Extract<CoreMessage, { kind: Kind }>;

export interface Sent {
  readonly to: NodeId;
  readonly message: CoreMessage;
}

class SentMessages implements Sink<CoreMessage> {
  readonly list: Sent[] = [];

  push(to: NodeId, message: CoreMessage): void {
    this.list.push({ to, message });
  }

  /** The messages since the last call. */
  take(): Sent[] {
    return this.list.splice(0);
  }

  get kinds(): string[] {
    return this.list.map(({ message }) => message.kind);
  }

  /** The one message that was sent, of this kind. */
  only<Kind extends CoreMessage["kind"]>(kind: Kind): KindOf<Kind> {
    const [sent, ...more] = this.take();
    if (sent?.message.kind !== kind || more.length > 0) {
      throw new Error(`sent ${[sent, ...more].map((s) => s?.message.kind).join(", ")} instead of one ${kind}`);
    }
    return sent.message as KindOf<Kind>;
  }
}

/** An outbox that tests read and empty. */
export class TestOutbox implements Outbox {
  readonly entries: Entry[] = [];
  readonly sendNow = new SentMessages();
  readonly sendDurable = new SentMessages();
  readonly outcomes: Outcome[] = [];
  readonly raised: Raised[] = [];
}

export const P = partition(3);
export const epoch = groupEpoch(4);
export const A = nodeId(10);
export const B = nodeId(11);
export const C = nodeId(12);
export const nodeAt = (place: number): NodeId => nodeId(10 + place);
export const groupOf = (size: number, place = 0): Group =>
  new Group(
    P,
    epoch,
    Array.from({ length: size }, (_, i) => nodeAt(i)),
    nodeAt(place),
  );

/** The ballot of a round and the place of its owner, in the tests' group epoch. */
export const b = (round: number, place = 0, of = epoch): Ballot => ballot(of, round, nodeAt(place));
export const none = initialBallot(epoch);
export const ts = (of: Ballot, seq: number): Timestamp => timestamp(of, seq);
export const at = (ms: number): Instant => instant(ms);

export const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
export const text = (value: Uint8Array | null | undefined): string | null =>
  value === null || value === undefined ? null : new TextDecoder().decode(value);

export const K = key("k");
export const rid = (name: string): RequestId => name.padEnd(16, ".") as RequestId;

export interface RegisterParts {
  readonly key?: Key;
  readonly at?: Timestamp;
  /** null: a tombstone. */
  readonly value?: string | null;
  readonly version?: number;
  readonly revision?: number;
  readonly floor?: number;
  readonly records?: Iterable<CompletionRecord>;
}

export function register(parts: RegisterParts = {}): Register {
  const { value = "v", version = 1, records = [] } = parts;
  return new Register(
    parts.key ?? K,
    parts.at ?? ts(b(1), 1),
    value === null ? null : bytes(value),
    revision(version),
    revision(parts.revision ?? version),
    revision(parts.floor ?? 0),
    records instanceof CompletionRecords ? records : CompletionRecords.of(records),
  );
}

export function record(name: string, parts: Partial<CompletionRecord> = {}): CompletionRecord {
  return {
    requestId: rid(name),
    fingerprint: 7,
    revision: revision(1),
    outcome: "applied",
    version: revision(1),
    ...parts,
  };
}

/** A request; with a name it has an id, and the fingerprint 7 unless said otherwise. */
export function request(operation: WriteOperation, id?: string, after?: number, fingerprint = 7): WriteRequest {
  return {
    operation,
    requestId: id === undefined ? null : rid(id),
    after: after === undefined ? null : revision(after),
    fingerprint: id === undefined ? 0 : fingerprint,
  };
}

export const put = (value: string, k: Key = K): WriteOperation => ({ kind: "put", key: k, value: bytes(value) });
export const add = (delta: bigint, k: Key = K): WriteOperation => ({ kind: "add", key: k, delta });
export const remove = (k: Key = K): WriteOperation => ({ kind: "delete", key: k, condition: null });
export const casAbsent = (value: string, k: Key = K): WriteOperation => ({
  kind: "cas",
  key: k,
  condition: { kind: "absent" },
  value: bytes(value),
});
export const casVersion = (version: number, value: string, k: Key = K): WriteOperation => ({
  kind: "cas",
  key: k,
  condition: { kind: "version", version: revision(version) },
  value: bytes(value),
});

/** Has the table hold it, as a change of its own. */
export function hold(table: RegisterTable, held: Register): void {
  table.put(held, changeNumber(table.lastChange + 1));
}

/** The register that a table holds; fails when it is bad. */
export function heldIn(table: RegisterTable, k: Key = K): Register | null {
  const held = table.get(k);
  if (held === BAD) throw new Error(`${k} is bad`);
  return held;
}
