/**
 * Operations: what people ask of the cluster, and what the views remember of it. An operation is computed on one view.
 * The view after that one carries it, or none ever does. So it never runs twice, and a node that knows all operations
 * since then knows its fate.
 */
import { unreachable } from "../../base/assert.js";
import { MAX_REPLICAS } from "../../base/votes.js";
import { groupEpoch as groupEpochOf, type NodeId, type Partition, type ViewEpoch } from "../model/ids.js";
import { planted } from "../model/planted.js";
import { type SettingsChange, settingFault } from "./settings.js";
import {
  type DoneOperation,
  hasReplicas,
  type Ledger,
  memberOf,
  type Placement,
  preferredOf,
  type View,
  type Wish,
} from "./view.js";

/** Operations asked for at one node at a time; the oldest gives way. */
export const MAX_ASKED = 16;
/** Operations that are done stay so many in the view. */
export const MAX_REMEMBERED = 64;
/** A cluster of two that lost one more member could decide nothing. */
const FEWEST_MEMBERS = 2;

/** Asked for by somebody, in the epoch that it was computed on. `id`: 16 bytes in hexadecimal. */
export type ViewOperation =
  | {
      /**
       * "drain": the member gives its replicas to others, and stays. "remove": it is dead, others get them, and it is a
       * member no more. "rebalance": all takers get as many replicas and offices; the node is the one that was asked.
       */
      readonly kind: "leave" | "drain" | "remove" | "rebalance";
      readonly id: string;
      readonly epoch: ViewEpoch;
      readonly node: NodeId;
    }
  | {
      readonly kind: "replace";
      readonly id: string;
      readonly epoch: ViewEpoch;
      readonly node: NodeId;
      /** The member that gets all of its replicas. */
      readonly by: NodeId;
    }
  | {
      /** Each partition gets so many replicas. The node is the one that was asked. */
      readonly kind: "set-replication";
      readonly id: string;
      readonly epoch: ViewEpoch;
      readonly node: NodeId;
      readonly replicas: number;
    }
  | ({
      /** Settings of the cluster get other values. The node is the one that was asked. */
      readonly kind: "change-settings";
      readonly id: string;
      readonly epoch: ViewEpoch;
      readonly node: NodeId;
    } & SettingsChange)
  | {
      readonly kind: "transfer-writer";
      readonly id: string;
      readonly epoch: ViewEpoch;
      readonly node: NodeId;
      /** null: all that have a replica on that node. */
      readonly partitions: readonly Partition[] | null;
    };

export const NO_LEDGER: Ledger = { wishes: [], done: [], forgotten: 0 };

export const ledgerOf = ({ ledger }: View): Ledger => ledger ?? NO_LEDGER;

/** It is to be a member no more, and still is one. */
export const isLeaving = (view: View, node: NodeId): boolean =>
  ledgerOf(view).wishes.some((wish) => endsMembership(wish) && wish.node === node);

export const endsMembership = ({ kind }: Pick<Wish, "kind">): boolean => kind === "leave" || kind === "remove";

/** It gives its replicas to others, or is to: it gets no new ones. */
export const isDraining = (view: View, node: NodeId): boolean =>
  ledgerOf(view).wishes.some((wish) => isEmptying(wish) && wish.node === node);

/** The node's replicas move to others. */
export const isEmptying = ({ kind }: Pick<Wish, "kind">): boolean =>
  kind === "drain" || kind === "replace" || kind === "remove" || kind === "heal";

/** It was lost, and others get its replicas, or have them, until it is heard again. */
export const isHealed = (view: View, node: NodeId): boolean =>
  ledgerOf(view).wishes.some((wish) => wish.kind === "heal" && wish.node === node);

/** People asked that it gives its replicas away. */
const isEmptiedByPeople = (view: View, node: NodeId): boolean =>
  ledgerOf(view).wishes.some((wish) => isEmptying(wish) && wish.kind !== "heal" && wish.node === node);

/** Replicas move so that all takers have as many, within one. */
export const isRebalancing = (view: View): boolean => ledgerOf(view).wishes.some(({ kind }) => kind === "rebalance");

/** Groups get as many replicas as the view says, one after the other. */
export const isResizing = (view: View): boolean => ledgerOf(view).wishes.some(({ kind }) => kind === "set-replication");

