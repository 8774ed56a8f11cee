/** How late the event loop is: a timer that is due every few milliseconds, and by how much it misses that. */
import { Distribution, histogramText } from "./exposition.js";

const PERIOD_MS = 20;
const SECONDS = [0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5];

export class LoopDelay {
  private readonly seconds = new Distribution(SECONDS);
  private last = performance.now();
  private timer: NodeJS.Timeout | null = null;

  start(): void {
    this.last = performance.now();
    this.timer = setInterval(() => this.tick(), PERIOD_MS);
    this.timer.unref();
  }

  stop(): void {
    if (this.timer !== null) clearInterval(this.timer);
  }

  text(): string {
    const { counts, sum } = this.seconds;
    return histogramText(
      "onar_event_loop_delay_seconds",
      `How late a timer is that is due every ${PERIOD_MS} ms.`,
      SECONDS,
      [{ labels: {}, counts, sum }],
    );
  }

  private tick(): void {
    const now = performance.now();
    this.seconds.add(Math.max(0, now - this.last - PERIOD_MS) / 1_000);
    this.last = now;
  }
}
