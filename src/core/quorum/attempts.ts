import { type Attempt, attempt } from "../model/ids.js";

/**
 * Hands out attempt numbers: unique within this node, also across restarts, as the first one lies above all of earlier
 * lives (R7).
 */
export class Attempts {
  private last: number;

  constructor(first: number) {
    this.last = first;
  }

  next(): Attempt {
    this.last++;
    return attempt(this.last);
  }
}