/** Why the view does not allow the operation, in words; null: it does. */
export function operationFault(view: View, operation: ViewOperation): string | null {
  const { node, id } = operation;
  if (isKnown(view, id) && !planted("V1.operation-again")) return `an operation ${id} is known already`;
  if (memberOf(view, node) === undefined) return `node ${node} is no member`;
  if (isLeaving(view, node)) return `node ${node} is leaving already`;
  switch (operation.kind) {
    case "leave":
      return leaveFault(view, node);
    case "drain":
    case "remove":
      return emptyingFault(view, operation.kind, node);
    case "replace":
      return replaceFault(view, node, operation.by);
    case "transfer-writer":
      return transferFault(view, node, operation.partitions);
    case "rebalance":
      return rebalanceFault(view);
    case "set-replication":
      return replicationFault(view, operation.replicas);
    case "change-settings":
      return settingsFault(operation);
    default:
      return unreachable(operation);
  }
}

function rebalanceFault(view: View): string | null {
  if (isRebalancing(view)) return "replicas are being spread evenly already";
  const { length } = takers(view);
  const { replicationFactor } = view;
  if (length >= replicationFactor) return null;
  return `${length} members could keep replicas, and each partition has ${replicationFactor}`;
}

function replicationFault(view: View, replicas: number): string | null {
  if (!Number.isInteger(replicas) || replicas < 1 || replicas > MAX_REPLICAS)
    return `a partition has between 1 and ${MAX_REPLICAS} replicas, not ${replicas}`;
  if (replicas === view.replicationFactor)
    return `each partition ${isResizing(view) ? "is getting" : "has"} ${replicasInWords(replicas)} already`;
  const { length } = takers(view);
  if (length >= replicas) return null;
  return `${length} members could keep replicas: each partition can have at most ${length}, not ${replicas}`;
}

function settingsFault({ settings, unset }: SettingsChange): string | null {
  const fault = settingFault(settings);
  if (fault !== null) return `${fault.name} must not be beyond ${fault.bound}; it is ${settings[fault.name]}`;
  const both = unset.find((name) => settings[name] !== undefined);
  if (both !== undefined) return `${both} cannot get a value and none`;
  return unset.length + Object.keys(settings).length > 0 ? null : "no setting is named";
}

const replicasInWords = (count: number): string => (count === 1 ? "1 replica" : `${count} replicas`);

function transferFault(view: View, node: NodeId, partitions: readonly Partition[] | null): string | null {
  if (partitions === null) return hasReplicas(view, node) ? null : `node ${node} keeps no partition`;
  const without = partitions.find((partition) => view.partitions[partition]?.replicas.includes(node) !== true);
  return without === undefined ? null : `partition ${without} has no replica on node ${node}`;
}

function emptyingFault(view: View, kind: "drain" | "remove", node: NodeId): string | null {
  if (isEmptiedByPeople(view, node)) return `node ${node} gives its replicas away already`;
  const others = takers(view).filter((id) => id !== node).length;
  const { replicationFactor } = view;
  if (others < replicationFactor)
    return `${others} other members could keep replicas, and each partition has ${replicationFactor}`;
  if (kind === "drain") return null;
  if (replicationFactor <= 2 && hasReplicas(view, node))
    return `without node ${node} no majority is left of partitions that it keeps: what it has can only be recovered`;
  return fewMembersFault(view, node);
}

function replaceFault(view: View, node: NodeId, by: NodeId): string | null {
  if (isEmptiedByPeople(view, node)) return `node ${node} gives its replicas away already`;
  if (by === node) return `node ${node} cannot take its own place`;
  if (memberOf(view, by) === undefined) return `node ${by} is no member`;
  if (!takers(view).includes(by)) return `node ${by} is leaving, or gives its own replicas away`;
  const both = view.partitions.findIndex(({ replicas }) => replicas.includes(node) && replicas.includes(by));
  return both < 0 ? null : `partition ${both} has a replica on node ${by} already`;
}

/** Members that may get replicas. */
export const takers = (view: View): readonly NodeId[] =>
  view.members.map(({ id }) => id).filter((id) => !isLeaving(view, id) && !isDraining(view, id));

