/**
 * The newest view that counts in this node, in one place: whatever needs it asks here, or is told when it changes. The
 * machine lets a view count before it takes any further input.
 */
import { assert } from "../base/assert.js";
import type { EncodedView } from "../core/view/encoded-view.js";
import type { View } from "../core/view/view.js";

type Listener = (newest: EncodedView, before: EncodedView) => void;

export class ViewHolder {
  private readonly listeners = new Set<Listener>();

  constructor(private held: EncodedView) {}

  get newest(): EncodedView {
    return this.held;
  }

  get view(): View {
    return this.held.view;
  }

  /** Tells all who asked for it, in the order in which they did. */
  advance(newest: EncodedView): void {
    const before = this.held;
    assert(newest.view.epoch > before.view.epoch, "a view is followed by a later one");
    this.held = newest;
    for (const listener of [...this.listeners]) listener(newest, before);
  }

  /** Returns how to stop it. */
  onChange(listener: Listener): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }
}
