/**
 * Entries as bytes: what a record of the log, or of a partition's state in the checkpoint, holds. Numbers are
 * little-endian and fixed in width; a body may grow behind what is known here, and the rest is ignored.
 *
 * Kinds never change their number. A reader must not skip an entry that it does not know: it may be a promise of a
 * newer version.
 */
import { unreachable } from "../../base/assert.js";
import { type Ballot, ballot } from "../../core/model/ballot.js";
import type { CopyEntry } from "../../core/model/copy-entry.js";
import type { Entry } from "../../core/model/entry.js";
import {
  type ChangeNumber,
  changeNumber,
  type GroupEpoch,
  groupEpoch,
  type Key,
  key as keyOf,
  NO_CHANGE,
  type NodeId,
  nodeId,
  type Partition,
  partition as partitionOf,
  revision,
} from "../../core/model/ids.js";
import { isViewEntry, type NodeEntry } from "../../core/model/node-entry.js";
import { toBuffer } from "../../wire/bytes.js";
import { NO_BYTES } from "../bytes/bytes.js";
import { encodedViewFrom } from "../peer/encoded-view.js";
import { encodeRegister } from "../register/register.js";
import { type TableId, tableId } from "./table-id.js";

/** The log's state of a node besides its partitions' entries: the highest log position that a peer has told (R10).
 * Lazy. */
export interface SeenPosition {
  readonly kind: "seen";
  readonly node: NodeId;
  readonly position: number;
  /** Its proof by the peer's own key, one character per byte; missing when it told none. */
  readonly proof?: string;
}

/** The checkpoint alone keeps, and the log never: the table that the next copy gets, … */
export interface NextTable {
  readonly kind: "next-table";
  readonly next: TableId;
}

/** … and that nothing is left of a dropped copy. Kept only where another copy could get the same table otherwise. */
export interface SweptCopy {
  readonly kind: "swept";
  readonly partition: Partition;
  readonly copy: GroupEpoch;
}

/** Entries of one copy: its table stands in the record's header. */
export type TableEntry = Entry | CopyEntry | SweptCopy;
export type StoredEntry = NodeEntry | CopyEntry | SeenPosition | NextTable | SweptCopy;
/** Entries that make a partition's small state, or the node's: all but registers and removals. */
export type StateEntry = Exclude<StoredEntry, { kind: "register" | "removed" }>;

export const KIND = {
  register: 1,
  removed: 2,
  promise: 3,
  reservation: 4,
  floor: 5,
  settled: 6,
  cursor: 7,
  seen: 8,
  view: 9,
  "view-promise": 10,
  "view-vote": 11,
  begun: 12,
  dropped: 13,
  "next-table": 14,
  swept: 15,
  sealed: 16,
  ready: 17,
  "pre-copied": 18,
  merged: 19,
  "took-over": 20,
  inherited: 21,
  accepted: 22,
  vouched: 23,
} as const satisfies Record<StoredEntry["kind"], number>;

/** Whose loss costs time and never safety: a rotten one is forgotten. */
const LAZY: ReadonlySet<number> = new Set([KIND.settled, KIND.cursor, KIND.seen, KIND["pre-copied"], KIND.merged]);

export const isLazy = (kind: number): boolean => LAZY.has(kind);
export const isKnown = (kind: number): boolean => kind >= KIND.register && kind <= KIND.vouched;

/** The content of a record's header. */
export interface EntryHead {
  /** The copy's that it belongs to; 0 when it is the node's. */
  readonly table: TableId;
  /** 0 when the kind has none. */
  readonly change: ChangeNumber;
  /** "" when the kind has none. */
  readonly key: Key;
}

const NO_KEY = "" as Key;
export const NODE_WIDE = tableId(0);

/** It belongs to one copy, not to the node. */
export const isTableEntry = (entry: StoredEntry): entry is TableEntry =>
  entry.kind !== "seen" && entry.kind !== "next-table" && !isViewEntry(entry as NodeEntry);

export const changeOfEntry = (entry: StoredEntry): ChangeNumber =>
  entry.kind === "register" || entry.kind === "removed" ? entry.change : NO_CHANGE;

