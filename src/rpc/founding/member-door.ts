/**
 * Answers the calls of nodes that no stream can be opened with yet, at a node that has a view. It answers with the
 * newest view that it holds durably: whoever asks may count on that.
 */
import type { FoundRequest, FoundResponse } from "../../../gen/ts/onar/replication/v1/replication.js";
import { StartRefusedReason } from "../../../gen/ts/onar/replication/v1/replication.js";
import { joinWishFromWire } from "../../codec/peer/view-messages.js";
import type { NodeId } from "../../core/model/ids.js";
import { planted } from "../../core/model/planted.js";
import type { EncodedView } from "../../core/view/encoded-view.js";
import type { JoinWish } from "../../core/view/message.js";
import type { Member } from "../../core/view/view.js";
import { toBuffer } from "../../wire/bytes.js";
import { PROTOCOL_VERSION } from "../peers/peer-service.js";
import { type NodeSizes, sizesToWire } from "../sizes/node-sizes.js";
import { introductionOf } from "./newest-view.js";

export interface MemberDoorOptions {
  readonly self: Member;
  /** That it holds durably. */
  readonly newest: () => EncodedView;
  /** Resolves with whether another process with that id lives, at another address than this one. */
  readonly livesElsewhere: (id: NodeId, peerAddress: string) => Promise<boolean>;
  /** A newcomer wants to be a member, or a member wants to be known by other addresses. */
  readonly wished: (wish: JoinWish) => void;
  /** How much the copies of this node hold; missing: it does not tell. */
  readonly sizes?: () => NodeSizes;
}

export class MemberDoor {
  constructor(private readonly options: MemberDoorOptions) {}

  /** Rejects when a wish cannot be one. */
  async answer({ protocolVersion, founder, step }: FoundRequest): Promise<FoundResponse> {
    if (protocolVersion !== PROTOCOL_VERSION) return this.refused(StartRefusedReason.UNSPECIFIED);
    if (step?.$case === "wish") {
      const wish = joinWishFromWire(step.value);
      const { id, peerAddress } = wish.member;
      // Nobody wishes for another.
      if (id !== founder?.nodeId) throw new Error("a wish of another node");
      // One with another view counts for nothing, and the answer says which is the newest.
      if (wish.digest === this.options.newest().digest) {
        if (await this.livesElsewhere(id, peerAddress)) return this.refused(StartRefusedReason.DUPLICATE_NODE_ID);
        this.options.wished(wish);
      }
    }
    const { sizes } = this.options;
    if (step?.$case === "sizesWanted" && sizes !== undefined)
      return this.response({ $case: "sizes", value: sizesToWire(sizes()) });
    return this.response({ $case: "view", value: { view: toBuffer(this.options.newest().bytes) } });
  }

  /** Two processes with one id would take its place from each other, view after view. */
  private async livesElsewhere(id: NodeId, peerAddress: string): Promise<boolean> {
    if (planted("W3.second-replaces")) return false;
    const { self, livesElsewhere } = this.options;
    return id === self.id ? peerAddress !== self.peerAddress : livesElsewhere(id, peerAddress);
  }

  private refused(reason: StartRefusedReason): FoundResponse {
    return this.response({ $case: "refused", value: { ballot: undefined, reason, promised: undefined, peers: [] } });
  }

  private response(step: FoundResponse["step"]): FoundResponse {
    return { founder: introductionOf(this.options.self), step };
  }
}
