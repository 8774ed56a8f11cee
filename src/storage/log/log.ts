/**
 * The log's end: where entries become durable.
 *
 * The intuition: one write is under way at a time, and reaches stable storage before it counts as done (group commit).
 * Everything appended meanwhile goes into the next one, so the busier the node, the more entries share a sync. A write
 * costs CPU whatever it holds: a node that is short of time waits for a second batch first, a moment at most. Nobody
 * else ever waits for a timer.
 *
 * Invariants:
 *   G1  Writes never overlap, so the first record of a write proves that all before it are durable (recovery.ts stands
 *       on this).
 *   G2  `durable` is called in the order of the appends, and only when everything appended up to there is durable.
 *   G3  After an error nothing is written and nobody is called any more. The exceptions pass by themselves: a full
 *       disk, and a system that is short of file descriptors or memory. The same bytes are written again at the same
 *       place, which is safe, as whatever part of them is there is overwritten.
 */

import { present } from "../../base/assert.js";
import type { StoredEntry } from "../../codec/disk/entry.js";
import { RecordBuffer } from "../../codec/disk/log-record.js";
import type { TableId } from "../../codec/disk/table-id.js";
import type { NodeId } from "../../core/model/ids.js";
import { planted } from "../../core/model/planted.js";
import { type Files, isFull, isPassing } from "../files.js";
import type { Recovered, Segment } from "./recovery.js";
import { encodeSegmentHeader, LOG_VERSION, SEGMENT_HEADER_BYTES, segmentName } from "./segment.js";

/** How long to wait before a write is tried again that found no space, or no file descriptor. */
export const FULL_RETRY_MS = 200;
/** How long one batch waits for another at most, on a node that is short of time. */
export const HOLD_MS = 2;

export interface LogOptions {
  readonly files: Files;
  readonly node: NodeId;
  readonly recovered: Recovered;
  /** A segment longer than this is not written to any more. */
  readonly segmentBytes: number;
  /** A random number below 2^31 for each new segment. Once V8 saw a larger one, it would give up the code it had
   * compiled for this class. */
  readonly salt: () => number;
  /** false: the next write waits for `resume`. */
  readonly mayWrite: () => boolean;
  /** true: CPU is what lacks, and a write should hold more than one batch. */
  readonly shortOfTime: () => boolean;
  /** A write found no space; it is tried again. */
  readonly full: () => void;
  /** So many bytes were written. */
  readonly wrote: (bytes: number) => void;
  /** The system was too short of something to write; it is tried again. null: the write has succeeded by now. */
  readonly short: (error: Error | null) => void;
  /** The disk failed, and with it this log. */
  readonly failed: (error: Error) => void;
  readonly later: (ms: number, call: () => void) => void;
}

/** The content of one write, and those that wait for it. */
class Batch {
  readonly records = new RecordBuffer();
  /** Salt of the segment that begins with it; null: it goes on with the newest. */
  begins: number | null = null;
  waiting: (() => void)[] = [];
}

export class Log {
  /** Number of the last record appended … */
  appended: number;
  /** … and of the last durable one. */
  durable: number;
  /** Bytes of all segments. */
  bytes = 0;
  writes = 0;
  fullWrites = 0;
  /** Times that the system was short of something. */
  shortages = 0;
  private isShort = false;
  private readonly options: LogOptions;
  private readonly segments: Segment[];
  private current: Segment | null = null;
  /** Length of the newest segment once what is under way and gathered is in it; none is open after a restart. */
  private planned = Number.POSITIVE_INFINITY;
  private salt = 0;
  private gathering = new Batch();
  private writing: Batch | null = null;
  private spare = new Batch();
  /** Callbacks to be called, in order. */
  private ready: (() => void)[] = [];
  private telling = false;
  /** A batch waits for another, until a timer ends that. */
  private holding = false;
  private closed = false;

  constructor(options: LogOptions) {
    this.options = options;
    const { recovered } = options;
    this.segments = recovered.segments.slice();
    for (const { length } of this.segments) this.bytes += length;
    this.appended = recovered.last;
    this.durable = recovered.last;
  }

  push(entry: StoredEntry, table: TableId): void {
    const { gathering } = this;
    const { records } = gathering;
    if (records.count === 0) this.place(gathering);
    this.appended++;
    const before = records.length;
    records.push(entry, table, this.appended, this.salt);
    this.planned += records.length - before;
  }

  /** Calls once everything pushed so far is durable: before it returns, if it is already. */
  commit(durable: () => void): void {
    if (planted("R8.before-sync")) {
      this.write();
      return durable();
    }
    this.gathering.waiting.push(durable);
    this.write();
  }

