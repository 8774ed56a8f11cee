/**
 * A virtual disk below the real storage. Log, recovery, fold, scrub and all that src/storage has above its files and
 * its checkpoint are real; those two are in memory here. For the effects of the disk on the files see
 * test/conformance/faulty-files.ts. The checkpoint commits as a whole or not at all, as LMDB does, and its records rot.
 *
 * It checks storage itself by what the disk durably holds (holdings.ts). Nobody is told that something is durable
 * before it is, recovery finds what was durable, and tables show what was put into them.
 */
import type { Prng } from "../../src/base/prng.js";
import type { SeenPosition } from "../../src/codec/disk/entry.js";
import { firstTableOf } from "../../src/codec/disk/table-id.js";
import { sameTimestamp } from "../../src/core/model/ballot.js";
import type { Key, NodeId, Partition } from "../../src/core/model/ids.js";
import type { NodeEntry } from "../../src/core/model/node-entry.js";
import type { Register } from "../../src/core/model/register.js";
import { BAD, type Bad, type RegisterTable } from "../../src/core/model/table.js";
import type { CopyStorage } from "../../src/ports/storage.js";
import { DiskStorage } from "../../src/storage/disk.js";
import type { StorageSettings } from "../../src/storage/settings.js";
import { errorOf } from "../conformance/faulty-files.js";
import { MemoryCheckpoint } from "../conformance/memory-checkpoint.js";
import { renderRegister } from "../scripts/render.js";
import type { CheckName } from "./checks.js";
import { type Copy, type Disk, type DiskOptions, NO_COPY } from "./disk.js";
import { sameState } from "./facts.js";
import { Holdings, mapIn } from "./holdings.js";
import { rotRecord, ruinRecord } from "./rot.js";
import type { Sometimes } from "./sometimes.js";
import { Stall } from "./stall.js";
import { TimedFiles } from "./timed-files.js";

export interface LogDiskOptions extends DiskOptions {
  readonly node: NodeId;
  readonly partitions: number;
  readonly settings: StorageSettings;
  readonly sometimes: Sometimes;
  readonly violate: (check: CheckName, detail: string) => void;
  /** A register was found bad. */
  readonly bad: (partition: Partition, key: Key) => void;
  /** The disk failed: the process must end. */
  readonly failed: () => void;
}

/** How a directory gets lost for good: put back as it was, emptied, or so that nobody can tell what was promised. */
export type Ruin = "rolled back" | "emptied" | "unreadable";

interface Pending {
  readonly entry: NodeEntry | SeenPosition;
  readonly number: number;
}

interface Saved {
  readonly files: ReadonlyMap<string, Buffer>;
  readonly checkpoint: MemoryCheckpoint;
  readonly position: number;
}

export class LogDisk implements Disk {
  /** Whatever was put in the place of the directory, or done to it. */
  ruined: Ruin | null = null;
  private readonly files: TimedFiles;
  private readonly checkpoint: MemoryCheckpoint;
  private storage: DiskStorage | null = null;
  private life = 0;
  private committing: (() => void) | null = null;
  private healed = false;
  private full = false;
  /** It is full, and what is small still fits. */
  private roomy = false;
  /** Records appended in this life, and those that are on the disk. */
  private appended = 0;
  private kept = 0;
  private pending: Pending[] = [];
  private readonly holdings: Holdings;
  /** The registers that the process has put, or the keys that it removed; by partition. */
  private live = new Map<Partition, Map<Key, Register | null>>();
  /**
   * Keys that the process has found bad, with the batch that was not appended yet: what it holds may have been said
   * before.
   */
  private known = new Map<Partition, Map<Key, number>>();
  /**
   * Batches appended in this life, those of which the node has been told, and those of which nothing is left to be
   * sent.
   */
  private batches = 0;
  private batchesTold = 0;
  private batchesSent = 0;
  private readonly snapshots: Saved[] = [];
  private readonly haste: Prng;
  private readonly stalled = new Stall();

