/**
 * One node of the world of transfers: a real copy of one partition, whose group changes, with a disk that may lose its
 * tail. The node knows the groups one after the other, as views would tell them.
 */
import { type Instant, instant } from "../../src/base/time.js";
import { majorityOf } from "../../src/base/votes.js";
import { Copy } from "../../src/core/copy.js";
import { ballot } from "../../src/core/model/ballot.js";
import type { Entry } from "../../src/core/model/entry.js";
import { type GroupEpoch, groupEpoch, type Key, type NodeId, partition } from "../../src/core/model/ids.js";
import { type CoreMessage, type GroupMessage, groupEpochOf } from "../../src/core/model/message.js";
import type { NodeEntry } from "../../src/core/model/node-entry.js";
import { Envelopes, type Outbox, type Outcome, type Raised } from "../../src/core/model/outbox.js";
import { BAD, MemoryTable } from "../../src/core/model/table.js";
import type { PreCopied } from "../../src/core/model/transfer-entry.js";
import type { TransferAnswer, TransferMessage } from "../../src/core/model/transfer-message.js";
import { Attempts } from "../../src/core/quorum/attempts.js";
import { Group } from "../../src/core/quorum/group.js";
import type { Patience } from "../../src/core/quorum/patience.js";
import { CatchUpLoad } from "../../src/core/replica/catch-up-load.js";
import { MendingLoad } from "../../src/core/replica/mending-load.js";
import { LateMerge } from "../../src/core/transfer/late-merge.js";
import { Merge } from "../../src/core/transfer/merge.js";
import { PreCopy } from "../../src/core/transfer/pre-copy.js";
import { Receiver } from "../../src/core/transfer/receiver.js";
import { answerMerge, answerPreCopy, type SourceCopy, type SourceLife } from "../../src/core/transfer/source.js";
import { TransferLoad } from "../../src/core/transfer/transfer-load.js";
import { NodeLoad } from "../../src/core/writer/node-load.js";

export const P = partition(0);
export const at = (ms: number): Instant => instant(ms);
const PATIENCE: Patience = { firstMs: 150, returned: 0 };

/** One group of the partition, as a view names it. */
export interface GroupView {
  readonly epoch: GroupEpoch;
  readonly replicas: readonly NodeId[];
  /** null: the group of the founding. */
  readonly previous: { readonly epoch: GroupEpoch; readonly replicas: readonly NodeId[] } | null;
  /** Replicas that are recorded as ready. */
  readonly recorded: Set<NodeId>;
}

export type WorldMessage = GroupMessage | TransferMessage;
/** Other content of the disk: the newest group that the node knows, and so the seals of all before. */
export type WorldEntry = NodeEntry | { readonly kind: "knows"; readonly epoch: GroupEpoch; readonly copy: GroupEpoch };

export class WorldOutbox implements Outbox {
  readonly entries: WorldEntry[] = [];
  readonly sendNow = new Envelopes<CoreMessage | TransferMessage>();
  readonly sendDurable = new Envelopes<CoreMessage | TransferMessage>();
  readonly outcomes: Outcome[] = [];
  readonly raised: Raised[] = [];
}

export interface Disk {
  entries: WorldEntry[];
  /** Registers that rotted, by the change that they came with. */
  readonly rotten: Map<Key, number>;
}

/** The copies of a node, as far as it may need them. */
export class TransferNode {
  readonly load = new TransferLoad();
  table = new MemoryTable();
  /** The group epoch in which the copy began with nothing. */
  copyId = groupEpoch(1);
  copy: Copy;
  group: Group;
  known: GroupEpoch;
  ready = false;
  preCopy: PreCopy | null = null;
  merge: Merge | null = null;
  late: LateMerge | null = null;
  receiver: Receiver;
  /** Place of the writer, as the world tells. */
  writer: NodeId | null = null;
  /** Cursors into other copies. */
  readonly cursors = new Map<NodeId, { readonly copy: GroupEpoch; readonly change: number }>();
  private readonly readyIn = new Set<GroupEpoch>();
  private readonly entries: WorldEntry[] = [];
  private readonly attempts: Attempts;

  constructor(
    readonly id: NodeId,
    private readonly views: readonly GroupView[],
    disk: Disk,
    life: number,
  ) {
    this.attempts = new Attempts(life * 1e6);
    this.known = groupEpoch(1);
    for (const entry of disk.entries) {
      this.entries.push(entry);
      if (entry.kind === "knows") {
        this.known = entry.epoch;
        if (entry.copy !== this.copyId) this.beginCopy(entry.copy);
      } else if (entry.kind === "ready") this.readyIn.add(entry.epoch);
      else if (entry.kind === "register") this.table.put(entry.register, entry.change, entry.settled);
      else if (entry.kind === "removed") this.table.remove(entry.key, entry.change);
    }
    for (const [key, change] of disk.rotten) {
      const held = this.table.changesAfter((change - 1) as never, 1)[0];
      if (held?.key === key && held.change === change) this.table.spoil(key);
    }
    const { copy, group } = this.open(this.view);
    this.copy = copy;
    this.group = group;
    this.receiver = new Receiver(group, copy.replica, this.table);
    this.live();
  }

