/**
 * Every message between the state machines of two nodes. Each says who sends it, when, and what it proves. Messages may
 * be lost, doubled, delayed and reordered; none is ever assumed to arrive. The sender's view epoch travels with the
 * batch.
 *
 * Answers name the attempt or (ballot, seq) they answer, and count once per replica (R7).
 */
import type { ViewMessage } from "../view/message.js";
import type { Ballot, SeqRanges, Timestamp } from "./ballot.js";
import type { Heartbeat, HeartbeatAnswer } from "./heartbeat.js";
import type { Attempt, ChangeNumber, GroupEpoch, Key, Partition, Revision } from "./ids.js";
import type { Register } from "./register.js";
import type { MergeMessage } from "./transfer-message.js";

/**
 * A candidate to every replica, once for the whole partition, after its own promise is durable: promise me this ballot.
 */
export interface Prepare {
  readonly kind: "prepare";
  readonly partition: Partition;
  readonly ballot: Ballot;
}

/** A replica to the candidate, once the promise is durable. A majority of them makes the writer. */
export interface Promised {
  readonly kind: "promised";
  readonly partition: Partition;
  readonly ballot: Ballot;
  /** Highest revision that this replica knows to be reserved. */
  readonly reservation: Revision;
}

/** The writer to every replica, at its first touch of a key in its ballot: what do you hold? (R4) */
export interface Recover {
  readonly kind: "recover";
  readonly partition: Partition;
  readonly ballot: Ballot;
  readonly attempt: Attempt;
  readonly key: Key;
}

/** A replica that promised the ballot, durably, to the writer. */
export interface Recovered {
  readonly kind: "recovered";
  readonly partition: Partition;
  readonly ballot: Ballot;
  readonly attempt: Attempt;
  /** null: holds none. */
  readonly register: Register | null;
  /** The partition's floor: what a register made anew starts with (R9). */
  readonly floor: Revision;
}

/** The writer to every replica: let me hand out revisions up to this one (R13). */
export interface Reserve {
  readonly kind: "reserve";
  readonly partition: Partition;
  readonly ballot: Ballot;
  readonly attempt: Attempt;
  readonly reservation: Revision;
  /** The partition's floor is at least this, of which a majority has already reserved more (R9). 0 except in a restored
   * backup. */
  readonly floor: Revision;
}

/** A replica to the writer, once the reservation and the floor are durable. */
export interface Reserved {
  readonly kind: "reserved";
  readonly partition: Partition;
  readonly ballot: Ballot;
  readonly attempt: Attempt;
}

/**
 * The writer to every replica: is my ballot still the highest you promised? Begun after the requests it speaks for came
 * in (R5).
 */
export interface Confirm {
  readonly kind: "confirm";
  readonly partition: Partition;
  readonly ballot: Ballot;
  readonly attempt: Attempt;
}

/** A replica to the writer: it is. A majority proves that nobody else had decided anything when the round began. */
export interface Confirmed {
  readonly kind: "confirmed";
  readonly partition: Partition;
  readonly ballot: Ballot;
  readonly attempt: Attempt;
}

/** The writer to every replica, for every decision and until it is acknowledged: keep this register. */
export interface Write {
  readonly kind: "write";
  readonly partition: Partition;
  /** Its timestamp's ballot is the writer's. */
  readonly register: Register;
  /** Every register of this ballot up to this seq, or a later one of its key, is on a majority (R14). */
  readonly settledSeq: number;
  readonly settledRevision: Revision;
  /** An earlier Write of the same key may be waiting to be sent with it; not on the wire. */
  readonly crowded?: true;
}

/** A replica to the writer: durably holds that register, or one of the same ballot and key with a later seq (R2). */
export interface Written {
  readonly kind: "written";
  readonly partition: Partition;
  readonly ballot: Ballot;
  readonly seq: number;
}

export type Fenced = "prepare" | "recover" | "reserve" | "confirm" | "write" | "impose" | "purge";

/** A replica to whoever sent something below its promise: refused, nothing was changed (R1). */
export interface Nack {
  readonly kind: "nack";
  readonly partition: Partition;
  readonly of: Fenced;
  /** The ballot that was refused. */
  readonly ballot: Ballot;
  /** The attempt of what was refused, the seq for a Write, 0 for a Prepare. */
  readonly attempt: number;
  readonly promised: Ballot;
}

/** A reader to other replicas of the group. */
export interface Read {
  readonly kind: "read";
  readonly partition: Partition;
  readonly groupEpoch: GroupEpoch;
  readonly attempt: Attempt;
  readonly key: Key;
  /** The timestamp that the reader itself holds; null: none. Only something newer needs to be sent whole. */
  readonly holding: Timestamp | null;
}

/** A replica to the reader: what it durably holds of the key. */
export interface ReadAnswer {
  readonly kind: "read-answer";
  readonly partition: Partition;
  readonly groupEpoch: GroupEpoch;
  readonly attempt: Attempt;
  /** null: absent here. */
  readonly timestamp: Timestamp | null;
  /** Present when newer than what the reader holds. */
  readonly register: Register | null;
  /** The replica knows that timestamp to be settled. */
  readonly settled: boolean;
  readonly promised: Ballot;
  readonly settledRevision: Revision;
}

/**
 * A reader that saw two timestamps to replicas that lack the highest: take it, as you would a Write of its ballot (R3).
 */
