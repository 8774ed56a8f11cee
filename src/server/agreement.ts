/**
 * Whether what a node is started with goes with what its directory knows: whom it founds a cluster with, and its place in the cluster that it
 * belongs to. What does not is told before anything is done.
 */
import type { ClusterConfig, NodeConfig } from "../config/config.js";
import { type Member, memberOf, type View } from "../core/view/view.js";
import type { Home } from "../storage/home.js";

/** The node cannot start; the message is for people. */
export class StartError extends Error {
  override readonly name = "StartError";
}

/** Peer addresses of all founders, ordered. `own`: this node's. */
export function foundersOf(config: NodeConfig, home: Home, own: string): string[] {
  if (config.expect === 0) {
    throw new StartError(
      `${home.path} is new: --expect NODES and --join say with whom it founds a cluster; see onar start --help`,
    );
  }
  const peers = [...new Set([...config.join, own])].sort();
  if (peers.length !== config.expect) {
    throw new StartError(
      `--expect says ${config.expect} nodes, but --join and this node's own peer address make ${peers.length}: ${peers.join(", ")}`,
    );
  }
  if (home.votes !== null && home.votes.peers.join() !== peers.join()) {
    throw new StartError(
      `this node has already taken part in founding a cluster of ${home.votes.peers.join(", ")}: it must be started with that list, or with an empty directory`,
    );
  }
  return peers;
}

/** Whether this is the cluster of the directory, and the others find this node where its view says. Returns what an operator should know. */
export function checkPlace(config: NodeConfig, path: string, view: View, self: Member): string | null {
  const { clusterId } = config;
  if (clusterId !== "" && clusterId !== view.clusterId) {
    throw new StartError(`${path} belongs to cluster ${view.clusterId}, but --cluster-id says ${clusterId}`);
  }
  for (const { label, asked, fixed } of otherThanFixed(config, view)) {
    throw new StartError(
      `${label} is ${asked}, but ${path} belongs to a cluster that was founded with ${fixed}, which is fixed for ever: give ${fixed}, leave it out, or begin anew with an empty directory`,
    );
  }
  const known = memberOf(view, self.id);
  if (known === undefined) throw new StartError(`${path}: its view does not name this node`);
  if (known.peerAddress !== self.peerAddress) {
    throw new StartError(
      `the other nodes know this node at ${known.peerAddress}, but it is at ${self.peerAddress}: start it with that --peer-listen or --peer-advertise`,
    );
  }
  return known.clientAddress === self.clientAddress
    ? null
    : `clients are told to find this node at ${known.clientAddress}, where its cluster was founded; it is at ${self.clientAddress}`;
}

export interface Differing {
  /** What errors call the setting. */
  readonly label: string;
  readonly asked: number;
  readonly fixed: number;
}

/** What was fixed when the cluster was founded and is not what somebody says now. */
export function otherThanFixed({ insisted, cluster }: NodeConfig, view: View): readonly Differing[] {
  const fixed: ClusterConfig = { replicationFactor: view.replicationFactor, partitions: view.partitions.length };
  return insisted
    .map(({ key, label }) => ({ label, asked: cluster[key], fixed: fixed[key] }))
    .filter((one) => one.asked !== one.fixed);
}
