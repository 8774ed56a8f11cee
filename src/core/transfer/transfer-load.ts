/**
 * The bounds of all transfers of a node together (H20): bytes that are asked for at a time, and bytes a second. They
 * ask for nothing while the log fills faster than folds empty it. Otherwise a transfer would freeze the node's other
 * partitions. They ask for less while the node is short of time, as clients come first.
 */
import { type Instant, instant, since } from "../../base/time.js";
import { TRANSFER_BYTES } from "../model/bounds.js";
import { planted } from "../model/planted.js";

/** The bytes of so much time may be used at once. */
const BURST_MS = 50;
/** While the node is short of time, transfers have one part of so many of their rate. */
export const SHORT_OF_TIME_PARTS = 8;

/** How fast transfers may go now; said by the driver, and asked for at every tick of a transfer. */
export interface TransferPace {
  /** Bytes a second of all transfers together; infinite: no limit. */
  readonly bytesPerSecond: number;
  /** Partitions that are fetched at a time. */
  readonly partitions: number;
  /** The log has room: its live bytes are under half of what a fold under way leaves for them. */
  readonly room: boolean;
  /** The process is short of CPU time. */
  readonly shortOfTime: boolean;
}

export class TransferLoad {
  /** Bytes asked for and not got yet, as far as they can be guessed. */
  bytes = 0;
  /** Bytes that came since the node started. */
  received = 0;
  /** As in `TransferPace`. */
  room = true;
  partitions = Number.POSITIVE_INFINITY;
  private rate = Number.POSITIVE_INFINITY;
  private tokens = 0;
  private refilledAt = instant(0);

  /** Bytes a second of all transfers together; infinite: no limit. It may change at any time. */
  limit(now: Instant, bytesPerSecond: number): void {
    this.refill(now);
    this.rate = bytesPerSecond;
    this.tokens = Math.min(this.tokens, this.burst);
  }

  /** The driver says so: it counts from now on. */
  follow(now: Instant, { bytesPerSecond, partitions, room, shortOfTime }: TransferPace): void {
    this.room = room;
    this.partitions = partitions;
    this.limit(now, shortOfTime ? bytesPerSecond / SHORT_OF_TIME_PARTS : bytesPerSecond);
  }

  get bytesPerSecond(): number {
    return this.rate;
  }

  /** Why nothing may be asked for now; null: it may. */
  heldUpBy(now: Instant): "room" | "rate" | null {
    if (!this.room && !planted("H20.asks-without-room")) return "room";
    this.refill(now);
    return this.tokens < 0 && !planted("H20.any-rate") ? "rate" : null;
  }

  /** Whether a page of about that size may be asked for now; it then counts until `came`. One at least may. */
  ask(now: Instant, bytes: number): boolean {
    if (this.heldUpBy(now) !== null) return false;
    if (this.bytes > 0 && this.bytes + bytes > TRANSFER_BYTES) return false;
    this.bytes += bytes;
    this.tokens -= bytes;
    return true;
  }

  /** That page came with so many bytes; or it is not waited for any more, with none. */
  came(expected: number, bytes: number): void {
    this.bytes -= expected;
    this.received += bytes;
    this.tokens += expected - bytes;
  }

  private get burst(): number {
    return (this.rate * BURST_MS) / 1_000;
  }

  private refill(now: Instant): void {
    const ms = since(now, this.refilledAt);
    this.refilledAt = now;
    this.tokens =
      this.rate === Number.POSITIVE_INFINITY ? 0 : Math.min(this.tokens + (this.rate * ms) / 1_000, this.burst);
  }
}
