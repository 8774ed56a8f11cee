/**
 * Checks the settings of a start against the node's directory: the founders of its cluster, and its place in the
 * cluster that it belongs to. Settings that do not are told before anything is done.
 */
import type { ClusterConfig, NodeConfig } from "../config/config.js";
import { memberOf, type View } from "../core/view/view.js";
import type { Home } from "../storage/home.js";

/** The node cannot start; the message is for people. */
export class StartError extends Error {
  override readonly name = "StartError";
}

/** Peer addresses of all founders, ordered. `own`: this node's. */
export function foundersOf(config: NodeConfig, home: Home, own: string): string[] {
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

/** Peer addresses of nodes of the cluster that this node is to become a member of. */
export function contactsOf(config: NodeConfig, home: Home, own: string): string[] {
  const contacts = config.join.filter((address) => address !== own);
  if (contacts.length > 0) return contacts;
  if (home.view !== null)
    throw new StartError(
      `${home.path} has asked to be a member of cluster ${home.view.view.clusterId} and is none yet: --join says where nodes of it are`,
    );
  throw new StartError(
    `${home.path || "this node"} is new. --join alone names nodes of a cluster that it becomes a member of. With --expect NODES it founds one with them. See onar start --help`,
  );
}

/** Whether the directory belongs to a member of that cluster, or to a node that has asked to be one. */
export function placeOf(config: NodeConfig, home: Home, view: View): "member" | "newcomer" {
  const { clusterId } = config;
  const { path } = home;
  if (home.left !== null) {
    throw new StartError(
      `${path} is of a node that has left cluster ${home.left}: give a new node an empty directory, or a new one to this node`,
    );
  }
  if (clusterId !== "" && clusterId !== view.clusterId) {
    throw new StartError(`${path} belongs to cluster ${view.clusterId}, but --cluster-id says ${clusterId}`);
  }
  return home.wasMember || memberOf(view, home.node) !== undefined ? "member" : "newcomer";
}

export interface Differing {
  /** The setting's name in errors. */
  readonly label: string;
  readonly asked: number;
  readonly fixed: number;
}

/** Settings fixed when the cluster was founded that differ from what somebody says now. */
export function otherThanFixed({ insisted, cluster }: NodeConfig, view: View): readonly Differing[] {
  const fixed: ClusterConfig = { replicationFactor: view.replicationFactor, partitions: view.partitions.length };
  return insisted
    .map(({ key, label }) => ({ label, asked: cluster[key], fixed: fixed[key] }))
    .filter((one) => one.asked !== one.fixed);
}
