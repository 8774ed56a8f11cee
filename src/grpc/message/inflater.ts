/**
 * Inflates long messages one after the other, for everybody who shares it.
 *
 * Intuition: a few kilobytes may ask for megabytes, and for milliseconds of a thread that the disk needs, too. So one
 * is inflated at a time, and what those that wait will become is on the account of a budget.
 */

import { causedByPeer, STATUS } from "../status.js";
import type { ByteBudget } from "./byte-budget.js";
import { inflateElsewhere, inflateHere, saidLength } from "./compression.js";

/** A message of at most this length, inflated, is inflated at once. */
const AT_ONCE_BYTES = 16_384;

export class Inflater {
  #last: Promise<unknown> = Promise.resolve();

  /**
   * A promise if the message is long: `budget` pays for it until it is there, and `isWanted` is asked when its turn has
   * come.
   *
   * @throws GrpcError RESOURCE_EXHAUSTED if it says that it is longer than `maxBytes`, or the budget has not so much;
   * INTERNAL if it is no gzip, or longer than it says
   */
  inflate(bytes: Buffer, maxBytes: number, budget: ByteBudget, isWanted: () => boolean): Buffer | Promise<Buffer> {
    const length = saidLength(bytes, maxBytes);
    if (length <= AT_ONCE_BYTES) return inflateHere(bytes, length);
    if (!budget.take(length)) {
      throw causedByPeer(STATUS.resourceExhausted, "too many bytes of messages that are to be inflated");
    }
    const turn = this.#last.then(() => (isWanted() ? inflateElsewhere(bytes, length) : NOTHING));
    const settled = turn.finally(() => budget.give(length));
    this.#last = settled.catch(() => {});
    return settled;
  }
}

const NOTHING = Buffer.alloc(0);
