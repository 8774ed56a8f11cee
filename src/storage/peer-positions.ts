/**
 * The log positions that peers told of themselves, by which this node knows a peer that lost a part of its log (R10).
 */
import type { SeenPosition } from "../codec/disk/entry.js";
import type { NodeId } from "../core/model/ids.js";
import { isPlausiblePosition } from "../core/replica/rolled-back.js";
import type { DiskOptions } from "./disk-options.js";
import type { States } from "./states.js";

/**
 * Positions that peers tell go with a batch that is written anyway, and no more often than this. So an idle node writes
 * nothing for them, a busy one a record a second and peer. To lose the last of it is safe.
 */
export const REMEMBER_MS = 1_000;

export interface PeerPositionsOptions {
  /** Those that are in the log already. */
  readonly saved: States;
  readonly later: DiskOptions["later"];
  /** Into the log, and into `saved`. */
  readonly push: (seen: SeenPosition) => void;
  readonly remembers: (peer: NodeId, position: number) => void;
}

export class PeerPositions {
  /** Those that are not in the log yet: they go with a later batch. */
  private readonly unsaved = new Map<NodeId, SeenPosition>();
  /** Some went into the log within the last REMEMBER_MS. */
  private remembered = false;

  constructor(private readonly options: PeerPositionsOptions) {}

  /** 0 when the peer told none. */
  highest(peer: NodeId): number {
    return this.seen(peer)?.position ?? 0;
  }

  /** The peer's own proof of the highest one; "" when it told none. */
  proofOf(peer: NodeId): string {
    return this.seen(peer)?.proof ?? "";
  }

  saw(peer: NodeId, position: number, proof: string): void {
    if (!isPlausiblePosition(position, this.highest(peer))) return;
    this.unsaved.set(peer, { kind: "seen", node: peer, position, proof });
  }

  /** A batch is about to be written: what is new goes with it, unless some has just gone. */
  remember(): void {
    if (this.unsaved.size === 0 || this.remembered) return;
    const { push, remembers, later } = this.options;
    for (const seen of this.unsaved.values()) {
      push(seen);
      remembers(seen.node, seen.position);
    }
    this.unsaved.clear();
    this.remembered = true;
    later(REMEMBER_MS, () => {
      this.remembered = false;
    });
  }

  private seen(peer: NodeId): SeenPosition | null {
    return this.unsaved.get(peer) ?? this.options.saved.seen(peer);
  }
}
