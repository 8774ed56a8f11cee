/**
 * The core of a node: all its partitions, the failure detector and the merged heartbeats, as one pure state machine. No
 * clock, no chance, no promise, no callback out: time and attempts' start are arguments, and everything it wants done
 * is in the outbox.
 */
import { assert, unreachable } from "../base/assert.js";
import { after, type Duration, duration, type Instant, never } from "../base/time.js";
import { Detector } from "./election/detector.js";
import { Heartbeats } from "./election/heartbeats.js";
import { RoundTrips } from "./election/round-trips.js";
import { type Key, type NodeId, type Partition, type ViewEpoch, VOTERS } from "./model/ids.js";
import { type CoreMessage, groupEpochOf } from "./model/message.js";
import { isCopyEntry, isViewEntry, type NodeEntry } from "./model/node-entry.js";
import type { ReadRequest, Result, WriteRequest } from "./model/operation.js";
import type { Outbox, Ticket } from "./model/outbox.js";
import { planted } from "./model/planted.js";
import type { RegisterTable } from "./model/table.js";
import type { ServedPartition } from "./partition.js";
import { Partitions, type RestoredCopy } from "./partitions.js";
import type { MoveCaps } from "./placement/moves.js";
import { Attempts } from "./quorum/attempts.js";
import { CatchUpLoad } from "./replica/catch-up-load.js";
import { MendingLoad } from "./replica/mending-load.js";
import type { TransferPace } from "./transfer/transfer-load.js";
import { Transfers } from "./transfers.js";
import type { ChainOutbox, ViewConflict } from "./view/chain.js";
import type { EncodedView } from "./view/encoded-view.js";
import type { ViewMessage } from "./view/message.js";
import { writerToBe } from "./view/move.js";
import type { ViewOperation } from "./view/operation.js";
import { type Member, placementOf, type View } from "./view/view.js";
import { Views } from "./view/views.js";
import type { Move } from "./view/wished-moves.js";
import { NodeLoad } from "./writer/node-load.js";
import type { Raise } from "./writer/revisions.js";

/** A heartbeat round. A failover takes at most 7.5 of them. */
export const DEFAULT_ROUND: Duration = duration(200);
/** How often what may need asking again is looked at. */
const RESEND_TICK: Duration = duration(20);
/** Offices of a node that are handed over at the same time. */
const MAX_OFFERS = 16;
/** Kept until the driver takes them out. */
const MAX_CONFLICTS = 16;
/** Partitions of a node that catch up at the same time; what they ask for is bounded in bytes (CATCH_UP_BYTES). */
const MAX_CATCHING_UP = 128;
/**
 * How long a deleted key's tombstone rests at least, and how far passes over a partition's tombstones are apart (R12).
 */
export const DEFAULT_PURGE_AFTER: Duration = duration(5 * 60_000);

export interface RaiseInput {
  readonly kind: "raise-revisions";
  readonly partition: Partition;
  readonly raise: Raise;
}

export type CoreInput =
  | { readonly kind: "message"; readonly from: NodeId; readonly message: CoreMessage }
  | {
      readonly kind: "write";
      readonly ticket: Ticket;
      readonly partition: Partition;
      readonly request: WriteRequest;
      readonly deadline: Instant;
    }
  | {
      readonly kind: "read";
      readonly ticket: Ticket;
      readonly partition: Partition;
      readonly request: ReadRequest;
      readonly deadline: Instant;
    }
  /** This node is about to stop: its offices go to others. */
  | { readonly kind: "leave" }
  /** The disk is full, or has space again: offices go to others, as long as they can have them. */
  | { readonly kind: "disk-full"; readonly full: boolean }
  /** Storage found a register that fails its checksum (R11). */
  | { readonly kind: "bad-register"; readonly partition: Partition; readonly key: Key }
  /** A backup is restored: the partition's revisions go on above this one, if this node is its writer. */
  | RaiseInput
  /** A peer told the newest view that it holds durably, in a frame or its handshake. */
  | { readonly kind: "peer-view"; readonly peer: NodeId; readonly epoch: ViewEpoch; readonly digest: string }
  /** This member wants other addresses; `operation` names the wish, in hexadecimal. */
  | { readonly kind: "wish"; readonly member: Member; readonly operation: string }
  /** Somebody asks for this operation at this node. */
  | { readonly kind: "ask"; readonly operation: ViewOperation }
  /** A handshake with a new incarnation of a peer. */
  | { readonly kind: "peer-restarted"; readonly peer: NodeId }
  /** Some deadline has come. */
  | { readonly kind: "wake" };

