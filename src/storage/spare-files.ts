/**
 * File descriptors kept for the storage. When the process has none left, as idle connections took them all, the spare
 * ones are let go. So the log still gets its next segment. They are taken again once there are some.
 */
import { close, closeSync, open, openSync } from "node:fs";
import { devNull } from "node:os";

/** A new segment needs two at a time: its file and its folder. */
const SPARES = 8;
const REFILL_MS = 1_000;

export class SpareFiles {
  private readonly fds: number[] = [];
  private timer: NodeJS.Timeout | null = null;

  constructor() {
    try {
      while (this.fds.length < SPARES) this.fds.push(openSync(devNull, "r"));
    } catch {
      // There are none left already; they are asked for again later.
    }
    this.timer = setInterval(() => this.refill(), REFILL_MS);
    this.timer.unref();
  }

  /** Whether there was something to let go: then it is worth trying again at once. */
  letGo(): boolean {
    const count = this.fds.length;
    for (const fd of this.fds.splice(0)) closeSync(fd);
    return count > 0;
  }

  close(): void {
    if (this.timer !== null) clearInterval(this.timer);
    this.timer = null;
    this.letGo();
  }

  private refill(): void {
    if (this.fds.length >= SPARES) return;
    open(devNull, "r", (error, fd) => {
      if (error !== null) return;
      if (this.timer === null) return close(fd, () => {});
      this.fds.push(fd);
      this.refill();
    });
  }
}
