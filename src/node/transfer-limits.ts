/**
 * How fast this node fetches replicas that move to it. The limits begin as the configuration says, and may change while
 * the node runs. Clients come first: the pace falls while the process is short of time, and stops while a fold is
 * behind.
 */
import type { TransferPace } from "../core/transfer/transfer-load.js";

const MEBIBYTE = 1_024 * 1_024;

export interface TransferRates {
  /** MiB a second, of all replicas together. */
  readonly rateMib: number;
  /** Replicas at a time. */
  readonly partitions: number;
}

export class TransferLimits {
  constructor(public rates: TransferRates) {}

  /** `room`: the log takes more without waiting for a fold. */
  pace(room: boolean, shortOfTime: boolean): TransferPace {
    const { rateMib, partitions } = this.rates;
    return { bytesPerSecond: rateMib * MEBIBYTE, partitions, room, shortOfTime };
  }
}
