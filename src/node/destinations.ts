/**
 * Which node a request is sent to, by what this one hears of the others. The router (router.ts) holds a request that
 * has no destination.
 */
import { type Duration, duration, type Instant } from "../base/time.js";
import type { Core } from "../core/core.js";
import { NO_NODE, type NodeId } from "../core/model/ids.js";
import { mayAnswer } from "../core/view/move.js";
import { placementOf } from "../core/view/view.js";
import type { Pending } from "./pending.js";
import type { Syncs } from "./syncs.js";

/**
 * A disk that has stood still for so long is not waited for: another replica is asked what only this node's own copy
 * holds up.
 */
const PASS_ON: Duration = duration(100);

export class Destinations {
  constructor(
    private readonly core: Core,
    private readonly syncs: Syncs,
  ) {}

  /**
   * A write goes to the working writer. A read goes to this node if it is a replica whose disk gets on, otherwise to a
   * replica that is heard. NO_NODE: nobody can take it just now.
   */
  of(now: Instant, pending: Pending): NodeId {
    const { partition, request } = pending;
    const { self } = this.core;
    if (request.kind === "write") {
      if (this.core.isWriter(partition)) return self;
      const writer = this.core.writerOf(partition);
      return writer === null || writer === self ? NO_NODE : writer;
    }
    if (!this.core.partitions.has(partition)) return this.otherReplica(pending);
    // A local read may be answered from what is settled, which waits for no sync.
    const tryHere = !this.diskStands(now) || (request.read.consistency === "local" && !pending.waitsForSync);
    if (tryHere) return self;
    const other = this.otherReplica(pending);
    return other === NO_NODE ? self : other;
  }

  /** A replica of the partition on another node that is heard; NO_NODE: there is none. */
  otherReplica({ partition, ticket, refusedBy }: Pending): NodeId {
    const placement = placementOf(this.core.view, partition);
    const { replicas } = placement;
    const start = ticket % replicas.length;
    let last = NO_NODE;
    for (let i = 0; i < replicas.length; i++) {
      const replica = replicas[(start + i) % replicas.length] as NodeId;
      if (replica === this.core.self || !this.core.hears(replica)) continue;
      if (replica !== refusedBy && mayAnswer(placement, replica)) return replica;
      last = replica;
    }
    return last;
  }

  /** The disk has stood still for so long that reads had better not count this node's own copy. */
  diskStands(now: Instant): boolean {
    return this.syncs.standing(now) >= PASS_ON;
  }
}
