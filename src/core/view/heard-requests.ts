/**
 * The requests that a voter has heard in the epoch of its newest view: wishes of nodes, and operations. They count in
 * that epoch only (V1d).
 */
import type { NodeId } from "../model/ids.js";
import { planted } from "../model/planted.js";
import type { EncodedView } from "./encoded-view.js";
import type { JoinWish, OperationWish } from "./message.js";
import { MAX_ASKED, type ViewOperation } from "./operation.js";
import { memberOf } from "./view.js";

/** Wishes remembered at a time; further ones are heard when they are repeated in the next epoch. */
export const MAX_WISHES = 256;

export class HeardRequests {
  /** By node. */
  private readonly wishes = new Map<NodeId, JoinWish>();
  /** By id, in the order in which this node heard of them. */
  private readonly operations = new Map<string, ViewOperation>();

  hasWish(node: NodeId): boolean {
    return this.wishes.has(node);
  }

  wishers(): Iterable<NodeId> {
    return this.wishes.keys();
  }

  /** Ordered by node. */
  get wishing(): readonly JoinWish[] {
    return [...this.wishes.values()].sort((a, b) => a.member.id - b.member.id);
  }

  get wanting(): readonly ViewOperation[] {
    return [...this.operations.values()];
  }

  onWish(from: NodeId, wish: JoinWish, { view, digest }: EncodedView): void {
    if (planted("V1.stale-wish")) {
      this.wishes.set(wish.member.id, wish);
      return;
    }
    if (wish.member.id !== from || wish.epoch !== view.epoch || wish.digest !== digest) return;
    if (this.wishes.size >= MAX_WISHES && !this.wishes.has(from)) return;
    this.wishes.set(from, wish);
  }

  onOperation(from: NodeId, { operation, digest }: OperationWish, newest: EncodedView): void {
    const { view } = newest;
    const isOther = operation.epoch !== view.epoch || digest !== newest.digest;
    if (isOther && !planted("V1.operation-again")) return;
    if (memberOf(view, from) === undefined || this.operations.size >= MAX_ASKED) return;
    this.operations.set(operation.id, operation);
  }

  /** A newer view. */
  clear(): void {
    if (!planted("V1.stale-wish")) this.wishes.clear();
    if (!planted("V1.operation-again")) this.operations.clear();
  }
}
