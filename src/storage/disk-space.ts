/**
 * Free space, looked at once a second, and after every so many bytes that this node writes. In a second a busy node can
 * write more than the mark. Below a mark the disk counts as full: what would make it fuller is refused, while promises
 * and other small records still fit. Should others fill the disk faster than that, a file that was kept for it is let
 * go.
 *
 * LMDB's file never becomes shorter: what is deleted leaves free pages in it. They count as space, as long as some of
 * the disk is free for the log. Deletions are taken until that is gone, too, since there would be no way back from a
 * disk that is full of Onar's own data.
 */
import { open, rm, stat, statfs } from "node:fs/promises";
import { join } from "node:path";
import type { Space } from "./disk-options.js";

const MIB = 1024 * 1024;
const LOOK_MS = 1_000;
/** A share of the whole disk, within bounds. */
const LOW_SHARE = 1 / 20;
const MIN_LOW = MIB;
const MAX_LOW = 128 * MIB;
/** Full until there is this much more than the mark, so that it does not flicker. */
const ENOUGH = 1.25;
const RESERVE_SHARE = 1 / 16;
/** A share of the mark: after so many bytes written it is looked at again. */
const WRITTEN_SHARE = 1 / 16;

/** A share of the mark: below it deletions are refused, too. */
const LEAST_SHARE = 1 / 4;
/** While the disk is full, room is made every so many looks. */
const LOOKS_BETWEEN = 5;

export interface DiskSpaceOptions {
  readonly folder: string;
  /** Bytes of free pages in the checkpoint. */
  readonly inside: () => number;
  /** Is called now and then while the disk is full. */
  readonly makeRoom: () => void;
  /** Hears when the disk becomes full, or has space again. */
  readonly changed: (writable: boolean, free: number) => void;
  /** As `statfs` of Node.js, if not given. */
  readonly statfs?: (folder: string) => Promise<{ bavail: number; blocks: number; bsize: number }>;
}

/** As it was looked at last, bytes. */
export interface FreeSpace {
  /** Free on the whole disk. */
  readonly free: number;
  /** As much more this node can take until the disk counts as full. */
  readonly room: number;
}

export class DiskSpace implements Space {
  writable = true;
  deletable = true;
  /** null: nobody knows. */
  found: FreeSpace | null = null;
  private low = MIN_LOW;
  private timer: NodeJS.Timeout | null = null;
  private looking = false;
  private closed = false;
  private letGo = false;
  private fullLooks = 0;
  /** Bytes since the last look began. */
  private written = 0;
  private readonly reserve: string;

  constructor(private readonly options: DiskSpaceOptions) {
    this.reserve = join(options.folder, "reserve");
  }

  /** Resolves after the first look. */
  async start(): Promise<void> {
    await this.look();
    this.timer = setInterval(() => {
      this.fullLooks = this.writable ? 0 : this.fullLooks + 1;
      if (this.fullLooks % LOOKS_BETWEEN === 1) this.options.makeRoom();
      void this.look();
    }, LOOK_MS);
    this.timer.unref();
  }

  exhausted(): void {
    this.judge(0, 0);
    if (this.letGo) return;
    this.letGo = true;
    rm(this.reserve, { force: true }).catch(() => {});
  }

  wrote(bytes: number): void {
    this.written += bytes;
    if (this.written >= this.low * WRITTEN_SHARE) void this.look();
  }

  close(): void {
    this.closed = true;
    if (this.timer !== null) clearInterval(this.timer);
  }

  private async look(): Promise<void> {
    if (this.looking || this.closed) return;
    this.looking = true;
    this.written = 0;
    try {
      const { bavail, blocks, bsize } = await (this.options.statfs ?? statfs)(this.options.folder);
      this.low = Math.min(MAX_LOW, Math.max(MIN_LOW, blocks * bsize * LOW_SHARE));
      if (this.closed) return;
      const free = bavail * bsize;
      const inside = this.options.inside();
      this.judge(free, inside);
      this.found = { free, room: Math.max(0, free + inside - this.low) };
      if (this.writable && !this.closed) await this.keepReserve();
    } catch {
      this.found = null;
      // Space that cannot be looked at is judged by the writes themselves.
    } finally {
      this.looking = false;
    }
  }

  private judge(free: number, inside: number): void {
    this.deletable = free >= this.low * LEAST_SHARE;
    const room = this.deletable ? free + inside : free;
    const writable = room >= (this.writable ? this.low : this.low * ENOUGH);
    if (writable === this.writable) return;
    this.writable = writable;
    if (!this.closed) this.options.changed(writable, room);
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
