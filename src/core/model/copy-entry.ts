/**
 * The life of a node's copies as entries for the log. A copy is named by its partition and the group epoch in which it
 * began with nothing. Entries that name a partition alone are of its newest copy; older ones take no more entries, and
 * are kept until they are dropped.
 */
import type { GroupEpoch, Partition } from "./ids.js";

export type CopyEntry =
  /** An empty copy is there. Its group epoch is above that of every earlier copy of the partition. */
  | { readonly kind: "begun"; readonly partition: Partition; readonly copy: GroupEpoch }
  /** The copy is gone, with all that belongs to it. */
  | { readonly kind: "dropped"; readonly partition: Partition; readonly copy: GroupEpoch };