function leaveFault(view: View, node: NodeId): string | null {
  const kept = view.partitions.filter(({ replicas }) => replicas.includes(node)).length;
  if (kept > 0) return `node ${node} keeps ${kept} partitions, and only a member without partitions can leave`;
  return fewMembersFault(view, node);
}

function fewMembersFault(view: View, node: NodeId): string | null {
  const staying = view.members.filter(({ id }) => id !== node && !isLeaving(view, id)).length;
  if (staying >= FEWEST_MEMBERS) return null;
  return `${staying === 1 ? "one member would" : "no member would"} stay, and a cluster that shrinks keeps at least ${FEWEST_MEMBERS}`;
}

/** It ran, and is remembered. */
export const isDone = (view: View, operation: string): boolean =>
  ledgerOf(view).done.some(({ id }) => id === operation);

const isKnown = (view: View, operation: string): boolean => {
  const { wishes, done } = ledgerOf(view);
  return wishes.some(({ id }) => id === operation) || done.some(({ id }) => id === operation);
};

/** The placements with that node as preferred writer. Group epochs stay: no replica changes. */
export function preferring(view: View, node: NodeId, partitions: readonly Partition[] | null): readonly Placement[] {
  const wanted = partitions === null ? null : new Set<number>(partitions);
  return view.partitions.map((placement, partition) => {
    const meant = wanted === null || wanted.has(partition);
    if (!meant || !placement.replicas.includes(node) || preferredOf(placement) === node) return placement;
    const { groupEpoch } = placement;
    const epoch = planted("V5.preference-epoch") ? groupEpochOf(groupEpoch + 1) : groupEpoch;
    return { ...placement, groupEpoch: epoch, preferred: node };
  });
}

/** With these done in that epoch; what is more than MAX_REMEMBERED is forgotten. */
export function remembering(
  ledger: Ledger,
  ended: readonly Omit<Ledger["done"][number], "doneIn">[],
  doneIn: ViewEpoch,
): Ledger {
  if (ended.length === 0) return ledger;
  const ids = new Set(ended.map(({ id }) => id));
  const all = [...ledger.done, ...ended.map((one) => ({ ...one, doneIn }))];
  const dropped = all.slice(0, Math.max(0, all.length - MAX_REMEMBERED));
  return {
    wishes: ledger.wishes.filter(({ id }) => !ids.has(id)),
    done: all.slice(dropped.length),
    forgotten: dropped.at(-1)?.doneIn ?? ledger.forgotten,
  };
}

export type OperationFate =
  | { readonly state: "pending"; readonly wish: Ledger["wishes"][number] }
  | { readonly state: "done"; readonly record: Ledger["done"][number] }
  /** Another one of its kind took its place, and it was not done yet. */
  | { readonly state: "overtaken"; readonly record: Ledger["done"][number]; readonly by: Wish }
  /** The view after the one that it was computed on does not carry it. */
  | { readonly state: "superseded" }
  /** That view is not decided, as far as this one tells. */
  | { readonly state: "undecided" }
  /** It may have been done and forgotten since. */
  | { readonly state: "forgotten" };

/** How an operation ended that views remember as done with. */
export function endOf(view: View, record: DoneOperation): OperationFate & { state: "done" | "overtaken" } {
  const { wishes, done } = ledgerOf(view);
  const later = (one: Wish): boolean => one.kind === record.kind && one.epoch + 1 === record.doneIn;
  const by = record.kind === "set-replication" ? [...wishes, ...done].find(later) : undefined;
  return by === undefined ? { state: "done", record } : { state: "overtaken", record, by };
}

/** The fate of the operation that was computed on that epoch; 0: the epoch is not known. */
export function fateOf(view: View, id: string, epoch: number): OperationFate {
  const { wishes, done, forgotten } = ledgerOf(view);
  const record = done.find((one) => one.id === id);
  if (record !== undefined) return endOf(view, record);
  const wish = wishes.find((one) => one.id === id);
  if (wish !== undefined) return { state: "pending", wish };
  if (epoch >= view.epoch) return { state: "undecided" };
  return epoch === 0 || epoch < forgotten ? { state: "forgotten" } : { state: "superseded" };
}
