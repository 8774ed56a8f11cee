/**
 * Storage on disk. Everything is appended to a log, a memory table keeps the log's content, and the log is folded into
 * a checkpoint. See docs/storage.md.
 *
 * Like everything above it this is free of promises and takes its files, its checkpoint and its timers as arguments. So
 * the simulator can run it, recovery included, on a disk of its own.
 */
import { isLazy, KIND, type SeenPosition, type StateEntry, type StoredEntry, stateFrom } from "../codec/disk/entry.js";
import type { LogRecord } from "../codec/disk/log-record.js";
import { decodeRegister } from "../codec/register/register.js";
import type { Key, NodeId, Partition } from "../core/model/ids.js";
import type { NodeEntry } from "../core/model/node-entry.js";
import { planted } from "../core/model/planted.js";
import type { Register } from "../core/model/register.js";
import { BAD, type Bad } from "../core/model/table.js";
import { isPlausiblePosition } from "../core/replica/rolled-back.js";
import type { NodeStorage, StorageFigures } from "../ports/storage.js";
import { ownCopy } from "../wire/bytes.js";
import type { Checkpoint, Tally } from "./checkpoint/checkpoint.js";
import { DiskTable, type TableSurroundings } from "./disk-table.js";
import type { Files } from "./files.js";
import { Fold } from "./fold.js";
import { LastRecords } from "./last-records.js";
import { Log } from "./log/log.js";
import { type Recovered, RecoveryError, recoverLog } from "./log/recovery.js";
import type { PositionKey } from "./position-key.js";
import { RegisterCache } from "./register-cache.js";
import { Scrub } from "./scrub.js";
import type { StorageSettings } from "./settings.js";
import { States } from "./states.js";

export interface DiskOptions {
  /** Files of the log. */
  readonly files: Files;
  readonly checkpoint: Checkpoint;
  readonly node: NodeId;
  /** null or missing: this node's positions are told without proof. */
  readonly positionKey?: PositionKey | null;
  readonly settings: StorageSettings;
  /** This node has been in a cluster, so there must be something: if there is nothing, it was taken away (R10). */
  readonly mustExist?: boolean;
  /** A random number below 2^31 for each new segment. */
  readonly salt: () => number;
  readonly later: (ms: number, call: () => void) => void;
  /** Whether CPU is what lacks: then writes are made fuller. Without it: never. */
  readonly shortOfTime?: () => boolean;
  /** The free space; without it the disk counts as full only from a write that fails until one that does not. */
  readonly space?: Space;
  readonly events: DiskEvents;
}

export interface DiskEvents {
  /** One line for the operator. */
  notice(text: string): void;
  /** The disk failed: no entry becomes durable any more, and the node must stop. */
  failed(why: string): void;
  /** The system is too short of something to write to the log, which is tried again; null: it is so no longer. */
  short?(error: Error | null): void;
  /** A peer's word goes into the log behind the batch that is being appended. */
  remembers?(peer: NodeId, position: number): void;
  /** A register fails its checksum. Told when it is found, and again by each pass of the scrub until it is mended. */
  bad(partition: Partition, key: Key, first: boolean): void;
}

export interface Space {
  readonly writable: boolean;
  /** There is room for deletions; as `writable` when missing. */
  readonly deletable?: boolean;
  /** A write found no space. */
  exhausted(): void;
  /** So many bytes were written. */
  wrote(bytes: number): void;
}

export interface BadRegister {
  readonly partition: Partition;
  readonly key: Key;
}

/**
 * Positions that peers tell go with a batch that is written anyway, and no more often than this. So an idle node writes
 * nothing for them, a busy one a record a second and peer. To lose the last of it is safe.
 */
export const REMEMBER_MS = 1_000;

type Opened = (error: Error | null, storage: DiskStorage | null) => void;

export class DiskStorage implements NodeStorage {
  readonly kind = "log";
  private readonly options: DiskOptions;
  private readonly states = new States();
  private readonly tables = new Map<Partition, DiskTable>();
  private readonly tallies = new Map<Partition, Tally>();
  private readonly cache: RegisterCache;
  private readonly around: TableSurroundings;
  private readonly scrub: Scrub;
  private readonly badKeys = new Map<string, BadRegister>();
  /** Tables with something in their youngest layer. */
  private readonly changed = new Set<DiskTable>();
  private liveBytes = 0;
  /** The tables may hold what is not in the log yet. */
  private unappended = false;
  /** The next append folds, however little there is: the disk is full. */
  private wantsRoom = false;
  /** Positions of peers that are not in the log yet: they go with a later batch. */
  private readonly unsaved = new Map<NodeId, SeenPosition>();
  /** Some went into the log within the last REMEMBER_MS. */
  private remembered = false;
  private log: Log | null = null;
  private fold: Fold | null = null;
  private closed = false;