  get view(): GroupView {
    return this.viewOf(this.known);
  }

  private viewOf(epoch: GroupEpoch): GroupView {
    return this.views.find((view) => view.epoch === epoch) as GroupView;
  }

  get member(): boolean {
    return this.view.replicas.includes(this.id);
  }

  /** Nothing is left of the copy before. */
  private beginCopy(copy: GroupEpoch): void {
    this.copyId = copy;
    this.table = new MemoryTable();
    this.readyIn.clear();
    this.entries.length = 0;
  }

  private open(view: GroupView): { copy: Copy; group: Group } {
    const group = new Group(P, view.epoch, view.replicas, this.id);
    const copy = new Copy({
      group,
      table: this.table,
      attempts: this.attempts,
      outlook: {
        heardPlaces: () => group.everyone,
        writerPlace: () => (this.writer === null ? -1 : group.placeOf(this.writer)),
      },
      load: new NodeLoad(),
      mendingLoad: new MendingLoad(),
    });
    copy.keepUp({ attempts: this.attempts, load: new CatchUpLoad(), now: instant(0), full: () => false });
    for (const entry of this.entries) if (entry.kind !== "knows" && !isNodeWide(entry)) copy.restore(entry);
    return { copy, group };
  }

  /** The next group is known: what was of the one before is sealed, in the same durable step. */
  learn(epoch: GroupEpoch, out: WorldOutbox): void {
    while (this.known < epoch) {
      const next = this.viewOf((this.known + 1) as GroupEpoch);
      const { previous } = next;
      this.copy.writer.resign(out);
      const was = previous?.replicas.includes(this.id) === true && this.readyIn.has(previous.epoch);
      const member = next.replicas.includes(this.id);
      // A node that had no part in the group before begins with nothing, or with what was pre-copied.
      if (member && !was && this.readyIn.size > 0) this.beginCopy(next.epoch);
      this.known = next.epoch;
      this.push(out, { kind: "knows", epoch: next.epoch, copy: this.copyId });
      if (member && was && mayStay(next)) this.push(out, { kind: "ready", partition: P, epoch: next.epoch });
      if (member) this.reopen();
    }
    this.live();
  }

  /** The machines of the newest group that the node knows. */
  private live(): void {
    this.merge?.stop();
    this.late?.stop();
    this.merge = null;
    this.late = null;
    const { view } = this;
    this.ready = this.member && this.readyIn.has(view.epoch);
    if (!this.member || view.previous === null) return;
    this.preCopy?.stop();
    this.preCopy = null;
    const { attempts, load, group, receiver } = this;
    const { previous } = view;
    if (this.ready) this.beginLate(view);
    else {
      const was = previous.replicas.includes(this.id) && this.readyIn.has(previous.epoch);
      const merged = lastOf(this.entries, "merged");
      const own = was ? this.source : null;
      this.merge = new Merge({ group, previous, receiver, own, attempts, load, restored: merged });
    }
  }

  private beginLate({ previous }: GroupView): void {
    const { attempts, load, group, receiver } = this;
    for (const key of receiver.inherited.marks.keys()) this.copy.replica.look(key);
    if (previous !== null) this.late = new LateMerge({ group, previous, receiver, attempts, load });
  }

  private reopen(): void {
    const { copy, group } = this.open(this.view);
    this.copy = copy;
    this.group = group;
    this.receiver = new Receiver(group, copy.replica, this.table);
  }

  /** Gets what it can before it is a replica, in a copy that begins with nothing. */
  beginPreCopy(now: Instant, next: GroupEpoch, from: GroupView, out: WorldOutbox): void {
    if (this.member || this.preCopy !== null) return;
    if (this.readyIn.size > 0 || this.copyId < next) {
      this.beginCopy(next);
      this.push(out, { kind: "knows", epoch: this.known, copy: next });
    }
    const { copy, group } = this.open({ epoch: next, replicas: [this.id], previous: null, recorded: new Set() });
    this.copy = copy;
    this.group = group;
    this.receiver = new Receiver(group, copy.replica, this.table);
    const restored: PreCopied | null = lastOf(this.entries, "pre-copied");
    const { attempts, load, receiver } = this;
    this.preCopy = new PreCopy({ group, from, receiver, attempts, load, now, restored });
  }

  // ---- A source. ----

  get source(): SourceCopy {
    const node = this;
    const replica = (): Copy["replica"] => node.copy.replica;
    return {
      get copy() {
        return node.copyId;
      },
      get table() {
        return node.table;
      },
      get revisions() {
        return replica().revisions;
      },
      get inherited() {
        return replica().inherited;
      },
      get tookOver() {
        return replica().tookOver;
      },
      look: (key) => replica().look(key),
      isSettled: (register) => node.marked(register.key) || replica().revisions.settled.covers(register.timestamp),
    };
  }