export interface CoreOptions {
  readonly self: NodeId;
  /** The newest view that is known without `restored`. */
  readonly newest: EncodedView;
  /** The bytes and the digest of a view that this node makes. Without it the view never changes. */
  readonly encode?: (view: View) => EncodedView;
  /** The moves that this node wants when it proposes views; without it, none. */
  readonly moves?: (view: View) => readonly Move[];
  /** Moves of replicas that may be under way together, when this node proposes views. */
  readonly moveCaps?: MoveCaps;
  /** A member that is not heard for so long gives its replicas to others; missing, or 0: never. */
  readonly replaceAfter?: Duration;
  /** The registers of a partition, as storage has them. */
  readonly table: (partition: Partition) => RegisterTable;
  /** All copies that storage holds, the newest of each partition last; without it, those of `table` alone. */
  readonly copies?: () => Iterable<RestoredCopy>;
  /** Durable entries of an earlier life, in their order. */
  readonly restored?: Iterable<NodeEntry>;
  /** Above every attempt of earlier lives (R7). */
  readonly firstAttempt: number;
  readonly round?: Duration;
  readonly purgeAfter?: Duration;
  /** How fast transfers may go now; without it, as fast as they can. */
  readonly pace?: () => TransferPace;
  readonly now: Instant;
}

export class Core {
  readonly self: NodeId;
  /** The newest that counts here. */
  newest: EncodedView;
  /** null: the view never changes. */
  readonly views: Views | null;
  /** Peers that hold another view of an epoch than this node does; the driver takes them out. */
  readonly conflicts: ViewConflict[] = [];
  readonly detector: Detector;
  readonly heartbeats: Heartbeats;
  readonly roundTrips = new RoundTrips();
  /** The load of all writers of this node together. */
  readonly load = new NodeLoad();
  readonly catchUpLoad = new CatchUpLoad();
  readonly mendingLoad = new MendingLoad();
  /** The copies of partitions on this node, those included that do not answer. */
  readonly copies: Partitions;
  readonly transfers: Transfers;
  private readonly round: Duration;
  private readonly busy = new Set<ServedPartition>();
  private roundDue: Instant;
  private resendDue: Instant = never;
  private started = false;
  /** The copies are as the newest view wants them. */
  private followed = false;
  private leaving = false;
  /** The disk is. */
  private full = false;

  constructor(options: CoreOptions) {
    const { self, newest, encode } = options;
    this.self = self;
    this.round = options.round ?? DEFAULT_ROUND;
    this.roundDue = options.now;
    const entries = [...(options.restored ?? [])];
    const peers = newest.view.members.map((member) => member.id).filter((id) => id !== self);
    this.detector = new Detector({ self, peers });
    this.heartbeats = new Heartbeats({ self, detector: this.detector, peers });
    const { detector, heartbeats } = this;
    const restored = entries.filter(isViewEntry);
    const { moves, moveCaps, replaceAfter } = options;
    this.views =
      encode === undefined
        ? null
        : new Views({
            self,
            newest,
            restored,
            detector,
            heartbeats,
            encode,
            ...(moves === undefined ? {} : { moves }),
            ...(moveCaps === undefined ? {} : { moveCaps }),
            ...(replaceAfter === undefined ? {} : { replaceAfter }),
          });
    this.newest = this.views?.newest ?? newest;
    const { view } = this;
    const attempts = new Attempts(options.firstAttempt);
    this.copies = new Partitions({
      self,
      view,
      table: options.table,
      copies: options.copies?.() ?? [],
      restored: entries.filter((entry) => !isViewEntry(entry) && !isCopyEntry(entry)),
      parts: {
        attempts,
        detector,
        heartbeats,
        roundTrips: this.roundTrips,
        load: this.load,
        catchUpLoad: this.catchUpLoad,
        mendingLoad: this.mendingLoad,
        purgeAfter: options.purgeAfter ?? DEFAULT_PURGE_AFTER,
      },
      now: options.now,
    });
    const { copies, roundTrips } = this;
    const pace = options.pace === undefined ? {} : { pace: options.pace };
    this.transfers = new Transfers({ self, copies, attempts, detector, roundTrips, ...pace });
    this.prefer();
  }

