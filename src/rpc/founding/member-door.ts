/**
 * Answers the calls of nodes that no stream can be opened with yet, at a node that has a view. It answers with the newest view that it holds
 * durably: whoever asks may count on that.
 */
import type { FoundRequest, FoundResponse } from "../../../gen/ts/onar/replication/v1/replication.js";
import { StartRefusedReason } from "../../../gen/ts/onar/replication/v1/replication.js";
import { joinWishFromWire } from "../../codec/peer/view-messages.js";
import type { EncodedView } from "../../core/view/encoded-view.js";
import type { JoinWish } from "../../core/view/message.js";
import type { Member } from "../../core/view/view.js";
import { toBuffer } from "../../wire/bytes.js";
import { PROTOCOL_VERSION } from "../peers/peer-service.js";
import { introductionOf } from "./newest-view.js";

export interface MemberDoorOptions {
  readonly self: Member;
  /** That it holds durably. */
  readonly newest: () => EncodedView;
  /** A newcomer wants to be a member, or a member wants to be known by other addresses. */
  readonly wished: (wish: JoinWish) => void;
}

export class MemberDoor {
  constructor(private readonly options: MemberDoorOptions) {}

  /** Rejects when a wish cannot be one. */
  answer({ protocolVersion, founder, step }: FoundRequest): Promise<FoundResponse> {
    return new Promise((resolve) => {
      if (protocolVersion !== PROTOCOL_VERSION) {
        const reason = StartRefusedReason.UNSPECIFIED;
        const value = { ballot: undefined, reason, promised: undefined, peers: [] };
        return resolve(this.response({ $case: "refused", value }));
      }
      if (step?.$case === "wish") {
        const wish = joinWishFromWire(step.value);
        // Nobody wishes for another.
        if (wish.member.id !== founder?.nodeId) throw new Error("a wish of another node");
        // One with another view counts for nothing, and the answer says which is the newest.
        if (wish.digest === this.options.newest().digest) this.options.wished(wish);
      }
      resolve(this.response({ $case: "view", value: { view: toBuffer(this.options.newest().bytes) } }));
    });
  }

  private response(step: FoundResponse["step"]): FoundResponse {
    return { founder: introductionOf(this.options.self), step };
  }
}
