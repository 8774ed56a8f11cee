/**
 * The end of a heartbeat round in all partitions of a node, so that few of them do at the same time what costs much.
 */
import { assert } from "../base/assert.js";
import type { Instant } from "../base/time.js";
import type { Outbox } from "./model/outbox.js";
import type { ServedPartition } from "./partition.js";

/** Offices of a node that are handed over at the same time. */
const MAX_OFFERS = 16;
/** Partitions of a node that catch up at the same time; what they ask for is bounded in bytes (CATCH_UP_BYTES). */
const MAX_CATCHING_UP = 128;

/** `handsAllOver`: the node hands its offices over anyway, all at once. */
export function endRounds(
  now: Instant,
  partitions: Iterable<ServedPartition>,
  handsAllOver: boolean,
  out: Outbox,
): void {
  const all = [...partitions];
  let offers = 0;
  let catchingUp = 0;
  for (const { election, upkeep } of all) {
    if (election.handingOver) offers++;
    if (upkeep.catchUp.running) catchingUp++;
  }
  const most = Math.max(offers, MAX_OFFERS);
  for (const served of all) {
    const before = served.election.handingOver;
    const running = served.upkeep.catchUp.running;
    served.roundEnded(now, !handsAllOver && offers < MAX_OFFERS, catchingUp < MAX_CATCHING_UP, out);
    if (!before && served.election.handingOver) offers++;
    if (!running && served.upkeep.catchUp.running) catchingUp++;
  }
  assert(handsAllOver || offers <= most, "the number of offices handed over at a time is bounded");
}
