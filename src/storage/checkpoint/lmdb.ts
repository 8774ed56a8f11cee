/**
 * The checkpoint in LMDB. Four trees:
 *
 *   records   (partition, key)    → the register with its checksums (codec/checkpoint-record.ts)
 *   changes   (partition, change) → key: the latest change of each
 *   deleted   (partition, change) → key: those of them that are tombstones
 *   states    partition           → count, last change; promise, reservation and so on; "position" → the log record it is complete up to
 *
 * LMDB reads are from mapped memory and block the loop for a microsecond, or for a page of disk when it is not cached. Its writes run on a
 * thread of its own: data, sync, then the new root with a write that is itself synced. Its pages have no checksums, so everything here has;
 * an entry of an index is believed when the record says the same.
 */
import { createHash } from "node:crypto";
import { statfs } from "node:fs";
import { getSystemErrorName } from "node:util";
import { type Database, open, type RootDatabase } from "lmdb";
import { bytesOf, textOf } from "../../codec/bytes.js";
import { decodeStored, encodeStored, isSound, type Stored, storedHead } from "../../codec/checkpoint-record.js";
import { crc32 } from "../../codec/checksum.js";
import { get64, put64, type StateEntry } from "../../codec/entry.js";
import { decodeStates, encodeStates } from "../../codec/states.js";
import { type ChangeNumber, changeNumber, type Key, type Partition, partition as partitionOf } from "../../core/ids.js";
import { BAD, type Change } from "../../core/register/table.js";
import type { Done } from "../files.js";
import {
  type Below,
  type Checkpoint,
  type FoldBatch,
  type FoldItem,
  NONE_BELOW,
  type Scanned,
  type Tally,
} from "./checkpoint.js";

/** Free space that a transaction may need: it writes every page that it touches anew. */
const NEEDED_BYTES = 4 * 1024 * 1024;
/** LMDB's limit is 1,978 bytes; a longer key is filed under its hash and kept in front of its record. */
const MAX_PLAIN_KEY = 1_900;
const PLAIN = 0;
const HASHED = 1;
const POSITION = Buffer.from("position");
const NODE_WIDE = Buffer.from("node");

export class CheckpointError extends Error {
  override readonly name = "CheckpointError";
}

type Tree = Database<Buffer, Buffer>;

export class LmdbCheckpoint implements Checkpoint {
  position: number;
  private readonly root: RootDatabase<Buffer, Buffer>;
  private readonly records: Tree;
  private readonly index: Tree;
  private readonly deleted: Tree;
  private readonly meta: Tree;
  private lastWritten: Promise<unknown> | null = null;

  /**
   * `folder` is made when it is missing. Throws a CheckpointError when what is there cannot be read. `readOnly`: the file is not written to,
   * but LMDB keeps a lock beside it.
   */
  constructor(
    private readonly folder: string,
    readOnly = false,
  ) {
    const binary = { encoding: "binary", keyEncoding: "binary", cache: false, readOnly } as const;
    try {
      this.root = open<Buffer, Buffer>({
        path: folder,
        ...binary,
        maxDbs: 8,
        // Without overlapping syncs a commit is durable before it is told.
        overlappingSync: false,
        // All writes are in batches of our own. LMDB's batch of a turn has a promise that nobody can catch when its commit fails.
        eventTurnBatching: false,
        noMemInit: true,
      });
      this.records = this.root.openDB({ name: "records", ...binary });
      this.index = this.root.openDB({ name: "changes", ...binary });
      this.deleted = this.root.openDB({ name: "deleted", ...binary });
      this.meta = this.root.openDB({ name: "states", ...binary });
    } catch (error) {
      throw new CheckpointError(`the checkpoint cannot be opened: ${error instanceof Error ? error.message : error}`);
    }
    this.position = get64(this.sealed(POSITION) ?? Buffer.alloc(8), 0);
  }

  get bytes(): number {
    const stats = this.root.getStats() as { readonly pageSize?: number; readonly lastPageNumber?: number };
    return (stats.pageSize ?? 4_096) * ((stats.lastPageNumber ?? 0) + 1);
  }

  get(partition: Partition, key: Key): Stored | null {
    const found = this.records.getBinary(recordKey(partition, key));
    return found === undefined ? null : decodeStored(partition, key, withoutKey(key, found));
  }

  below(partition: Partition, key: Key): Below | null {
    const found = this.records.getBinaryFast(recordKey(partition, key));
    return found === undefined ? NONE_BELOW : storedHead(partition, key, withoutKey(key, found));
  }

