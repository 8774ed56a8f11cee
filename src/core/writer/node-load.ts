/**
 * The bytes that the writers of a node hold together, and what goes when that is too much (core/model/bounds.ts). One
 * for all partitions of a node: a bound per partition would be worth little with hundreds of them.
 */
import { TransientMap } from "../../base/transient-map.js";
import {
  FLIGHT_BYTES,
  NODE_PURGE_BYTES,
  PURGE_BYTES,
  RESEND_BYTES,
  RETAINED_BYTES,
  WRITER_MEMORY_BYTES,
} from "../model/bounds.js";
import { planted } from "../model/planted.js";

/** A register kept for a replica that lacks it. */
export interface Retained {
  readonly bytes: number;
  /** Left to catch-up and reads: it is not kept any more. */
  leave(): void;
}

/** Somebody who remembers registers and can do without. */
export interface Rememberer {
  /** Forgets some of the oldest that it may forget; false: there was none. */
  forgetSome(): boolean;
}

export class NodeLoad {
  /** Bytes of writes that no majority has. */
  flightBytes = 0;
  retainedBytes = 0;
  memoryBytes = 0;
  /** Keys of the tombstones of purge passes under way. */
  purgeBytes = 0;
  /** Registers left to catch-up since the node started, as too much was retained. */
  left = 0;
  private resendBytes = RESEND_BYTES;
  private readonly retained = new TransientMap<Retained, Retained>();
  private readonly rememberers = new Set<Rememberer>();
  /** Nothing could be forgotten below this. */
  private forgetAbove = WRITER_MEMORY_BYTES;

  get full(): boolean {
    return this.flightBytes >= FLIGHT_BYTES;
  }

  /** Bytes of keys that one more purge pass may take. */
  get purgeRoom(): number {
    return Math.max(0, Math.min(PURGE_BYTES, NODE_PURGE_BYTES - this.purgeBytes));
  }

  retain(item: Retained): void {
    if (this.retained.get(item) !== undefined) return;
    this.retained.set(item, item);
    this.retainedBytes += item.bytes;
    while (this.retainedBytes > RETAINED_BYTES && !planted("B1.retained-by-number")) this.leaveOldest();
  }

  release(item: Retained): void {
    if (this.retained.delete(item)) this.retainedBytes -= item.bytes;
  }

  /** A register more, or less, is remembered. */
  remember(who: Rememberer, bytes: number): void {
    this.memoryBytes += bytes;
    if (bytes > 0) this.rememberers.add(who);
    if (bytes > 0 && this.memoryBytes > this.forgetAbove) this.forget();
  }

  /** Its office is over. */
  forgotten(who: Rememberer): void {
    this.rememberers.delete(who);
  }

  /** The next look at what was not answered begins. */
  look(): void {
    this.resendBytes = RESEND_BYTES;
  }

  /** Whether something may be sent again at this look; the last one may be more than is left. */
  get mayResend(): boolean {
    return this.resendBytes > 0;
  }

  resent(bytes: number): void {
    this.resendBytes -= bytes;
  }

  private leaveOldest(): void {
    for (const oldest of this.retained.values()) {
      this.left++;
      this.release(oldest);
      return oldest.leave();
    }
  }

  private forget(): void {
    const enough = WRITER_MEMORY_BYTES * 0.9;
    for (let some = true; some && this.memoryBytes > enough; ) {
      some = false;
      for (const who of this.rememberers) {
        if (this.memoryBytes <= enough) break;
        if (who.forgetSome()) some = true;
      }
    }
    // Writes under way cannot be forgotten: they are not looked through again with every write.
    this.forgetAbove = Math.max(WRITER_MEMORY_BYTES, this.memoryBytes + WRITER_MEMORY_BYTES / 8);
  }
}
