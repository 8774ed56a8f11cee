/** How busy this process' event loop has been of late. Above a bound the node is short of time, and work that can be
 * done in bulk should be. */
import { type EventLoopUtilization, performance } from "node:perf_hooks";

/** Measured anew this often. */
const PERIOD_MS = 20;
/** Share of the time spent working rather than waiting for input, above which the loop counts as busy. */
const BUSY = 0.7;

export class LoopLoad {
  private last: EventLoopUtilization = performance.eventLoopUtilization();
  private measuredAt = 0;
  private isBusy = false;

  busy(now: number): boolean {
    if (now - this.measuredAt < PERIOD_MS) return this.isBusy;
    const current = performance.eventLoopUtilization();
    this.isBusy = performance.eventLoopUtilization(current, this.last).utilization > BUSY;
    this.last = current;
    this.measuredAt = now;
    return this.isBusy;
  }
}
