/**
 * The directory of a stopped node, read and never written to: what a node that starts there would find.
 *
 * The recovery is the node's own, over files that let themselves be read alone: what it would cut off is left out and
 * stays. LMDB wants to write a lock beside its file, so it gets a folder of its own with a link to that file.
 */
import { existsSync } from "node:fs";
import { open, readdir, stat, symlink } from "node:fs/promises";
import { join, resolve } from "node:path";
import { present } from "../base/assert.js";
import { positionOf } from "../codec/api/position.js";
import { bytesOf } from "../codec/bytes/bytes.js";
import type { TableId } from "../codec/disk/table-id.js";
import type { Ballot, Timestamp } from "../core/model/ballot.js";
import { BACKUP_PAGE_BYTES } from "../core/model/bounds.js";
import {
  changeNumber,
  type GroupEpoch,
  type Key,
  NO_CHANGE,
  type NodeId,
  type Partition,
  partition as partitionOf,
  type Revision,
  revision,
} from "../core/model/ids.js";
import { isViewEntry } from "../core/model/node-entry.js";
import type { Register } from "../core/model/register.js";
import { BAD, type Bad, changesPage, type RegisterTable } from "../core/model/table.js";
import { partitionOfPosition } from "../core/placement/position.js";
import type { View } from "../core/view/view.js";
import type { HeldCopy } from "../ports/storage.js";
import type { Checkpoint } from "./checkpoint/checkpoint.js";
import { checkpointFolder } from "./checkpoint/convert.js";
import { FirstCheckpoint } from "./checkpoint/first-format.js";
import { LmdbCheckpoint } from "./checkpoint/lmdb.js";
import { DirectoryError, lockForReading, readDirectory } from "./directory.js";
import type { Lock } from "./directory-lock.js";
import { DiskStorage } from "./disk.js";
import type { Done, Files } from "./files.js";
import { decodeSegmentHeader, isSegmentName, SEGMENT_HEADER_BYTES } from "./log/segment.js";
import { NodeFiles } from "./node-files.js";
import { storageSettings } from "./settings.js";
import { type TemporaryFolder, temporaryFolder } from "./temporary-folder.js";

/** Keys looked at before others get their turn. */
const PAGE_KEYS = 512;
const MEMORY_MIB = 64;

export interface InspectedSegment {
  readonly name: string;
  readonly bytes: number;
  readonly firstRecord: number;
  /** The number of the newest one: the last record that a node would start with. */
  readonly lastRecord: number;
}

/** The states of one partition that must not be forgotten, and the content of its copy. */
export interface InspectedPartition {
  readonly partition: Partition;
  /** The group epoch in which this copy began with nothing, and where the directory keeps it. */
  readonly copy: GroupEpoch;
  readonly table: TableId;
  /** Keys with a value. */
  readonly keys: number;
  readonly tombstones: number;
  /** Registers that fail their checksum. */
  readonly bad: number;
  /** Bytes of keys and values. */
  readonly bytes: number;
  readonly lastChange: number;
  /** null: nothing was promised. */
  readonly promise: Ballot | null;
  readonly reservation: number;
  readonly floor: number;
  /** The highest ballot of which something is known to be settled; null: none. */
  readonly settled: Timestamp | null;
}

/** A copy that takes no more entries. */
export interface InspectedCopy {
  readonly partition: Partition;
  readonly copy: GroupEpoch;
  readonly table: TableId;
  /** It is gone for good, though it may still take space. */
  readonly dropped: boolean;
}

export interface InspectedNode {
  readonly path: string;
  readonly format: number;
  readonly node: NodeId;
  /** null: it has not been in a cluster yet. */
  readonly view: View | null;
  readonly segments: readonly InspectedSegment[];
  readonly lastRecord: number;
  /** Copies besides the newest of each partition, in the order of their tables. */
  readonly otherCopies: readonly InspectedCopy[];
  readonly checkpoint: { readonly lastRecord: number; readonly bytes: number };
  /** The notices that a start would give about its findings. */
  readonly notices: readonly string[];
}

export interface InspectedKey {
  readonly partition: Partition;
  readonly key: Key;
  readonly register: Register | Bad;
}

export class StoppedNode {
  private constructor(
    readonly facts: InspectedNode,
    private readonly storage: DiskStorage,
    private readonly letGo: () => Promise<void>,
  ) {}