export function keyOfEntry(entry: StoredEntry): Key {
  if (entry.kind === "register") return entry.register.key;
  return entry.kind === "removed" ? entry.key : NO_KEY;
}

const BALLOT_BYTES = 20;
/** A peer and its position; a proof follows. */
const SEEN_BYTES = 12;
const MAX_PROOF_BYTES = 32;

/** Small bodies are made here and copied at once. */
const scratch = Buffer.alloc(64);

/** Valid until the next call, unless it is a register's: those rest as the bytes they came as. */
export function bodyOf(entry: StoredEntry): Buffer {
  switch (entry.kind) {
    case "register":
      return encodeRegister(entry.register);
    case "removed":
      return NO_BYTES;
    case "promise":
      return scratch.subarray(0, putBallot(entry.ballot, 0));
    case "reservation":
      return scratch.subarray(0, put64(scratch, entry.reservation, 0));
    case "floor":
      return scratch.subarray(0, put64(scratch, entry.floor, 0));
    case "settled":
      return scratch.subarray(0, put64(scratch, entry.seq, putBallot(entry.ballot, 0)));
    case "cursor": {
      const at = scratch.writeUInt32LE(entry.source, 0);
      return scratch.subarray(0, put64(scratch, entry.change, put64(scratch, entry.copy, at)));
    }
    case "seen": {
      const end = put64(scratch, entry.position, scratch.writeUInt32LE(entry.node, 0));
      return scratch.subarray(0, end + scratch.write((entry.proof ?? "").slice(0, MAX_PROOF_BYTES), end, "latin1"));
    }
    case "begun":
    case "dropped":
    case "swept":
      return scratch.subarray(0, put64(scratch, entry.copy, scratch.writeUInt32LE(entry.partition, 0)));
    case "sealed":
      return scratch.subarray(0, scratch.writeUInt8(entry.stays ? 1 : 0, put64(scratch, entry.epoch, 0)));
    case "ready":
    case "accepted":
    case "vouched":
      return scratch.subarray(0, put64(scratch, entry.epoch, 0));
    case "next-table":
      return scratch.subarray(0, scratch.writeUInt32LE(entry.next, 0));
    case "pre-copied": {
      let at = put64(scratch, entry.copy, scratch.writeUInt32LE(entry.source, 0));
      at = scratch.writeUInt8(entry.listedAll ? 1 : 0, put64(scratch, entry.change, at));
      // Without a key the body ends here: a key may be empty.
      return withKey(scratch.writeUInt8(entry.upTo === null ? 0 : 1, at), entry.upTo);
    }
    case "merged":
      return withKey(put64(scratch, entry.groupEpoch, 0), entry.upTo);
    case "took-over":
      return scratch.subarray(0, put64(scratch, entry.groupEpoch, 0));
    case "inherited":
      return withKey(put64(scratch, entry.mark, 0), entry.key);
    case "view":
      return toBuffer(entry.decided.bytes);
    case "view-promise":
      return scratch.subarray(0, putBallot(entry.ballot, 0));
    case "view-vote": {
      const { ballot: of, next } = entry.vote;
      return Buffer.concat([scratch.subarray(0, putBallot(of, 0)), next.bytes]);
    }
    default:
      return unreachable(entry);
  }
}

/** The first bytes of the scratch, and a key behind them. */
const withKey = (end: number, key: Key | null): Buffer =>
  Buffer.concat([scratch.subarray(0, end), Buffer.from(key ?? "", "latin1")]);

const keyAt = (body: Buffer, at: number): Key => keyOf(body.toString("latin1", at));

/** Which copy an entry that begins or ends one is of. */
const copyFrom = (body: Buffer): { readonly partition: Partition; readonly copy: GroupEpoch } => ({
  partition: partitionOf(body.readUInt32LE(0)),
  copy: groupEpoch(get64(body, 4)),
});

/**
 * A state entry from its body; throws when the body is too short, or the kind is none of these. `partition`: of the
 * table in its head, when it is of a copy.
 */
