/** The real clock: monotonic time, the end of the event-loop turn, and timers. */
import { type Instant, instant } from "../base/time.js";
import type { Clock } from "../ports/clock.js";

export class NodeClock implements Clock {
  private timer: NodeJS.Timeout | null = null;

  now(): Instant {
    return instant(performance.now());
  }

  soon(call: () => void): void {
    setImmediate(call);
  }

  at(when: Instant, call: () => void): void {
    if (this.timer !== null) clearTimeout(this.timer);
    this.timer = setTimeout(call, Math.max(0, Math.ceil(when - performance.now())));
  }

  stop(): void {
    if (this.timer !== null) clearTimeout(this.timer);
    this.timer = null;
  }
}