  constructor(private readonly options: LogDiskOptions) {
    const { schedule, chance, faults, tell } = options;
    this.haste = chance.fork("haste");
    this.holdings = new Holdings({
      partitions: options.partitions,
      sometimes: options.sometimes,
      differs: (detail) => this.differs(detail),
    });
    this.files = new TimedFiles({
      schedule,
      chance: chance.fork("files"),
      ahead: options.node % 2 === 0 ? 0 : 200,
      span: () => this.span(),
      stall: this.stalled,
      tell,
      written: (last) => this.written(last),
    });
    this.checkpoint = new MemoryCheckpoint((commit) => {
      if (faults.syncMs === 0 && !this.stalled.standing) return commit();
      const { life } = this;
      this.committing = commit;
      const committed = (): void => {
        if (life === this.life)
          tell(() => {
            this.committing = null;
            commit();
          });
      };
      schedule.after(this.span(), () => this.stalled.pass(committed));
    });
  }

  // ---- what is there

  copy(partition: Partition, key: Key): Copy {
    const held = this.holdings.of(partition, key);
    if (held === undefined) return NO_COPY;
    const foundBy = this.known.get(partition)?.get(key);
    const bad = foundBy !== undefined;
    return { register: held.register, bad, silent: bad && this.batchesSent >= foundBy };
  }

  sound(partition: Partition, key: Key): boolean {
    return this.holdings.sound(partition, key);
  }

  badKeys(partition: Partition): Key[] {
    return [...(this.storage?.bad() ?? [])].filter((bad) => bad.partition === partition).map(({ key }) => key);
  }

  get idle(): boolean {
    return this.pending.length === 0 && this.files.idle && this.committing === null;
  }

  /** Records that are on the disk. */
  get durable(): number {
    return this.kept;
  }

  /** The most that this peer has told of its records, as far as that is on the disk. */
  seen(peer: NodeId): number {
    return this.holdings.seen(peer);
  }

  /** Records of the oldest directory that could be put back. */
  get oldest(): number {
    return this.snapshots[0]?.position ?? Number.POSITIVE_INFINITY;
  }

  // ---- what befalls it

  /**
   * The bytes of the key's register change where they lie. That is in the log, as long as a later write proves them, in
   * the checkpoint, or in both.
   */
  spoil(partition: Partition, key: Key): boolean {
    const held = this.holdings.of(partition, key);
    if (held === undefined || !this.sound(partition, key)) return false;
    const { disk } = this.files;
    const inLog = held.number > this.checkpoint.position;
    if (inLog && !rotRecord(disk, held.number)) return false;
    const folded = this.checkpoint.changeOf(firstTableOf(partition), key) === held.change;
    if (!inLog && !folded) return false;
    if (folded) this.checkpoint.rot(firstTableOf(partition), key);
    this.holdings.rot(partition, key);
    this.options.sometimes.hit(inLog ? "a record of the log rotted" : "a record of the checkpoint rotted");
    return true;
  }

  /** Storage looks through the checkpoint; true when it knows the key to be bad. */
  scrub(partition: Partition, key: Key): boolean {
    const { storage } = this;
    if (storage === null) return false;
    const { scrubPasses } = storage.figures();
    while (storage.figures().scrubPasses === scrubPasses) storage.scrubNow();
    return this.badKeys(partition).includes(key);
  }

  /** Keeps what is on the disk at this moment: a ruin may put it back. */
  copyDirectory(): void {
    if (this.ruined !== null) return;
    const { files, checkpoint, kept } = this;
    this.snapshots.push({ files: files.disk.saved(), checkpoint: checkpoint.saved(), position: kept });
  }

  /** The next write fails. */
  failNext(): void {
    if (!this.healed) this.files.disk.nextError = errorOf("EIO");
  }

  /** `reserve`: what is small still fits, as it does on a disk that was noticed in time. */
  fill(full: boolean, reserve = false): void {
    this.full = full && !this.healed;
    this.roomy = reserve;
    this.files.disk.space = this.full && !reserve ? 0 : Number.POSITIVE_INFINITY;
  }

  stall(standing: boolean): void {
    if (standing && !this.healed) this.stalled.begin();
    else this.stalled.end();
  }

  /** The node is down. False: there is nothing to ruin in that way, or nobody would notice. */
  ruin(how: Ruin, seenByAll: number): boolean {
    const { disk } = this.files;
    if (this.ruined !== null) return false;
    if (how === "emptied") {
      disk.replace(new Map());
      this.checkpoint.replace(new MemoryCheckpoint());
    } else if (how === "rolled back") {
      const usable = this.snapshots.filter(({ position }) => position < seenByAll);
      const [saved] = this.options.chance.shuffle(usable);
      if (saved === undefined) return false;
      disk.replace(saved.files);
      this.checkpoint.replace(saved.checkpoint);
    } else if (!ruinRecord(disk, this.checkpoint.position, this.options.chance)) return false;
    this.ruined = how;
    return true;
  }

