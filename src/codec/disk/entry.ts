/**
 * Entries as bytes: what a record of the log, or of a partition's state in the checkpoint, holds. Numbers are little-endian and fixed in
 * width; a body may grow behind what is known here, and the rest is ignored.
 *
 * Kinds never change their number. A reader must not skip an entry that it does not know: it may be a promise of a
 * newer version.
 */
import { unreachable } from "../../base/assert.js";
import { type Ballot, ballot } from "../../core/model/ballot.js";
import {
  type ChangeNumber,
  changeNumber,
  groupEpoch,
  type Key,
  NO_CHANGE,
  type NodeId,
  nodeId,
  type Partition,
  revision,
} from "../../core/model/ids.js";
import { isViewEntry, type NodeEntry } from "../../core/model/node-entry.js";
import { toBuffer } from "../../wire/bytes.js";
import { NO_BYTES } from "../bytes/bytes.js";
import { encodedViewFrom } from "../peer/encoded-view.js";
import { encodeRegister } from "../register/register.js";

/** The log's state of a node besides its partitions' entries: the highest log position that a peer has told (R10).
 * Lazy. */
export interface SeenPosition {
  readonly kind: "seen";
  readonly node: NodeId;
  readonly position: number;
  /** Its proof by the peer's own key, one character per byte; missing when it told none. */
  readonly proof?: string;
}

export type StoredEntry = NodeEntry | SeenPosition;
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
} as const satisfies Record<StoredEntry["kind"], number>;

/** Whose loss costs time and never safety: a rotten one is forgotten. */
const LAZY: ReadonlySet<number> = new Set([KIND.settled, KIND.cursor, KIND.seen]);

export const isLazy = (kind: number): boolean => LAZY.has(kind);
export const isKnown = (kind: number): boolean => kind >= KIND.register && kind <= KIND["view-vote"];

/** The content of a record's header. */
export interface EntryHead {
  readonly partition: Partition;
  /** 0 when the kind has none. */
  readonly change: ChangeNumber;
  /** "" when the kind has none. */
  readonly key: Key;
}

const NO_KEY = "" as Key;
const NODE_WIDE = 0 as Partition;

export const partitionOfEntry = (entry: StoredEntry): Partition =>
  entry.kind === "seen" || isViewEntry(entry) ? NODE_WIDE : entry.partition;

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

/** A state entry from its body; throws when the body is too short, or the kind is none of these. */
export function stateFrom(kind: number, { partition }: EntryHead, body: Buffer): StateEntry {
  switch (kind) {
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
