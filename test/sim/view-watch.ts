/**
 * Rules that must always hold of the chain of views in a run, seen from outside. They are the checks of the world of
 * views (test/views), told by this world.
 */
import { type NodeId, viewEpoch } from "../../src/core/model/ids.js";
import type { NodeMessage } from "../../src/core/model/node-message.js";
import type { EncodedView } from "../../src/core/view/encoded-view.js";
import type { ViewEntry } from "../../src/core/view/message.js";
import type { View } from "../../src/core/view/view.js";
import { Broken, type ViewCheck, ViewChecks } from "../views/checks.js";

export class ViewWatch {
  private readonly checks: ViewChecks;
  /** By node: the newest epoch that is on its disk. */
  private readonly held = new Map<NodeId, number>();

  constructor(
    first: EncodedView,
    founders: readonly NodeId[],
    private readonly violate: (check: ViewCheck, detail: string) => void,
  ) {
    this.checks = new ViewChecks(first);
    for (const id of founders) this.held.set(id, first.view.epoch);
  }

  /** The newest view that was decided anywhere. */
  get newest(): EncodedView {
    return this.checks.newest;
  }

  /** A node lets that view count. */
  learned(node: NodeId, view: EncodedView): void {
    this.judge(() => this.checks.learned(node, view));
  }

  /** On disk besides what is told by `durable`. */
  saved(node: NodeId, { view }: EncodedView): void {
    this.held.set(node, Math.max(this.held.get(node) ?? 0, view.epoch));
  }

  durable(node: NodeId, entry: ViewEntry): void {
    if (entry.kind === "view") this.saved(node, entry.decided);
    this.judge(() => this.checks.durable(node, entry));
  }

  sent(from: NodeId, life: number, message: NodeMessage): void {
    if (message.kind === "view-prepare")
      this.judge(() => this.checks.prepared(message.ballot, `n${from} in its life ${life}`));
    else if (message.kind === "view-promised" || message.kind === "view-accepted")
      this.judge(() => this.checks.answered(from, message.ballot));
  }

  /** Two nodes hold different views of one epoch. */
  conflict(node: NodeId, other: NodeId, epoch: number): void {
    this.violate("one successor per view", `n${node} and n${other} differ on view ${viewEpoch(epoch)}`);
  }

  /** It stops for good, as this view leaves it out. */
  left(node: NodeId, by: View): void {
    const holders = new Set([...this.held].filter(([, epoch]) => epoch >= by.epoch).map(([id]) => id));
    this.judge(() => this.checks.left(node, by, holders));
  }

  private judge(act: () => void): void {
    try {
      act();
    } catch (error) {
      if (!(error instanceof Broken)) throw error;
      this.violate(error.check, error.message);
    }
  }
}