  sent(): void {
    this.batchesSent = this.batchesTold;
  }

  heal(): void {
    this.healed = true;
    this.stalled.end();
    this.files.disk.nextError = null;
    this.fill(false);
  }

  crash(): { readonly lost: number; readonly torn: boolean } {
    this.life++;
    if ((this.storage?.figures().folds ?? 0) > 0) this.options.sometimes.hit("the log was folded into the checkpoint");
    this.storage?.close();
    this.storage = null;
    this.files.crash();
    const { committing } = this;
    this.committing = null;
    // The operation that was about to fail befell a process that is gone.
    this.files.disk.nextError = null;
    if (committing !== null && this.options.chance.chance(0.5)) committing();
    this.live = new Map();
    this.known = new Map();
    this.batches = 0;
    this.batchesTold = 0;
    this.batchesSent = 0;
    // The node shows what of it is there when it comes back.
    return { lost: 0, torn: false };
  }

  // ---- a life of the node

  /** Storage for a new life; null: this directory must not be used any more. */
  open(): CopyStorage | null {
    const { schedule, chance, node, settings, tell, sometimes, violate, failed, bad } = this.options;
    const { life, haste } = this;
    const first = this.snapshots.length === 0;
    const isFull = (): boolean => this.full;
    const hasRoom = (): boolean => !this.full || this.roomy;
    let opened: DiskStorage | null = null;
    let error: Error | null = null;
    this.files.instant = true;
    DiskStorage.open(
      {
        files: this.files,
        checkpoint: this.checkpoint,
        node,
        settings,
        mustExist: !first,
        salt: () => chance.below(2 ** 31),
        shortOfTime: () => !this.files.instant && haste.chance(0.3),
        later: (ms, call) => schedule.after(ms, () => (life === this.life ? tell(call) : undefined)),
        space: {
          get writable() {
            return !isFull();
          },
          get deletable() {
            return hasRoom();
          },
          exhausted: () => sometimes.hit("a write found the disk full"),
          // Its disks are filled by the nemesis, not by what is written.
          wrote: () => {},
        },
        events: {
          notice: (text) => {
            if (text.includes("was not finished")) sometimes.hit("a torn write was cut off");
          },
          remembers: (peer, position) =>
            this.pending.push({ entry: { kind: "seen", node: peer, position }, number: ++this.appended }),
          failed: () => (life === this.life ? failed() : undefined),
          bad: (partition, key) => bad(partition, key),
        },
      },
      (failure, storage) => {
        error = failure;
        opened = storage;
      },
    );
    const storage = opened as DiskStorage | null;
    if (storage === null) {
      this.files.instant = false;
      const { ruined } = this;
      if (ruined === null)
        violate("recovery finds what was durable", `n${node} does not start: ${(error as Error | null)?.message}`);
      else
        sometimes.hit(
          ruined === "emptied" ? "an emptied directory was refused" : "a directory that cannot be trusted was refused",
        );
      return null;
    }
    this.storage = storage;
    if (this.ruined === "rolled back") this.options.sometimes.hit("a node came back with an older directory");
    if (this.ruined !== "rolled back") this.compare(storage);
    this.pending = [];
    this.appended = storage.position;
    this.kept = storage.position;
    if (first) {
      this.pending.push({ entry: { kind: "seen", node, position: 0 }, number: ++this.appended });
      storage.mark(() => {});
    }
    this.files.instant = false;
    this.copyDirectory();
    return this.told(storage);
  }

  private told(storage: DiskStorage): CopyStorage {
    const { violate, appended, node } = this.options;
    return {
      kind: "log",
      get position() {
        return storage.position;
      },
      get writable() {
        return storage.writable;
      },
      get deletable() {
        return storage.deletable;
      },
      get keepsUp() {
        return storage.keepsUp;
      },
      highestPosition: (peer) => storage.highestPosition(peer),
      sawPosition: (peer, position) => storage.sawPosition(peer, position),
      proofOf: (peer) => storage.proofOf(peer),
      isOwnPosition: (position, proof) => storage.isOwnPosition(position, proof),
      table: (partition) => this.watched(partition, storage.table(partition)),
      restored: () => storage.restored(),
      copies: () => storage.copies(),
      copy: (partition, copy) => storage.copy(partition, copy),
      append: (entries, durable) => {
        for (const entry of entries) {
          appended(entry);
          this.pending.push({ entry, number: ++this.appended });
          if (entry.kind === "begun") this.begins(entry.partition);
        }
        this.batches++;
        const upTo = this.appended;
        const batch = this.batches;
        storage.append(entries, () => {
          if (this.kept < upTo)
            violate("nothing is told before it is durable", `n${node} goes on at record ${upTo}, and ${this.kept} are`);
          durable();
          this.batchesTold = Math.max(this.batchesTold, batch);
        });
      },
      close: () => storage.close(),
    };
  }

