/**
 * Storage on disk. Everything is appended to a log, a memory table keeps the log's content, and the log is folded into
 * a checkpoint. See docs/storage.md.
 *
 * Like everything above it this is free of promises and takes its files, its checkpoint and its timers as arguments. So
 * the simulator can run it, recovery included, on a disk of its own.
 */

import { present } from "../base/assert.js";
import { codeOf, errorOf } from "../base/errno.js";
import { isTableEntry, NODE_WIDE, type SeenPosition, type TableEntry } from "../codec/disk/entry.js";
import type { LogRecord } from "../codec/disk/log-record.js";
import type { CopyEntry } from "../core/model/copy-entry.js";
import type { GroupEpoch, NodeId, Partition } from "../core/model/ids.js";
import type { NodeEntry } from "../core/model/node-entry.js";
import { planted } from "../core/model/planted.js";
import { BAD } from "../core/model/table.js";
import type { CopyStorage, HeldCopy, StorageFigures } from "../ports/storage.js";
import { BadRegisters } from "./bad-registers.js";
import type { CopyState } from "./copy-state.js";
import type { BadRegister, DiskOptions } from "./disk-options.js";
import type { DiskTable } from "./disk-table.js";
import { Fold } from "./fold.js";
import { Log } from "./log/log.js";
import { emptied, type Recovered, recoverLog } from "./log/recovery.js";
import { OpenTables } from "./open-tables.js";
import { PeerPositions } from "./peer-positions.js";
import { RegisterCache } from "./register-cache.js";
import { Replay, registerIn } from "./replay.js";
import { Scrub } from "./scrub.js";
import { States } from "./states.js";
import { Sweep } from "./sweep.js";
import { Turns } from "./turns.js";

type Opened = (error: Error | null, storage: DiskStorage | null) => void;

export class DiskStorage implements CopyStorage {
  readonly kind = "log";
  private readonly options: DiskOptions;
  private readonly states = new States();
  private readonly openTables: OpenTables;
  private readonly cache: RegisterCache;
  private readonly scrub: Scrub;
  private readonly turns = new Turns();
  private readonly sweep: Sweep;
  private readonly badRegisters: BadRegisters;
  /** Copies whose drop the checkpoint knew when it was opened. */
  private readonly marked: CopyState[];
  /** The next append folds, however little there is. */
  private wantsFold = false;
  private readonly positions: PeerPositions;
  private log: Log | null = null;
  private fold: Fold | null = null;
  private closed = false;

  /** Recovers what is there. `opened` may be called before this returns. */
  static open(options: DiskOptions, opened: Opened): void {
    let storage: DiskStorage;
    try {
      storage = new DiskStorage(options);
    } catch (error) {
      return opened(errorOf(error), null);
    }
    storage.recover(opened);
  }

  private constructor(options: DiskOptions) {
    this.options = options;
    const { checkpoint, settings } = options;
    this.cache = new RegisterCache(settings.cacheBytes);
    this.badRegisters = new BadRegisters(this.states, (...found) => options.events.bad(...found));
    this.openTables = new OpenTables({
      checkpoint,
      cache: this.cache,
      foundBad: (table, key) => this.badRegisters.found(table, key),
    });
    this.scrub = new Scrub({
      checkpoint,
      intervalMs: settings.scrubMs,
      later: options.later,
      foundBad: (table, key) => {
        // A read of its sound days would hide it from whoever has it repaired.
        this.cache.forget(key);
        this.badRegisters.found(table, key, true);
      },
      covered: (table, key) => this.openTables.covers(table, key),
      isDropped: (table) => (this.states.known(table)?.ended ?? null) !== null,
    });
    this.sweep = new Sweep({
      checkpoint,
      turns: this.turns,
      later: options.later,
      blocks: settings.sweepBlocks,
      swept: (state) => this.states.swept(state),
      failed: (error) => this.fail(error),
    });
    this.positions = new PeerPositions({
      saved: this.states,
      later: options.later,
      push: (seen) => this.push(seen),
      remembers: (peer, position) => options.events.remembers?.(peer, position),
    });
    this.states.load(checkpoint.states());
    this.marked = [...this.states.dropped()];
  }