  get view(): View {
    return this.newest.view;
  }

  /** The partitions that this node serves. */
  get partitions(): ReadonlyMap<Partition, ServedPartition> {
    return this.copies.served;
  }

  step(now: Instant, input: CoreInput, out: Outbox): void {
    if (!this.followed) this.follow(now, out);
    switch (input.kind) {
      case "message":
        return this.receive(now, input.from, input.message, out);
      case "write": {
        const served = this.serve(now, input.partition);
        if (served === undefined) return this.turnAway(input.ticket, out);
        // A deletion makes room, and the replicas take it.
        if (served.lacksSpace && input.request.operation.kind !== "delete") {
          const result: Result = { status: "refused", refusal: { reason: "disk-full" } };
          return void out.outcomes.push({ ticket: input.ticket, result, afterSync: false });
        }
        return served.write(now, input.ticket, input.request, input.deadline, out);
      }
      case "read": {
        const served = this.serve(now, input.partition);
        if (served === undefined) return this.turnAway(input.ticket, out);
        return served.read(now, input.ticket, input.request, input.deadline, out);
      }
      case "peer-restarted":
        return this.heartbeats.reset(input.peer);
      case "peer-view":
        return this.ofViews(now, out, (views, sink) => views.heard(now, input.peer, input.epoch, input.digest, sink));
      case "wish":
        return this.ofViews(now, out, ({ chain }) => chain.wish(input.member, input.operation));
      case "ask":
        return this.ofViews(now, out, ({ chain }) => chain.askFor(input.operation));
      case "bad-register": {
        const served = this.serve(now, input.partition);
        served?.copy.replica.look(input.key);
        return;
      }
      case "raise-revisions":
        return this.raise(now, input, out);
      case "leave":
        return this.leave(now, out);
      case "disk-full":
        return this.fill(now, input.full, out);
      case "wake":
        return this.wake(now, out);
      default:
        return unreachable(input);
    }
  }

  /** The driver sends a "wake" no later than this. */
  nextDeadline(): Instant {
    return this.roundDue < this.resendDue ? this.roundDue : this.resendDue;
  }

  /** The working writer of a partition, as far as this node knows; null: unknown. */
  writerOf(partition: Partition): NodeId | null {
    return this.heartbeats.workingWriter(partition);
  }

  /** This node would decide a write of the partition now. */
  isWriter(partition: Partition): boolean {
    const served = this.partitions.get(partition);
    return served?.copy.writer.elected === true && served.election.working;
  }

  /** How many partitions this node is the working writer of. */
  get offices(): number {
    let count = 0;
    for (const partition of this.partitions.keys()) if (this.isWriter(partition)) count++;
    return count;
  }

  hears(node: NodeId): boolean {
    return this.detector.hears(node);
  }