  *tallies(): Iterable<Tally> {
    for (const { key } of this.meta.getRange({ start: Buffer.from("t"), end: Buffer.from("u") })) {
      const partition = partitionOf(key.readUInt32BE(1));
      const value = this.sealed(key) as Buffer;
      yield { partition, count: get64(value, 0), lastChange: changeNumber(get64(value, 8)) };
    }
  }

  *states(): Iterable<StateEntry> {
    const keys = [...this.meta.getKeys({ start: Buffer.from("s"), end: Buffer.from("t") }), NODE_WIDE];
    for (const key of keys) {
      const blob = this.sealed(key);
      if (blob === null) continue;
      const entries = decodeStates(blob);
      if (entries === null) throw new CheckpointError(rotten(key));
      yield* entries;
    }
  }

  changes(partition: Partition, after: ChangeNumber, limit: number, skip: (key: Key) => boolean): Change[] {
    return this.listed(this.index, partition, after, limit, skip);
  }

  tombstones(partition: Partition, limit: number, skip: (key: Key) => boolean): Change[] {
    return this.listed(this.deleted, partition, changeNumber(0), limit, skip);
  }

  scan(from: Buffer | null, limit: number): { readonly records: readonly Scanned[]; readonly next: Buffer | null } {
    const records: Scanned[] = [];
    let next: Buffer | null = null;
    // One more than asked: it begins the next time.
    for (const { key: name, value } of this.records.getRange({ start: from ?? Buffer.alloc(1), limit: limit + 1 })) {
      if (records.length === limit) {
        next = Buffer.from(name);
        break;
      }
      const partition = partitionOf(name.readUInt32BE(0));
      const key = keyOf(name, value);
      records.push({ partition, key, sound: isSound(partition, key, withoutKey(key, value)) });
    }
    return { records, next };
  }

  commit(batch: FoldBatch, done: Done): void {
    // LMDB reports a full disk as any other error, so it is asked before and after.
    this.freeSpace((free) => {
      if (free < NEEDED_BYTES) return done(noSpace());
      this.write(batch).then(
        () => {
          this.root.resetReadTxn();
          if (batch.end !== null) this.position = batch.end.position;
          done(null);
        },
        (error: Error) => this.freeSpace((left) => done(left < 4 * NEEDED_BYTES ? noSpace() : error)),
      );
    });
  }

  close(done: () => void): void {
    this.root.close().then(done, done);
  }

  private async write(batch: FoldBatch): Promise<void> {
    try {
      await this.root.batch(() => {
        for (const item of batch.items) this.fold(item);
        for (const tally of batch.tallies) {
          const value = Buffer.alloc(16);
          put64(value, tally.lastChange, put64(value, tally.count, 0));
          this.seal(partitionKey("t", tally.partition), value);
        }
        if (batch.end === null) return;
        for (const { partition, entries } of batch.end.states) {
          this.seal(partition === null ? NODE_WIDE : partitionKey("s", partition), encodeStates(entries));
        }
        const position = Buffer.alloc(8);
        put64(position, batch.end.position, 0);
        this.seal(POSITION, position);
      });
    } catch (error) {
      // What went wrong comes by another way.
      const { commitError } = error as { readonly commitError?: Promise<never> };
      if (commitError === undefined) throw error;
      await commitError.catch((why: Error) => {
        throw writeError(why);
      });
    }
  }

  private freeSpace(told: (bytes: number) => void): void {
    statfs(this.folder, (error, stats) => {
      // What cannot be asked is judged by the write itself.
      told(error === null ? stats.bavail * stats.bsize : Number.POSITIVE_INFINITY);
    });
  }

  /** All writes of a batch succeed or fail with it; nobody waits for them one by one. */
  private quiet(written: Promise<unknown>): void {
    if (written === this.lastWritten) return;
    this.lastWritten = written;
    written.catch(() => {});
  }

  private fold({ partition, key, register, change, below }: FoldItem): void {
    if (below === null) this.sweep(partition, key);
    else if (below.change !== 0) {
      this.quiet(this.index.remove(changeKey(partition, below.change)));
      if (below.tombstone) this.quiet(this.deleted.remove(changeKey(partition, below.change)));
    }
    const name = recordKey(partition, key);
    if (register === null) {
      this.quiet(this.records.remove(name));
      return;
    }
    const stored = encodeStored(partition, key, register, change);
    this.quiet(this.records.put(name, name[4] === HASHED ? Buffer.concat([keyPrefix(key), stored]) : stored));
    const text = bytesOf(key);
    this.quiet(this.index.put(changeKey(partition, change), text));
    if (register !== BAD && register.value === null) this.quiet(this.deleted.put(changeKey(partition, change), text));
  }