  /** The register that the table holds of the key has the settled mark. */
  marked(key: Key): boolean {
    for (const held of this.table.orderedAfter(null, Number.POSITIVE_INFINITY))
      if (held.key === key) return held.settled;
    return false;
  }

  private get life(): SourceLife {
    return {
      wasReady: (epoch) => this.readyIn.has(epoch),
      hasSealed: (epoch) => this.known > epoch,
      newest: this.known,
    };
  }

  // ---- Steps. ----

  receive(now: Instant, from: NodeId, message: WorldMessage, out: WorldOutbox): void {
    switch (message.kind) {
      case "ask-registers":
      case "ask-delta":
        return answer(from, answerPreCopy(message, this.source, this.life), out);
      case "ask-states":
      case "ask-keys":
        return answer(from, answerMerge(message, this.source, this.life), out);
      case "registers":
        return this.preCopy?.onRegisters(now, from, message, out);
      case "delta":
        return this.preCopy?.onDelta(now, from, message, out);
      case "states":
        this.merge?.onStates(now, from, message, out);
        return;
      case "keys-held":
        this.merge?.onKeysHeld(now, from, message, out);
        return this.late?.onKeysHeld(now, from, message, out);
      default:
        return this.deliver(now, from, message, out);
    }
  }

  /** A step took the last key of the merge: the copy is a ready replica from here on. */
  settleReadiness(out: WorldOutbox): void {
    if (this.merge?.ready !== true) return;
    this.push(out, { kind: "ready", partition: P, epoch: this.known });
    this.merge = null;
    this.ready = true;
    this.beginLate(this.view);
  }

  private deliver(now: Instant, from: NodeId, message: GroupMessage, out: WorldOutbox): void {
    if (groupEpochOf(message) !== this.known || !this.ready) return;
    const place = this.group.placeOf(from);
    if (place < 0) return;
    const office = this.copy.deliver(now, from, place, message, out);
    if (office?.kind === "nack" && this.copy.writer.ballot !== null) this.copy.writer.resign(out);
  }

  tick(now: Instant, heardBy: (nodes: readonly NodeId[]) => number, out: WorldOutbox): void {
    if (this.ready) this.copy.resend(now, heardBy(this.group.replicas), PATIENCE, out);
    const previous = this.view.previous?.replicas ?? [];
    this.merge?.tick(now, heardBy(previous), PATIENCE, out);
    if (this.late?.busy) this.late.tick(now, heardBy(previous), PATIENCE, out);
    this.preCopy?.tick(now, heardBy(this.view.replicas), PATIENCE, out);
  }

  campaign(round: number, out: WorldOutbox): void {
    const { promise } = this.copy.replica;
    const above = promise.groupEpoch === this.known ? promise.round : 0;
    this.copy.writer.campaign(ballot(this.known, Math.max(round, above + 1), this.id), out);
  }

  /** Appends to what this life knows; the world writes it to disk. */
  push(out: WorldOutbox, entry: WorldEntry): void {
    out.entries.push(entry);
    if (entry.kind === "ready") this.readyIn.add(entry.epoch);
  }

  /** The step's entries, in order, whether they are durable or not. */
  took(entries: readonly WorldEntry[]): void {
    this.entries.push(...entries);
    for (const entry of entries) if (entry.kind === "cursor") this.cursors.set(entry.source, entry);
  }

  /** The copy's register of the key gets bad. False: there is none. */
  rot(key: Key): number {
    const held = this.table.get(key);
    if (held === null || held === BAD) return 0;
    const change = this.table.changesAfter(0 as never, Number.POSITIVE_INFINITY).find((one) => one.key === key)?.change;
    this.table.spoil(key);
    return change ?? 0;
  }
}

/** Every majority of the new group made of stayers only contains one of the old; if none is, it keeps what it has. */
function mayStay({ replicas, previous }: GroupView): boolean {
  if (previous === null) return true;
  const stayers = replicas.filter((id) => previous.replicas.includes(id)).length;
  const majority = majorityOf(replicas.length);
  return stayers < majority || majority >= majorityOf(previous.replicas.length);
}

function answer(to: NodeId, message: TransferAnswer | null, out: WorldOutbox): void {
  if (message !== null) out.sendDurable.push(to, message);
}

/** This world has no views, and keeps its own account of copies. */
const isNodeWide = (entry: NodeEntry): entry is Exclude<NodeEntry, Entry> =>
  entry.kind === "begun" || entry.kind === "dropped" || entry.kind.startsWith("view");

function lastOf<K extends Entry["kind"]>(entries: readonly WorldEntry[], kind: K): Extract<Entry, { kind: K }> | null {
  for (let i = entries.length - 1; i >= 0; i--) {
    const entry = entries[i] as WorldEntry;
    if (entry.kind === kind) return entry as Extract<Entry, { kind: K }>;
  }
  return null;
}
