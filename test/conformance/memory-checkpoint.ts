/** A checkpoint in memory that outlives the storage on it, as a disk does: what was committed is there, and nothing else. */
import { decodeStored, encodeStored, type Stored, storedHead } from "../../src/codec/checkpoint-record.js";
import type { StateEntry } from "../../src/codec/entry.js";
import { type ChangeNumber, changeNumber, type Key, type Partition } from "../../src/core/ids.js";
import { BAD, type Change } from "../../src/core/register/table.js";
import {
  type Below,
  type Checkpoint,
  type FoldBatch,
  type FoldedState,
  NONE_BELOW,
  type Scanned,
  type Tally,
} from "../../src/storage/checkpoint/checkpoint.js";
import type { Done } from "../../src/storage/files.js";

interface Row {
  readonly partition: Partition;
  readonly key: Key;
  readonly change: ChangeNumber;
  readonly bytes: Buffer;
}

export class MemoryCheckpoint implements Checkpoint {
  position = 0;
  /** The next commits fail with these, or are never told. */
  readonly errors: (Error | "never")[] = [];
  private readonly rows = new Map<string, Row>();
  private readonly tallied = new Map<Partition, Tally>();
  private readonly folded = new Map<Partition | null, FoldedState>();

  /** `defer` runs a commit, now or later; until then it has not happened. */
  constructor(private readonly defer: (commit: () => void) => void = (commit) => commit()) {}

  get bytes(): number {
    let sum = 0;
    for (const { bytes } of this.rows.values()) sum += bytes.length;
    return sum;
  }

  get(partition: Partition, key: Key): Stored | null {
    const row = this.rows.get(nameOf(partition, key));
    return row === undefined ? null : decodeStored(partition, key, Buffer.from(row.bytes));
  }

  below(partition: Partition, key: Key): Below | null {
    const row = this.rows.get(nameOf(partition, key));
    return row === undefined ? NONE_BELOW : storedHead(partition, key, row.bytes);
  }

  tallies(): Iterable<Tally> {
    return this.tallied.values();
  }

  *states(): Iterable<StateEntry> {
    for (const { entries } of this.folded.values()) yield* entries;
  }

  changes(partition: Partition, after: ChangeNumber, limit: number, skip: (key: Key) => boolean): Change[] {
    return this.listed(partition, after, limit, skip, () => true);
  }

  tombstones(partition: Partition, limit: number, skip: (key: Key) => boolean): Change[] {
    const tombstone = ({ key, bytes }: Row): boolean => storedHead(partition, key, bytes)?.tombstone === true;
    return this.listed(partition, changeNumber(0), limit, skip, tombstone);
  }

  scan(from: Buffer | null, limit: number): { readonly records: readonly Scanned[]; readonly next: Buffer | null } {
    const start = from === null ? 0 : from.readUInt32LE(0);
    const rows = [...this.rows.values()];
    const records = rows.slice(start, start + limit).map(({ partition, key }) => {
      return { partition, key, sound: this.get(partition, key)?.register !== BAD };
    });
    if (start + limit >= rows.length) return { records, next: null };
    const next = Buffer.alloc(4);
    next.writeUInt32LE(start + limit, 0);
    return { records, next };
  }

  commit(batch: FoldBatch, done: Done): void {
    this.defer(() => {
      const error = this.errors.shift();
      if (error === "never") return;
      if (error !== undefined) return done(error);
      this.take(batch);
      done(null);
    });
  }

  close(done: () => void): void {
    done();
  }

  /** The change of the key's record; 0: there is none. */
  changeOf(partition: Partition, key: Key): ChangeNumber {
    return this.rows.get(nameOf(partition, key))?.change ?? changeNumber(0);
  }

  /** As it is now: for a directory that is put back later. */
  saved(): MemoryCheckpoint {
    const copy = new MemoryCheckpoint();
    copy.replace(this);
    return copy;
  }

  /** Puts what that one holds in the place of what is here. */
  replace(saved: MemoryCheckpoint): void {
    this.rows.clear();
    this.tallied.clear();
    this.folded.clear();
    for (const [name, row] of saved.rows) this.rows.set(name, { ...row, bytes: Buffer.from(row.bytes) });
    for (const [partition, tally] of saved.tallied) this.tallied.set(partition, tally);
    for (const [partition, state] of saved.folded) this.folded.set(partition, state);
    this.position = saved.position;
  }

  /** Changes a byte of a record's body; false: there is no such record. */
  rot(partition: Partition, key: Key): boolean {
    const row = this.rows.get(nameOf(partition, key));
    if (row === undefined) return false;
    const at = row.bytes.length - 1;
    row.bytes[at] = (row.bytes[at] as number) ^ 0x40;
    return true;
  }

  private take(batch: FoldBatch): void {
    for (const { partition, key, register, change } of batch.items) {
      const name = nameOf(partition, key);
      this.rows.delete(name);
      if (register === null) continue;
      this.rows.set(name, { partition, key, change, bytes: encodeStored(partition, key, register, change) });
    }
    for (const tally of batch.tallies) this.tallied.set(tally.partition, tally);
    if (batch.end === null) return;
    for (const state of batch.end.states) this.folded.set(state.partition, state);
    this.position = batch.end.position;
  }

  private listed(
    partition: Partition,
    after: ChangeNumber,
    limit: number,
    skip: (key: Key) => boolean,
    wanted: (row: Row) => boolean,
  ): Change[] {
    const rows = [...this.rows.values()]
      .filter((row) => row.partition === partition && row.change > after && !skip(row.key) && wanted(row))
      .sort((a, b) => a.change - b.change);
    return rows.slice(0, limit).map(({ key, change }) => {
      const register = this.get(partition, key)?.register;
      return { change, key, timestamp: register === undefined || register === BAD ? null : register.timestamp };
    });
  }
}

const nameOf = (partition: Partition, key: Key): string => `${partition}/${key}`;