  // ---- the port

  table(partition: Partition): DiskTable {
    return this.openTables.of(this.states.of(partition));
  }

  *copies(): Iterable<HeldCopy> {
    for (const state of this.states.copies()) yield this.heldCopy(state);
  }

  copy(partition: Partition, copy: GroupEpoch): HeldCopy | null {
    const state = this.states.copy(partition, copy);
    return state === null ? null : this.heldCopy(state);
  }

  restored(): Iterable<NodeEntry> {
    return this.states.entries();
  }

  append(entries: readonly (NodeEntry | CopyEntry)[], durable: () => void): void {
    const { log } = this;
    if (log === null || this.closed) return;
    for (const entry of entries) this.push(entry);
    if (entries.length > 0) this.positions.remember();
    this.openTables.unappended = false;
    const folds = this.due(log);
    // All that the tables hold is in the log now. Whoever is called by the commit may put what is not, and that must
    // not be folded.
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

  get keepsUp(): boolean {
    return this.fold?.underway !== true || 2 * this.openTables.liveBytes <= this.options.settings.maxMemoryBytes;
  }

  get writable(): boolean {
    return this.options.space?.writable ?? true;
  }

  get deletable(): boolean {
    return this.options.space?.deletable ?? this.writable;
  }

  highestPosition(peer: NodeId): number {
    return this.positions.highest(peer);
  }

  proofOf(peer: NodeId): string {
    return this.positions.proofOf(peer);
  }

  sawPosition(peer: NodeId, position: number, proof = ""): void {
    this.positions.saw(peer, position, proof);
  }

  close(): void {
    this.closed = true;
    this.scrub.close();
    this.sweep.close();
    this.fold?.close();
    this.log?.close();
  }

  // ---- beyond the port

  /** Writes a first record, so that an empty log is known to have been emptied. */
  mark(durable: () => void): void {
    this.push({ kind: "seen", node: this.options.node, position: 0 });
    this.log?.commit(durable);
  }

  /**
   * Folds what there is, whether it is much or not; calls when the checkpoint has it. All that was put has been
   * appended.
   */
  foldNow(done: () => void): void {
    if (this.fold?.active === true) return this.options.later(1, () => this.foldNow(done));
    this.freeze(done);
    this.fold?.start();
  }

  /** Folds what there is as soon as may be: values that were deleted take space until then. */
  makeRoom(): void {
    this.wantsFold = true;
    if (this.openTables.unappended || this.closed || this.fold?.active !== false) return;
    this.freeze();
    this.fold.start();
  }

  /** null: the founding's copy was dropped, and no other begun. */
  newest(partition: Partition): CopyState | null {
    return this.states.keeps(partition) ? this.states.of(partition) : null;
  }

  /** All copies that something may be left of, dropped ones, too. */
  tables(): Iterable<CopyState> {
    return this.states.all();
  }

  /** Registers known to be bad now. */
  bad(): Iterable<BadRegister> {
    return this.badRegisters.all();
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
      memoryBytes: this.openTables.liveBytes,
      cacheBytes: this.cache.bytes,
      badRegisters: this.badRegisters.count,
      scrubbedRecords: scrub.records,
      scrubPasses: scrub.passes,
    };
  }

  // ---- helpers

  private recover(opened: Opened): void {
    const { files, node, salt, checkpoint, events } = this.options;
    const begun = { files, node, salt, from: checkpoint.position, notice: (text: string) => events.notice(text) };
    const replay = new Replay(this.states);
    const apply = (record: LogRecord): void => replay.apply(record);
    recoverLog({ ...begun, apply }, (error, recovered) => {
      if (error !== null || recovered === null) return opened(error ?? new Error("nothing was recovered"), null);
      if (recovered.last === 0 && this.options.mustExist === true && !planted("R10.emptied"))
        return opened(emptied(), null);
      for (const { state, record } of replay.registers()) this.restore(state, record);
      for (const state of this.states.copies()) this.settle(state);
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
      mayWrite: () => this.fold?.underway !== true || this.openTables.liveBytes <= settings.maxMemoryBytes,
      shortOfTime,
      full: () => space?.exhausted(),
      wrote: (bytes) => space?.wrote(bytes),
      short: (error) => this.options.events.short?.(error),
      failed,
      later,
    });
    this.log = log;
    this.fold = new Fold({
      log,
      checkpoint,
      turns: this.turns,
      cache: this.cache,
      keys: settings.foldKeys,
      failed,
      later,
    });
    if (recovered.rottenRegisters > 0) {
      this.options.events.notice(
        `${recovered.rottenRegisters} registers in the log fail their checksum: their keys are repaired from other replicas`,
      );
    }
    this.scrub.start();
    this.resume();
  }