export function stateFrom(kind: number, partition: Partition, body: Buffer): StateEntry {
  switch (kind) {
    case KIND.begun:
      return { kind: "begun", ...copyFrom(body) };
    case KIND.dropped:
      return { kind: "dropped", ...copyFrom(body) };
    case KIND.swept:
      return { kind: "swept", ...copyFrom(body) };
    case KIND["next-table"]:
      return { kind: "next-table", next: tableId(body.readUInt32LE(0)) };
    case KIND.sealed:
      return { kind: "sealed", partition, epoch: groupEpoch(get64(body, 0)), stays: body.readUInt8(8) !== 0 };
    case KIND.ready:
      return { kind: "ready", partition, epoch: groupEpoch(get64(body, 0)) };
    case KIND.accepted:
      return { kind: "accepted", partition, epoch: groupEpoch(get64(body, 0)) };
    case KIND.vouched:
      return { kind: "vouched", partition, epoch: groupEpoch(get64(body, 0)) };
    case KIND.promise:
      return { kind: "promise", partition, ballot: getBallot(body, 0) };
    case KIND.reservation:
      return { kind: "reservation", partition, reservation: revision(get64(body, 0)) };
    case KIND.floor:
      return { kind: "floor", partition, floor: revision(get64(body, 0)) };
    case KIND.settled:
      return { kind: "settled", partition, ballot: getBallot(body, 0), seq: get64(body, BALLOT_BYTES) };
    case KIND.cursor:
      return {
        kind: "cursor",
        partition,
        source: nodeId(body.readUInt32LE(0)),
        copy: groupEpoch(get64(body, 4)),
        change: changeNumber(get64(body, 12)),
      };
    case KIND["pre-copied"]:
      return {
        kind: "pre-copied",
        partition,
        source: nodeId(body.readUInt32LE(0)),
        copy: groupEpoch(get64(body, 4)),
        change: changeNumber(get64(body, 12)),
        listedAll: body.readUInt8(20) !== 0,
        upTo: body.readUInt8(21) === 0 ? null : keyAt(body, 22),
      };
    case KIND.merged:
      return { kind: "merged", partition, groupEpoch: groupEpoch(get64(body, 0)), upTo: keyAt(body, 8) };
    case KIND["took-over"]:
      return { kind: "took-over", partition, groupEpoch: groupEpoch(get64(body, 0)) };
    case KIND.inherited:
      return { kind: "inherited", partition, mark: get64(body, 0), key: keyAt(body, 8) };
    case KIND.seen: {
      const seen = { kind: "seen", node: nodeId(body.readUInt32LE(0)), position: get64(body, 4) } as const;
      const proof = body.toString("latin1", SEEN_BYTES, SEEN_BYTES + MAX_PROOF_BYTES);
      return proof === "" ? seen : { ...seen, proof };
    }
    case KIND.view:
      return { kind: "view", decided: encodedViewFrom(body) };
    case KIND["view-promise"]:
      return { kind: "view-promise", ballot: getBallot(body, 0) };
    case KIND["view-vote"]:
      return {
        kind: "view-vote",
        vote: { ballot: getBallot(body, 0), next: encodedViewFrom(body.subarray(BALLOT_BYTES)) },
      };
    default:
      throw new Error(`entries of kind ${kind} are not known`);
  }
}

const HIGH = 2 ** 32;

/** A whole number below 2^53. Returns where the next begins. */
export function put64(bytes: Buffer, value: number, at: number): number {
  bytes.writeUInt32LE(value >>> 0, at);
  return bytes.writeUInt32LE(Math.floor(value / HIGH), at + 4);
}

export const get64 = (bytes: Buffer, at: number): number => bytes.readUInt32LE(at) + HIGH * bytes.readUInt32LE(at + 4);

function putBallot(b: Ballot, at: number): number {
  return scratch.writeUInt32LE(b.node, put64(scratch, b.round, put64(scratch, b.groupEpoch, at)));
}

const getBallot = (body: Buffer, at: number): Ballot =>
  ballot(groupEpoch(get64(body, at)), get64(body, at + 8), nodeId(body.readUInt32LE(at + 16)));
