/** The source that the services serve from: nothing while the node waits for its cluster, then a node with its loop. */
import { setMaxListeners } from "node:events";
import type { Header } from "../../../gen/ts/onar/kv/v1/common.js";
import type { Handshake } from "../../../gen/ts/onar/replication/v1/replication.js";
import type { TraceContext } from "../../base/trace-context.js";
import { type NodeId, type Partition, UNKNOWN_REVISION } from "../../core/model/ids.js";
import type { Request } from "../../core/model/node-message.js";
import type { Standing } from "../../core/model/operation.js";
import type { Inputs } from "../../node/loop.js";
import type { NodeStatus } from "../../node/status.js";
import type { ViewHolder } from "../../node/view-holder.js";
import type { Awaited } from "../naming/node-names.js";
import type { LinkCounters } from "../peers/link.js";
import type { SizesByNode } from "../sizes/cluster-sizes.js";
import type { WishProgress } from "./wish-progress.js";

export interface ServingNode {
  readonly views: ViewHolder;
  /** The way in for requests and wishes; `status` is all that there is to see. */
  readonly loop: Inputs;
  readonly status: NodeStatus;
  readonly counters: LinkCounters;
  /** The peers' words about themselves. */
  readonly introductions: ReadonlyMap<NodeId, Introduction>;
  readonly links: { troubleOf(peer: NodeId): string };
  /** How much the copies of all members hold. */
  readonly sizes: { all(): Promise<SizesByNode> };
  /** How far the moves of wishes are. */
  readonly progress: WishProgress;
}

export interface Introduction {
  readonly handshake: Handshake;
  /** performance.now() when it came. */
  readonly at: number;
}

export class Serving {
  /** The nodes that this node waits for while there is no view. */
  awaited: () => readonly Awaited[] = () => [];
  node: ServingNode | null = null;
  private readonly stops = new AbortController();
  /** Is told of requests that are traced before they go their way; null: nothing is traced. */
  traces: { asked(request: Request, context: TraceContext): void } | null = null;
  /** Requests on keys that clients brought so far. */
  reads = 0;
  writes = 0;
  private clusterId = Buffer.alloc(0);
  private viewEpoch = 0n;

  constructor(readonly self: NodeId) {
    // Every stream listens to it, and how many there are is bounded elsewhere.
    setMaxListeners(0, this.stops.signal);
  }

  /** New calls are refused, and streams end. */
  get stopping(): boolean {
    return this.stops.signal.aborted;
  }

  get whenStopping(): AbortSignal {
    return this.stops.signal;
  }

  stop(): void {
    this.stops.abort();
  }

  begin(node: ServingNode): void {
    const tell = (): void => {
      this.clusterId = Buffer.from(node.views.view.clusterId, "hex");
      this.viewEpoch = BigInt(node.views.view.epoch);
    };
    tell();
    node.views.onChange(tell);
    this.node = node;
  }

  /** null: the answer is not about one partition. */
  header(about: { readonly partition: Partition; readonly standing: Standing } | null): Header {
    if (about === null) {
      return {
        clusterId: this.clusterId,
        nodeId: this.self,
        viewEpoch: this.viewEpoch,
        revision: undefined,
        groupEpoch: 0n,
        writerNodeId: 0,
      };
    }
    const { partition, standing } = about;
    return {
      clusterId: this.clusterId,
      nodeId: this.self,
      viewEpoch: this.viewEpoch,
      revision: standing.revision === UNKNOWN_REVISION ? undefined : { partition, revision: BigInt(standing.revision) },
      groupEpoch: BigInt(standing.groupEpoch),
      writerNodeId: standing.writer,
    };
  }
}
