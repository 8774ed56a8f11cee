/** The views that nodes hold durably: of each other node its newest epoch, and of this one the view itself. */
import type { NodeId, ViewEpoch } from "../model/ids.js";
import type { EncodedView } from "./encoded-view.js";

export class HeldViews {
  /** The newest view that this node itself holds durably: what calls answer with, and wishes are said in. */
  own: EncodedView;
  /** Learned after that one, in order, and on their way to the disk. */
  private undurable: EncodedView[] = [];
  /** By node: the newest epoch that it is known to hold durably. */
  private readonly epochs = new Map<NodeId, ViewEpoch>();

  constructor(
    private readonly self: NodeId,
    newest: EncodedView,
  ) {
    this.own = newest;
    this.epochs.set(self, newest.view.epoch);
  }

  /** From a durable entry. */
  restore(newest: EncodedView): void {
    this.own = newest;
    this.epochs.set(this.self, newest.view.epoch);
  }

  /** That node holds the view of this epoch, or a newer one. */
  has(node: NodeId, epoch: ViewEpoch): boolean {
    return (this.epochs.get(node) ?? 0) >= epoch;
  }

  /** That node said so. This one says so to itself once its entries are durable. */
  heard(node: NodeId, epoch: ViewEpoch): void {
    if (!this.has(node, epoch)) this.epochs.set(node, epoch);
    if (node !== this.self) return;
    for (const view of this.undurable) if (view.view.epoch <= epoch) this.own = view;
    this.undurable = this.undurable.filter(({ view }) => view.epoch > epoch);
  }

  /** A newer view was learned, with these members. Others are forgotten. */
  learned(decided: EncodedView, isMember: (node: NodeId) => boolean): void {
    this.undurable.push(decided);
    for (const node of this.epochs.keys()) if (node !== this.self && !isMember(node)) this.epochs.delete(node);
  }
}
