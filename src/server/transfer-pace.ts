/**
 * How fast this node may fetch replicas that move to it, by the newest view, its configuration and its state. Clients
 * come first: the pace falls while the process is short of time, and stops while a fold is behind.
 */
import type { TransferConfig } from "../config/config.js";
import type { TransferPace } from "../core/transfer/transfer-load.js";
import type { ClusterSettings } from "../core/view/settings.js";

const MEBIBYTE = 1_024 * 1_024;

/** `room`: the log takes more without waiting for a fold. The configuration says what the view does not. */
export const transferPace = (
  { transferRateMib, transferPartitions }: ClusterSettings,
  { rateMib, partitions }: TransferConfig,
  room: boolean,
  shortOfTime: boolean,
): TransferPace => ({
  bytesPerSecond: (transferRateMib ?? rateMib) * MEBIBYTE,
  partitions: transferPartitions ?? partitions,
  room,
  shortOfTime,
});
