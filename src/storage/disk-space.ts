/**
 * Free space, looked at once a second. Below a mark the disk counts as full: what would make it fuller is refused, while promises and other
 * small records still fit. Should others fill the disk faster than that, a file that was kept for it is let go.
 */
import { open, rm, stat, statfs } from "node:fs/promises";
import { join } from "node:path";
import type { Space } from "./disk.js";

const MIB = 1024 * 1024;
const LOOK_MS = 1_000;
/** Of the whole disk, within bounds. */
const LOW_SHARE = 1 / 20;
const MIN_LOW = MIB;
const MAX_LOW = 128 * MIB;
/** Full until there is this much more than the mark, so that it does not flicker. */
const ENOUGH = 1.25;
const RESERVE_SHARE = 1 / 16;

export class DiskSpace implements Space {
  writable = true;
  private low = MIN_LOW;
  private timer: NodeJS.Timeout | null = null;
  private looking = false;
  private closed = false;
  private letGo = false;
  private readonly reserve: string;

  /** `changed` hears when the disk becomes full, or has space again. */
  constructor(
    private readonly folder: string,
    private readonly changed: (writable: boolean, free: number) => void,
  ) {
    this.reserve = join(folder, "reserve");
  }

  /** Resolves after the first look. */
  async start(): Promise<void> {
    await this.look();
    this.timer = setInterval(() => void this.look(), LOOK_MS);
    this.timer.unref();
  }

  exhausted(): void {
    this.judge(0);
    if (this.letGo) return;
    this.letGo = true;
    rm(this.reserve, { force: true }).catch(() => {});
  }

  close(): void {
    this.closed = true;
    if (this.timer !== null) clearInterval(this.timer);
  }

  private async look(): Promise<void> {
    if (this.looking || this.closed) return;
    this.looking = true;
    try {
      const { bavail, blocks, bsize } = await statfs(this.folder);
      this.low = Math.min(MAX_LOW, Math.max(MIN_LOW, blocks * bsize * LOW_SHARE));
      this.judge(bavail * bsize);
      if (this.writable && !this.closed) await this.keepReserve();
    } catch {
      // What cannot be looked at is judged by the writes themselves.
    } finally {
      this.looking = false;
    }
  }

  private judge(free: number): void {
    const writable = free >= (this.writable ? this.low : this.low * ENOUGH);
    if (writable === this.writable) return;
    this.writable = writable;
    if (!this.closed) this.changed(writable, free);
  }

  private async keepReserve(): Promise<void> {
    const bytes = Math.floor(this.low * RESERVE_SHARE);
    const there = await stat(this.reserve).then(
      ({ size }) => size,
      () => 0,
    );
    if (there >= bytes) return;
    await rm(this.reserve, { force: true });
    const handle = await open(this.reserve, "wx", 0o600);
    try {
      // Zeros alone might be kept as a hole.
      await handle.writeFile(Buffer.alloc(bytes, 0x6f));
      await handle.sync();
      this.letGo = false;
    } finally {
      await handle.close();
    }
  }
}
