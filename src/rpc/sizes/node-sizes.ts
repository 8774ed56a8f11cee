/**
 * Nodes tell each other how much each copy holds, and how much more a disk can take. They do so when somebody asks for
 * the progress of moves, and before some begin.
 */
import type { NodeSizes as WireSizes } from "../../../gen/ts/onar/replication/v1/replication.js";
import { type Partition, partition as partitionOf } from "../../core/model/ids.js";
import type { HeldSize } from "../../node/status.js";

export interface NodeSizes {
  /** Bytes that this node can take until its disk counts as full; null: it is in memory, or does not know. */
  readonly room: number | null;
  readonly copies: ReadonlyMap<Partition, HeldSize>;
}

export const sizesToWire = ({ room, copies }: NodeSizes): WireSizes => ({
  ...(room === null ? {} : { diskRoomBytes: Math.floor(room) }),
  copies: [...copies].map(([partition, { keys, bytes, ready }]) => ({ partition, keys, bytes, ready })),
});

/** A partition that cannot be in a view with so many is left out. */
export function sizesFromWire({ diskRoomBytes, copies }: WireSizes, partitions: number): NodeSizes {
  const held = new Map<Partition, HeldSize>();
  for (const { partition, keys, bytes, ready } of copies)
    if (partition < partitions) held.set(partitionOf(partition), { keys, bytes, ready });
  return { room: diskRoomBytes ?? null, copies: held };
}
