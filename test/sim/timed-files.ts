/**
 * The faulty files of the conformance tests on the simulation's time. Every operation takes a while, in order, and the
 * process hears of it when it does not stand still. A crash keeps any part of what was under way.
 */
import type { Prng } from "../../src/base/prng.js";
import { get64 } from "../../src/codec/disk/entry.js";
import { RECORD_HEADER_BYTES } from "../../src/codec/disk/log-record.js";
import type { Done, Files } from "../../src/storage/files.js";
import { FaultyFiles } from "../conformance/faulty-files.js";
import type { Schedule } from "./schedule.js";
import type { Stall } from "./stall.js";

export interface TimedFilesOptions {
  readonly schedule: Schedule;
  readonly chance: Prng;
  /** Zeros that a write puts behind itself when it makes its file longer. */
  readonly ahead: number;
  /** Milliseconds that the next operation takes; 0: it is done before its call returns. */
  readonly span: () => number;
  readonly stall: Stall;
  /** Runs what the node is told, at once or, while it is paused, later. */
  readonly tell: (call: () => void) => void;
  /** A write is on the disk; the number of its last record. */
  readonly written: (last: number) => void;
}

export class TimedFiles implements Files {
  readonly disk: FaultyFiles;
  /** No operation takes time: the node is being started. */
  instant = false;
  private readonly options: TimedFilesOptions;
  private life = 0;
  private readyAt = 0;
  /** Operations that ended and of which the node does not know yet. */
  private untold = 0;
  /** The operation happens within the call that began it. */
  private within = false;

  constructor(options: TimedFilesOptions) {
    this.options = options;
    this.disk = new FaultyFiles(options.chance, true, options.ahead);
  }

  get idle(): boolean {
    return this.disk.pending === 0 && this.untold === 0;
  }

  crash(): void {
    this.life++;
    this.untold = 0;
    this.readyAt = 0;
    this.disk.crash();
  }

  list(done: (error: Error | null, names: readonly string[]) => void): void {
    this.disk.list((error, names) => this.told(() => done(error, names)));
    this.begun();
  }

  read(name: string, done: (error: Error | null, bytes: Buffer) => void): void {
    this.disk.read(name, (error, bytes) => this.told(() => done(error, bytes)));
    this.begun();
  }

  create(name: string, bytes: Buffer, done: Done): void {
    this.disk.create(name, bytes, (error) => this.told(() => done(error)));
    this.begun();
  }

  write(name: string, at: number, bytes: Buffer, done: Done): void {
    const last = lastRecordIn(bytes);
    this.disk.write(name, at, bytes, (error) => {
      if (error === null) this.options.written(last);
      this.told(() => done(error));
    });
    this.begun();
  }

  truncate(name: string, length: number, done: Done): void {
    this.disk.truncate(name, length, (error) => this.told(() => done(error)));
    this.begun();
  }

  remove(name: string, done: Done): void {
    this.disk.remove(name, (error) => this.told(() => done(error)));
    this.begun();
  }

  private begun(): void {
    const { schedule, stall } = this.options;
    const span = this.instant ? 0 : this.options.span();
    const standing = stall.standing && !this.instant;
    if (span === 0 && this.alone && !standing) {
      this.within = true;
      this.disk.step();
      return;
    }
    const { life } = this;
    this.readyAt = Math.max(this.readyAt, schedule.now + span);
    const step = (): void => {
      if (life !== this.life) return;
      this.within = false;
      this.disk.step();
    };
    schedule.at(this.readyAt, () => stall.pass(step));
  }

  /** Nothing but the operation that has just begun. */
  private get alone(): boolean {
    return this.disk.pending === 1 && this.untold === 0;
  }

  private told(call: () => void): void {
    if (this.within) {
      this.within = false;
      return call();
    }
    this.untold++;
    this.options.tell(() => {
      this.untold--;
      call();
    });
  }
}

/** The number of the last record of a write. */
function lastRecordIn(bytes: Buffer): number {
  let last = 0;
  for (let at = 0; at + RECORD_HEADER_BYTES <= bytes.length; ) {
    last = get64(bytes, at + 12);
    at += RECORD_HEADER_BYTES + bytes.readUInt32LE(at + 28) + bytes.readUInt32LE(at + 32);
  }
  return last;
}