  // ---- helpers

  private span(): number {
    const { faults, chance } = this.options;
    if (faults.syncMs === 0) return 0;
    const slow = !this.healed && faults.slow > 0 && chance.chance(faults.slow);
    return slow ? chance.fraction() * faults.slowMs : faults.syncMs * (0.5 + chance.fraction());
  }

  /** Records up to this one are on the disk. */
  private written(last: number): void {
    let count = 0;
    for (const { entry, number } of this.pending) {
      if (number > last) break;
      this.kept = number;
      count++;
      this.keep(entry, number);
    }
    this.pending.splice(0, count);
  }

  private keep(entry: NodeEntry | SeenPosition, number: number): void {
    let before = NO_COPY;
    if (entry.kind === "register" || entry.kind === "removed") {
      const key = entry.kind === "register" ? entry.register.key : entry.key;
      before = this.copy(entry.partition, key);
      this.known.get(entry.partition)?.delete(key);
    }
    this.holdings.take(entry, number);
    if (entry.kind !== "seen") this.options.durable(entry, before);
  }

  /** Recovery found what was durable, and a beginning of what was under way. */
  private compare(storage: DiskStorage): void {
    const { sometimes } = this.options;
    const { position } = storage;
    if (position < this.kept || position > this.appended)
      this.differs(`has ${position} records; ${this.kept} were durable, and ${this.appended} written`);
    if (position < this.appended) sometimes.hit("a crash lost unsynced entries");
    if (position < this.appended && position > this.kept) sometimes.hit("a crash kept part of an unsynced batch");
    this.written(position);
    this.holdings.compare(storage);
  }

  /** The table of the newest copy is another one from now on. */
  private begins(partition: Partition): void {
    this.live.delete(partition);
    this.known.delete(partition);
  }

  private differs(detail: string): void {
    this.options.violate("recovery finds what was durable", `n${this.options.node} ${detail}`);
  }

  private watched(partition: Partition, table: RegisterTable): RegisterTable {
    const live = mapIn(this.live, partition);
    return {
      get: (key) => {
        const found = table.get(key);
        this.looked(partition, key, found, live);
        return found;
      },
      put: (register, change, settled) => {
        live.set(register.key, register);
        table.put(register, change, settled);
      },
      isSettled: (register) => table.isSettled(register),
      remove: (key, change) => {
        live.set(key, null);
        table.remove(key, change);
      },
      get size() {
        return table.size;
      },
      get lastChange() {
        return table.lastChange;
      },
      changesAfter: (after, limit) => table.changesAfter(after, limit),
      tombstones: (limit) => table.tombstones(limit),
      orderedAfter: (after, limit, maxBytes) => table.orderedAfter(after, limit, maxBytes),
      removalsAfter: (after, limit, maxBytes) => table.removalsAfter(after, limit, maxBytes),
    };
  }

  private looked(
    partition: Partition,
    key: Key,
    found: Register | Bad | null,
    live: ReadonlyMap<Key, Register | null>,
  ): void {
    // An older copy is not compared.
    if (this.ruined === "rolled back" || live !== this.live.get(partition)) return;
    const { violate, node } = this.options;
    if (found === BAD) {
      const known = mapIn(this.known, partition);
      if (!known.has(key)) known.set(key, this.batches + 1);
      if (this.sound(partition, key))
        violate("storage shows what was put", `n${node} finds ${key} bad, and nothing rotted`);
      return;
    }
    const put = live.get(key);
    const expected = put === undefined ? (this.holdings.of(partition, key)?.register ?? null) : put;
    if (found === expected) return;
    if (
      found === null ||
      expected === null ||
      !sameTimestamp(found.timestamp, expected.timestamp) ||
      !sameState(found, expected)
    )
      violate(
        "storage shows what was put",
        `n${node} finds ${renderRegister(found)} of ${key}, not ${renderRegister(expected)}`,
      );
  }
}