  private receive(now: Instant, from: NodeId, message: CoreMessage, out: Outbox): void {
    switch (message.kind) {
      case "heartbeat":
        // All that the answer reports was said to be durable by earlier steps: it leaves after their sync (R8).
        return out.sendDurable.push(from, this.heartbeats.onHeartbeat(from, message));
      case "heartbeat-answer":
        this.roundTrips.answered(from, message.round, now);
        for (const partition of this.heartbeats.onAnswer(from, message)) {
          if (partition === VOTERS) this.views?.reported();
          else this.partitions.get(partition)?.reported(now, from);
        }
        return;
      case "view-prepare":
      case "view-promised":
      case "view-accept":
      case "view-accepted":
      case "view-refused":
      case "view-wanted":
      case "view-news":
      case "view-held":
      case "join-wish":
      case "operation-wish":
      case "copies-ready":
        return this.receiveView(now, from, message, out);
      case "ask-states":
      case "states":
      case "ask-keys":
      case "keys-held":
        this.transfers.receive(now, from, message, this.view, out);
        return this.afterTransfers(now, out);
      default: {
        const served = this.partitions.get(message.partition);
        if (served === undefined) return;
        if (planted("V2.serves-on") && groupEpochOf(message) < served.group.epoch)
          this.copies.unsealed.get(message.partition)?.receive(now, from, message, out);
        served.receive(now, from, message, out);
        if (!served.kept && served.busy) this.keepBusy(now, served);
      }
    }
  }

  private receiveView(now: Instant, from: NodeId, message: ViewMessage, out: Outbox): void {
    this.ofViews(now, out, (views, sink) => views.receive(now, from, message, sink));
    // Entries that were appended with that view are durable.
    if (message.kind !== "view-held" || from !== this.self) return;
    this.copies.durable(now, this.view, out);
    this.followByTransfers(now);
  }

  /**
   * The newest view counts for all copies. Also the first thing that a node does: a crash may have come between the
   * two.
   */
  private follow(now: Instant, out: Outbox): void {
    const first = !this.followed;
    this.followed = true;
    const turned = this.copies.follow(now, this.view, this.leaving || this.full, out);
    this.prefer();
    this.followByTransfers(now);
    if (turned.length === 0) return;
    if (first) this.views?.chain.confirm(out);
    for (const served of this.busy)
      if (this.partitions.get(served.group.partition) !== served) this.busy.delete(served);
    for (const partition of turned) {
      const served = this.partitions.get(partition);
      if (served !== undefined) this.beginServing(now, served, out);
    }
  }

  /** It learns what this node is about. */
  private beginServing(now: Instant, served: ServedPartition, out: Outbox): void {
    if (this.leaving) served.leave(now, out);
    if (this.full) served.filled(now, true, out);
    if (served.busy) this.keepBusy(now, served);
  }

  private followByTransfers(now: Instant): void {
    this.transfers.follow(this.view);
    if (this.transfers.busy && this.resendDue === never) this.resendDue = after(now, RESEND_TICK);
  }

  /** Copies whose merge is through serve from here on. */
  private afterTransfers(now: Instant, out: Outbox): void {
    const { through } = this.transfers;
    if (through.length === 0) return;
    for (const { partition, cursors } of through.splice(0)) {
      const served = this.copies.becomeReady(now, partition, placementOf(this.view, partition), cursors, out);
      if (served !== null) this.beginServing(now, served, out);
    }
    this.prefer();
    this.followByTransfers(now);
  }

  /** The newest view counts before any further input. */
  private ofViews(now: Instant, out: Outbox, act: (views: Views, out: ChainOutbox) => void): void {
    const { views } = this;
    if (views === null) return;
    const { entries, sendNow, sendDurable } = out;
    act(views, { entries, sendNow, sendDurable, learned: [], conflicts: this.conflicts });
    if (this.conflicts.length > MAX_CONFLICTS) this.conflicts.length = MAX_CONFLICTS;
    if (views.newest !== this.newest) {
      this.newest = views.newest;
      this.follow(now, out);
    }
    if (views.busy && this.resendDue === never) this.resendDue = after(now, RESEND_TICK);
  }

  /** Writers follow the view's preference by handing their offices back. */
  private prefer(): void {
    for (const [partition, { election, group }] of this.partitions) {
      const preferred = writerToBe(placementOf(this.view, partition), partition);
      election.prefer(preferred === undefined ? 0 : Math.max(0, group.replicas.indexOf(preferred)));
    }
  }

  private serve(now: Instant, partition: Partition): ServedPartition | undefined {
    const served = this.partitions.get(partition);
    if (served !== undefined) this.keepBusy(now, served);
    return served;
  }

