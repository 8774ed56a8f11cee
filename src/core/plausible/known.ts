/** This node's own knowledge, against which the words of its peers are held. */
import type { Key, Partition } from "../model/ids.js";
import type { View } from "../view/view.js";

/** The numbers that this node holds of a partition; zeros for one that it does not serve. */
export interface KnownNumbers {
  readonly round: number;
  readonly revision: number;
}

export interface PlausibleOptions {
  /** The newest that counts. */
  readonly view: () => View;
  readonly known: (partition: Partition) => KnownNumbers;
  /** The partition of a request that was passed on and is not answered yet; null: there is none of that id. */
  readonly asked: (forward: number) => Partition | null;
  /** Where a key lies; null: any key may lie anywhere, as in tests that place keys by themselves. */
  readonly partitionOf: PlacesKeys | null;
}

/** Where a key lies in a view with so many partitions. */
export type PlacesKeys = (key: Key, partitions: number) => Partition;
