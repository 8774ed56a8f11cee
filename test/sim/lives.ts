/**
 * The lives of one partition's copies on all disks, and the checks that follow from them. They say when a copy may
 * answer, and when it may go. They know by themselves what is durable where, and ask no machine.
 */
import type { CopyEntry } from "../../src/core/model/copy-entry.js";
import type { Entry } from "../../src/core/model/entry.js";
import { FOUNDING, type GroupEpoch, type NodeId, type Partition } from "../../src/core/model/ids.js";
import type { KeysHeld, States } from "../../src/core/model/transfer-message.js";
import type { ReadyCopy } from "../../src/core/view/message.js";
import type { Violate } from "./checks.js";
import type { Groups } from "./groups.js";

/** A copy as the disk has it. */
interface CopyLife {
  /** The group epoch in which it began with nothing. */
  readonly copy: GroupEpoch;
  /** The last group that it belongs to, or belonged to. */
  epoch: GroupEpoch;
  ready: boolean;
  /** The group that sealed it, and does not have it; null: none did. */
  left: GroupEpoch | null;
  /** Its answers may still be on their way. */
  dropped?: boolean;
}

export class Lives {
  /** The newest one last. */
  private readonly byNode = new Map<NodeId, CopyLife[]>();
  /** Nodes and groups that some copy was ever durably ready in: what it said may be on its way for long. */
  private readonly served = new Set<string>();

  constructor(
    private readonly partition: Partition,
    private readonly groups: Groups,
    private readonly violate: Violate,
  ) {
    for (const node of groups.of(partition, FOUNDING)) {
      const life: CopyLife = { copy: FOUNDING, epoch: FOUNDING, ready: false, left: null };
      this.byNode.set(node, [life]);
      this.serves(node, life, FOUNDING);
    }
  }

  /** The newest copy on that disk is one that serves, or once did. */
  isReady(node: NodeId): boolean {
    return this.newest(node)?.ready === true;
  }

  /** It was a ready replica of that group at some time, durably. */
  hasServed(node: NodeId, epoch: GroupEpoch): boolean {
    return this.served.has(`${node} ${epoch}`);
  }

  copyEntry(node: NodeId, entry: CopyEntry): void {
    if (entry.kind === "begun") this.all(node).push({ copy: entry.copy, epoch: entry.copy, ready: false, left: null });
    else this.dropped(node, entry.copy);
  }

  durable(node: NodeId, entry: Entry): void {
    const life = this.newest(node);
    if (life === undefined) return;
    if (entry.kind === "ready") this.serves(node, life, life.epoch);
    else if (entry.kind === "sealed" && entry.stays) this.serves(node, life, entry.epoch);
    else if (entry.kind === "sealed") life.left = entry.epoch;
  }

  /** A copy tells one that merges what it holds: it was a ready replica of that group, and has sealed it durably. */
  tellsMerge(from: NodeId, { kind, previous, source }: States | KeysHeld): void {
    const life = this.all(from).find(({ copy }) => copy === source.copy);
    const wasReady = life?.ready === true && life.copy <= previous && previous <= life.epoch;
    if (wasReady && (life.left !== null || life.epoch > previous)) return;
    this.violate(
      "a merge hears sealed copies alone",
      `n${from} tells ${kind} of group ${previous} of partition ${this.partition}, and its copy ${source.copy} ${wasReady ? "has not sealed it" : "was no ready replica of it"}`,
    );
  }

  /** A node says that its copy is ready. */
  saysReady(from: NodeId, { groupEpoch }: ReadyCopy): void {
    if (this.served.has(`${from} ${groupEpoch}`)) return;
    this.violate(
      "ready is said once it is durable",
      `n${from} says that it is ready in partition ${this.partition}, epoch ${groupEpoch}`,
    );
  }

  private serves(node: NodeId, life: CopyLife, epoch: GroupEpoch): void {
    life.ready = true;
    life.epoch = epoch;
    this.served.add(`${node} ${epoch}`);
  }

  private dropped(node: NodeId, copy: GroupEpoch): void {
    const life = this.all(node).find((one) => one.copy === copy && one.dropped !== true);
    const left = life?.left ?? null;
    if (life !== undefined) life.dropped = true;
    if (left !== null && this.groups.finishedSince(this.partition, left)) return;
    this.violate(
      "no copy goes that others may need",
      `n${node} drops copy ${copy} of partition ${this.partition}${left === null ? ", which nothing sealed" : `, and no move since group ${left} is finished`}`,
    );
  }

  private newest(node: NodeId): CopyLife | undefined {
    return this.byNode.get(node)?.findLast(({ dropped }) => dropped !== true);
  }

  private all(node: NodeId): CopyLife[] {
    let all = this.byNode.get(node);
    if (all === undefined) {
      all = [];
      this.byNode.set(node, all);
    }
    return all;
  }
}