  private raise(now: Instant, { partition, raise }: RaiseInput, out: Outbox): void {
    const served = this.serve(now, partition);
    if (served === undefined) out.raised.push({ ticket: raise.ticket, done: false });
    else served.raise(now, raise, out);
  }

  private turnAway(ticket: Ticket, out: Outbox): void {
    const result: Result = { status: "refused", refusal: { reason: "not-replica" } };
    out.outcomes.push({ ticket, result, afterSync: false });
  }

  private keepBusy(now: Instant, served: ServedPartition): void {
    if (served.kept) return;
    served.kept = true;
    this.busy.add(served);
    if (this.resendDue === never) this.resendDue = after(now, RESEND_TICK);
  }

  private leave(now: Instant, out: Outbox): void {
    this.leaving = true;
    for (const served of this.partitions.values()) {
      served.leave(now, out);
      if (served.busy) this.keepBusy(now, served);
    }
  }

  private fill(now: Instant, full: boolean, out: Outbox): void {
    if (planted("E6.full-keeps-office")) return;
    this.heartbeats.setFull(full);
    this.full = full;
    for (const served of this.partitions.values()) {
      served.filled(now, full, out);
      if (served.busy) this.keepBusy(now, served);
    }
  }

  private wake(now: Instant, out: Outbox): void {
    if (now >= this.resendDue) this.resend(now, out);
    if (now >= this.roundDue) this.endRound(now, out);
  }

  private resend(now: Instant, out: Outbox): void {
    this.load.look();
    if (this.views?.busy === true) this.ofViews(now, out, (views, sink) => views.resend(now, sink));
    for (const served of this.busy) {
      served.resend(now, out);
      if (served.busy) continue;
      served.kept = false;
      this.busy.delete(served);
    }
    if (this.transfers.busy) {
      this.transfers.tick(now, this.view, out);
      this.afterTransfers(now, out);
    }
    const rests = this.busy.size === 0 && this.views?.busy !== true && !this.transfers.busy;
    this.resendDue = rests ? never : after(now, RESEND_TICK);
  }

  /** Ready is said by the replica itself, once that is durable, to all voters, until a view records it (V4). */
  private tellReady(out: Outbox): void {
    if (this.views === null) return;
    const ready = this.copies.news(this.view);
    if (ready.length === 0) return;
    const sink = planted("V4.ready-early") ? out.sendNow : out.sendDurable;
    const { voters, partitions } = this.view;
    // The proposer may share no partition with this node (H2).
    const told = planted("V4.told-to-group")
      ? voters.filter((voter) => ready.some(({ partition: p }) => partitions[p]?.replicas.includes(voter)))
      : voters;
    for (const voter of told) sink.push(voter, { kind: "copies-ready", epoch: this.view.epoch, ready });
  }

  private endRound(now: Instant, out: Outbox): void {
    if (this.started) {
      const stalled = now - this.roundDue > this.round;
      this.detector.roundEnded(stalled);
      let offers = 0;
      let catchingUp = 0;
      for (const served of this.partitions.values()) {
        if (served.election.handingOver) offers++;
        if (served.upkeep.catchUp.running) catchingUp++;
      }
      // A node that leaves, or has no space any more, hands all its offices over at once.
      const most = Math.max(offers, MAX_OFFERS);
      const atOnce = this.leaving || this.full;
      for (const served of this.partitions.values()) {
        const before = served.election.handingOver;
        const running = served.upkeep.catchUp.running;
        served.roundEnded(now, !atOnce && offers < MAX_OFFERS, catchingUp < MAX_CATCHING_UP, out);
        if (!before && served.election.handingOver) offers++;
        if (!running && served.upkeep.catchUp.running) catchingUp++;
        if (served.busy) this.keepBusy(now, served);
      }
      this.ofViews(now, out, (views, sink) => views.roundEnded(now, sink));
      this.tellReady(out);
      assert(atOnce || offers <= most, "the number of offices handed over at a time is bounded");
    }
    this.started = true;
    this.roundTrips.sent(this.detector.round, now);
    for (const { to, message } of this.heartbeats.nextRound()) out.sendNow.push(to, message);
    this.roundDue = after(now, this.round);
  }
}
