/** What a local cluster still lacks: every node is to serve, and every partition is to have a writer that says so itself. */
import type { ChildNode } from "./child.js";
import { askStatus } from "./status.js";

const STATUS_MS = 2_000;

/** For people; null when nothing is missing. */
export async function whatIsMissing(nodes: readonly ChildNode[], partitions: number): Promise<string | null> {
  const waiting = nodes.filter((node) => !node.ready);
  if (waiting.length > 0) return `${listed(waiting)} not serving yet`;
  const answers = await Promise.all(nodes.map((node) => askStatus([node.plan.client], STATUS_MS).catch(() => null)));
  const silent = nodes.filter((_, i) => answers[i] === null);
  if (silent.length > 0) return `${listed(silent)} not answering yet`;
  const written = new Set<number>();
  for (const answer of answers) {
    for (const status of answer?.partitions ?? []) {
      if (status.writerNodeId !== 0 && status.writerNodeId === answer?.header?.nodeId) written.add(status.partition);
    }
  }
  const without = partitions - written.size;
  return without > 0 ? `${without} of ${partitions} partitions have no writer yet` : null;
}

const listed = (nodes: readonly ChildNode[]): string =>
  `node${nodes.length === 1 ? "" : "s"} ${nodes.map((node) => node.plan.number).join(", ")}`;
