/**
 * A node tells all voters of its copies, once a round. Replicas say themselves that they are ready, once that is
 * durable, until a view records it (V4). Those that vouched for an epoch say so until a view gives the partition
 * another one (V8).
 */
import type { Outbox } from "./model/outbox.js";
import { planted } from "./model/planted.js";
import type { Partitions } from "./partitions.js";
import type { View } from "./view/view.js";

export function tellCopies(copies: Partitions, view: View, out: Outbox): void {
  const ready = copies.news(view);
  const vouched = copies.vouched(view);
  if (ready.length + vouched.length === 0) return;
  const sink = planted("V4.ready-early") || planted("V8.told-early") ? out.sendNow : out.sendDurable;
  const { voters, partitions, epoch } = view;
  // The proposer may share no partition with this node (H2).
  const told = planted("V4.told-to-group")
    ? voters.filter((voter) => ready.some(({ partition }) => partitions[partition]?.replicas.includes(voter)))
    : voters;
  for (const voter of told) sink.push(voter, { kind: "copies-ready", epoch, ready, vouched });
}
