/** As whom a mad member comes: found out by the suite, handed to the attacker's process as text. */
import { readFileSync } from "node:fs";
import { GetViewRequest, GetViewResponse } from "../../gen/ts/onar/reconfiguration/v1/reconfiguration.js";
import type { Cluster, ClusterNode } from "../cluster.js";
import type { MadPeerOptions } from "./mad-peer.js";
import { unary } from "./unary.js";

interface Text extends Omit<MadPeerOptions, "secret" | "clusterId" | "viewDigest"> {
  readonly secret: string | null;
  readonly clusterId: string;
  readonly viewDigest: string;
}

export const identityText = ({ secret, clusterId, viewDigest, ...rest }: MadPeerOptions): string =>
  JSON.stringify({
    ...rest,
    secret: secret?.toString("utf8") ?? null,
    clusterId: clusterId.toString("hex"),
    viewDigest: viewDigest.toString("hex"),
  } satisfies Text);

export function identityFrom(text: string): MadPeerOptions {
  const { secret, clusterId, viewDigest, ...rest }: Text = JSON.parse(text);
  return {
    ...rest,
    secret: secret === null ? null : Buffer.from(secret),
    clusterId: Buffer.from(clusterId, "hex"),
    viewDigest: Buffer.from(viewDigest, "hex"),
  };
}

export interface Roles {
  readonly as: MadPeerOptions;
  readonly mad: ClusterNode;
  readonly attacked: ClusterNode;
  readonly other: ClusterNode;
}

/** The member with the lowest id is the mad one, as that one dials; the one with the highest is attacked. */
export async function rolesIn({ nodes }: Cluster): Promise<Roles> {
  const [any] = nodes;
  if (any === undefined) throw new Error("a cluster without nodes");
  const bytes = await unary(
    any.client,
    "/onar.reconfiguration.v1.ReconfigurationService/GetView",
    GetViewRequest.encode({}).finish(),
  );
  const { view, digest } = GetViewResponse.decode(bytes);
  const members = [...(view?.members ?? [])].sort((a, b) => a.id - b.id);
  const [lowest, , highest] = members;
  const nodeOf = (id: number | undefined): ClusterNode => {
    const member = members.find((one) => one.id === id);
    const node = nodes.find(({ client }) => member?.clientAddress === `${client.host}:${client.port}`);
    if (node === undefined) throw new Error(`no node is member ${id}`);
    return node;
  };
  if (view === undefined || lowest === undefined || highest === undefined) throw new Error("three members are needed");
  return {
    as: {
      secret: secretOf(any.pid),
      self: { id: lowest.id, peerAddress: lowest.peerAddress },
      target: { id: highest.id, peerAddress: highest.peerAddress },
      clusterId: view.clusterId,
      viewEpoch: Number(view.epoch),
      viewDigest: digest,
    },
    mad: nodeOf(lowest.id),
    attacked: nodeOf(highest.id),
    other: nodeOf(members[1]?.id),
  };
}

/** The cluster secret, of the file that the node was started with. */
function secretOf(pid: number): Buffer | null {
  const words = readFileSync(`/proc/${pid}/cmdline`, "utf8").split("\0");
  const at = words.indexOf("--cluster-secret-file");
  const path = at < 0 ? undefined : words[at + 1];
  return path === undefined ? null : Buffer.from(readFileSync(path, "utf8").trim());
}