  /** Rejects with an error for people (storage/home.ts, isForPeople). */
  static async open(given: string): Promise<StoppedNode> {
    const path = resolve(given);
    // Whether there is a directory at all, before its lock is asked for.
    await readDirectory(path);
    const lock = await lockForReading(path);
    const scratch = temporaryFolder("onar-inspect-");
    const parts: { checkpoint: Checkpoint | null; storage: DiskStorage | null } = {
      checkpoint: null,
      storage: null,
    };
    const letGo = (): Promise<void> => end(parts, lock, scratch);
    try {
      const contents = await readDirectory(path);
      const notices: string[] = [];
      parts.checkpoint = await checkpointOf(path, contents.format, scratch.path);
      const checkpoint = parts.checkpoint ?? EMPTY;
      const options = { checkpoint, node: contents.node, mustExist: contents.view !== null };
      parts.storage = await recovered({ ...options, files: new ReadFiles(join(path, "log")), notices });
      const facts: InspectedNode = {
        path,
        format: contents.format,
        node: contents.node,
        view: contents.view?.view ?? null,
        segments: await segmentsOf(join(path, "log"), parts.storage.position),
        lastRecord: parts.storage.position,
        otherCopies: othersOf(parts.storage),
        checkpoint: { lastRecord: checkpoint.position, bytes: checkpoint.bytes },
        notices,
      };
      return new StoppedNode(facts, parts.storage, letGo);
    } catch (error) {
      await letGo();
      throw error;
    }
  }

  /** Partitions of which this node keeps a copy, in order. */
  get partitions(): Partition[] {
    const { view, node } = this.facts;
    if (view === null) return [];
    return view.partitions.flatMap(({ replicas }, p) => {
      const partition = partitionOf(p);
      return replicas.includes(node) && this.storage.newest(partition) !== null ? [partition] : [];
    });
  }

  /** All copies that are not dropped, also those that others follow, or that left their groups. */
  copies(): HeldCopy[] {
    return [...this.storage.copies()];
  }

  /** No revision above it was handed out, or reserved, as far as this directory knows. */
  highestReserved(): Revision {
    let highest = 0;
    for (const entry of this.storage.restored()) {
      if (isViewEntry(entry)) continue;
      if (entry.kind === "reservation") highest = Math.max(highest, entry.reservation);
      else if (entry.kind === "floor") highest = Math.max(highest, entry.floor);
    }
    return revision(highest);
  }

  /** Every register of the partition, tombstones and bad ones included, those that changed longest ago first. */
  registers(partition: Partition): AsyncIterable<InspectedKey> {
    return this.registersOf(partition, this.storage.table(partition));
  }

  async *registersOf(partition: Partition, table: RegisterTable): AsyncIterable<InspectedKey> {
    for (let after = changeNumber(0); ; ) {
      const { found, more } = changesPage(table, after, PAGE_KEYS, BACKUP_PAGE_BYTES);
      for (const { key } of found) {
        const register = table.get(key);
        if (register !== null) yield { partition, key, register };
      }
      if (!more) return;
      after = found.at(-1)?.change ?? after;
      await new Promise((turn) => setImmediate(turn));
    }
  }

  /** This copy's register of a key; null: none, or it keeps no copy of its partition. */
  register(key: Key): InspectedKey | null {
    const { view } = this.facts;
    if (view === null) return null;
    const partition = partitionOfPosition(positionOf(bytesOf(key)), view.partitions.length);
    if (this.storage.newest(partition) === null) return null;
    const register = this.storage.table(partition).get(key);
    return register === null ? null : { partition, key, register };
  }

  async partition(partition: Partition): Promise<InspectedPartition> {
    let [keys, tombstones, bad, bytes] = [0, 0, 0, 0];
    for await (const { key, register } of this.registers(partition)) {
      if (register === BAD) bad++;
      else if (register.tombstone) tombstones++;
      else {
        keys++;
        bytes += key.length + (register.value?.length ?? 0);
      }
    }
    const kept = { promise: null as Ballot | null, reservation: 0, floor: 0, settled: null as Timestamp | null };
    for (const entry of this.storage.restored()) {
      if (isViewEntry(entry) || entry.partition !== partition) continue;
      if (entry.kind === "promise") kept.promise = entry.ballot;
      else if (entry.kind === "reservation") kept.reservation = entry.reservation;
      else if (entry.kind === "floor") kept.floor = entry.floor;
      // Newest ballot first.
      else if (entry.kind === "settled") kept.settled ??= { ballot: entry.ballot, seq: entry.seq };
    }
    const { copy, table } = present(this.storage.newest(partition), "a copy of the partition");
    return {
      partition,
      copy,
      table,
      keys,
      tombstones,
      bad,
      bytes,
      lastChange: this.storage.table(partition).lastChange,
      ...kept,
    };
  }

