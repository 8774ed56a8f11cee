/**
 * The sizes of all copies of the cluster, asked of all members at once. The answers count for a while, so that many who
 * watch a move cost little more than one. A member that does not answer in time is left out.
 */
import type { NodeId } from "../../core/model/ids.js";
import type { Member, View } from "../../core/view/view.js";
import { askFounder, founderClient } from "../founding/founding-calls.js";
import { introductionOf } from "../founding/newest-view.js";
import type { ClusterSecret } from "../peers/cluster-secret.js";
import { PROTOCOL_VERSION } from "../peers/peer-service.js";
import { type NodeSizes, sizesFromWire } from "./node-sizes.js";

/** By node; missing: it did not tell. */
export type SizesByNode = ReadonlyMap<NodeId, NodeSizes>;

/** Members asked at a time. */
const LANES = 16;
/** A member that does not answer for so long is left out. */
const PATIENCE_MS = 1_500;
/** Answers count for so long … */
const KEPT_MS = 1_000;
/** … and so much longer for each member. */
const KEPT_MS_A_MEMBER = 20;

export interface ClusterSizesOptions {
  readonly self: Member;
  readonly secret: ClusterSecret;
  readonly own: () => NodeSizes;
  readonly view: () => View;
}

export class ClusterSizes {
  private asking: Promise<SizesByNode> | null = null;
  private until = Number.NEGATIVE_INFINITY;

  constructor(private readonly options: ClusterSizesOptions) {}

  /** Never rejects. */
  all(): Promise<SizesByNode> {
    if (this.asking !== null && performance.now() < this.until) return this.asking;
    const { members, partitions } = this.options.view();
    this.until = performance.now() + KEPT_MS + KEPT_MS_A_MEMBER * members.length;
    this.asking = this.askAll(members, partitions.length);
    return this.asking;
  }

  private async askAll(members: readonly Member[], partitions: number): Promise<SizesByNode> {
    const { self, own } = this.options;
    const found = new Map<NodeId, NodeSizes>([[self.id, own()]]);
    const others = members.filter(({ id }) => id !== self.id);
    const lane = async (): Promise<void> => {
      for (let next = others.pop(); next !== undefined; next = others.pop()) {
        const sizes = await this.ask(next, partitions);
        if (sizes !== null) found.set(next.id, sizes);
      }
    };
    await Promise.all(Array.from({ length: LANES }, lane));
    return found;
  }

  private async ask({ id, peerAddress }: Member, partitions: number): Promise<NodeSizes | null> {
    const { self, secret } = this.options;
    const client = founderClient(peerAddress);
    const patience = new Promise<null>((resolve) => setTimeout(resolve, PATIENCE_MS, null).unref());
    const request = {
      protocolVersion: PROTOCOL_VERSION,
      founder: introductionOf(self),
      step: { $case: "sizesWanted", value: {} },
    } as const;
    try {
      const answer = await Promise.race([patience, askFounder(client, peerAddress, secret, request)]);
      if (answer === null || "why" in answer) return null;
      const { founder, step } = answer.response;
      // A version before this one answers with its view, and another node may be at that address by now.
      if (step?.$case !== "sizes" || founder?.nodeId !== id) return null;
      return sizesFromWire(step.value, partitions);
    } catch {
      return null;
    } finally {
      void client.close();
    }
  }
}