  /** The next write begins a new segment. */
  roll(): void {
    this.planned = Number.POSITIVE_INFINITY;
  }

  /** The cause that kept writes back is over. */
  resume(): void {
    this.write();
  }

  /** Removes the segments of which the checkpoint has every record, oldest first. */
  drop(upTo: number, done: () => void): void {
    const [oldest, next] = this.segments;
    if (oldest === undefined || next === undefined || next.first > upTo + 1) return done();
    this.options.files.remove(oldest.name, (error) => {
      if (this.closed) return;
      if (error !== null) return this.trouble(error, () => this.drop(upTo, done));
      this.segments.shift();
      this.bytes -= oldest.length;
      this.drop(upTo, done);
    });
  }

  /** Nothing is written and nobody called any more; what is under way may yet arrive. */
  close(): void {
    this.closed = true;
  }

  /** Where the batch goes is known from its first record on: its checksums begin with the segment's salt. */
  private place(batch: Batch): void {
    if (this.planned < this.options.segmentBytes) return;
    this.planned = SEGMENT_HEADER_BYTES;
    this.salt = this.options.salt() >>> 0;
    batch.begins = this.salt;
  }

  /** `waited`: for a second batch, long enough. */
  private write(waited = false): void {
    const { gathering } = this;
    if (this.writing !== null || this.closed) return;
    if (gathering.records.count === 0) {
      // Everything before is durable, and there is nothing new.
      return this.tell(gathering.waiting.splice(0));
    }
    if (!this.options.mayWrite()) return;
    if (!waited && gathering.waiting.length < 2 && this.options.shortOfTime()) return this.hold();
    this.writing = gathering;
    this.gathering = this.spare;
    if (gathering.begins === null) this.put(gathering);
    else this.begin(gathering, gathering.begins);
  }

  private hold(): void {
    if (this.holding) return;
    this.holding = true;
    this.options.later(HOLD_MS, () => {
      this.holding = false;
      if (this.gathering.records.count > 0) this.write(true);
    });
  }

  private begin(batch: Batch, salt: number): void {
    // All before this batch is durable (G1).
    const first = this.durable + 1;
    const name = segmentName(first);
    const header = encodeSegmentHeader({ version: LOG_VERSION, node: this.options.node, first, salt });
    this.options.files.create(name, header, (error) => {
      if (this.closed) return;
      if (error !== null) return this.trouble(error, () => this.begin(batch, salt));
      this.enter({ name, first, length: header.length });
      this.put(batch);
    });
  }

  private enter(segment: Segment): void {
    // One that a crash left without records is overwritten.
    const same = this.segments.at(-1);
    if (same?.name === segment.name) this.bytes -= present(this.segments.pop(), "the segment").length;
    this.current = segment;
    this.segments.push(segment);
    this.bytes += segment.length;
  }

  private put(batch: Batch): void {
    const { name, first, length } = present(this.current, "the segment");
    const { bytes, count } = batch.records;
    this.options.files.write(name, length, bytes, (error) => {
      if (this.closed) return;
      if (error !== null) return this.trouble(error, () => this.put(batch));
      this.current = { name, first, length: length + bytes.length };
      this.segments[this.segments.length - 1] = this.current;
      this.bytes += bytes.length;
      this.writes++;
      this.options.wrote(bytes.length);
      if (this.isShort) {
        this.isShort = false;
        this.options.short(null);
      }
      this.durable += count;
      this.finish(batch);
    });
  }

  private finish(batch: Batch): void {
    const { waiting } = batch;
    batch.waiting = [];
    batch.begins = null;
    batch.records.clear();
    this.spare = batch;
    this.writing = null;
    this.ready.push(...waiting);
    // The next write begins before anybody hears of this one: the disk does not wait for them.
    this.write();
    this.tell([]);
  }

  /** In order, also when a call leads to more (G2). */
  private tell(waiting: readonly (() => void)[]): void {
    this.ready.push(...waiting);
    if (this.telling) return;
    this.telling = true;
    try {
      for (let next = this.ready.shift(); next !== undefined && !this.closed; next = this.ready.shift()) next();
    } finally {
      this.telling = false;
    }
  }

  private trouble(error: Error, again: () => void): void {
    if (!isPassing(error)) return this.fail(error);
    if (isFull(error)) {
      this.fullWrites++;
      this.options.full();
    } else {
      this.shortages++;
      if (!this.isShort) this.options.short(error);
      this.isShort = true;
    }
    this.options.later(FULL_RETRY_MS, () => {
      if (!this.closed) again();
    });
  }

  private fail(error: Error): void {
    this.closed = true;
    this.options.failed(error);
  }
}
