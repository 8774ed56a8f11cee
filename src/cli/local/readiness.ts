/** The lacks of a local cluster: every node is to serve, and every partition is to have a writer that says so
 * itself. */
import { formatAddress } from "../../config/values.js";
import { askStatus } from "../status/status.js";
import type { ChildNode } from "./child.js";

const STATUS_MS = 2_000;

export interface Readiness {
  /** For people; null when nothing is missing. */
  readonly missing: string | null;
  /** Partitions of the cluster; 0 while no node serves. */
  readonly partitions: number;
}

type Awaited = Pick<ChildNode, "ready" | "plan">;

export async function whatIsMissing(nodes: readonly Awaited[]): Promise<Readiness> {
  const waiting = nodes.filter((node) => !node.ready);
  if (waiting.length > 0) return { missing: `${listed(waiting)} not serving yet`, partitions: 0 };
  const answers = await Promise.all(nodes.map((node) => askStatus([node.plan.client], STATUS_MS).catch(() => null)));
  const silent = nodes.filter((_, i) => answers[i] === null);
  if (silent.length > 0) return { missing: `${listed(silent)} not answering yet`, partitions: 0 };
  // Every node names all of them.
  const partitions = Math.max(...answers.map((answer) => answer?.partitions.length ?? 0));
  const written = new Set<number>();
  for (const answer of answers) {
    for (const status of answer?.partitions ?? []) {
      if (status.writerNodeId !== 0 && status.writerNodeId === answer?.header?.nodeId) written.add(status.partition);
    }
  }
  const without = partitions - written.size;
  return { missing: without > 0 ? `${without} of ${partitions} partitions have no writer yet` : null, partitions };
}

/** By number, which commands of the demo take, and by address, which people look for. */
const listed = (nodes: readonly Awaited[]): string =>
  `node${nodes.length === 1 ? "" : "s"} ${nodes.map(({ plan }) => `${plan.number} (${formatAddress(plan.client)})`).join(", ")}`;
