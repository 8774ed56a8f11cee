/**
 * The messages of a transfer: how a copy that is not ready gets the registers of a partition from the replicas of the
 * group before. Each question is about one partition and names the group whose registers are wanted; an answer names
 * the question's attempt. Both may be lost, doubled, delayed and reordered: a page that is asked for again is made
 * again.
 *
 * Two pairs serve the pre-copy, from one copy that may go on serving. Two pairs serve the merge, from copies that are
 * sealed.
 */
import type { Timestamp } from "./ballot.js";
import type { Attempt, ChangeNumber, GroupEpoch, Key, Partition, Revision } from "./ids.js";
import type { Register } from "./register.js";

/** A target to a ready replica of the group: which registers come behind this key? For the pre-copy. */
export interface AskRegisters {
  readonly kind: "ask-registers";
  readonly partition: Partition;
  /** The group whose registers are wanted. */
  readonly groupEpoch: GroupEpoch;
  readonly attempt: Attempt;
  /** null: from the first key on. */
  readonly after: Key | null;
}

/** Back, once all that it speaks of is durable: the registers of that stretch of keys, except bad ones. */
export interface Registers {
  readonly kind: "registers";
  readonly partition: Partition;
  readonly groupEpoch: GroupEpoch;
  readonly attempt: Attempt;
  readonly source: SourceNumbers;
  /** In the order of keys. */
  readonly registers: readonly GivenRegister[];
  /** The stretch ends with this key; null: with the last one. */
  readonly upTo: Key | null;
}

/**
 * A target to a ready replica of the group: what changed in your copy since that change? For the pre-copy, once all
 * keys were listed.
 */
export interface AskDelta {
  readonly kind: "ask-delta";
  readonly partition: Partition;
  readonly groupEpoch: GroupEpoch;
  readonly attempt: Attempt;
  /** Which copy the number below is of. */
  readonly copy: GroupEpoch;
  readonly after: ChangeNumber;
}

/** Back, once all that it speaks of is durable. */
export interface Delta {
  readonly kind: "delta";
  readonly partition: Partition;
  readonly groupEpoch: GroupEpoch;
  readonly attempt: Attempt;
  readonly source: SourceNumbers;
  /**
   * False: the number is of another copy, or not all removals since are remembered. Then the target lists all keys anew
   * (H8).
   */
  readonly known: boolean;
  /** Every change up to here is in the page, or a later one of its key comes with a later page. */
  readonly upTo: ChangeNumber;
  readonly changed: readonly GivenRegister[];
  /** Keys that are held no more. */
  readonly removed: readonly Key[];
}

/** A target to a replica of the group before: what do you hold behind this key? For the merge. */
export interface AskStates {
  readonly kind: "ask-states";
  readonly partition: Partition;
  /** The target's group. */
  readonly groupEpoch: GroupEpoch;
  /** The group before, of which the replica was a ready one. */
  readonly previous: GroupEpoch;
  readonly attempt: Attempt;
  /** null: from the first key on. */
  readonly after: Key | null;
}

/** Back, once its seal is durable, and all that it speaks of: every key of that stretch (V3). */
export interface States {
  readonly kind: "states";
  readonly partition: Partition;
  readonly groupEpoch: GroupEpoch;
  readonly previous: GroupEpoch;
  readonly attempt: Attempt;
  readonly source: SourceNumbers;
  readonly sealed: SealedCopy;
  /** In the order of keys. */
  readonly states: readonly HeldState[];
  /** The stretch ends with this key; null: with the last one. */
  readonly upTo: Key | null;
}

/**
 * A target to a replica of the group before: what do you hold of these keys, whole? For the merge, and for keys that
 * were bad in it.
 */
export interface AskKeys {
  readonly kind: "ask-keys";
  readonly partition: Partition;
  readonly groupEpoch: GroupEpoch;
  readonly previous: GroupEpoch;
  readonly attempt: Attempt;
  readonly keys: readonly Key[];
}

/** Back, once its seal is durable, and all that it speaks of. */
export interface KeysHeld {
  readonly kind: "keys-held";
  readonly partition: Partition;
  readonly groupEpoch: GroupEpoch;
  readonly previous: GroupEpoch;
  readonly attempt: Attempt;
  readonly source: SourceNumbers;
  readonly sealed: SealedCopy;
  /** The first of those keys, one at least; the page is cut short where they are long. */
  readonly held: readonly HeldKey[];
}

/** An answering copy says this of itself. */
export interface SourceNumbers {
  /** Which copy of the node it is: the group epoch in which it began with nothing. Change numbers are of one copy. */
  readonly copy: GroupEpoch;
  /** Its highest change number. */
  readonly lastChange: ChangeNumber;
  /** How many registers it holds. */
  readonly size: number;
}

/** A sealed copy says this of itself with each answer. */
export interface SealedCopy {
  /**
   * It took nothing over by a transfer since its seal, so that what it holds of the group before counts towards settled
   * (M1).
   */
  readonly votes: boolean;
  readonly floor: Revision;
  readonly reservation: Revision;
  /** The settled seqs that it knows, of one ballot each. */
  readonly settled: readonly Timestamp[];
}

export interface GivenRegister {
  readonly register: Register;
  /** It is known to be settled. */
  readonly settled: boolean;
}

export interface HeldState {
  readonly key: Key;
  /** null: its register is bad. */
  readonly timestamp: Timestamp | null;
  readonly settled: boolean;
}

export interface HeldKey {
  readonly key: Key;
  /** null: absent, unless it is bad. */
  readonly register: Register | null;
  readonly bad: boolean;
  readonly settled: boolean;
}

/** From a target to a source. */
export type TransferQuestion = AskRegisters | AskDelta | AskStates | AskKeys;
/** From a source to a target. */
export type TransferAnswer = Registers | Delta | States | KeysHeld;
/** Between a copy that merges and the replicas of the group before. */
export type MergeMessage = AskStates | States | AskKeys | KeysHeld;
export type TransferMessage = TransferQuestion | TransferAnswer;