  /** Entries of the index for a key whose change is not known any more. Slow, and as rare as rot. */
  private sweep(partition: Partition, key: Key): void {
    const text = bytesOf(key);
    for (const tree of [this.index, this.deleted]) {
      const range = { start: changeKey(partition, changeNumber(0)), end: changeKey(partition, LAST_CHANGE) };
      for (const { key: name, value } of tree.getRange(range))
        if (text.equals(value)) this.quiet(tree.remove(Buffer.from(name)));
    }
  }

  private listed(
    tree: Tree,
    partition: Partition,
    after: ChangeNumber,
    limit: number,
    skip: (key: Key) => boolean,
  ): Change[] {
    const found: Change[] = [];
    if (limit <= 0) return found;
    const range = { start: changeKey(partition, changeNumber(after + 1)), end: changeKey(partition, LAST_CHANGE) };
    for (const { key: name, value } of tree.getRange(range)) {
      const key = textOf<Key>(value);
      if (skip(key)) continue;
      const change = changeNumber(name.readUIntBE(4, 6));
      const stored = this.get(partition, key);
      if (stored === null) continue;
      const { register } = stored;
      // A rotten head has no change of its own: the index' word counts.
      if (stored.change !== change && stored.change !== 0) continue;
      found.push({ change, key, timestamp: register === BAD ? null : register.timestamp });
      if (found.length >= limit) break;
    }
    return found;
  }

  /** With a checksum in front. */
  private seal(key: Buffer, value: Buffer): void {
    const bytes = Buffer.allocUnsafe(4 + value.length);
    bytes.writeUInt32LE(crc32(value, crc32(key)), 0);
    value.copy(bytes, 4);
    this.quiet(this.meta.put(key, bytes));
  }

  private sealed(key: Buffer): Buffer | null {
    const bytes = this.meta.getBinary(key);
    if (bytes === undefined) return null;
    const value = bytes.subarray(4);
    if (bytes.length < 4 || crc32(value, crc32(key)) !== bytes.readUInt32LE(0)) throw new CheckpointError(rotten(key));
    return value;
  }
}

/** LMDB gives the system's number of an error. */
function writeError(why: Error): Error {
  const { code } = why as { readonly code?: unknown };
  const name = typeof code === "number" && code > 0 ? { code: getSystemErrorName(-code) } : {};
  return Object.assign(new Error(`the checkpoint cannot be written: ${why.message}`), name);
}

const noSpace = (): Error => Object.assign(new Error("there is no space left for the checkpoint"), { code: "ENOSPC" });

const rotten = (key: Buffer): string =>
  `the checkpoint's entry ${JSON.stringify(key.toString("latin1"))} fails its checksum: what this node promised is not known any more. ` +
  "This node counts as lost: move its directory away and replace the node";

const LAST_CHANGE = changeNumber(2 ** 48 - 1);

function recordKey(partition: Partition, key: Key): Buffer {
  const long = key.length > MAX_PLAIN_KEY;
  const name = Buffer.allocUnsafe(5 + (long ? 32 : key.length));
  name.writeUInt32BE(partition, 0);
  name[4] = long ? HASHED : PLAIN;
  if (long) createHash("sha256").update(bytesOf(key)).digest().copy(name, 5);
  else name.write(key, 5, "latin1");
  return name;
}

function keyPrefix(key: Key): Buffer {
  const prefix = Buffer.alloc(4 + key.length);
  prefix.writeUInt32LE(key.length, 0);
  prefix.write(key, 4, "latin1");
  return prefix;
}

const withoutKey = (key: Key, value: Buffer): Buffer =>
  key.length > MAX_PLAIN_KEY ? value.subarray(4 + key.length) : value;

function keyOf(name: Buffer, value: Buffer): Key {
  return name[4] === HASHED ? textOf<Key>(value.subarray(4, 4 + value.readUInt32LE(0))) : textOf<Key>(name.subarray(5));
}

function changeKey(partition: Partition, change: ChangeNumber): Buffer {
  const name = Buffer.allocUnsafe(10);
  name.writeUInt32BE(partition, 0);
  name.writeUIntBE(change, 4, 6);
  return name;
}

function partitionKey(of: "s" | "t", partition: Partition): Buffer {
  const name = Buffer.allocUnsafe(5);
  name.write(of, 0, "latin1");
  name.writeUInt32BE(partition, 1);
  return name;
}
