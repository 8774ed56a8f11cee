/** Asks a node of a cluster for its newest view, and tells it a wish along. It does so by a call, as no stream can be
 * opened yet. */

import type { FoundRequest, Founder as WireFounder } from "../../../gen/ts/onar/replication/v1/replication.js";
import { StartRefusedReason } from "../../../gen/ts/onar/replication/v1/replication.js";
import { errorOf } from "../../base/errno.js";
import { believedView, joinWishToWire } from "../../codec/peer/view-messages.js";
import { type NodeId, nodeId } from "../../core/model/ids.js";
import type { EncodedView } from "../../core/view/encoded-view.js";
import type { JoinWish } from "../../core/view/message.js";
import type { Member } from "../../core/view/view.js";
import type { GrpcClient } from "../../grpc/client/client.js";
import type { ClusterSecret } from "../peers/cluster-secret.js";
import { PROTOCOL_VERSION } from "../peers/peer-service.js";
import { askFounder, founderClient } from "./founding-calls.js";

/**
 * The newest view of the node that answered, or in words why there is none. `isSecond`: another process with this
 * node's id lives.
 */
export type NewestAnswer =
  | { readonly from: NodeId; readonly newest: EncodedView }
  | { readonly why: string; readonly isSecond?: boolean };

export class NewestViews {
  private readonly clients = new Map<string, GrpcClient>();

  constructor(
    private readonly self: Member,
    private readonly secret: ClusterSecret,
  ) {}

  /** `wish`: null for a mere question. */
  async ask(address: string, wish: JoinWish | null): Promise<NewestAnswer> {
    const step: FoundRequest["step"] = wish === null ? undefined : { $case: "wish", value: joinWishToWire(wish) };
    const request: FoundRequest = { protocolVersion: PROTOCOL_VERSION, founder: introductionOf(this.self), step };
    const answer = await askFounder(this.clientTo(address), address, this.secret, request);
    if ("why" in answer) return answer;
    const { response } = answer;
    const from = nodeId(response.founder?.nodeId ?? 0);
    if (from === this.self.id) {
      const isSecond = (response.founder?.peerAddress ?? "") !== this.self.peerAddress;
      return isSecond
        ? { why: "is another process with this node's id", isSecond }
        : { why: "leads back to this node" };
    }
    if (response.step?.$case === "refused" && response.step.value.reason === StartRefusedReason.DUPLICATE_NODE_ID)
      return { why: "hears another process with this node's id", isSecond: true };
    if (response.step?.$case === "refused") return { why: "speaks another version of the protocol between nodes" };
    if (response.step?.$case !== "view") return { why: "has no cluster yet" };
    try {
      return { from, newest: believedView(response.step.value.view) };
    } catch (error) {
      return { why: `says what cannot be: ${errorOf(error).message}` };
    }
  }

  close(): void {
    for (const client of this.clients.values()) void client.close();
    this.clients.clear();
  }

  /** Only the addresses in use keep a connection. */
  keepOnly(addresses: readonly string[]): void {
    for (const [address, client] of this.clients) {
      if (addresses.includes(address)) continue;
      void client.close();
      this.clients.delete(address);
    }
  }

  private clientTo(address: string): GrpcClient {
    let client = this.clients.get(address);
    if (client === undefined) {
      client = founderClient(address);
      this.clients.set(address, client);
    }
    return client;
  }
}

/** As a founder introduces itself, without what only founders say. */
export const introductionOf = (self: Member): WireFounder => ({
  nodeId: self.id,
  clientAddress: self.clientAddress,
  peerAddress: self.peerAddress,
  zone: self.zone,
  peers: [],
  replicationFactor: 0,
  partitionCount: 0,
});