  close(): Promise<void> {
    return this.letGo();
  }
}

async function end(
  { checkpoint, storage }: { readonly checkpoint: Checkpoint | null; readonly storage: DiskStorage | null },
  lock: Lock,
  scratch: TemporaryFolder,
): Promise<void> {
  storage?.close();
  if (checkpoint !== null) await new Promise<void>((closed) => checkpoint.close(closed));
  scratch.remove();
  await lock.release();
}

function othersOf(storage: DiskStorage): InspectedCopy[] {
  const others: InspectedCopy[] = [];
  for (const state of storage.tables()) {
    const { partition, copy, table, ended } = state;
    if (ended !== "swept" && storage.newest(partition) !== state)
      others.push({ partition, copy, table, dropped: ended !== null });
  }
  return others.sort((a, b) => a.table - b.table);
}

/** null: the node has not folded anything yet. */
async function checkpointOf(path: string, format: number, scratch: string): Promise<Checkpoint | null> {
  const data = join(checkpointFolder(path, format), "data.mdb");
  if (!existsSync(data) || (await stat(data)).size === 0) return null;
  await symlink(data, join(scratch, "data.mdb"));
  return format > 1 ? new LmdbCheckpoint(scratch, true) : new FirstCheckpoint(scratch);
}

function recovered(options: {
  readonly files: Files;
  readonly checkpoint: Checkpoint;
  readonly node: NodeId;
  readonly mustExist: boolean;
  readonly notices: string[];
}): Promise<DiskStorage> {
  const { notices, ...parts } = options;
  return new Promise((found, reject) => {
    DiskStorage.open(
      {
        ...parts,
        settings: { ...storageSettings(MEMORY_MIB), scrubMs: 0, sweepBlocks: 0 },
        salt: () => 0,
        later: () => {},
        events: { notice: (text) => notices.push(text), failed: (why) => notices.push(why), bad: () => {} },
      },
      (error, storage) => (storage === null ? reject(error) : found(storage)),
    );
  });
}

async function segmentsOf(folder: string, last: number): Promise<InspectedSegment[]> {
  const names = existsSync(folder) ? (await readdir(folder)).filter(isSegmentName).sort() : [];
  const segments: InspectedSegment[] = [];
  for (const name of names) {
    const handle = await open(join(folder, name), "r");
    try {
      const { buffer, bytesRead } = await handle.read(Buffer.alloc(SEGMENT_HEADER_BYTES), 0, SEGMENT_HEADER_BYTES, 0);
      const header = decodeSegmentHeader(buffer.subarray(0, bytesRead));
      const { size } = await handle.stat();
      if (header !== null) segments.push({ name, bytes: size, firstRecord: header.first, lastRecord: last });
    } finally {
      await handle.close();
    }
  }
  return segments.map((segment, i) => ({ ...segment, lastRecord: (segments[i + 1]?.firstRecord ?? last + 1) - 1 }));
}

/** Says yes to what recovery wants changed, and changes nothing. */
class ReadFiles implements Files {
  private readonly files: NodeFiles;

  constructor(private readonly folder: string) {
    this.files = new NodeFiles(folder);
  }

  list(done: (error: Error | null, names: readonly string[]) => void): void {
    if (existsSync(this.folder)) this.files.list(done);
    else done(null, []);
  }

  read(name: string, done: (error: Error | null, bytes: Buffer) => void): void {
    this.files.read(name, done);
  }

  truncate(_name: string, _length: number, done: Done): void {
    done(null);
  }

  remove(_name: string, done: Done): void {
    done(null);
  }

  create(_name: string, _bytes: Buffer, done: Done): void {
    done(null);
  }

  write(): void {
    throw new DirectoryError("a directory that is inspected is not written to");
  }
}

/** The checkpoint of a node that has not folded anything. */
const EMPTY: Checkpoint = {
  position: 0,
  bytes: 0,
  written: 0,
  get: () => null,
  below: () => ({ change: changeNumber(0), tombstone: false }),
  tallies: () => [],
  states: () => [],
  changes: () => [],
  tombstones: () => [],
  ordered: () => [],
  removals: (_table, after) => ({ found: [], upTo: after, more: false }),
  lastRemoval: () => NO_CHANGE,
  scan: () => ({ records: [], next: null }),
  commit: () => {
    throw new DirectoryError("a directory that is inspected is not written to");
  },
  sweep: () => {
    throw new DirectoryError("a directory that is inspected is not written to");
  },
  close: (done) => done(),
};