  /** Goes on with the drops of an earlier life. Those that the checkpoint has no mark of get it by the next fold. */
  private resume(): void {
    const marked = new Set(this.marked);
    this.marked.length = 0;
    if (!planted("H9.drop-not-resumed")) this.sweep.add(marked);
    for (const state of this.states.dropped()) if (!marked.has(state)) this.wantsFold = true;
  }

  private restore(state: CopyState, record: LogRecord): void {
    const { key, change, settled } = record;
    const register = registerIn(record);
    if (register === BAD) this.badRegisters.found(state.table, key);
    this.openTables.of(state).replay(key, { register, change, settled: settled && register !== BAD });
  }

  private push(entry: NodeEntry | CopyEntry | SeenPosition): void {
    const log = present(this.log, "the log");
    if (isTableEntry(entry)) {
      const state = this.take(entry);
      log.push(entry, state.table);
    } else {
      this.states.apply(entry);
      log.push(entry, NODE_WIDE);
    }
  }

  /** The copy that the entry is of. */
  private take(entry: Exclude<TableEntry, { kind: "swept" }>): CopyState {
    const { states } = this;
    if (entry.kind === "begun") return states.begin(entry.partition, entry.copy);
    if (entry.kind === "dropped") return this.drop(entry);
    const state = states.of(entry.partition);
    if (entry.kind === "register") this.badRegisters.mended(state, entry.register.key);
    else if (entry.kind === "removed") this.badRegisters.mended(state, entry.key);
    else {
      states.applyTo(state, entry);
      if (entry.kind === "settled") this.settle(state);
    }
    return state;
  }

  /**
   * Registers of ballots that were forgotten get their marks. Those in memory are folded soon, as a restart would not
   * know any more.
   */
  private settle(state: CopyState): void {
    for (const last of state.takeFaded()) if (this.openTables.of(state).settle(last)) this.wantsFold = true;
  }

  private drop(entry: Extract<CopyEntry, { kind: "dropped" }>): CopyState {
    const { states } = this;
    const state = present(states.copy(entry.partition, entry.copy), "the copy that is dropped");
    this.openTables.drop(state);
    this.badRegisters.forget(state);
    states.applyTo(state, entry);
    if (planted("H9.sweeps-early")) this.sweep.add([state]);
    this.wantsFold = true;
    return state;
  }

  private heldCopy(state: CopyState): HeldCopy {
    const { partition, copy } = state;
    return { partition, copy, table: this.openTables.of(state), restored: () => state.entries() };
  }

  private due(log: Log): boolean {
    const { settings } = this.options;
    if (this.fold?.active !== false) return false;
    if (this.wantsFold) return true;
    return this.openTables.liveBytes >= settings.foldMemoryBytes || log.bytes >= settings.foldLogBytes;
  }

  /** The next fold takes whatever is there by then. */
  private freeze(done: () => void = () => {}): void {
    const tables = this.openTables.takeChanged();
    this.wantsFold = false;
    const dropped = [...this.states.dropped()];
    this.fold?.freeze(tables, this.states.takeChanged(), () => {
      this.log?.resume();
      // Their marks are in the checkpoint now.
      this.sweep.add(dropped.filter(({ ended }) => ended === "dropped"));
      done();
      // A copy that was dropped meanwhile waits for no append of others.
      if (this.wantsFold) this.makeRoom();
    });
  }

  private fail(error: Error): void {
    if (this.closed) return;
    this.close();
    const code = codeOf(error);
    this.options.events.failed(`the disk failed: ${code === undefined ? "" : `${code}, `}${error.message}`);
  }
}

const NEVER = (): boolean => false;