export interface Impose {
  readonly kind: "impose";
  readonly partition: Partition;
  readonly attempt: Attempt;
  readonly register: Register;
}

/** A replica to the reader: durably holds it, or one of the same ballot and key with a later seq (R2). */
export interface Imposed {
  readonly kind: "imposed";
  readonly partition: Partition;
  readonly groupEpoch: GroupEpoch;
  readonly attempt: Attempt;
}

/**
 * A reader that cannot finish asks the writer. So does a replica whose copy of the key is bad or cannot be taken over
 * from elsewhere. It asks: recover the key, write what you find in your own ballot, and tell me.
 */
export interface HandOver {
  readonly kind: "hand-over";
  readonly partition: Partition;
  readonly groupEpoch: GroupEpoch;
  readonly attempt: Attempt;
  readonly key: Key;
}

/** The writer to the reader, after a round begun after the hand-over (R5). */
export interface HandedOver {
  readonly kind: "handed-over";
  readonly partition: Partition;
  readonly groupEpoch: GroupEpoch;
  readonly attempt: Attempt;
  /** false: not the writer, or not any more; ask again. */
  readonly done: boolean;
  /** The writer's; null when not done. A register that comes with it is of this ballot. */
  readonly ballot: Ballot | null;
  readonly register: Register | null;
  readonly settledRevision: Revision;
}

/** The writer to the preferred replica: the office is yours if you want it and still promise this ballot. */
export interface YourTurn {
  readonly kind: "your-turn";
  readonly partition: Partition;
  readonly ballot: Ballot;
}

/** A replica asks another of its group, heard again or with changes unknown here: what changed in your copy since
 * then? */
export interface AskChanges {
  readonly kind: "ask-changes";
  readonly partition: Partition;
  readonly groupEpoch: GroupEpoch;
  readonly attempt: Attempt;
  /** Which copy the number below is of; another one is listed from its beginning. */
  readonly copy: GroupEpoch;
  readonly after: ChangeNumber;
  /** States that the asking copy had, which are not to be listed. */
  readonly taken: readonly SeqRanges[];
  /** The registers are wanted; otherwise their timestamps alone, as they may be on their way. */
  readonly whole: boolean;
}

/**
 * Back, once all it speaks of is durable (R8): what changed, each as it is held now. Registers are taken over under the
 * fence (R1).
 */
export interface Changes {
  readonly kind: "changes";
  readonly partition: Partition;
  readonly groupEpoch: GroupEpoch;
  readonly attempt: Attempt;
  /** The answering replica's copy. */
  readonly copy: GroupEpoch;
  /**
   * Every change after the one asked for and up to here is listed, unless the asker had it, or it is bad. A bad one
   * changes again when it is mended.
   */
  readonly upTo: ChangeNumber;
  /** There are later ones. */
  readonly more: boolean;
  readonly changes: readonly ListedChange[];
  /**
   * With the last page, states that the answering copy had: who has all its changes needs none of them. Empty: it does
   * not say.
   */
  readonly taken: readonly SeqRanges[];
}

export interface ListedChange {
  readonly timestamp: Timestamp;
  /** null: it was not asked for. */
  readonly register: Register | null;
  /** The answering replica knows that timestamp to be settled. */
  readonly settled: boolean;
}

/** The writer to every replica, in a pass that began with its ballot: do you hold exactly this tombstone? (R12) */
export interface AskTombstone {
  readonly kind: "ask-tombstone";
  readonly partition: Partition;
  readonly ballot: Ballot;
  readonly attempt: Attempt;
  readonly key: Key;
  readonly timestamp: Timestamp;
}

/**
 * A replica that does, durably, and whose promise is exactly that ballot. Only all of them together allow the purge.
 */
export interface TombstoneHeld {
  readonly kind: "tombstone-held";
  readonly partition: Partition;
  readonly ballot: Ballot;
  readonly attempt: Attempt;
}

/**
 * The writer to every replica, after all of them confirmed: remove that tombstone, and nothing else of the key (R12).
 */
export interface Purge {
  readonly kind: "purge";
  readonly partition: Partition;
  readonly ballot: Ballot;
  readonly attempt: Attempt;
  readonly key: Key;
  readonly timestamp: Timestamp;
}

/** A replica to the writer: durably does not hold it any more. */
export interface Purged {
  readonly kind: "purged";
  readonly partition: Partition;
  readonly ballot: Ballot;
  readonly attempt: Attempt;
}

/** About one partition; carries its group epoch in its ballot, its register or by itself. */
export type GroupMessage =
  | Prepare
  | Promised
  | Recover
  | Recovered
  | Reserve
  | Reserved
  | Confirm
  | Confirmed
  | Write
  | Written
  | Nack
  | Read
  | ReadAnswer
  | Impose
  | Imposed
  | HandOver
  | HandedOver
  | AskChanges
  | Changes
  | AskTombstone
  | TombstoneHeld
  | Purge
  | Purged
  | YourTurn;

export type CoreMessage = GroupMessage | MergeMessage | ViewMessage | Heartbeat | HeartbeatAnswer;

export function groupEpochOf(message: GroupMessage): GroupEpoch {
  switch (message.kind) {
    case "write":
    case "impose":
      return message.register.timestamp.ballot.groupEpoch;
    case "read":
    case "read-answer":
    case "imposed":
    case "hand-over":
    case "handed-over":
    case "ask-changes":
    case "changes":
      return message.groupEpoch;
    default:
      return message.ballot.groupEpoch;
  }
}
