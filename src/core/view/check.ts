/** Whether a view could be one: whoever it comes from, it is looked at before it is accepted, believed or saved. */
import { MAX_REPLICAS } from "../../base/votes.js";
import type { NodeId } from "../model/ids.js";
import { isResizing, ledgerOf, MAX_REMEMBERED } from "./operation.js";
import { settingFault } from "./settings.js";
import type { Member, Placement, View, Wish } from "./view.js";

/** In the cluster each node hears each other one. */
export const MAX_MEMBERS = 100;
/** More make a change slower, and three lost of seven are survived. */
export const MAX_VOTERS = 7;
export const MAX_ADDRESS_CHARACTERS = 512;
const MAX_NODE_ID = 2 ** 32 - 1;
/** 2^40 changes of membership are more than any cluster sees. */
const MAX_EPOCH = 2 ** 40;
/** A copy never holds so many keys. */
const MAX_BAD_KEYS = 2 ** 40;

/** null: nothing; otherwise a sentence. */
export function wrongIn(view: View): string | null {
  const { members, partitions, replicationFactor, voters } = view;
  if (!isBetween(view.epoch, 1, MAX_EPOCH)) return `its epoch is ${view.epoch}`;
  if (!/^[0-9a-f]{32}$/.test(view.clusterId)) return "its cluster id is not 16 bytes";
  if (!/^([0-9a-f]{64})?$/.test(view.previousDigest)) return "the digest of the view before is not 32 bytes";
  if (!/^[0-9a-f]{32}$/.test(view.operationId)) return "its operation id is not 16 bytes";
  if (!isBetween(members.length, 1, MAX_MEMBERS)) return `it has ${members.length} members`;
  for (const member of members) {
    const wrong = wrongInMember(member);
    if (wrong !== null) return wrong;
  }
  const ids = new Set(members.map(({ id }) => id));
  if (ids.size < members.length) return "it names a member twice";
  if (new Set(members.map(({ peerAddress }) => peerAddress)).size < members.length)
    return "two members share an address";
  if (!isBetween(replicationFactor, 1, Math.min(MAX_REPLICAS, members.length)))
    return `its replication factor is ${replicationFactor}`;
  if (!isBetween(voters.length, 1, MAX_VOTERS) || !isSetOf(voters, ids))
    return "its voters are not some of its members";
  const [fewest, most] = isResizing(view) ? [1, MAX_REPLICAS] : [replicationFactor, replicationFactor];
  const wrong = partitions.findIndex(
    ({ replicas, groupEpoch, preferred }) =>
      !isBetween(replicas.length, fewest, most) ||
      !isSetOf(replicas, ids) ||
      !isBetween(groupEpoch, 1, MAX_EPOCH) ||
      (preferred !== undefined && !replicas.includes(preferred)),
  );
  if (wrong >= 0) return `partition ${wrong} is not kept by ${replicationFactor} of its members`;
  const moving = partitions.findIndex((placement) => !isMovePossible(placement));
  if (moving >= 0) return `partition ${moving} comes from a group that cannot have been`;
  const setting = settingFault(view.settings ?? {});
  if (setting !== null) return `its setting ${setting.name} is beyond ${setting.bound}`;
  return wrongInLedger(view);
}

function isMovePossible({ groupEpoch, replicas, previous, ready }: Placement): boolean {
  if (previous === undefined) return ready === undefined;
  const before = previous.replicas;
  if (!isBetween(previous.groupEpoch, 1, groupEpoch - 1)) return false;
  if (!isBetween(before.length, 1, MAX_REPLICAS) || new Set(before).size < before.length) return false;
  if (!before.every((node) => isBetween(node, 1, MAX_NODE_ID))) return false;
  return (ready ?? []).every(
    ({ node, bad }, at, all) =>
      replicas.includes(node) && node > (all[at - 1]?.node ?? 0) && isBetween(bad, 0, MAX_BAD_KEYS),
  );
}

function wrongInLedger(view: View): string | null {
  const { wishes, done, forgotten } = ledgerOf(view);
  if (wishes.length > MAX_MEMBERS) return `it has ${wishes.length} wishes`;
  if (done.length > MAX_REMEMBERED) return `it remembers ${done.length} operations`;
  const could = ({ id, epoch, node, replicas = 1 }: Wish): boolean =>
    /^[0-9a-f]{32}$/.test(id) &&
    isBetween(epoch, 0, view.epoch) &&
    isBetween(node, 1, MAX_NODE_ID) &&
    isBetween(replicas, 1, MAX_REPLICAS);
  const isSound =
    [...wishes, ...done].every(could) &&
    done.every(({ doneIn }) => isBetween(doneIn, 1, view.epoch)) &&
    isBetween(forgotten, 0, view.epoch);
  return isSound ? null : "it remembers an operation that cannot be";
}

/** null: it could be a member; otherwise a sentence. */
export function wrongInMember({ id, clientAddress, peerAddress, zone }: Member): string | null {
  const texts = [clientAddress, peerAddress, zone];
  const fits =
    peerAddress !== "" && clientAddress !== "" && texts.every((text) => text.length <= MAX_ADDRESS_CHARACTERS);
  return isBetween(id, 1, MAX_NODE_ID) && fits ? null : `its member ${id} has no id or addresses that can be`;
}

/** The reason why founders with this list of addresses, ordered, could not decide it as their view 1. */
export function wrongInFirst(view: View, peers: readonly string[]): string | null {
  const wrong = wrongIn(view);
  if (wrong !== null) return wrong;
  if (view.epoch !== 1 || view.previousDigest !== "") return "it is not a first view";
  if (view.partitions.some(({ groupEpoch, previous }) => groupEpoch !== 1 || previous !== undefined))
    return "it begins with a later group";
  const addresses = view.members.map(({ peerAddress }) => peerAddress).sort();
  const same = addresses.length === peers.length && addresses.every((address, i) => address === peers[i]);
  return same ? null : `its members are ${addresses.join(", ")}, the founders ${peers.join(", ")}`;
}

const isBetween = (value: number, least: number, most: number): boolean =>
  Number.isSafeInteger(value) && value >= least && value <= most;

const isSetOf = (ids: readonly NodeId[], of: ReadonlySet<NodeId>): boolean =>
  ids.every((id, at) => of.has(id) && ids.indexOf(id) === at);
