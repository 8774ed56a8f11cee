/** Partitions that lack a replica on a node that is gone, or the majority that answers need. */
import type { PartitionStatus } from "../../../gen/ts/onar/reconfiguration/v1/reconfiguration.js";
import { majorityOf } from "../../base/votes.js";
import { isGone, type NodeRow, nameOf, type Summary } from "./summary.js";

export type Shortage = Pick<Summary, "underReplicated" | "withoutQuorum" | "waitingFor">;

/** `rows`: the nodes in the order in which they are named. `partitions`: in order. */
export function shortageOf(rows: readonly NodeRow[], partitions: readonly PartitionStatus[]): Shortage {
  const gone = new Set(rows.filter(isGone).map(({ node }) => node.id));
  const underReplicated: number[] = [];
  const withoutQuorum: number[] = [];
  const waited = new Set<number>();
  for (const { partition, replicas } of partitions) {
    const lacking = replicas.filter(({ nodeId }) => gone.has(nodeId));
    if (lacking.length === 0) continue;
    underReplicated.push(partition);
    if (replicas.length - lacking.length >= majorityOf(replicas.length)) continue;
    withoutQuorum.push(partition);
    for (const { nodeId } of lacking) waited.add(nodeId);
  }
  const waitingFor = rows.filter(({ node }) => waited.has(node.id)).map(({ node }) => nameOf(node));
  return { underReplicated, withoutQuorum, waitingFor };
}
