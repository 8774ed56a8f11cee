/**
 * Views of this world: made, changed by a careless planner, and encoded. The chain refuses what must not be proposed.
 */
import { createHash } from "node:crypto";
import type { Prng } from "../../src/base/prng.js";
import { groupEpoch, type NodeId, nodeId, viewEpoch } from "../../src/core/model/ids.js";
import { MAX_VOTERS } from "../../src/core/view/check.js";
import type { EncodedView } from "../../src/core/view/encoded-view.js";
import { moved, recording } from "../../src/core/view/move.js";
import type { Member, Placement, View } from "../../src/core/view/view.js";

export const encoded = (view: View): EncodedView => withBytes(view, JSON.stringify(view));

const withBytes = (view: View, text: string): EncodedView => {
  const bytes = Buffer.from(text);
  return { view, bytes, digest: createHash("sha256").update(bytes).digest("hex") };
};

/** How nodes of one version make and read views. */
export interface Version {
  readonly name: "only" | "earlier" | "later";
  readonly encode: (view: View) => EncodedView;
  readonly read: (view: EncodedView) => EncodedView;
}

/** All nodes are of it. */
export const ONLY: Version = { name: "only", encode: encoded, read: (view) => view };
/** Its views say something that the earlier one does not read. */
export const LATER: Version = {
  name: "later",
  encode: (view) => withBytes(view, JSON.stringify({ ...view, [LATER_FIELD]: true })),
  read: ({ view, bytes, digest }) => ({ view, bytes, digest }),
};
export const EARLIER: Version = {
  name: "earlier",
  encode: encoded,
  read: ({ view, bytes, digest }) =>
    saysLater({ bytes }) ? { view, bytes, digest, unread: true } : { view, bytes, digest },
};

export const saysLater = ({ bytes }: Pick<EncodedView, "bytes">): boolean =>
  LATER_FIELD in JSON.parse(Buffer.from(bytes).toString());

/** In the bytes of a view. */
const LATER_FIELD = "later";

export const memberAt = (id: NodeId, host = `n${id}`): Member => ({
  id,
  clientAddress: `${host}:1`,
  peerAddress: `${host}:2`,
  zone: "",
});

/** `replicas`: of the one partition. */
export function firstView(members: number, voters: number, replicas = 1): EncodedView {
  const ids = Array.from({ length: members }, (_, index) => nodeId(index + 1));
  return encoded({
    epoch: viewEpoch(1),
    clusterId: "c1",
    previousDigest: "",
    operationId: "",
    replicationFactor: replicas,
    members: ids.map((id) => memberAt(id)),
    partitions: [{ replicas: ids.slice(0, replicas), groupEpoch: groupEpoch(1) }],
    voters: ids.slice(0, voters),
  });
}

export interface Plan {
  readonly wishing: readonly Member[];
  /** Nodes that were members once: a careless planner thinks of them, too. */
  readonly former: readonly NodeId[];
  readonly leastVoters: number;
  readonly operation: string;
}

/** The next wish that somebody might have. Now and then something that must not be. */
export function planned(current: EncodedView, plan: Plan, chance: Prng): EncodedView {
  const { view } = current;
  const members = new Map(view.members.map((member) => [member.id, member]));
  let voters = view.voters.slice();
  for (const member of plan.wishing) if (chance.chance(0.7)) members.set(member.id, member);
  if (plan.former.length > 0 && chance.chance(0.1)) {
    const id = chance.pick(plan.former);
    if (!members.has(id)) members.set(id, memberAt(id));
  }
  if (chance.chance(0.3) && members.size > plan.leastVoters + 1) {
    const id = chance.pick([...members.keys()]);
    const replaces = !voters.includes(id) || voters.length > plan.leastVoters || chance.chance(0.5);
    if (replaces && !isMoving(view, id)) {
      members.delete(id);
      if (voters.includes(id)) voters = replaced(voters, id, outside(members, voters), plan.leastVoters, chance);
    }
  }
  const changes = chance.chance(0.15) ? 2 : chance.chance(0.5) ? 1 : 0;
  for (let i = 0; i < changes; i++) {
    const free = outside(members, voters);
    const kind = chance.below(3);
    if (kind === 0 && free.length > 0 && voters.length < MAX_VOTERS) voters = [...voters, chance.pick(free)];
    else if (kind === 1 && voters.length > plan.leastVoters) voters = without(voters, chance.pick(voters));
    else if (free.length > 0) voters = [...without(voters, chance.pick(voters)), chance.pick(free)];
  }
  const ids = [...members.keys()];
  return encoded({
    ...view,
    epoch: viewEpoch(view.epoch + 1),
    previousDigest: current.digest,
    operationId: plan.operation,
    members: ids.sort((a, b) => a - b).map((id) => members.get(id) as Member),
    partitions: followed(view, ids),
    voters: voters.sort((a, b) => a - b),
  });
}

/**
 * A replica that is left out gives way to a member; a view later its move is finished. There is no more to partitions
 * here.
 */
export function followed(view: View, members: readonly NodeId[]): Placement[] {
  return view.partitions.map((placement) => {
    const { replicas } = placement;
    const left = replicas.find((replica) => !members.includes(replica));
    const comes = members.find((id) => !replicas.includes(id));
    if (left !== undefined && comes !== undefined)
      return moved(placement, { leaves: left, comes }, viewEpoch(view.epoch + 1));
    return recording(
      placement,
      replicas.map((node) => ({ node, bad: 0 })),
    );
  });
}

/** It is a replica of a partition whose move is not finished. */
const isMoving = (view: View, id: NodeId): boolean =>
  view.partitions.some(({ replicas, previous }) => previous !== undefined && replicas.includes(id));

const without = (voters: readonly NodeId[], id: NodeId): NodeId[] => voters.filter((voter) => voter !== id);

const outside = (members: ReadonlyMap<NodeId, Member>, voters: readonly NodeId[]): NodeId[] =>
  [...members.keys()].filter((id) => !voters.includes(id));

/** A node that leaves is no voter any more; another takes its place if there must be one. */
function replaced(voters: NodeId[], id: NodeId, free: readonly NodeId[], least: number, chance: Prng): NodeId[] {
  const left = without(voters, id);
  return left.length >= least || free.length === 0 ? left : [...left, chance.pick(free)];
}