  /** Recovers what is there. `opened` may be called before this returns. */
  static open(options: DiskOptions, opened: Opened): void {
    let storage: DiskStorage;
    try {
      storage = new DiskStorage(options);
    } catch (error) {
      return opened(error as Error, null);
    }
    storage.recover(opened);
  }

  private constructor(options: DiskOptions) {
    this.options = options;
    const { checkpoint, settings } = options;
    this.cache = new RegisterCache(settings.cacheBytes);
    this.around = {
      checkpoint,
      cache: this.cache,
      foundBad: (partition, key) => this.foundBad(partition, key),
      grown: (table, bytes) => {
        this.unappended = true;
        this.liveBytes += bytes;
        this.changed.add(table);
      },
    };
    this.scrub = new Scrub({
      checkpoint,
      intervalMs: settings.scrubMs,
      later: options.later,
      foundBad: (partition, key) => {
        // A read of its sound days would hide it from whoever has it repaired.
        this.cache.forget(key);
        this.foundBad(partition, key, true);
      },
      covered: (partition, key) => this.tables.get(partition)?.covers(key) === true,
    });
    for (const tally of checkpoint.tallies()) this.tallies.set(tally.partition, tally);
    this.states.load(checkpoint.states());
  }

  // ---- the port

  table(partition: Partition): DiskTable {
    let table = this.tables.get(partition);
    if (table === undefined) {
      table = new DiskTable(partition, this.tallies.get(partition), this.around);
      this.tables.set(partition, table);
    }
    return table;
  }

  restored(): Iterable<NodeEntry> {
    return this.states.entries();
  }

  append(entries: readonly NodeEntry[], durable: () => void): void {
    const { log } = this;
    if (log === null || this.closed) return;
    for (const entry of entries) this.push(entry);
    if (entries.length > 0 && this.unsaved.size > 0 && !this.remembered) this.remember();
    this.unappended = false;
    const folds = this.due(log);
    // All that the tables hold is in the log now. Whoever is called by the commit may put what is not, and that must not be folded.
    if (folds && !planted("R8.fold-ahead")) this.freeze();
    log.commit(durable);
    if (!folds) return;
    if (planted("R8.fold-ahead")) this.freeze();
    this.fold?.start();
  }

  get position(): number {
    if (planted("R10.told-early")) return this.log?.appended ?? 0;
    return this.log?.durable ?? 0;
  }

  get positionProof(): string {
    return this.options.positionKey?.proof(this.position) ?? "";
  }

  isOwnPosition(position: number, proof: string): boolean {
    return this.options.positionKey?.proves(position, proof) ?? false;
  }

  get writable(): boolean {
    return this.options.space?.writable ?? true;
  }

  get deletable(): boolean {
    return this.options.space?.deletable ?? this.writable;
  }

  highestPosition(peer: NodeId): number {
    return this.seen(peer)?.position ?? 0;
  }

  proofOf(peer: NodeId): string {
    return this.seen(peer)?.proof ?? "";
  }

  sawPosition(peer: NodeId, position: number, proof = ""): void {
    if (!isPlausiblePosition(position, this.highestPosition(peer))) return;
    this.unsaved.set(peer, { kind: "seen", node: peer, position, proof });
  }

  private seen(peer: NodeId): SeenPosition | null {
    return this.unsaved.get(peer) ?? this.states.seen(peer);
  }

  close(): void {
    this.closed = true;
    this.scrub.close();
    this.fold?.close();
    this.log?.close();
  }

  // ---- beyond the port

  /** Writes a first record, so that an empty log is known to have been emptied. */
  mark(durable: () => void): void {
    this.push({ kind: "seen", node: this.options.node, position: 0 });
    this.log?.commit(durable);
  }

  /** Folds what there is, whether it is much or not; calls when the checkpoint has it. All that was put has been appended. */
  foldNow(done: () => void): void {
    if (this.fold?.active === true) return this.options.later(1, () => this.foldNow(done));
    this.freeze(done);
    this.fold?.start();
  }

  /** Folds what there is as soon as may be: values that were deleted take space until then. */
  makeRoom(): void {
    this.wantsRoom = true;
    if (this.unappended || this.closed || this.fold?.active !== false) return;
    this.freeze();
    this.fold.start();
  }

  /** Registers known to be bad now. */
  bad(): Iterable<BadRegister> {
    return this.badKeys.values();
  }

  /** Looks at the next records of the checkpoint at once. */
  scrubNow(): void {
    this.scrub.step();
  }

  figures(): StorageFigures {
    const { log, fold, scrub, options } = this;
    return {
      position: this.position,
      logBytes: log?.bytes ?? 0,
      logWrites: log?.writes ?? 0,
      fullWrites: log?.fullWrites ?? 0,
      shortages: log?.shortages ?? 0,
      checkpointBytes: options.checkpoint.bytes,
      checkpointPosition: options.checkpoint.position,
      folds: fold?.folds ?? 0,
      foldedKeys: fold?.foldedKeys ?? 0,
      memoryBytes: this.liveBytes,
      cacheBytes: this.cache.bytes,
      badRegisters: this.badKeys.size,
      scrubbedRecords: scrub.records,
      scrubPasses: scrub.passes,
    };
  }

