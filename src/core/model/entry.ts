/**
 * Everything that a replica keeps durably, as entries for the log. Applying the same entries in order gives the same
 * state.
 */
import type { Ballot } from "./ballot.js";
import type { ChangeNumber, GroupEpoch, Key, NodeId, Partition, Revision } from "./ids.js";
import type { Register } from "./register.js";
import type { TransferEntry } from "./transfer-entry.js";

export type Entry =
  | { readonly kind: "promise"; readonly partition: Partition; readonly ballot: Ballot }
  | { readonly kind: "reservation"; readonly partition: Partition; readonly reservation: Revision }
  | {
      readonly kind: "register";
      readonly partition: Partition;
      readonly register: Register;
      readonly change: ChangeNumber;
      /** It is known to be settled (H10). Missing: it is not. */
      readonly settled?: boolean;
    }
  /** The register of the key is gone: purged (R12), or known to be absent after it was bad (R11). */
  | { readonly kind: "removed"; readonly partition: Partition; readonly key: Key; readonly change: ChangeNumber }
  /** The highest floor of the registers purged here (R9). */
  | { readonly kind: "floor"; readonly partition: Partition; readonly floor: Revision }
  /**
   * All changes of another replica's copy up to this one are here, or later ones of their keys. Lazy: losing it costs
   * asking again.
   */
  | {
      readonly kind: "cursor";
      readonly partition: Partition;
      readonly source: NodeId;
      readonly copy: GroupEpoch;
      readonly change: ChangeNumber;
    }
  /**
   * A view gave the partition another group: nothing of the epoch before is answered from here on (V2). A copy that
   * stays has promised (epoch, 0, 0) with this very record. Any other one only keeps what it has.
   */
  | { readonly kind: "sealed"; readonly partition: Partition; readonly epoch: GroupEpoch; readonly stays: boolean }
  /** The copy has all that its group needs, durably, and answers in that epoch (V4). */
  | { readonly kind: "ready"; readonly partition: Partition; readonly epoch: GroupEpoch }
  /**
   * The replica let through something else than a Prepare of that group epoch, or took a register in it. From then on
   * it vouches for nothing (V8). Never written of the founding's epoch, which is not void.
   */
  | { readonly kind: "accepted"; readonly partition: Partition; readonly epoch: GroupEpoch }
  /** It accepted nothing of that group epoch, and never will: it answers nothing of it from here on (V8). */
  | { readonly kind: "vouched"; readonly partition: Partition; readonly epoch: GroupEpoch }
  /** The last settled seq known of a ballot. Lazy: losing it costs an impose, never safety. */
  | { readonly kind: "settled"; readonly partition: Partition; readonly ballot: Ballot; readonly seq: number }
  | TransferEntry;