  // ---- helpers

  private recover(opened: Opened): void {
    const { files, node, salt, checkpoint, events } = this.options;
    const begun = { files, node, salt, from: checkpoint.position, notice: (text: string) => events.notice(text) };
    const last = new LastRecords();
    const apply = (record: LogRecord): void => {
      const { kind, body } = record;
      if (kind === KIND.register || kind === KIND.removed) last.take(record);
      else if (body !== null) this.states.apply(stateFrom(kind, record, body));
      else if (!isLazy(kind)) throw new Error(`a rotten record of kind ${kind} was applied`);
    };
    recoverLog({ ...begun, apply }, (error, recovered) => {
      if (error !== null || recovered === null) return opened(error ?? new Error("nothing was recovered"), null);
      if (recovered.last === 0 && this.options.mustExist === true && !planted("R10.emptied"))
        return opened(new RecoveryError(EMPTIED), null);
      for (const record of last.inOrder()) this.restore(record);
      this.begin(recovered);
      opened(null, this);
    });
  }

  private begin(recovered: Recovered): void {
    const { files, node, settings, salt, later, space, checkpoint, shortOfTime = NEVER } = this.options;
    const failed = (error: Error): void => this.fail(error);
    const log = new Log({
      files,
      node,
      recovered,
      segmentBytes: settings.segmentBytes,
      salt,
      mayWrite: () => this.fold?.underway !== true || this.liveBytes <= settings.maxMemoryBytes,
      shortOfTime,
      full: () => space?.exhausted(),
      wrote: (bytes) => space?.wrote(bytes),
      short: (error) => this.options.events.short?.(error),
      failed,
      later,
    });
    this.log = log;
    this.fold = new Fold({ log, checkpoint, cache: this.cache, keys: settings.foldKeys, failed, later });
    if (recovered.rottenRegisters > 0) {
      this.options.events.notice(
        `${recovered.rottenRegisters} registers in the log fail their checksum: their keys are repaired from other replicas`,
      );
    }
    this.scrub.start();
  }

  private restore({ kind, partition, key, change, body }: LogRecord): void {
    const register = kind === KIND.removed ? null : decoded(key, body);
    if (register === BAD) this.foundBad(partition, key);
    this.table(partition).replay(key, register, change);
  }

  private push(entry: StoredEntry): void {
    if (entry.kind === "register") this.mended(entry.partition, entry.register.key);
    else if (entry.kind === "removed") this.mended(entry.partition, entry.key);
    else this.states.apply(entry satisfies StateEntry);
    (this.log as Log).push(entry);
  }

  private remember(): void {
    const { events, later } = this.options;
    for (const seen of this.unsaved.values()) {
      this.push(seen);
      events.remembers?.(seen.node, seen.position);
    }
    this.unsaved.clear();
    this.remembered = true;
    later(REMEMBER_MS, () => {
      this.remembered = false;
    });
  }

  private due(log: Log): boolean {
    const { settings } = this.options;
    if (this.fold?.active !== false) return false;
    if (this.wantsRoom) return true;
    return this.liveBytes >= settings.foldMemoryBytes || log.bytes >= settings.foldLogBytes;
  }

  /** The next fold takes whatever is there by then. */
  private freeze(done: () => void = () => {}): void {
    const tables = [...this.changed];
    this.changed.clear();
    this.liveBytes = 0;
    this.wantsRoom = false;
    this.fold?.freeze(tables, this.states.takeChanged(), () => {
      this.log?.resume();
      done();
    });
  }

  private foundBad(partition: Partition, key: Key, again = false): void {
    const name = badKey(partition, key);
    const first = !this.badKeys.has(name);
    if (!first && !again) return;
    this.badKeys.set(name, { partition, key });
    this.options.events.bad(partition, key, first);
  }

  private mended(partition: Partition, key: Key): void {
    if (this.badKeys.size > 0) this.badKeys.delete(badKey(partition, key));
  }

  private fail(error: Error): void {
    if (this.closed) return;
    this.close();
    const { code } = error as NodeJS.ErrnoException;
    this.options.events.failed(`the disk failed: ${code === undefined ? "" : `${code}, `}${error.message}`);
  }
}

const EMPTIED =
  "the log and the checkpoint are gone, but this node has been in a cluster: it must not come back without what it promised. " +
  "Replace it by a new node with an empty directory";

const NEVER = (): boolean => false;

const badKey = (partition: Partition, key: Key): string => `${partition}/${key}`;

/** Keeps its bytes for as long as it lives: a copy, as those it came with belong to a whole segment. */
function decoded(key: Key, body: Buffer | null): Register | Bad {
  if (body === null) return BAD;
  try {
    const register = decodeRegister(ownCopy(body));
    return register.key === key ? register : BAD;
  } catch {
    return BAD;
  }
}
